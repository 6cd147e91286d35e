"""Tables of real scores, one small Parquet file a task, committed: other days and other people go on from them.

A file holds scores only; the configurations are those of `plan`. Accuracies are exact, losses and seconds keep three digits, which is what they
are good for. Numbers at the end of a column's name are places in `tests.benchmarks.evaluation.trial.SHARES`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow
import pyarrow.parquet
from tests.benchmarks.evaluation.trial import SHARES, Answer, space_of
from tests.benchmarks.tables import plan
from tests.benchmarks.tables.plan import Point
from tests.benchmarks.tasks.listing import Task

from tunewright.space import Configuration

HOME = Path(__file__).parent
EXACT = [*(f"accuracy_{place}" for place in range(len(SHARES))), "held_out_accuracy"]
SHORT = [
    *(f"{measure}_{place}" for measure in ("log_loss", "seconds") for place in range(len(SHARES))),
    "held_out_log_loss",
    "total_seconds",
]
SCORES = [*EXACT, *SHORT]
FINAL = len(SHARES) - 1
BITS = 12  #: of a short number's mantissa that are kept


def path(task: Task, home: Path = HOME) -> Path:
    """The file of a task's table."""
    return home / task.role / f"{task.name}.parquet"


def read(task: Task, home: Path = HOME) -> pd.DataFrame:
    """Columns ``index``, ``replicate`` and `SCORES`; no rows when there is no table yet."""
    return pd.read_parquet(path(task, home)) if path(task, home).is_file() else rows({})


def rows(answers: Mapping[Point, Answer]) -> pd.DataFrame:
    """Real runs as lines of a table; NaN where a configuration is infeasible, or a task holds no rows out."""
    lines = [[point.index, point.replicate, *_scores(answers[point])] for point in sorted(answers)]
    types = dict.fromkeys(SCORES, np.float32) | {"index": np.int16, "replicate": np.int16}
    table = pd.DataFrame(lines, columns=["index", "replicate", *SCORES]).astype(types)
    return table.assign(**{name: _short(table[name].to_numpy()) for name in SHORT})


def merged(before: pd.DataFrame, new: pd.DataFrame) -> pd.DataFrame:
    """Both tables in the order of the plan; a line that both have is kept as it was."""
    both = pd.concat([before, new]) if len(before) else new
    return both.drop_duplicates(["index", "replicate"]).sort_values(["replicate", "index"]).reset_index(drop=True)


def write(task: Task, table: pd.DataFrame, home: Path = HOME) -> None:
    """Replace a table, whole. Half of a file would be descriptions of its columns without the settings below."""
    to = path(task, home)
    to.parent.mkdir(parents=True, exist_ok=True)
    scratch = to.with_suffix(".part")
    pyarrow.parquet.write_table(
        pyarrow.Table.from_pandas(table, preserve_index=False).replace_schema_metadata(None),
        scratch,
        compression="zstd",
        compression_level=19,
        write_statistics=False,
        store_schema=False,
        use_dictionary=[*EXACT, "replicate"],
        use_byte_stream_split=SHORT,
    )
    scratch.replace(to)


def known(table: pd.DataFrame) -> set[Point]:
    """The points that a table holds."""
    pairs = zip(table["index"].tolist(), table["replicate"].tolist(), strict=True)
    return {Point(index=index, replicate=replicate) for index, replicate in pairs}


def configurations(task: Task, table: pd.DataFrame) -> list[Configuration]:
    """What the lines of a table were trained with."""
    return plan.configurations(task, table["index"].tolist())


def numbers(task: Task, configurations: Sequence[Configuration]) -> pd.DataFrame:
    """Configurations as numbers, a column a parameter: numbers as they are, choices by their place."""
    lines = [
        [
            float(parameter.choices.index(given[name])) if parameter.type == "categorical" else float(given[name])
            for name, parameter in space_of(task)
        ]
        for given in configurations
    ]
    return pd.DataFrame(lines, columns=space_of(task).names)


def _scores(answer: Answer) -> list[float]:
    curve: Sequence[object] = [score for score in answer.curve if score.share in SHARES] or [None] * len(SHARES)
    values = {
        f"{measure}_{place}": getattr(score, measure, None)
        for measure in ("accuracy", "log_loss", "seconds")
        for place, score in enumerate(curve)
    }
    values |= {name: getattr(answer, name) for name in ("held_out_accuracy", "held_out_log_loss")}
    values["total_seconds"] = answer.seconds
    return [np.nan if values[name] is None else values[name] for name in SCORES]


def _short(values: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Values rounded to BITS of mantissa, so that their files are small."""
    mantissa, exponent = np.frexp(values)
    return np.ldexp(np.round(mantissa * 2**BITS) / 2**BITS, exponent).astype(np.float32)
