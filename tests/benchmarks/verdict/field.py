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
from tests.benchmarks.rivals.methods import ABLATIONS, ENTRANT, METHODS, OURS
from tests.benchmarks.tables import store
from tests.benchmarks.tasks.listing import Task, named

Array = npt.NDArray[np.float64]
LEAST = 3  #: tasks of a block that is told beside a larger one


@dataclass(frozen=True, kw_only=True)
class Field:
    """A complete block: every method has run on every task with every seed."""

    tasks: list[str]
    methods: list[str]
    seeds: list[int]
    #: ``(T, M, S, R)`` by name, see `runs.CURVES`; more of ``best`` and ``held_out`` is better
    curves: dict[str, Array]
    rows: Array  #: ``(T,)`` rows of validation, which set the width of a tie
    typical: Array  #: ``(T, S)`` objective of a random configuration: the table's median; in real runs the mean of what random search tried
    seconds: Array  #: ``(T,)`` CPU seconds of such a trial
    objective: str = "accuracy"
    kind: str = "table"  #: one function for all seeds; of ``real`` runs each seed has its own folds, so its own

    @property
    def rivals(self) -> list[str]:
        """Methods of others."""
        return [name for name in self.methods if is_rival(name)]

    @property
    def entrants(self) -> list[str]:
        """What is compared on equal terms: everybody begins with nothing."""
        return [name for name in self.methods if name == ENTRANT or is_rival(name)]

    @property
    def variants(self) -> list[str]:
        """The agent as it is, with knowledge and without, and without some of its parts."""
        return [name for name in self.methods if not is_rival(name)]

    def best(self, trials: int, batch: int = 4) -> Array:
        """``(T, M, S)``: the incumbent after a number of trials, whole rounds counted."""
        return self.curves["best"][..., trials // batch - 1]

    @property
    def ends(self) -> Array:
        """``(T, M)``: the last incumbent, mean over seeds."""
        return np.asarray(self.curves["best"][..., -1].mean(axis=2))

    def best_at_end(self, method: str) -> Array:
        """``(T,)``: mean over seeds."""
        return np.asarray(self.ends[:, self.column(method)])

    def column(self, method: str) -> int:
        return self.methods.index(method)


def is_rival(name: str) -> bool:
    """Whether a method is of others."""
    return name not in (OURS, *ABLATIONS) and not METHODS[name].study


def present(found: pd.DataFrame) -> pd.DataFrame:
    """Runs of the present releases and functions, the failed ones too."""
    known = found[found["method"].isin(METHODS)]
    ids = [Request(**{key: row[key] for key in runs.KEYS}).id() for row in known.to_dict("records")]
    return known[known["id"].to_numpy() == np.array(ids)] if len(known) else known


def completed(found: pd.DataFrame) -> pd.DataFrame:
    """Runs without a failure."""
    return found[found["failure"] == ""]


def blocks(found: pd.DataFrame, tasks: Sequence[str], least_seeds: int = 1) -> list[Field]:
    """The largest complete blocks with all methods, with those that have played at least half of what the busiest has, and with those that answer
    quickly; what has most tasks comes first. Where one is larger, blocks of less than LEAST tasks are left out: they decide nothing.

    Parts of the agent that have not played all of a block are left out of it: the entrant, the default and the rivals decide what it holds.

    Args:
        found: the runs.
        tasks: those of the question.
        least_seeds: of a task, without which it is left out.
    """
    done = completed(found)
    methods = [name for name in METHODS if (done["method"] == name).any()]
    played = {name: done.loc[done["method"] == name, "task"].nunique() for name in methods}
    common = [name for name in methods if 2 * played[name] >= max(played.values(), default=0)]
    quick = [name for name in methods if not METHODS[name].slow]
    fields = [
        field
        for names in (methods, common, quick)
        if (field := block(done, tasks, _playing(done, tasks, names, least_seeds), least_seeds)) is not None
    ]
    distinct = [
        field
        for place, field in enumerate(fields)
        if not any(
            set(field.methods) <= set(other.methods) and (field.tasks, field.seeds) == (other.tasks, other.seeds)
            for other in fields[:place]
        )
    ]
    large = [field for field in distinct if len(field.tasks) >= LEAST]
    return sorted(large or distinct, key=lambda field: -len(field.tasks))


def _playing(done: pd.DataFrame, tasks: Sequence[str], methods: Sequence[str], least_seeds: int) -> list[str]:
    """Methods without those parts of the agent that would make the block smaller."""
    whole = [name for name in methods if name in (OURS, ENTRANT) or name not in ABLATIONS]
    have = {task: _seeds(done[done["task"] == task], whole) for task in tasks}
    count, chosen = _largest(have, least_seeds)
    wanted = {(task, seed) for task in chosen for seed in have[task][:count]}

    def played(name: str) -> bool:
        its = done[done["method"] == name]
        return wanted <= set(zip(its["task"], its["seed"], strict=True))

    return [name for name in methods if name in whole or played(name)]


def _largest(have: dict[str, list[int]], least_seeds: int) -> tuple[int, list[str]]:
    """Number of seeds and tasks of the block with most tasks, then with most seeds."""
    sizes = {count: [task for task in have if len(have[task]) >= count] for count in range(least_seeds, 11)}
    count = max(sizes, key=lambda size: (len(sizes[size]), size))
    return count, sizes[count]


def block(done: pd.DataFrame, tasks: Sequence[str], methods: Sequence[str], least_seeds: int = 1) -> Field | None:
    """The complete block of some methods: all tasks that all of them have played, with as many seeds as all of these tasks have."""
    index = done.set_index(["task", "method", "seed"])
    have = {task: _seeds(done[done["task"] == task], methods) for task in tasks}
    count, chosen = _largest(have, least_seeds)
    if not chosen or not methods:
        return None
    listed = named(chosen)
    typical = [_typical(task, done, have[task.name][:count]) for task in listed]
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
    objective = str(done["objective"].iloc[0])
    sign = runs.sign_of(objective)
    curves |= {name: sign * curves[name] for name in ("best", "held_out")}
    return Field(
        tasks=chosen,
        methods=list(methods),
        seeds=sorted({seed for task in chosen for seed in have[task][:count]}),
        curves=curves,
        rows=np.array([valid_rows(task) for task in listed], dtype=np.float64),
        typical=sign * np.array([value for value, _ in typical]),
        seconds=np.array([seconds for _, seconds in typical]),
        objective=objective,
        kind=str(done["kind"].iloc[0]),
    )


def _typical(task: Task, done: pd.DataFrame, seeds: list[int]) -> tuple[list[float], float]:
    """Objectives of a random configuration, one a seed, and its CPU seconds; NaN when nobody tried any.

    Tables are of one seed's folds, so they say nothing of real runs but their seconds, which set the budget of cost.
    """
    table = store.read(task)
    objective, budget, kind = done[["objective", "budget", "kind"]].iloc[0]
    tried = done[(done["task"] == task.name) & (done["method"] == "random")].set_index("seed")
    median = {
        name: float(np.nanmedian(table[f"{name}_{store.FINAL}"])) if len(table) else float("nan")
        for name in (objective, "seconds")
    }
    if kind == "table":
        return [median[objective]] * len(seeds), median["seconds"]
    means = [float(np.nanmean(tried.loc[seed, "mean"])) if seed in tried.index else float("nan") for seed in seeds]
    costs = [row["cost"][-1] / row["count"] for _, row in tried.iterrows()]
    return means, median["seconds"] if budget == "cost" else float(np.mean(costs)) if costs else float("nan")


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
