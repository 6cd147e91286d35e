"""``python -m tests.benchmarks.kills``: kills studies of 40 trials at random points and prints the accounts."""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from tests.chaos.kills import TRIALS, campaign


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--per-study", type=int, default=25)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        account = campaign(Path(folder), arguments.kills, per_study=arguments.per_study, seed=arguments.seed, tell=True)
    print(f"kills: {dict(account.kills)}, {sum(account.kills.values())} in all, in {time.monotonic() - began:.0f} s")
    print(
        f"studies: {account.studies} of {TRIALS} trials; terminal results: {dict(account.statuses)}, {sum(account.statuses.values())} in all"
    )
    print(
        f"trainings that ran to their end or were cut: {account.trainings}, {account.trainings / sum(account.statuses.values()):.3f} a trial"
    )


if __name__ == "__main__":
    main()
