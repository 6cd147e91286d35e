"""``python -m tests.benchmarks.contest.replay``: plays finished runs of the agent again and compares them to the last bit.

    python -m tests.benchmarks.contest.replay --runs 12
    python -m tests.benchmarks.contest.replay --objective log_loss --runs 6 --seed 3

Runs are drawn among those that count for the present release (see `request.ALIKE`). Answers of configurations come from the cache, so a
run takes what the agent takes. Ends with 1 when one differs. Nothing is written.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Hashable
from typing import Any

import numpy as np
from tests.benchmarks.contest import runs
from tests.benchmarks.contest.play import play
from tests.benchmarks.contest.request import Request
from tests.benchmarks.contest.runner import budget, client_of, objective
from tests.benchmarks.rivals.methods import METHODS
from tests.benchmarks.verdict.field import completed, present
from tests.benchmarks.workers import pool

COMPARED = ("best", "held_out", "mean")  #: curves that do not depend on the machine


def differs(row: dict[Hashable, Any]) -> str:
    """Where a finished run and its replay part, in words; empty where they do not."""
    request = Request(**{key: row[key] for key in runs.KEYS})
    record = play(request, client_of(METHODS[request.method].environment), objective(request), budget(request))
    again = runs.row(runs.line_of(request, record))
    for name in COMPARED:
        before, after = (np.asarray(values, dtype=np.float32) for values in (row[name], again[name]))
        if before.shape != after.shape:
            return f"{name} has {len(before)} rounds, the replay {len(after)}"
        unlike = np.flatnonzero(~np.isclose(before, after, rtol=0, atol=0, equal_nan=True))
        if len(unlike):
            at = unlike[0]
            return f"{name} after round {at + 1} is {before[at]}, in the replay {after[at]}"
    return ""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kind", default="real", choices=["table", "real"])
    parser.add_argument("--budget", default="count", choices=["count", "cost"])
    parser.add_argument("--objective", default="accuracy", choices=["accuracy", "log_loss"])
    parser.add_argument("--runs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0, help="draws the runs")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    found = completed(present(runs.read(f"{arguments.kind}-{arguments.budget}-{arguments.objective}")))
    ours = found[[METHODS[name].environment == "project" for name in found["method"]]]
    if not len(ours):
        raise SystemExit("no run of the present release is finished; play a contest first")
    drawn = ours.sample(min(arguments.runs, len(ours)), random_state=arguments.seed).to_dict("records")
    unlike = 0
    with pool(arguments.workers) as working:
        for row, told in zip(drawn, working.map(differs, drawn), strict=True):
            print(f"{row['task']}, {row['method']}, seed {row['seed']}: {told or 'the same'}", flush=True)
            unlike += bool(told)
    print(f"{len(drawn) - unlike} of {len(drawn)} runs, drawn from {len(ours)}, are the same to the last bit")
    sys.exit(1 if unlike else 0)


if __name__ == "__main__":
    main()
