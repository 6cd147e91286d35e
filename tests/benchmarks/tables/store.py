"""Tables of real scores, one small Parquet file a task, committed: other days and other people go on from them.

Parameters and scores are float32; ``share`` columns follow `tests.benchmarks.evaluation.trial.SHARES`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from tests.benchmarks.evaluation.trial import SHARES, Answer, space_of
from tests.benchmarks.tables.plan import Point
from tests.benchmarks.tasks.listing import Task

from tunewright.space import Configuration

HOME = Path(__file__).parent
MEASURES = ("accuracy", "log_loss", "seconds")
SCORES = [f"{measure}_{place}" for measure in MEASURES for place in range(len(SHARES))]
REST = ["held_out_accuracy", "held_out_log_loss", "total_seconds"]
FINAL = len(SHARES) - 1


def path(task: Task, home: Path = HOME) -> Path:
    """The file of a task's table."""
    return home / task.role / f"{task.name}.parquet"


def read(task: Task, home: Path = HOME) -> pd.DataFrame:
    """Columns ``index``, ``replicate``, the parameters, `SCORES` and `REST`; no rows when there is no table yet."""
    if path(task, home).is_file():
        return pd.read_parquet(path(task, home))
    return rows(task, {}, {})


def rows(task: Task, asked: Mapping[Point, Configuration], answers: Mapping[Point, Answer]) -> pd.DataFrame:
    """Real runs as lines of a table."""
    lines = [
        [point.index, point.replicate, *numbers(task, asked[point]), *_scores(answers[point])]
        for point in sorted(answers)
    ]
    columns = ["index", "replicate", *space_of(task).names, *SCORES, *REST]
    return pd.DataFrame(lines, columns=columns).astype(_types(columns))


def merged(before: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Both tables in the order of the plan; a line that both have is kept as it was."""
    both = pd.concat([before, new]) if len(before) else new
    return both.drop_duplicates(["index", "replicate"]).sort_values(["replicate", "index"]).reset_index(drop=True)


def write(task: Task, table: pd.DataFrame, home: Path = HOME) -> None:
    """Replace a table, whole."""
    to = path(task, home)
    to.parent.mkdir(parents=True, exist_ok=True)
    scratch = to.with_suffix(".part")
    table.to_parquet(scratch, index=False, compression="zstd", compression_level=19)
    scratch.replace(to)


def known(table: pd.DataFrame) -> set[Point]:
    """The points that a table holds."""
    pairs = zip(table["index"].tolist(), table["replicate"].tolist(), strict=True)
    return {Point(index=index, replicate=replicate) for index, replicate in pairs}


def numbers(task: Task, configuration: Configuration) -> list[float]:
    """A configuration's values: numbers as they are, choices by their place."""
    return [
        float(parameter.choices.index(configuration[name]))
        if parameter.type == "categorical"
        else float(configuration[name])
        for name, parameter in space_of(task)
    ]


def _scores(answer: Answer) -> list[float]:
    curve: Sequence[object] = answer.curve or [None] * len(SHARES)
    scores = [np.nan if score is None else getattr(score, measure) for measure in MEASURES for score in curve]
    rest = [answer.held_out_accuracy, answer.held_out_log_loss, answer.seconds]
    return [*scores, *(np.nan if value is None else value for value in rest)]


def _types(columns: Sequence[str]) -> dict[str, type]:
    return {name: np.int16 if name in ("index", "replicate") else np.float32 for name in columns}
