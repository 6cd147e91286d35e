"""``python -m tests.benchmarks.early_stopping``: the same search with and without a stopping rule, what it finds and what its training costs.

The arm with a rule may spend at most half of what the other arm's training cost, on as many trials as it likes: what a rule saves is there
to be spent. The trial that oversteps is its last and does not count: neither what it found nor what it cost.

Every step is the product's own, on the three slowest development tasks of the list (``--rank`` measures which they are), in the paper's
spaces. Cost is CPU time of the trials' processes, user and system, so that other work on the machine does not count. A trial's process
takes two or three seconds to begin, whatever it trains: ``training`` is what follows the beginning of its first round or epoch
(`metered_worker`), and that is what is halved. ``cost`` is all of it. ``steps``, boosting rounds or epochs, do not depend on the machine.
Values are of the trials' own validation, alike for both arms.
"""

from __future__ import annotations

import argparse
import json
import resource
import secrets
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from tests.benchmarks.metered_worker import BEGAN, ENDED

from tunewright.space import Configuration
from tunewright.steps.evaluate import evaluate
from tunewright.steps.ledger import Ledger
from tunewright.steps.open import open_session
from tunewright.steps.propose import propose
from tunewright.steps.train import train
from tunewright.steps.update_policy import update_policy
from tunewright.steps.update_surrogate import update_surrogate
from tunewright.store.opening import open_store, study_store
from tunewright.study import Study
from tunewright.study_file import load_study
from tunewright.training import local
from tunewright.training.local import LocalRunner
from tunewright.training.runner import Finished, Job
from tunewright.trial import Best, Status

SLOWEST = ("fashion-mnist-1k", "modeldata-pd_speech", "mstate-ebmt2")
"""What ``--rank`` prints, and the means over the random configurations of the benchmark's tables too."""
STUDIES = Path(__file__).parents[2] / "components" / "tunewright" / "studies"
RULES: dict[str, dict[str, Any]] = {
    "xgboost": {"rule": "asha", "min_steps": 50, "eta": 3},  # of 50 to 1200 rounds
    "cnn": {"rule": "asha", "min_steps": 1, "eta": 3},  # of 5 epochs
}
WORKER = Path(__file__).with_name("metered_worker.py")
WIDTH = 4
SHARE = 0.5  #: of the training cost of the arm without a rule, which the arm with one may spend
MOST = 4  #: times as many trials as the other arm may begin
HEAD = "task                   seed best without  best with  training     with   share      cost     with   share   steps  trials  stopped  promoted"


_WORKER = local._worker_command


@dataclass
class Arm:
    """What one search found and cost."""

    best: Best | None = None
    cost: float = 0.0  #: CPU seconds of all trials' processes
    training: float = 0.0  #: the same without what every process takes
    statuses: Counter[str] = field(default_factory=Counter)
    trials: int = 0
    steps: int = 0  #: boosting rounds or epochs of all trials


class Metered(LocalRunner):
    """The local runner, with the CPU time of what it ran: that of children that have been waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0  #: all
        self.training = 0.0  #: after the first round or epoch began

    def run(self, job: Job, beat: Callable[[], None]) -> Finished:
        before = _children()
        try:
            with patch.object(local, "_worker_command", _metered):
                return super().run(job, beat)
        finally:
            self.seconds += _children() - before
            self.training += _training(job.directory, _children() - before)


def _training(directory: Path, spent: float) -> float:
    """CPU seconds from the beginning of training on; of a trial that was stopped all that its processes took in the end."""
    began, ended = directory / BEGAN, directory / ENDED
    if not began.exists():
        return 0.0
    until: float = json.loads(ended.read_text()) if ended.exists() else spent
    return until - float(json.loads(began.read_text()))


def _metered(job: Job) -> Any:
    """The command of the worker, with `metered_worker` in its place."""
    command = _WORKER(job)
    return replace(command, arguments=[sys.executable, "-P", str(WORKER), command.arguments[-1]])


def _children() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def study_of(name: str, folder: Path, *, trials: int, seed: int, stopping: dict[str, Any] | None) -> Study:
    """The study of a task of the list, with its data in ``folder``."""
    from tests.benchmarks.tasks.listing import named
    from tests.benchmarks.tasks.pictures import HOLD_OUT
    from tests.benchmarks.tasks.prepared import images, table

    (task,) = named([name])
    if task.model == "cnn":
        found = images(task)
        path, used = folder / f"{name}.npz", found.part != HOLD_OUT
        np.savez(path, x=found.x[used], y=found.y[used])
        data: dict[str, Any] = {
            "source": str(path),
            "validation": {"holdout": 2 / 3},
        }  # 1000 to train on, 2000 to score
    else:
        path = folder / f"{name}.parquet"
        table(task).to_parquet(path, index=False)
        data = {"source": str(path), "target": "target", "task": "classification", "validation": {"folds": 3}}
    paper = load_study(STUDIES / f"{task.model}-paper.yaml").model_dump(mode="json", exclude_unset=True)
    changes: dict[str, Any] = {
        "name": name.replace("_", "-"),
        "data": {**data, "split_seed": seed},
        "seed": seed,
        "budget": {"trials": trials, "parallel_trials": WIDTH},
        "agent": {"curves": False},  # what is measured is the rule alone
        "stopping": stopping or {"rule": "none"},
    }
    return Study.model_validate({**paper, **changes})


def search(study: Study, store: Path, most: float = float("inf")) -> Arm:
    """Run a session in this process, one trial after another, until it is done or its training would cost more than ``most`` CPU seconds."""
    open_session(str(store), study, "one", base=store, now=time.time())
    ledger = Ledger(study_store(open_store(str(store)), study.name))
    meter, arm = Metered(), Arm()
    last: dict[str, int] = {}
    while not (proposed := propose(ledger, "one"))["done"]:
        round_ = proposed["round"]
        for number in proposed["slots"]:
            train(ledger, "one", round_, number, runner=meter)
            if meter.training > most:
                return arm
            result, slot = evaluate(ledger, "one", round_, number, runner=LocalRunner()), ledger.slot(round_, number)
            assert result is not None  # nothing ends these trials from outside
            last[slot.trial] = result.curve[-1][0] if result.curve else 0
            arm.best = ledger.best(study, [result], arm.best)
            arm.trials += 1
            # A promoted trial has the steps of the one that it resumed behind it.
            arm.steps += last[slot.trial] - last.get(slot.resumes or "", 0)
            arm.statuses.update([result.status.value, *(["promoted"] if slot.origin == "promotion" else [])])
            arm.cost, arm.training = meter.seconds, meter.training
        update_surrogate(ledger, "one", round_)
        update_policy(ledger, "one", round_)
    return arm


def one_trial(study: Study, configuration: Configuration) -> float:
    """CPU seconds that one trial trains."""
    meter = Metered()
    with tempfile.TemporaryDirectory() as scratch:
        meter.run(
            Job(
                study=study,
                configuration=configuration,
                seed=0,
                directory=Path(scratch),
                trial=secrets.token_hex(8),
                attempt=1,
            ),
            lambda: None,
        )
    return meter.training


def middle(study: Study) -> Configuration:
    """The middle of the space; of networks one whose strides leave something of the image."""
    found = study.search_space().decode(np.full(len(study.space), 0.5))
    return {name: 1 if name.endswith("_stride") else value for name, value in found.items()}


def rank() -> None:
    """Print the cost of the middle of the paper's space on every development task."""
    from tests.benchmarks.tasks.listing import of_role

    costs = {}
    with tempfile.TemporaryDirectory() as scratch:
        for task in of_role("dev"):
            study = study_of(task.name, Path(scratch), trials=1, seed=0, stopping=None)
            costs[task.name] = one_trial(study, middle(study))
            print(f"{costs[task.name]:8.2f} s  {task.name}", flush=True)
    slowest = sorted(costs, key=lambda name: -costs[name])[:3]
    print("the slowest:", ", ".join(slowest))


