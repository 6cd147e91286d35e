"""Each step twice, out of turn, and by the wrong session."""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import accumulate
from pathlib import Path

import pytest
from tests.steps.studies import SCORE, shell_study

from tunewright.agent import learner
from tunewright.agent.grid import Grid
from tunewright.errors import (
    DataInvalid,
    InputError,
    NotFound,
    SchemaUnknown,
    SessionFenced,
    StoreRefused,
    StudyChanged,
    TransientError,
)
from tunewright.steps import advance as advance_module
from tunewright.steps.advance import main as advance
from tunewright.steps.evaluate import evaluate
from tunewright.steps.ledger import Ledger, seed_for
from tunewright.steps.open import open_session
from tunewright.steps.propose import propose
from tunewright.steps.report import promote, report
from tunewright.steps.train import train
from tunewright.steps.update_policy import update_policy
from tunewright.steps.update_surrogate import update_surrogate
from tunewright.store import layout
from tunewright.store.directory import DirectoryStore
from tunewright.store.opening import open_store, study_store
from tunewright.study import Study
from tunewright.termination import Terminated
from tunewright.training import evaluation
from tunewright.training.local import LocalRunner
from tunewright.training.runner import Finished, Job, TrialFailed
from tunewright.trial import Best, PolicyRecord, Result, Status, SurrogateRecord

NOW = 1_000_000.0


@pytest.fixture
def place(tmp_path: Path) -> str:
    return str(tmp_path / "store")


def opened(place: str, study: Study, session: str = "one", now: float = NOW) -> Ledger:
    open_session(place, study, session, base=Path.cwd(), now=now)
    return Ledger(study_store(open_store(place), study.name))


def objects(ledger: Ledger) -> dict[str, bytes]:
    return {entry.key: ledger.store.get(entry.key).data for entry in ledger.store.list()}


def iris_study(trials: int) -> Study:
    """XGBoost on iris; all trials in one round."""
    return Study.model_validate(
        {
            "name": "iris",
            "space": {"max_depth": {"type": "int", "low": 1, "high": 4}},
            "objective": {"metric": "accuracy"},
            "data": {"source": "sklearn:iris", "validation": {"holdout": 0.3}},
            "trial": {"kind": "xgboost", "fixed": {"n_estimators": 3}},
            "budget": {"trials": trials, "parallel_trials": trials},
        }
    )


def run_slots(ledger: Ledger, round_: int, session: str = "one") -> list[Result | None]:
    plan = ledger.plan(round_)
    assert plan is not None
    for slot in range(len(plan.slots)):
        train(ledger, session, round_, slot, runner=LocalRunner())
        evaluate(ledger, session, round_, slot, runner=LocalRunner())
    return ledger.results(plan)


def run_round(ledger: Ledger, session: str = "one", begun: float = NOW) -> None:
    round_ = propose(ledger, session, clock=lambda: begun)["round"]
    run_slots(ledger, round_, session)
    update_surrogate(ledger, session, round_, clock=lambda: NOW)
    update_policy(ledger, session, round_, clock=lambda: NOW)


def test_a_round_run_twice_step_by_step_leaves_the_same_objects(place: str) -> None:
    ledger = opened(place, shell_study())
    for step in (
        lambda: open_session(place, shell_study(), "one", base=Path.cwd(), now=NOW + 5),
        lambda: propose(ledger, "one"),
        lambda: run_slots(ledger, 0),
        lambda: update_surrogate(ledger, "one", 0, clock=lambda: NOW),
        lambda: update_policy(ledger, "one", 0, clock=lambda: NOW),
    ):
        step()
        before = objects(ledger)
        step()
        assert objects(ledger) == before
    assert ledger.head()[0].round == 1


def test_two_stores_driven_alike_hold_the_same_plans_and_weights(tmp_path: Path) -> None:
    kept = []
    for name in ("a", "b"):
        ledger = opened(str(tmp_path / name), shell_study())
        for _ in range(3):
            run_round(ledger)
        kept.append(
            {
                key: data
                for key, data in objects(ledger).items()
                if key.endswith(("plan.json", "policy.json", "surrogate.json"))
            }
        )
        head, _ = ledger.head()
        kept[-1]["policy"] = str(head.policy).encode()
    assert kept[0] == kept[1]
    assert len(kept[0]) == 10


