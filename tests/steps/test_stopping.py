"""Trials that are stopped, resumed and promoted, step by step, with real programs that stream and keep checkpoints."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import psutil
import pytest
from tests.steps.studies import shell_study
from tests.training.trials import marked

from tunewright.embedded.loop import run_study
from tunewright.errors import AttemptLost
from tunewright.space import Configuration
from tunewright.steps import watch
from tunewright.steps.evaluate import evaluate
from tunewright.steps.ledger import Ledger
from tunewright.steps.open import open_session
from tunewright.steps.propose import propose
from tunewright.steps.train import train
from tunewright.steps.update_policy import update_policy
from tunewright.steps.update_surrogate import update_surrogate
from tunewright.store import layout
from tunewright.store.opening import open_store, study_store
from tunewright.study import Study
from tunewright.study_file import study_from
from tunewright.termination import Terminated
from tunewright.training import local
from tunewright.training.local import LocalRunner
from tunewright.training.runner import Finished, Job
from tunewright.trial import AttemptStart, Plan, Result, Slot, Status, trial_id

SOURCE = """
import json, os, pathlib, sys, time
x, journal, pause, hold, word = float(sys.argv[1]), sys.argv[2], float(sys.argv[3]), int(sys.argv[4]), sys.argv[5]
kept = pathlib.Path(os.environ["TUNEWRIGHT_CHECKPOINT"], "step")
begun = int(kept.read_text()) if kept.exists() else 0
with open(journal, "a") as file:
    file.write(f"{x} from {begun} seed {os.environ['TUNEWRIGHT_SEED']}\\n")
for step in range(begun + 1, 11):
    time.sleep(pause)
    with open(os.environ["TUNEWRIGHT_STREAM"], "a") as stream:
        stream.write(json.dumps({"step": step, "score": x * step / 10}) + "\\n")
    kept.with_name(".step").write_text(str(step))
    os.replace(kept.with_name(".step"), kept)
    if not begun and x < 0.9 and step == hold:
        time.sleep(120)
