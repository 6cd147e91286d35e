"""Finished runs: a JSON line each, in the cache; what the analysis needs of them as Parquet, committed.

A run is finished once: the same request under the same release is never made again, wherever its line or its row is.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from tests.benchmarks.cache import folder
from tests.benchmarks.contest.play import Record
from tests.benchmarks.contest.request import Request, machine
from tests.benchmarks.evaluation.kept import append, entries

HOME = Path(__file__).with_name("runs")
KEYS = ("task", "method", "seed", "kind", "budget", "objective", "trials")
CURVES = ("best", "held_out", "expected", "cost", "optimiser", "mean")
"""A value a round: the incumbent's objective, its score on held-out rows, its value without noise, CPU seconds of training and of the method,
and the mean objective of the round's own trials, which tells whether a policy has learnt."""

LAST = "held_out_accuracy"  #: of the last incumbent, whatever the objective is


def sign_of(objective: str) -> float:
    """What turns an objective into something of which more is better, and back: -1 of a loss."""
    return 1.0 if objective == "accuracy" else -1.0


def name(request: Request) -> str:
    """The file of a request."""
    return f"{request.kind}-{request.budget}-{request.objective}"


def line_of(request: Request, record: Record | None, failure: str = "") -> dict[str, Any]:
    """A finished run, completed or not."""
    return {
        "id": request.id(),
        **asdict(request),
        "version": request.version(),
        "function": request.function(),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine(),
        "failure": failure,
        "record": None if record is None else asdict(record),
    }


def add(request: Request, line: dict[str, Any]) -> None:
    """Keep a finished run."""
    append(folder("runs") / f"{name(request)}.jsonl", json.dumps(line))


def finished(requests: Sequence[Request], committed: Path = HOME) -> set[str]:
    """Which of the requests need not be made, by id."""
    names = {name(request) for request in requests}
    done = {entry["id"] for wanted in names for entry in entries(folder("runs") / f"{wanted}.jsonl")}
    for wanted in names:
        if (committed / f"{wanted}.parquet").is_file():
            done |= set(pd.read_parquet(committed / f"{wanted}.parquet", columns=["id"])["id"])
    return done


def row(line: dict[str, Any]) -> dict[str, Any]:
    """What the analysis needs of a line."""
    about = {key: line[key] for key in ("id", *KEYS, "version", "function", "finished", "failure")}
    about["machine"] = json.dumps(line["machine"])
    if line["failure"]:
        return {**about, "count": 0, LAST: float("nan"), **{curve: [] for curve in CURVES}}
    return {**about, "count": len(line["record"]["trials"]["cost"]), **curves(line["record"], line["objective"])}


def curves(record: dict[str, Any], objective: str) -> dict[str, Any]:
    """The curves of a completed run. Only configurations that are trained to the end can be the incumbent; ties go to the first."""
    trials = {name: np.array(values, dtype=np.float64) for name, values in record["trials"].items()}
    sign = sign_of(objective)
    value = sign * trials[objective]
    whole = (trials["share"] >= 1.0) & ~np.isnan(value)
    ends = np.array(record["rounds"])
    means = [_mean(sign * value[start:end][whole[start:end]]) for start, end in pairwise([0, *ends])]
    value = np.where(whole, value, -np.inf)
    incumbents = [int(value[:end].argmax()) for end in ends]
    held = {name: trials[name][incumbents] for name in ("held_out", "expected")}
    best = sign * value[incumbents]
    last = trials.get(LAST, trials["held_out"])[incumbents[-1]]  # runs that kept one measure are of accuracy
    return {
        "best": np.where(np.isfinite(best), best, np.nan).tolist(),
        **{name: values.tolist() for name, values in held.items()},
        "cost": np.cumsum(trials["cost"])[ends - 1].tolist(),
        "optimiser": np.cumsum(record["optimiser"]).tolist(),
        "mean": means,
        LAST: float(last),
    }


def _mean(values: npt.NDArray[np.float64]) -> float:
    return float(values.mean()) if len(values) else float("nan")


def commit(names: Iterable[str], home: Path = HOME) -> None:
    """Merge the lines of the cache into the committed tables."""
    for wanted in names:
        rows = [row(line) for line in entries(folder("runs") / f"{wanted}.jsonl")]
        path = home / f"{wanted}.parquet"
        before = pd.read_parquet(path) if path.is_file() else pd.DataFrame(columns=["id"])
        new = pd.DataFrame([entry for entry in rows if entry["id"] not in set(before["id"])])
        if len(new):
            path.parent.mkdir(parents=True, exist_ok=True)
            both = pd.concat([before, new]) if len(before) else new
            _write(both.drop_duplicates("id").sort_values([*KEYS, "finished"]), path)


def _write(table: pd.DataFrame, path: Path) -> None:
    scratch = path.with_suffix(".part")
    _shortened(table).to_parquet(scratch, index=False, compression="zstd", compression_level=19)
    scratch.replace(path)


def _shortened(table: pd.DataFrame) -> pd.DataFrame:
    """Curves as they are committed; so is what comes from the cache, for equal values must be equal wherever they are kept."""
    return table.assign(
        **{curve: [np.asarray(values, dtype=np.float32) for values in table[curve]] for curve in CURVES}
    )


def read(wanted: str, home: Path = HOME) -> pd.DataFrame:
    """All finished runs of a file's name: committed ones, and those in the cache."""
    path = home / f"{wanted}.parquet"
    kept = pd.DataFrame([row(line) for line in entries(folder("runs") / f"{wanted}.jsonl")])
    kept = _shortened(kept) if len(kept) else kept
    parts = [
        part for part in (pd.read_parquet(path) if path.is_file() else None, kept) if part is not None and len(part)
    ]
    return (
        pd.concat(parts).drop_duplicates("id").reset_index(drop=True) if parts else pd.DataFrame(columns=["id", *KEYS])
    )