def test_a_late_step_of_a_past_round_changes_nothing(place: str) -> None:
    ledger = opened(place, shell_study())
    run_round(ledger)
    assert propose(ledger, "one")["round"] == 1
    before = objects(ledger)
    assert update_surrogate(ledger, "one", 0) is None
    assert update_policy(ledger, "one", 0).round == 1
    assert train(ledger, "one", 0, 0, runner=LocalRunner()) is None
    assert evaluate(ledger, "one", 0, 0, runner=LocalRunner()) is not None
    assert objects(ledger) == before


def test_a_round_sealed_without_results_makes_them_lost_and_a_late_result_loses(place: str) -> None:
    ledger = opened(place, shell_study())
    propose(ledger, "one")
    train(ledger, "one", 0, 1, runner=LocalRunner())  # trained, never evaluated before the seal
    update_surrogate(ledger, "one", 0, clock=lambda: NOW)
    plan = ledger.plan(0)
    assert plan is not None
    assert [r.status for r in ledger.results(plan) if r] == [Status.LOST, Status.LOST]
    late = evaluate(ledger, "one", 0, 1, runner=LocalRunner())
    assert late is not None
    assert late.status is Status.LOST
    assert "1 attempt" in late.reason


def test_a_newer_session_fences_the_older_one_and_takes_over_its_round(place: str) -> None:
    ledger = opened(place, shell_study())
    plan = propose(ledger, "one")
    opened(place, shell_study(), "two")
    for step in (
        lambda: propose(ledger, "one"),
        lambda: train(ledger, "one", 0, 0, runner=LocalRunner()),
        lambda: evaluate(ledger, "one", 0, 0, runner=LocalRunner()),
        lambda: update_surrogate(ledger, "one", 0),
        lambda: update_policy(ledger, "one", 0),
        lambda: open_session(place, shell_study(), "one", base=Path.cwd(), now=NOW),
    ):
        with pytest.raises(SessionFenced, match="one"):
            step()
    assert propose(ledger, "two")["slots"] == plan["slots"]
    run_round(ledger, "two")
    assert ledger.head()[0].round == 1


def test_a_session_id_counts_its_own_trials_and_learns_from_all(place: str) -> None:
    study = shell_study(budget={"trials": 3, "parallel_trials": 2})
    ledger = opened(place, study)
    run_round(ledger)
    run_round(ledger)
    head, _ = ledger.head()
    assert head.finished == "3 trials, budget.trials is 3"
    assert propose(ledger, "one") == {"round": 2, "slots": [], "done": True}
    opened(place, study, "two")
    assert propose(ledger, "two") == {"round": 2, "slots": [0, 1], "done": False}
    run_round(ledger, "two")
    record = layout.read(ledger.store, type(ledger.session("two")), layout.session("two"))
    assert record.first_round == 2
    assert len([entry for entry in ledger.store.list("trials/") if entry.key.endswith("result.json")]) == 5


def test_a_changed_study_under_the_same_name_is_refused_and_says_what_changed(place: str) -> None:
    opened(place, shell_study())
    other = shell_study(space={"x": {"type": "float", "low": 0.0, "high": 2.0}})
    with pytest.raises(
        StudyChanged, match=r"but space\.x\.high was 1\.0, now 2\.0; space\.x\.default was 0\.5, now nothing; give"
    ):
        opened(place, other, "two")
    opened(place, shell_study(budget={"trials": 9}, seed=3, description="other words"), "two")


def test_the_fused_step_does_what_its_parts_do(tmp_path: Path) -> None:
    address = str(tmp_path / "a" / "toy")
    fused, parts = opened(str(tmp_path / "a"), shell_study()), opened(str(tmp_path / "b"), shell_study())
    assert advance(study=address, session="one") == propose(parts, "one")
    for slot in fused.slots(0):
        train(fused, "one", 0, slot, runner=LocalRunner())
    run_slots(parts, 0)
    after = advance(study=address, session="one", round=0)
    update_surrogate(parts, "one", 0)
    update_policy(parts, "one", 0)
    assert after == propose(parts, "one")
    assert fused.head()[0].policy == parts.head()[0].policy
    assert fused.plan(1) == parts.plan(1)


