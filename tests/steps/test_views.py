"""Status, report and result tell the same of a study, whatever became of its rounds."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from tests.steps.studies import shell_study, write_study
from tests.steps.test_steps import opened

from tunewright.cli import command
from tunewright.cli.list import _row
from tunewright.cli.status import describe
from tunewright.embedded.loop import result_of
from tunewright.report.facts import gather as facts_of
from tunewright.report.summary import tiles
from tunewright.report.tables import build
from tunewright.steps.ledger import Ledger
from tunewright.steps.propose import EXHAUSTED, propose
from tunewright.steps.report import gather
from tunewright.steps.update_policy import update_policy
from tunewright.steps.update_surrogate import update_surrogate
from tunewright.store import layout
from tunewright.store.memory import MemoryStore
from tunewright.store.opening import open_store
from tunewright.store.port import Entry, Store, Stored
from tunewright.trial import Plan, Result, Slot, Status

CONFIGURATION: dict[str, Any] = {"x": 0.5}


def ends(ledger: Ledger, round_: int, *ends_: tuple[Status, float | None]) -> None:
    """Results of the first slots of a round."""
    plan = ledger.plan(round_)
    assert plan is not None
    for slot, (status, value) in enumerate(ends_):
        trial = plan.slots[slot].trial
        curve = [(1, value)] if status is Status.STOPPED and value is not None else []
        result = Result(
            trial=trial, round=round_, slot=slot, status=status, objective=value, curve=curve,
            started=1.0, ended=2.0, attempt=1, reason="" if status is Status.COMPLETE else "so it was",
        )  # fmt: skip
        layout.create(ledger.store, result, layout.result(trial))


def learn(ledger: Ledger, session: str, round_: int) -> None:
    update_surrogate(ledger, session, round_, clock=lambda: 3.0)
    update_policy(ledger, session, round_, clock=lambda: 3.0)


def planned(ledger: Ledger, round_: int, slots: Iterable[dict[str, Any]]) -> None:
    """A plan as the agent might have made it."""
    head, _ = ledger.head()
    made = [
        Slot(**{"trial": f"{round_:08x}{index:08x}", "configuration": CONFIGURATION, "origin": "initial", **slot})
        for index, slot in enumerate(slots)
    ]
    plan = Plan(round=round_, session=head.session, generation=head.generation, seed=1, slots=made)
    layout.create(ledger.store, plan, layout.plan(round_))


def told(ledger: Ledger) -> tuple[float | None, float | None]:
    """What the default reached, as the result and the page have it."""
    default = facts_of(gather(ledger)).default
    complete = default is not None and default.status is Status.COMPLETE
    return result_of(ledger).default_objective, default.objective if default is not None and complete else None


BUDGET = {"trials": 40, "parallel_trials": 2}


def test_what_a_stopped_trial_of_the_default_reached_is_not_what_the_default_is_worth(tmp_path: Path) -> None:
    ledger = opened(str(tmp_path), shell_study(budget=BUDGET))
    planned(ledger, 0, [{"origin": "default"}, {}])
    ends(ledger, 0, (Status.STOPPED, 0.99), (Status.COMPLETE, 0.6))
    learn(ledger, "one", 0)
    assert told(ledger) == (None, None)
    assert not [row for row in build(gather(ledger), None).data["levels"] if row["label"] == "default"]
    planned(ledger, 1, [{"origin": "promotion", "resumes": f"{0:016x}"}, {}])
    ends(ledger, 1, (Status.COMPLETE, 0.7), (Status.COMPLETE, 0.8))
    assert told(ledger) == (0.7, 0.7)


def test_a_default_that_was_lost_and_tried_again_is_worth_what_it_reached_then(tmp_path: Path) -> None:
    ledger = opened(str(tmp_path), shell_study(budget=BUDGET))
    planned(ledger, 0, [{"origin": "default"}, {}])
    ends(ledger, 0, (Status.LOST, None), (Status.COMPLETE, 0.6))
    learn(ledger, "one", 0)
    planned(ledger, 1, [{"origin": "default"}, {}])
    ends(ledger, 1, (Status.COMPLETE, 0.5), (Status.COMPLETE, 0.8))
    assert told(ledger) == (0.5, 0.5)


def test_a_round_that_was_taken_over_is_the_session_s_that_ended_it(tmp_path: Path) -> None:
    study = shell_study(budget=BUDGET)
    ledger = opened(str(tmp_path), study)
    propose(ledger, "one", clock=lambda: 1.0)
    ends(ledger, 0, (Status.COMPLETE, 0.5), (Status.COMPLETE, 0.4))
    learn(ledger, "one", 0)
    propose(ledger, "one", clock=lambda: 1.0)
    opened(str(tmp_path), study, "two")
    ends(ledger, 1, (Status.COMPLETE, 0.9), (Status.COMPLETE, 0.3))
    facts = facts_of(gather(ledger))
    assert (facts.session_trials, facts.session_counts, describe(ledger)["session_trials"]) == (2, {"COMPLETE": 2}, 2)
    assert (facts.best_before, facts.session_best and facts.session_best.objective) == (0.5, 0.9)
    assert facts_of(gather(ledger, "one")).session_trials == 2, "each trial is one session's"


@pytest.mark.parametrize("goal", [None, 0.95])
def test_the_page_shows_the_goal_of_its_session(tmp_path: Path, goal: float | None) -> None:
    first = shell_study(budget=BUDGET, objective={"metric": "score", "goal": 0.6})
    opened(str(tmp_path), first)
    ledger = opened(str(tmp_path), shell_study(budget=BUDGET, objective={"metric": "score", "goal": goal}), "two")
    propose(ledger, "two", clock=lambda: 1.0)
    ends(ledger, 0, (Status.COMPLETE, 0.7), (Status.COMPLETE, 0.4))
    note = tiles(build(gather(ledger), None))[0].note
    assert note == ("higher is better" if goal is None else "higher is better; goal 0.95")


def test_status_and_list_count_the_best_of_the_round_that_is_open(tmp_path: Path) -> None:
    ledger = opened(str(tmp_path), shell_study(budget=BUDGET))
    propose(ledger, "one", clock=lambda: 1.0)
    ends(ledger, 0, (Status.COMPLETE, 0.7))
    assert describe(ledger)["best"]["objective"] == result_of(ledger).objective == 0.7
    assert _row(open_store(str(tmp_path)), "toy")["best"] == 0.7


FEW = {"k": {"type": "categorical", "choices": ["a", "b", "c", "d", "e"]}}
ANY = ["sh", "-c", 'echo "{{\\"score\\": 1}}" > "$TUNEWRIGHT_METRICS"']


def played(ledger: Ledger, session: str, *, lost: int = -1) -> list[list[Any]]:
    """Values of ``k`` by round, until the session is over; the trial of this place is lost."""
    found: list[list[Any]] = []
    while not (planned_ := propose(ledger, session, clock=lambda: 1.0))["done"]:
        plan = ledger.plan(planned_["round"])
        assert plan is not None
        first = sum(map(len, found))
        found.append([slot.configuration["k"] for slot in plan.slots])
        states = [Status.LOST if first + place == lost else Status.COMPLETE for place in range(len(plan.slots))]
        ends(ledger, plan.round, *((status, 1.0 if status is Status.COMPLETE else None) for status in states))
        learn(ledger, session, plan.round)
    return found


def test_a_session_ends_when_every_configuration_has_been_tried(tmp_path: Path) -> None:
    study = shell_study(space=FEW, budget=BUDGET, command=ANY)
    ledger = opened(str(tmp_path), study)
    rounds = played(ledger, "one")
    assert [len(round_) for round_ in rounds] == [2, 2, 1], "the last round holds what is left"
    assert sorted(chain.from_iterable(rounds)) == FEW["k"]["choices"]
    assert (ledger.head()[0].finished, ledger.head()[0].failed) == (EXHAUSTED, False)
    again = opened(str(tmp_path), study, "two")
    assert played(again, "two") == []
    assert (again.head()[0].session, again.head()[0].finished) == ("two", EXHAUSTED)
    assert facts_of(gather(again)).session_trials == 0


def test_what_the_platform_lost_is_tried_again_before_a_session_ends(tmp_path: Path) -> None:
    ledger = opened(str(tmp_path), shell_study(space=FEW, budget=BUDGET, command=ANY))
    rounds = played(ledger, "one", lost=1)
    tried = list(chain.from_iterable(rounds))
    assert sorted(tried) == sorted([*FEW["k"]["choices"], rounds[0][1]])
    assert ledger.head()[0].finished == EXHAUSTED


def test_a_budget_that_a_space_cannot_spend_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "study.yaml"
    write_study(file, shell_study(space=FEW, budget=BUDGET, command=ANY))
    command.main(["validate", str(file)], standalone_mode=False)
    assert "at most 5 of them" in capsys.readouterr().out


class Counted:
    """A store that notes what is read of it, lists by pages of 1000."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.asked: list[str] = []

    def get(self, key: str) -> Stored:
        self.asked.append(key)
        return self.store.get(key)

    def list(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        for number, entry in enumerate(self.store.list(prefix, after)):
            if number % 1000 == 0:
                self.asked.append(prefix)
            yield entry

    def __getattr__(self, name: str) -> Any:
        return getattr(self.store, name)


def test_the_page_asks_little_of_a_round_however_many_trials_it_has(tmp_path: Path) -> None:
    rounds, trials = 3, 30
    ledger = opened(str(tmp_path), shell_study(budget={"trials": 200, "parallel_trials": trials}))
    for round_ in range(rounds):
        planned(ledger, round_, [{} for _ in range(trials)])
        ends(ledger, round_, (Status.FAILED, None), *[(Status.COMPLETE, 0.5)] * (trials - 1))
        learn(ledger, "one", round_)
    store = Counted(ledger.store)
    history = gather(Ledger(store))
    assert [len(one.results) for one in history.rounds] == [trials] * rounds
    assert len(store.asked) < 10 + 6 * rounds, "sealed copies, plan, what was learnt, the log of what failed"


def test_the_list_of_studies_looks_at_each_folder_whatever_lies_below() -> None:
    store = Counted(MemoryStore())
    for study in ("a", "b", "b-2"):
        store.put(f"{study}/{layout.STUDY}", b"")
        for number in range(1100):
            store.put(f"{study}/trials/{number:05d}/x", b"")
    for other in ("no-study/a/study.json", "study.json", "zz/notes.txt", "old/study.json.bak"):
        store.put(other, b"")
    for number in range(500):
        store.put(f"a-{number:03d}.csv", b"")
    assert list(layout.studies(store)) == ["a", "b-2", "b"]
    assert len(store.asked) <= 2 * 8


def test_a_nightly_session_goes_past_what_failed_twice(tmp_path: Path) -> None:
    """Each session is the next night's; nothing works but a narrow band, which the design misses."""
    study = shell_study(budget={"trials": 4, "parallel_trials": 2})
    nights = []
    for night in ("one", "two", "three"):
        ledger = opened(str(tmp_path), study, night)
        tried: list[float] = []
        while not (asked := propose(ledger, night, clock=lambda: 1.0))["done"]:
            plan = ledger.plan(asked["round"])
            assert plan is not None
            tried += [slot.configuration["x"] for slot in plan.slots]
            ends(ledger, plan.round, *[(Status.FAILED, None)] * len(plan.slots))
            learn(ledger, night, plan.round)
        nights.append(tried)
    assert nights[0] == nights[1], "the program may never have run"
    assert not set(nights[2]) & set(nights[0])
