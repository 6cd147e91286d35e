"""Fifty trials, ten of them with a fault, every kind of it: each has the one result that it must have, and nothing is counted twice."""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest
from tests.steps.studies import shell_study

from tunewright.embedded import workers
from tunewright.embedded.loop import run_study
from tunewright.steps.ledger import Ledger
from tunewright.steps.open import open_session
from tunewright.store import layout
from tunewright.store.opening import open_store, study_store
from tunewright.study import Study
from tunewright.training.memory_kills import memory_kills
from tunewright.trial import Plan, Result, Slot, Status, trial_id

TRIALS, WIDTH = 50, 5
SOURCE = """
import os, pathlib, signal, sys, time
x, journal, kind = float(sys.argv[1]), sys.argv[2], sys.argv[3]
metrics = pathlib.Path(os.environ["TUNEWRIGHT_METRICS"])
with open(journal, "a") as file:
    file.write(kind + chr(10))
print("fault:", kind, flush=True)
if kind == "crash":
    raise RuntimeError("the oven is cold")
if kind == "hang":
    time.sleep(300)
if kind == "memory":
    block = bytearray(300_000_000)
    block[::4096] = b"1" * len(block[::4096])
    time.sleep(300)
attempt = int(os.environ["TUNEWRIGHT_ATTEMPT"].split("/")[1])
if kind == "killed always" or (kind == "killed once" and attempt == 1):
    os.kill(os.getpid(), signal.SIGKILL)
metrics.write_text({"nan": '{"score": NaN}', "no metric": '{"loss": 1}', "bad metrics": "score: 1",
                    "infeasible": '{"infeasible": "too wide"}'}.get(kind, '{"score": %r}' % x))
"""

FAULTS: dict[str, tuple[Status, str]] = {
    "crash": (Status.FAILED, "exit code 1"),
    "nan": (Status.FAILED, "must be a finite number, got nan"),
    "hang": (Status.FAILED, "time must be at most 5 s"),
    "memory": (Status.FAILED, "memory must be at most 200000000 bytes"),
    "bad metrics": (Status.FAILED, "metrics.json must be JSON"),
    "no metric": (Status.FAILED, "metric score was never written, got loss"),
    "infeasible": (Status.INFEASIBLE, "too wide"),
    "killed once": (Status.COMPLETE, ""),
    "killed always": (Status.LOST, "after 2 attempts; killed by SIGKILL from outside"),
}
"""What must become of each; one kind twice makes ten."""
FATES = ["crash", *FAULTS]


def fates() -> list[str]:
    """The fate of every trial, the faults spread among the sound ones."""
    return [FATES[number // 5] if number % 5 == 2 else "sound" for number in range(TRIALS)]


def faulty_study(tmp_path: Path) -> Study:
    path = tmp_path / "train.py"
    path.write_text(SOURCE)
    space = {
        "x": {"type": "float", "low": 0.0, "high": 1.0},
        "kind": {"type": "categorical", "choices": ["sound", *FAULTS]},
    }
    return shell_study(
        command=[sys.executable, "-S", str(path), "{x}", str(tmp_path / "journal"), "{kind}"],
        space=space,
        budget={"trials": TRIALS, "parallel_trials": WIDTH, "failed_share": None},
        agent={"reward_model": "none", "proposal": "policy"},
    )


def with_limits(study: Study) -> Study:
    limits = study.trial.limits.model_copy(update={"time": 5.0, "memory": 200_000_000, "attempts": 2})
    return study.model_copy(update={"trial": study.trial.model_copy(update={"limits": limits})})


def plan_all(ledger: Ledger) -> None:
    """Every round of the session, so that the test and not the agent decides what is tried."""
    digest = ledger.record().digest
    for round_ in range(TRIALS // WIDTH):
        slots = [
            Slot(
                trial=trial_id(digest, round_, slot),
                configuration={"x": (round_ * WIDTH + slot) / TRIALS, "kind": fates()[round_ * WIDTH + slot]},
                origin="initial",
            )
            for slot in range(WIDTH)
        ]
        plan = Plan(round=round_, session="001", generation=0, seed=0, slots=slots)
        layout.create(ledger.store, plan, layout.plan(round_))


def expected(kind: str) -> tuple[Status, str]:
    if kind.startswith("killed") and memory_kills() is None:  # no evidence: it may have been for want of memory
        return Status.FAILED, "killed by SIGKILL"
    return FAULTS.get(kind, (Status.COMPLETE, ""))


def test_fifty_trials_with_ten_faults_end_with_exact_accounts(tmp_path: Path) -> None:
    study, store = with_limits(faulty_study(tmp_path)), str(tmp_path / "store")
    open_session(store, study, "001", base=tmp_path, now=0.0)
    ledger = Ledger(study_store(open_store(store), study.name))
    plan_all(ledger)
    found = run_study(study, store=store)
    assert found.reason == "50 trials, budget.trials is 50"
    for number, (kind, result) in enumerate(zip(fates(), found.trials, strict=True)):
        status, reason = expected(kind)
        assert result.status is status, (kind, result)
        assert reason in result.reason, (kind, result)
        assert (result.objective == number / TRIALS) is (status is Status.COMPLETE), (kind, result)
    stored = [entry for entry in ledger.store.list("trials/") if entry.key.endswith("/result.json")]
    assert len(stored) == len({result.trial for result in found.trials}) == TRIALS
    assert found.best == {"x": 49 / TRIALS, "kind": "sound"}
    _accounts(tmp_path, ledger, found.trials)


KILL = "kill -9 $$"
KILL_THRICE = (
    'case $TUNEWRIGHT_ATTEMPT in */[123]/*) kill -9 $$; esac; echo "{{\\"loss\\": 1}}" > "$TUNEWRIGHT_METRICS"'
)


@pytest.mark.skipif(memory_kills() is None, reason="without evidence it may have been for want of memory")
@pytest.mark.parametrize(("attempts", "train", "trained"), [(8, KILL, 8), (5, KILL_THRICE, 4)])
def test_a_trial_may_be_lost_as_often_as_its_limits_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attempts: int, train: str, trained: int
) -> None:
    monkeypatch.setattr(workers, "BACKOFF_SECONDS", 0.01)
    trial = {
        "kind": "command",
        "command": ["sh", "-c", train],
        "evaluate": {"command": ["sh", "-c", KILL]},
        "limits": {"attempts": attempts},
    }
    found = run_study(shell_study(trial=trial, budget={"trials": 1, "parallel_trials": 1}), store=str(tmp_path))
    [result] = found.trials
    assert (result.status, len(result.cost.attempts)) == (Status.LOST, trained)


def _accounts(tmp_path: Path, ledger: Ledger, results: list[Result]) -> None:
    """Every run of a program is an attempt in some trial's cost, and the other way round."""
    runs = Counter((tmp_path / "journal").read_text().splitlines())
    attempts: Counter[str] = Counter()
    for kind, result in zip(fates(), results, strict=True):
        attempts[kind] += len(result.cost.attempts)
        assert result.cost.train_seconds == sum(attempt.seconds for attempt in result.cost.attempts)
    assert attempts == runs
    if memory_kills() is not None:
        assert (runs["killed once"], runs["killed always"]) == (2, 2)
    for kind, result in zip(fates(), results, strict=True):
        stored = ledger.result(result.trial)
        assert stored is not None
        if result.status in (Status.FAILED, Status.LOST):
            assert stored.log_tail.startswith(f"fault: {kind}"), "the last lines of its log"