def test_a_model_whose_scoring_dies_is_the_only_one_that_is_lost(place: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Scoring is a process; that it is killed, as for its memory, is played here."""
    ledger = opened(place, shell_study())
    propose(ledger, "one")
    for slot in ledger.slots(0):
        train(ledger, "one", 0, slot, runner=LocalRunner())
    real = advance_module._evaluate

    def dying(arguments: list[str]) -> list[int]:
        return real(arguments) if arguments[-2:] == ["--slot", "0"] else [-9]

    monkeypatch.setattr(advance_module, "_evaluate", dying)
    advance(study=f"{place}/toy", session="one", round=0)
    (sealed,) = ledger.sealed(range(1))
    assert [result.status for result in sealed.results] == [Status.COMPLETE] + [Status.LOST] * (
        len(ledger.slots(0)) - 1
    )


@pytest.mark.parametrize(("deaths", "status"), [(1, Status.COMPLETE), (2, Status.COMPLETE), (3, Status.LOST)])
def test_who_was_killed_while_a_model_was_scored_elsewhere_is_followed_by_another(
    place: str, monkeypatch: pytest.MonkeyPatch, deaths: int, status: Status
) -> None:
    """That slot 1's process is killed, as for the memory of the pod, is played here."""
    trial = {"kind": "command", "command": ["true"], "evaluate": {"command": SCORE}, "limits": {"attempts": 3}}
    ledger = opened(place, shell_study(trial=trial))
    propose(ledger, "one")
    for slot in ledger.slots(0):
        train(ledger, "one", 0, slot, runner=LocalRunner())
    real, killed = advance_module._evaluate, []

    def dying(*calls: list[str]) -> list[int]:
        if calls[-1][-1] == "1" and len(killed) < deaths:
            killed.append(calls)
            return [*(code for call in calls[:-1] for code in real(call)), -9]
        return real(*calls)

    monkeypatch.setattr(advance_module, "_evaluate", dying)
    advance(study=f"{place}/toy", session="one", round=0)
    (sealed,) = ledger.sealed(range(1))
    assert [result.status for result in sealed.results] == [Status.COMPLETE, status]
    assert [len(calls) for calls in killed] == [2, 1, 1][:deaths]


def test_no_more_models_are_scored_at_a_time_than_fit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program, journal = tmp_path / "evaluate", tmp_path / "journal"
    program.write_text(
        f"#!/bin/sh\nfor code; do :; done\necho 1 >> {journal}; sleep 0.3; echo -1 >> {journal}; exit $code\n"
    )
    program.chmod(0o755)
    monkeypatch.setattr(advance_module.sys, "executable", str(program))
    monkeypatch.setattr(advance_module, "container_memory", lambda: 600 * 2**20)
    assert advance_module._evaluate(*(["--slot", str(code)] for code in range(10, 15))) == [*range(10, 15)]
    assert max(accumulate(map(int, journal.read_text().split()))) == 2


@pytest.mark.parametrize(("memory", "places"), [(None, 8), (2**28, 1), (2816 * 2**20, 25)])
def test_as_many_models_are_scored_at_a_time_as_fit_and_one_at_least(
    monkeypatch: pytest.MonkeyPatch, memory: int | None, places: int
) -> None:
    monkeypatch.setattr(advance_module, "container_memory", lambda: memory)
    assert advance_module._places() == places


def test_what_scoring_was_refused_ends_the_fused_step_alike(place: str, capfd: pytest.CaptureFixture[str]) -> None:
    ledger = opened(place, shell_study())
    propose(ledger, "one")
    opened(place, shell_study(), "two")
    with pytest.raises(InputError, match="must be scored, but that was refused"):
        advance(study=f"{place}/toy", session="one", round=0)
    assert "SessionFenced: session 'one' must own the study" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("command", "status", "reason"),
    [
        (["sh", "-c", "echo going down; exit 3"], Status.FAILED, "3"),
        (["sh", "-c", 'echo "{{}}" > $TUNEWRIGHT_METRICS'], Status.FAILED, "score"),
        (["sh", "-c", 'echo "{{\\"loss\\": 1.0}}" > $TUNEWRIGHT_METRICS'], Status.FAILED, "loss"),
        (["sh", "-c", 'echo "{{\\"score\\": NaN}}" > $TUNEWRIGHT_METRICS'], Status.FAILED, "score"),
        (["sh", "-c", 'echo "{{\\"score\\": Infinity}}" > $TUNEWRIGHT_METRICS'], Status.FAILED, "score"),
        (
            ["sh", "-c", 'echo "{{\\"infeasible\\": \\"too wide\\"}}" > $TUNEWRIGHT_METRICS'],
            Status.INFEASIBLE,
            "too wide",
        ),
        (["no-such-program"], Status.FAILED, "no-such-program|127"),
    ],
)
def test_a_trial_that_goes_wrong_is_a_result_and_the_study_goes_on(
    place: str, command: list[str], status: Status, reason: str
) -> None:
    ledger = opened(place, shell_study(command=command))
    propose(ledger, "one")
    results = run_slots(ledger, 0)
    for result in results:
        assert result is not None
        assert result.status is status
        assert result.objective is None
        assert re.search(reason, result.reason + result.log_tail)
    update_surrogate(ledger, "one", 0)
    assert update_policy(ledger, "one", 0).round == 1


