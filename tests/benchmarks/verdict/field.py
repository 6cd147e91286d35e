"""The runs that are compared: one a task, method and seed, of the present releases and functions.

Notation: ``T`` tasks, ``M`` methods, ``S`` seeds, ``R`` rounds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from tests.benchmarks.contest import runs
from tests.benchmarks.contest.request import BATCH, Request
from tests.benchmarks.evaluation.trial import valid_rows
from tests.benchmarks.rivals.methods import ABLATIONS, METHODS, OURS
from tests.benchmarks.tables import store
from tests.benchmarks.tasks.listing import Task, named

Array = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Field:
    """A complete block: every method has run on every task with every seed."""

    tasks: list[str]
    methods: list[str]
    seeds: list[int]
    curves: dict[str, Array]  #: ``(T, M, S, R)`` by name, see `runs.CURVES`; larger ``best`` is better
    rows: Array  #: ``(T,)`` rows of validation, which set the width of a tie
    typical: Array  #: ``(T,)`` objective of a random configuration: the table's median; in real runs the mean of what random search tried
    seconds: Array  #: ``(T,)`` CPU seconds of such a trial

    @property
    def rivals(self) -> list[str]:
        """Methods of others."""
        return [name for name in self.methods if name not in (OURS, *ABLATIONS)]

    @property
    def ours(self) -> list[str]:
        """The agent and what is left of it without a part."""
        return [name for name in self.methods if name in (OURS, *ABLATIONS)]

    def best(self, trials: int, batch: int = 4) -> Array:
        """``(T, M, S)``: the incumbent after a number of trials, whole rounds counted."""
        return self.curves["best"][..., trials // batch - 1]

    def best_at_end(self, method: str) -> Array:
        """``(T,)``: mean over seeds."""
        return np.asarray(self.curves["best"][:, self.column(method), :, -1].mean(axis=1))

    def column(self, method: str) -> int:
        return self.methods.index(method)


def present(found: pd.DataFrame) -> pd.DataFrame:
    """Runs of the present releases and functions, the failed ones too."""
    known = found[found["method"].isin(METHODS)]
    ids = [Request(**{key: row[key] for key in runs.KEYS}).id() for row in known.to_dict("records")]
    return known[known["id"].to_numpy() == np.array(ids)] if len(known) else known


def completed(found: pd.DataFrame) -> pd.DataFrame:
    """Runs without a failure."""
    return found[found["failure"] == ""]


def blocks(found: pd.DataFrame, tasks: Sequence[str]) -> list[Field]:
    """The largest complete block with all methods and that of the methods that answer quickly; what has most tasks comes first."""
    done = completed(found)
    methods = [name for name in METHODS if (done["method"] == name).any()]
    quick = [name for name in methods if not METHODS[name].slow]
    fields = [field for names in (methods, quick) if (field := block(done, tasks, names)) is not None]
    distinct = [
        field for place, field in enumerate(fields) if field.methods not in [other.methods for other in fields[:place]]
    ]
    return sorted(distinct, key=lambda field: -len(field.tasks))


def block(done: pd.DataFrame, tasks: Sequence[str], methods: Sequence[str]) -> Field | None:
    """The complete block of some methods: the set of seeds that keeps most runs, on the tasks where all methods have them."""
    index = done.set_index(["task", "method", "seed"])
    have = {task: _seeds(done[done["task"] == task], methods) for task in tasks}
    sizes = {count: [task for task in tasks if len(have[task]) >= count] for count in range(1, 11)}
    count = max(sizes, key=lambda size: (size * len(sizes[size]), size))
    chosen = sizes[count]
    if not chosen or not methods:
        return None
    listed = named(chosen)
    typical = [_typical(task, done) for task in listed]
    rows = {
        (task, method, seed): _curves(index.loc[(task, method, seed)], typical[place][1])
        for place, task in enumerate(chosen)
        for method in methods
        for seed in have[task][:count]
    }
    rounds = min(len(row["best"]) for row in rows.values())
    curves = {
        name: np.array(
            [
                [[rows[task, method, seed][name][:rounds] for seed in have[task][:count]] for method in methods]
                for task in chosen
            ]
        )
        for name in runs.CURVES
    }
    sign = 1.0 if str(done["objective"].iloc[0]) == "accuracy" else -1.0
    curves["best"] = sign * curves["best"]
    return Field(
        tasks=chosen,
        methods=list(methods),
        seeds=sorted({seed for task in chosen for seed in have[task][:count]}),
        curves=curves,
        rows=np.array([valid_rows(task) for task in listed], dtype=np.float64),
        typical=sign * np.array([value for value, _ in typical]),
        seconds=np.array([seconds for _, seconds in typical]),
    )


def _typical(task: Task, done: pd.DataFrame) -> tuple[float, float]:
    """Objective and CPU seconds of a random configuration; NaN when nobody tried any. Tables are of one seed's folds, so they are none for
    real runs, but the budget of cost was set by them."""
    table = store.read(task)
    objective, budget, kind = done[["objective", "budget", "kind"]].iloc[0]
    if len(table) and (kind == "table" or budget == "cost"):
        return float(np.nanmedian(table[f"{objective}_{store.FINAL}"])), float(
            np.nanmedian(table[f"seconds_{store.FINAL}"])
        )
    tried = done[(done["task"] == task.name) & (done["method"] == "random")]
    if kind == "table" or not len(tried):
        return float("nan"), float("nan")
    return float(np.nanmean(np.stack(tried["mean"]))), float(
        np.mean([row["cost"][-1] / row["count"] for _, row in tried.iterrows()])
    )


def _curves(row: pd.Series, seconds: float) -> dict[str, Array]:
    """A run's curves ``(R,)``: a value a round, or, under the budget of cost, one each time that four median trials are paid.

    Before the first round is paid its values count.
    """
    curves = {name: np.asarray(row[name], dtype=np.float64) for name in runs.CURVES}
    if row["budget"] == "count":
        return curves
    marks = BATCH * np.arange(1, row["trials"] // BATCH + 1) * seconds
    last = np.maximum(np.searchsorted(curves["cost"], marks, side="right") - 1, 0)
    return {**{name: values[last] for name, values in curves.items()}, "cost": marks}


def _seeds(done: pd.DataFrame, methods: Sequence[str]) -> list[int]:
    """Seeds with which all methods have run on one task."""
    sets = [set(done.loc[done["method"] == method, "seed"]) for method in methods]
    return sorted(set.intersection(*sets)) if sets else []