json.dump({"score": x}, open(os.environ["TUNEWRIGHT_METRICS"], "w"))
"""
ASHA = {"rule": "asha", "min_steps": 3, "eta": 4}  #: with ten steps, compared at step 3 only


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.05)
    monkeypatch.setattr(watch, "KEEP_SECONDS", 0.1)
    monkeypatch.setattr(local, "memory_kills", lambda: 0)


def slow_study(tmp_path: Path, *, pause: float = 0.15, hold: int = 0, word: str = "-", **changes: Any) -> Study:
    """Ten steps; the score rises to x. A first attempt with x below 0.9 waits at step `hold` until it is ended."""
    path = tmp_path / "train.py"
    path.write_text(SOURCE)
    command = [sys.executable, "-S", str(path), "{x}", str(tmp_path / "journal"), str(pause), str(hold), word]
    return shell_study(command=command, **{"stopping": ASHA, **changes})


def opened(tmp_path: Path, study: Study, xs: list[float]) -> Ledger:
    """A session whose first round tries these values."""
    return begun(tmp_path, study, [{"x": x} for x in xs])


def begun(tmp_path: Path, study: Study, configurations: Sequence[Configuration]) -> Ledger:
    """A session whose first round tries these configurations; not planned yet without any."""
    store = str(tmp_path / "store")
    open_session(store, study, "one", base=Path.cwd(), now=time.time())
    ledger = Ledger(study_store(open_store(store), study.name))
    if configurations:
        planned(ledger, 0, [Slot(trial="", configuration=each, origin="initial") for each in configurations])
    return ledger


def planned(ledger: Ledger, round_: int, slots: list[Slot]) -> None:
    digest = ledger.record().digest
    named = [slot.model_copy(update={"trial": trial_id(digest, round_, i)}) for i, slot in enumerate(slots)]
    layout.create(
        ledger.store, Plan(round=round_, session="one", generation=0, seed=0, slots=named), layout.plan(round_)
    )


def run_slot(ledger: Ledger, round_: int, slot: int) -> Result:
    train(ledger, "one", round_, slot, runner=LocalRunner(beat_seconds=0.05))
    result = evaluate(ledger, "one", round_, slot, runner=LocalRunner())
    assert result is not None
    return result


def learn(ledger: Ledger, round_: int) -> None:
    update_surrogate(ledger, "one", round_)
    update_policy(ledger, "one", round_)


def journal(tmp_path: Path) -> list[str]:
    return (tmp_path / "journal").read_text().splitlines()


def test_a_worse_trial_is_stopped_keeps_what_it_reached_and_its_checkpoint(tmp_path: Path) -> None:
    ledger = opened(tmp_path, slow_study(tmp_path, hold=9), [0.9, 0.2])
    first, second = run_slot(ledger, 0, 0), run_slot(ledger, 0, 1)
    assert (first.status, first.objective) == (Status.COMPLETE, 0.9)
    assert first.curve == [(step, pytest.approx(0.09 * step)) for step in range(1, 11)]
    assert second.status is Status.STOPPED
    assert second.reason == "asha: at step 3, 1 of 1 other trials go before it, 1 may go on"
    reached, value = second.curve[-1]
    assert 3 <= reached < 10
    assert second.objective == value == pytest.approx(0.02 * reached)
    assert [attempt.ended for attempt in second.cost.attempts] == ["STOPPED"]
    keys = [entry.key for entry in ledger.store.list(f"trials/{second.trial}/attempts/1/")]
    assert {"checkpoint.json", "metrics.jsonl", "outcome.json"} <= {key.rsplit("/", 1)[1] for key in keys}


def test_a_trial_is_stopped_by_one_that_still_runs_elsewhere(tmp_path: Path) -> None:
    ledger = opened(tmp_path, slow_study(tmp_path, hold=9), [0.9, 0.2])
    elsewhere = ledger.slot(0, 0).trial
    from tunewright.steps.lease import take

    assert take(ledger.store, elsewhere, 5, now=0.0) is not None
    ledger.store.put(layout.attempt(elsewhere, 1, "metrics.jsonl"), b'{"step": 3, "score": 0.27}\n')
    assert run_slot(ledger, 0, 1).status is Status.STOPPED


def test_a_promoted_trial_goes_on_from_the_checkpoint_with_the_same_seed(tmp_path: Path) -> None:
    ledger = opened(tmp_path, slow_study(tmp_path, hold=9), [0.9, 0.5])
    run_slot(ledger, 0, 0)
    stopped = run_slot(ledger, 0, 1)
    learn(ledger, 0)
    planned(ledger, 1, [Slot(trial="", configuration={"x": 0.5}, origin="promotion", resumes=stopped.trial)])
    promoted = run_slot(ledger, 1, 0)
    assert (promoted.status, promoted.objective) == (Status.COMPLETE, 0.5), (
        "it is not stopped where it was stopped before"
    )
    assert [step for step, _ in promoted.curve] == list(range(1, 11)), "one whole curve"
    _, before, after = (line.split() for line in journal(tmp_path))
    assert int(after[2]) >= 3
    assert after[4] == before[4], "the seed of the trial that it resumes"


def test_stopped_trials_that_have_become_the_best_of_their_step_stand_first_in_the_next_plan(tmp_path: Path) -> None:
    study = slow_study(tmp_path, pause=0.04, budget={"trials": 20, "parallel_trials": 2})
    ledger = opened(tmp_path, study, [0.9, 0.6, *[0.1] * 6])
    results = [run_slot(ledger, 0, slot) for slot in range(8)]
    assert [result.status for result in results[:2]] == [Status.COMPLETE, Status.STOPPED]
    learn(ledger, 0)
    assert propose(ledger, "one")["slots"] == [0, 1]
    first, second = ledger.slot(1, 0), ledger.slot(1, 1)
    assert (first.origin, first.resumes, first.configuration) == ("promotion", results[1].trial, {"x": 0.6})
    assert second.origin != "promotion", "half of a round searches on"
    run_slot(ledger, 1, 0)
    run_slot(ledger, 1, 1)
    learn(ledger, 1)
    propose(ledger, "one")
    plan = ledger.plan(2)
    assert plan is not None
    assert results[1].trial not in [slot.resumes for slot in plan.slots], "promoted once"


class Killing(LocalRunner):
    """A runner whose trial is killed from outside when a condition holds."""

    def __init__(self, word: str, when: Callable[[], bool]) -> None:
        self._word, self._when = word, when

    def run(self, job: Job, beat: Callable[[], None]) -> Finished:
        def killing() -> None:
            beat()
            if self._when():
                for process in marked(self._word)[-1:]:  # none when the kill before has not been noticed yet
                    process.kill()

        return LocalRunner(beat_seconds=0.05).run(job, killing)


@pytest.mark.parametrize("mode", ["a", "w"])
def test_a_trial_that_was_killed_goes_on_where_it_was_and_the_account_has_both_attempts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    word = f"word-{os.getpid()}"
    once = SOURCE.replace("for step", 'stream = open(os.environ["TUNEWRIGHT_STREAM"], "w", buffering=1)\nfor step')
    once = once.replace('    with open(os.environ["TUNEWRIGHT_STREAM"], "a") as stream:\n        stream', "    stream")
    monkeypatch.setattr(f"{__name__}.SOURCE", {"a": SOURCE, "w": once}[mode])
    ledger = opened(tmp_path, slow_study(tmp_path, hold=5, word=word), [0.8])
    key = layout.attempt(ledger.slot(0, 0).trial, 1, "checkpoint.json")
    with pytest.raises(AttemptLost, match="from outside"):
        train(ledger, "one", 0, 0, runner=Killing(word, lambda: bool(list(ledger.store.list(key)))))
    assert evaluate(ledger, "one", 0, 0, runner=LocalRunner()) is None, "an attempt that was lost is no result"
    result = run_slot(ledger, 0, 0)
    assert (result.status, result.attempt) == (Status.COMPLETE, 2)
    assert [step for step, _ in result.curve] == list(range(1, 11))
    assert [attempt.ended for attempt in result.cost.attempts] == ["LOST", "TRAINED"]
    assert "killed by SIGKILL from outside" in result.cost.attempts[0].reason
    assert result.cost.train_seconds == sum(attempt.seconds for attempt in result.cost.attempts)
    assert int(journal(tmp_path)[1].split()[2]) > 0


class Elsewhere(LocalRunner):
    """A runner whose trials see another directory; it tells what it was given."""

    @property
    def here(self) -> bool:
        return False

    def run(self, job: Job, beat: Callable[[], None]) -> Finished:
        found = sorted(path.name for path in job.directory.iterdir())
        (job.directory / "output").mkdir()
        resumed = job.resumes.attempt if job.resumes else 0
        return Finished(state="TRAINED", metrics={"score": 0.9, "resumed": resumed}, log_tail=" ".join(found))


class GoesOn(Elsewhere):
    """A runner whose trial goes on elsewhere, at a step, while the process that waits for it is replaced."""

    def __init__(self, step: int, until: Callable[[], bool], ending: BaseException | None = None) -> None:
        self._step, self._until, self._ending = step, until, ending

    def goes_on(self, trial: str, attempt: int) -> bool:
        return True

    def run(self, job: Job, beat: Callable[[], None]) -> Finished:
        rows = [json.dumps({"step": step, "score": 0.01 * step}) for step in range(1, self._step + 1)]
        (job.directory / "metrics.jsonl").write_text("\n".join(rows) + "\n")
        while not self._until():
            beat()
            time.sleep(0.02)
        if self._ending is not None:
            raise self._ending
        (job.directory / "output").mkdir()
        return Finished(state="TRAINED", metrics={"score": 0.1}, log_tail="")


def test_a_trial_that_went_on_while_nobody_waited_is_not_judged_again_where_it_was_judged(tmp_path: Path) -> None:
    ledger = opened(tmp_path, slow_study(tmp_path, pause=0.01), [0.9, 0.2])
    key = layout.attempt(ledger.slot(0, 1).trial, 1, "metrics.jsonl")
    kept = GoesOn(5, lambda: bool(list(ledger.store.list(key))), Terminated())
    with pytest.raises(Terminated):
        train(ledger, "one", 0, 1, runner=kept)  # the first to come to step 3
    start = layout.attempt(ledger.slot(0, 1).trial, 1, "start.json")
    dead = layout.read(ledger.store, AttemptStart, start).model_copy(update={"process_started": 1.0})
    ledger.store.put(start, layout.encode(dead))
    assert run_slot(ledger, 0, 0).status is Status.COMPLETE
    end = time.monotonic() + 0.5
    outcome = train(ledger, "one", 0, 1, runner=GoesOn(6, lambda: time.monotonic() > end))
    assert outcome is not None
    assert (outcome.attempt, outcome.state) == (1, "TRAINED")


def test_who_waits_for_a_trial_elsewhere_brings_its_stream_and_no_checkpoint(tmp_path: Path) -> None:
    word = f"word-{os.getpid()}-elsewhere"
    ledger = opened(tmp_path, slow_study(tmp_path, hold=5, word=word), [0.8])
    key = layout.attempt(ledger.slot(0, 0).trial, 1, "checkpoint.json")
    with pytest.raises(AttemptLost, match="from outside"):
        train(ledger, "one", 0, 0, runner=Killing(word, lambda: bool(list(ledger.store.list(key)))))
    outcome = train(ledger, "one", 0, 0, runner=Elsewhere())
    assert outcome is not None
    assert (outcome.metrics["resumed"], outcome.log_tail) == (1, "metrics.jsonl")


STEP = """
import sys
sys.path[:0] = {paths!r}
from tunewright.steps import watch
watch.LOOK_SECONDS, watch.KEEP_SECONDS = 0.05, 0.1
from tunewright.steps.train import main
main(study={study!r}, session="one", round=0, slot=0)
"""


def test_a_step_that_dies_loses_nothing_that_was_kept(tmp_path: Path) -> None:
    ledger = opened(tmp_path, slow_study(tmp_path, hold=5), [0.8])
    trial = ledger.slot(0, 0).trial
    code = STEP.format(paths=sys.path, study=f"{tmp_path}/store/toy")
    step = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while not list(ledger.store.list(layout.attempt(trial, 1, "checkpoint.json"))):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert list(ledger.store.list(layout.attempt(trial, 1, "metrics.jsonl"))), "seen elsewhere while it runs"
    step.send_signal(signal.SIGKILL)
    step.wait()
    result = run_slot(ledger, 0, 0)
    assert (result.status, result.objective, result.attempt) == (Status.COMPLETE, 0.8, 2)
    assert int(journal(tmp_path)[1].split()[2]) > 0, "the checkpoint was resumed"
    assert [attempt.ended for attempt in result.cost.attempts] == ["LOST", "TRAINED"]
    assert not [process for process in psutil.process_iter() if process.pid == step.pid]


def test_a_trial_lost_for_good_says_what_ended_it_last_and_what_it_cost(tmp_path: Path) -> None:
    word = f"word-{os.getpid()}"
    study = slow_study(tmp_path, hold=5, word=word)
    trial = study.trial.model_copy(update={"limits": study.trial.limits.model_copy(update={"attempts": 2})})
    ledger = opened(tmp_path, study.model_copy(update={"trial": trial}), [0.8])
    for _ in range(2):
        with pytest.raises(AttemptLost):
            train(ledger, "one", 0, 0, runner=Killing(word, lambda: bool(marked(word))))
    assert train(ledger, "one", 0, 0, runner=LocalRunner()) is None, "two attempts were allowed"
    update_surrogate(ledger, "one", 0)
    lost = ledger.result(ledger.slot(0, 0).trial)
    assert lost is not None
    assert lost.status is Status.LOST
    assert "after 2 attempts; killed by SIGKILL from outside" in lost.reason
    assert [attempt.ended for attempt in lost.cost.attempts] == ["LOST", "LOST"]
    assert lost.cost.train_seconds > 0


def test_a_whole_session_stops_trials_and_ends_with_exact_counts(tmp_path: Path) -> None:
    study = slow_study(tmp_path, pause=0.2, budget={"trials": 8, "parallel_trials": 2})
    found = run_study(study, store=str(tmp_path / "store"))
    statuses = [result.status for result in found.trials]
    assert len(statuses) == 8
    assert set(statuses) == {Status.STOPPED, Status.COMPLETE}
    assert found.objective == max(result.objective or 0.0 for result in found.trials if result.status == "COMPLETE")


def test_what_a_learning_curve_has_shown_is_not_stopped_on_its_way(tmp_path: Path) -> None:
    ledger = begun(tmp_path, slow_study(tmp_path), [])
    slots = [
        Slot(trial="", configuration={"x": 0.9}, origin="initial"),
        Slot(trial="", configuration={"x": 0.2}, origin="curve"),
    ]
    planned(ledger, 0, slots)
    assert [run_slot(ledger, 0, slot).status for slot in range(2)] == [Status.COMPLETE, Status.COMPLETE]


@pytest.mark.parametrize("rule", ["median", "asha"])
def test_what_scores_a_trial_afterwards_is_not_compared_with_streams(tmp_path: Path, rule: str) -> None:
    program = "import json, os; json.dump({'score': 9.0}, open(os.environ['TUNEWRIGHT_METRICS'], 'w'))"
    path = tmp_path / "score.py"
    path.write_text(program)
    stopping = {"rule": "median", "min_trials": 2} if rule == "median" else ASHA
    made = slow_study(tmp_path, pause=0.0, stopping=stopping).model_dump(mode="json", exclude_unset=True)
    made["trial"]["evaluate"] = {"command": [sys.executable, "-S", str(path)]}
    ledger = opened(tmp_path, study_from(made), [0.2, 0.3, 0.9])
    results = [run_slot(ledger, 0, slot) for slot in range(3)]
    assert [(result.status, result.objective) for result in results] == [(Status.COMPLETE, 9.0)] * 3, results[-1].reason