def test_a_session_of_failing_trials_ends_with_a_reason(place: str) -> None:
    ledger = opened(
        place, shell_study(command=["false"], budget={"trials": 40, "parallel_trials": 2, "failed_trials": 4})
    )
    run_round(ledger)
    run_round(ledger)
    head, _ = ledger.head()
    assert head.failed
    assert head.finished == "4 trials failed, budget.failed_trials is 4"


def test_a_goal_and_the_wall_time_end_the_session(tmp_path: Path) -> None:
    goal = opened(str(tmp_path / "a"), shell_study(objective={"metric": "score", "goal": 0.4}))
    run_round(goal)
    assert "goal 0.4 reached" in str(goal.head()[0].finished)
    again = opened(str(tmp_path / "a"), shell_study(objective={"metric": "score", "goal": 0.4}), session="two")
    assert propose(again, "two") == {"round": 1, "slots": [], "done": True}, "nothing is trained for it"
    assert "goal 0.4 reached" in str(again.head()[0].finished)
    higher = opened(str(tmp_path / "a"), shell_study(objective={"metric": "score", "goal": 2.0}), session="three")
    assert not propose(higher, "three")["done"]
    wall = opened(str(tmp_path / "b"), shell_study(budget={"wall_time": 60}), now=NOW - 61)
    run_round(wall, begun=NOW - 61)  # in time; it is over at NOW
    assert wall.head()[0].finished == "61 s, budget.wall_time is 60 s"


def test_a_dead_attempt_on_this_host_is_taken_over_at_once_and_counted(place: str) -> None:
    from tunewright.steps.lease import take

    ledger = opened(place, shell_study())
    propose(ledger, "one")
    trial = ledger.slot(0, 0).trial
    start = take(ledger.store, trial, 5, now=NOW)
    assert start is not None
    dead = start.model_copy(update={"process_started": start.process_started - 1000})
    ledger.store.put(layout.attempt(trial, 1, "start.json"), layout.encode(dead))
    outcome = train(ledger, "one", 0, 0, runner=LocalRunner())
    assert outcome is not None
    assert outcome.attempt == 2


def test_attempts_beyond_the_limit_are_not_begun_and_the_trial_is_lost(place: str) -> None:
    from tunewright.steps.lease import take

    ledger = opened(place, shell_study())
    propose(ledger, "one")
    trial = ledger.slot(0, 0).trial
    start = take(ledger.store, trial, 5, now=NOW)
    assert start is not None
    for number in range(1, 6):
        dead = start.model_copy(update={"attempt": number, "process_started": 1.0})
        ledger.store.put(layout.attempt(trial, number, "start.json"), layout.encode(dead))
    assert train(ledger, "one", 0, 0, runner=LocalRunner()) is None
    assert evaluate(ledger, "one", 0, 0, runner=LocalRunner()) is None
    update_surrogate(ledger, "one", 0)
    lost = ledger.result(trial)
    assert lost is not None
    assert lost.status is Status.LOST
    assert "5 attempts" in lost.reason


def test_a_plan_has_only_its_own_slots(place: str) -> None:
    ledger = opened(place, shell_study())
    propose(ledger, "one")
    with pytest.raises(InputError, match="must have a slot 7, but it has 2 slots"):
        train(ledger, "one", 0, 7, runner=LocalRunner())
    with pytest.raises(InputError, match="session 'nobody' must"):
        propose(ledger, "nobody")