def compare(name: str, seed: int, trials: int) -> dict[str, Any]:
    """Both arms on one task: without a rule, then with one for at most SHARE of the training cost."""
    from tests.benchmarks.tasks.listing import named

    (task,) = named([name])
    without = _arm(name, seed, trials, None, float("inf"))
    with_ = _arm(name, seed, MOST * trials, RULES[task.model], SHARE * without.training)
    return {
        "task": name,
        "seed": seed,
        "trials_without": without.trials,
        "trials_with": with_.trials,
        "best_without": _objective(without),
        "best_with": _objective(with_),
        "steps_without": without.steps,
        "steps_with": with_.steps,
        "cost_without": without.cost,
        "cost_with": with_.cost,
        "training_without": without.training,
        "training_with": with_.training,
        "statuses": dict(with_.statuses),
    }


def _objective(arm: Arm) -> float:
    return arm.best.objective if arm.best else float("nan")


def _arm(name: str, seed: int, trials: int, rule: dict[str, Any] | None, most: float) -> Arm:
    with tempfile.TemporaryDirectory() as scratch:
        study = study_of(name, Path(scratch), trials=trials, seed=seed, stopping=rule)
        return search(study, Path(scratch) / "store", most)


def tell(row: dict[str, Any]) -> str:
    stopped = row["statuses"].get(Status.STOPPED.value, 0)
    return (
        f"{row['task']:22} {row['seed']:4d} {row['best_without']:12.4f} {row['best_with']:10.4f} "
        f"{row['training_without']:9.0f} {row['training_with']:8.0f} {row['training_with'] / row['training_without']:7.2f} "
        f"{row['cost_without']:9.0f} {row['cost_with']:8.0f} {row['cost_with'] / row['cost_without']:7.2f} "
        f"{row['steps_with'] / row['steps_without']:7.2f} {row['trials_with']:7d} {stopped:8d} {row['statuses'].get('promoted', 0):9d}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rank", action="store_true", help="measure all development tasks and name the slowest")
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--tasks", nargs="+", default=list(SLOWEST))
    parser.add_argument("--json", type=Path, help="also append one line a comparison to this file")
    arguments = parser.parse_args()
    if arguments.rank:
        rank()
        return
    print(
        f"accuracy of the best of {arguments.trials} trials, and of what half of their training cost pays for with a rule; "
        "CPU seconds: training alone, and all of every process"
    )
    print(HEAD)
    rows = []
    for seed in arguments.seeds:
        for name in arguments.tasks:
            rows.append(compare(name, seed, arguments.trials))
            print(tell(rows[-1]), flush=True)
            if arguments.json:
                with arguments.json.open("a") as file:
                    file.write(json.dumps(rows[-1]) + "\n")
    spent, without = (sum(row[key] for row in rows) for key in ("training_with", "training_without"))
    gap = statistics.mean(row["best_with"] - row["best_without"] for row in rows)
    steps = sum(row["steps_with"] for row in rows) / sum(row["steps_without"] for row in rows)
    print(
        f"in all: {spent / without:.2f} of the training cost, {steps:.2f} of the steps; best value on the mean {gap:+.4f} with the rule"
    )


if __name__ == "__main__":
    main()