def test_the_report_and_the_champion_follow_the_best_trial(place: str) -> None:
    ledger = opened(place, shell_study())
    run_round(ledger)
    champion = promote(ledger)
    assert champion is not None
    best = ledger.head()[0].best
    assert best is not None
    assert (champion.trial, champion.objective) == (best.trial, best.objective)
    assert promote(ledger) == champion
    assert ledger.store.get(report(ledger, "one")).data.startswith(b"<!doctype html>")


def test_a_model_that_cannot_be_scored_again_costs_the_champion_and_not_the_page(
    place: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = opened(place, iris_study(trials=1))
    run_round(ledger)

    def score_with(error: Exception) -> None:
        def fail(*_: object) -> None:
            raise error

        patched.setattr(evaluation, "evaluate", fail)

    with monkeypatch.context() as patched:
        for odd in (SchemaUnknown("odd"), InputError("odd"), NotFound("odd"), TrialFailed("odd"), ValueError("odd")):
            score_with(odd)
            assert promote(ledger) is None
        for away in (StoreRefused("away"), TransientError("away")):
            score_with(away)
            with pytest.raises(type(away), match="away"):
                promote(ledger)
        score_with(DataInvalid("data.source: must be a readable file"))
        assert ledger.store.get(report(ledger, "one")).data.startswith(b"<!doctype html>")
    assert "its model cannot be scored again: data.source: must be a readable file" in caplog.text
    assert promote(ledger) is not None


def test_a_trial_of_a_newer_release_is_not_made_champion(place: str) -> None:
    ledger = opened(place, shell_study(budget={"trials": 1, "parallel_trials": 1}))
    run_round(ledger)
    key = layout.attempt(ledger.sealed(range(1))[0].results[0].trial, 1, "outcome.json")
    newer = ledger.store.get(key).data.replace(b'"schema_version":2', b'"schema_version":9')
    ledger.store.put(key, newer)
    assert promote(ledger) is None


def test_a_damaged_model_never_scores(place: str) -> None:
    study = iris_study(trials=2)
    ledger = opened(place, study)
    propose(ledger, "one")
    outcome = train(ledger, "one", 0, 0, runner=LocalRunner())
    assert outcome is not None
    assert outcome.state == "TRAINED"
    for name in outcome.model:
        key = layout.attempt(outcome.trial, outcome.attempt, f"model/{name}")
        data = bytearray(ledger.store.get(key).data)
        data[len(data) // 2] ^= 1
        ledger.store.put(key, bytes(data))
    assert evaluate(ledger, "one", 0, 0, runner=LocalRunner()) is None
    update_surrogate(ledger, "one", 0)
    lost = ledger.result(outcome.trial)
    assert lost is not None
    assert lost.status is Status.LOST


def test_a_store_without_atomic_writes_is_refused_unless_there_is_one_writer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def careless(self: DirectoryStore, key: str, data: bytes) -> str:
        return self.put(key, data)

    monkeypatch.setattr(DirectoryStore, "create", careless)
    with pytest.raises(StoreRefused, match="--single-writer"):
        opened(str(tmp_path / "a"), shell_study())
    for session in ("one", "two"):
        open_session(str(tmp_path / "b"), shell_study(), session, base=Path.cwd(), now=NOW, single_writer=True)
    open_session(str(tmp_path / "b"), shell_study(), "two", base=Path.cwd(), now=NOW)  # goes on with what it promised
    with pytest.raises(StoreRefused, match="--single-writer"):
        open_session(str(tmp_path / "b"), shell_study(), "three", base=Path.cwd(), now=NOW)
    assert Ledger.at(f"{tmp_path}/b/{shell_study().name}").head()[0].session == "two"


def test_a_result_of_a_newer_release_is_refused_by_name_and_kept(place: str) -> None:
    ledger = opened(place, shell_study())
    propose(ledger, "one")
    key = layout.result(ledger.slot(0, 0).trial)
    newer = b'{"kind":"result","schema_version":99}'
    ledger.store.put(key, newer)
    with pytest.raises(SchemaUnknown, match=r"result\.json: schema_version must be 2, got 99"):
        update_surrogate(ledger, "one", 0)
    assert ledger.store.get(key).data == newer


def test_a_damaged_reward_model_costs_the_page_its_belief_and_nothing_else(place: str) -> None:
    ledger = opened(place, shell_study())
    for _ in range(3):
        run_round(ledger)
    digest = ledger.head()[0].surrogate
    assert digest is not None
    ledger.store.put(layout.blob(digest), b"damaged")
    assert ledger.store.get(report(ledger, "one")).data.startswith(b"<!doctype html>")


def test_a_session_of_another_seed_scores_and_promotes_what_the_last_one_trained(place: str) -> None:
    study = iris_study(trials=1)
    ledger = opened(place, study)
    propose(ledger, "one")
    train(ledger, "one", 0, 0, runner=LocalRunner())
    opened(place, study.model_copy(update={"seed": 7}), "two")
    assert train(ledger, "two", 0, 0, runner=LocalRunner()) is None
    result = evaluate(ledger, "two", 0, 0, runner=LocalRunner())
    assert result is not None
    assert result.status is Status.COMPLETE
    update_surrogate(ledger, "two", 0)
    update_policy(ledger, "two", 0)
    champion = promote(ledger)
    assert champion is not None
    assert champion.trial == result.trial


def test_a_refused_or_terminated_attempt_does_not_count_against_the_trial(place: str) -> None:
    class Refusing(LocalRunner):
        def run(self, job: Job, beat: Callable[[], None]) -> Finished:
            raise error

    ledger = opened(place, shell_study())
    propose(ledger, "one")
    for error in (InputError("no data"), Terminated(), KeyboardInterrupt()) * 3:
        with pytest.raises(type(error)):
            train(ledger, "one", 0, 0, runner=Refusing())
    outcome = train(ledger, "one", 0, 0, runner=LocalRunner())
    assert outcome is not None
    assert outcome.attempt == 10


def test_a_file_whose_name_cannot_be_a_key_costs_the_file_not_the_trial(place: str) -> None:
    command = [
        "sh",
        "-c",
        'cd "{output}"; echo a > "best model.pt"; echo b > kept.pt; echo "{{\\"score\\": {x}}}" > "$TUNEWRIGHT_METRICS"',
    ]
    ledger = opened(place, shell_study(command=command))
    propose(ledger, "one")
    result, _ = run_slots(ledger, 0)
    assert result is not None
    assert result.status is Status.COMPLETE
    assert "best model.pt" in result.reason
    stored = [entry.key for entry in ledger.store.list(f"trials/{result.trial}/attempts/1/model/")]
    assert [key.rsplit("/", 1)[1] for key in stored] == ["kept.pt"]


def test_rounds_between_a_sessions_record_and_its_claim_are_not_its_own(
    place: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import tunewright.steps.open as module

    ledger = opened(place, shell_study())

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(module, "_swap_head", dies)
        with pytest.raises(KeyboardInterrupt):
            opened(place, shell_study(), "two")
    run_round(ledger)
    opened(place, shell_study(), "two")
    assert ledger.session("two").first_round == 1
    assert propose(ledger, "two")["slots"] == [0, 1]


def test_the_report_step_of_a_failed_session_ends_with_an_error_after_the_page_is_written(place: str) -> None:
    from tunewright.steps.report import main

    ledger = opened(
        place, shell_study(command=["false"], budget={"trials": 2, "parallel_trials": 2, "failed_trials": 2})
    )
    run_round(ledger)
    with pytest.raises(InputError, match=r"failed_trials is 2"):
        main(study=f"{place}/toy", session="one")
    assert ledger.store.get(layout.report("one")).data


def test_an_attempt_given_back_after_its_outcome_was_written_is_not_trained_again(place: str) -> None:
    from tunewright.steps.lease import give_back
    from tunewright.trial import AttemptStart

    ledger = opened(place, shell_study())
    propose(ledger, "one")
    outcome = train(ledger, "one", 0, 0, runner=LocalRunner())
    assert outcome is not None
    give_back(ledger.store, layout.read(ledger.store, AttemptStart, layout.attempt(outcome.trial, 1, "start.json")))
    assert train(ledger, "one", 0, 0, runner=LocalRunner()) is None
    assert layout.attempt_numbers(ledger.store, outcome.trial) == [1]


def test_a_session_of_which_too_large_a_share_failed_ends_with_a_reason_once_ten_have_ended(place: str) -> None:
    command = ["sh", "-c", 'test {x} = 0.5 && echo "{{\\"score\\": 1}}" > "$TUNEWRIGHT_METRICS"']
    budget = {"trials": 40, "parallel_trials": 5, "failed_share": 0.9}
    ledger = opened(place, shell_study(command=command, budget=budget))
    run_round(ledger)
    assert ledger.head()[0].finished is None, "four of five"
    run_round(ledger)
    head, _ = ledger.head()
    assert head.failed
    assert head.finished == "9 of 10 trials failed, budget.failed_share is 0.9"


def student(ledger: Ledger, blob: str) -> learner.Learner:
    space, settings = ledger.record().study.search_space(), ledger.session("one").agent
    found, anew = learner.restore(Grid(space), settings, layout.get_blob(ledger.store, blob))
    assert not anew
    return found


def test_the_policy_goes_on_from_round_to_round_and_proposes_as_it_has_learnt(place: str) -> None:
    agent = {"proposal": "policy", "initial_trials": 0, "learning_rate": 0.05, "model_updates": 2, "model_batch": 8}
    ledger = opened(place, shell_study(agent=agent, budget={"trials": 8, "parallel_trials": 2}))
    for _ in range(2):
        run_round(ledger)
    propose(ledger, "one", clock=lambda: NOW)
    head, plan = ledger.head()[0], ledger.plan(2)
    assert head.policy is not None
    assert plan is not None
    learnt = student(ledger, head.policy)
    records = [layout.read(ledger.store, PolicyRecord, layout.policy(round_)) for round_ in range(2)]
    updates = sum(record.real_updates + record.predicted_updates for record in records)
    assert float(learnt.optimizer.state["adam.step"]) == updates * learnt.settings.update_epochs
    assert [record.real_updates for record in records] == [1, 1]
    assert [slot.origin for slot in plan.slots] == ["policy", "policy"]
    rows = learnt.policy.grid.encode(slot.configuration for slot in plan.slots)
    expected = learnt.policy.log_prob(learnt.policy.actions(rows)).sum(-1).tolist()
    assert [slot.log_prob for slot in plan.slots] == pytest.approx(expected)


def test_the_reward_model_is_asked_once_it_is_there(place: str) -> None:
    ledger = opened(place, shell_study(budget={"trials": 12, "parallel_trials": 2}))
    for _ in range(5):
        run_round(ledger)
    found = [layout.read(ledger.store, SurrogateRecord, layout.surrogate(round_)) for round_ in range(5)]
    assert [record.observations for record in found] == [2, 4, 6, 8, 10]
    used = [layout.read(ledger.store, PolicyRecord, layout.policy(round_)).horizon for round_ in range(5)]
    assert "no surrogate" not in used
    plans = [ledger.plan(round_) for round_ in (3, 4)]
    origins = {slot.origin for plan in plans if plan is not None for slot in plan.slots}
    assert origins & {"neighbour", "policy"}, "chance alone proposes without a reward model"


def test_every_purpose_round_study_and_session_has_a_seed_of_its_own(place: str) -> None:
    one = opened(place, shell_study()).session("one")
    other = one.model_copy(update={"seed": one.seed + 1})
    seeds = {
        seed_for(one, "a", 0, "propose"),
        seed_for(other, "a", 0, "propose"),
        seed_for(one, "b", 0, "propose"),
        seed_for(one, "a", 1, "propose"),
        seed_for(one, "a", 0, "train/0"),
    }
    assert len(seeds) == 5


def test_of_equal_trials_the_earlier_stays_the_best(place: str) -> None:
    ledger = opened(place, shell_study())
    study = ledger.record().study
    made = [
        Result(trial=letter * 16, round=0, slot=slot, status=Status.COMPLETE, objective=0.5)
        for slot, letter in enumerate("ab")
    ]
    assert ledger.best(study, made) == Best(trial="a" * 16, objective=0.5)


def test_the_default_is_tried_as_it_was_written(place: str) -> None:
    space = {"x": {"type": "float", "low": 0.001, "high": 1.0, "scale": "log", "default": 0.3}}
    ledger = opened(place, shell_study(space=space))
    propose(ledger, "one", clock=lambda: NOW)
    assert ledger.slot(0, 0).configuration == {"x": 0.3}
