"""The numbers in the text are those of the documents."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
from tests.report import histories

from tunewright.report.facts import gather
from tunewright.report.trials import number
from tunewright.trial import AttemptCost, Cost, Status

MINIMIZE = histories.study(objective={"metric": "log_loss", "direction": "minimize"})


def _values(made: histories.StudyHistory) -> list[tuple[str, float]]:
    results = [result for each in made.rounds for result in each.results]
    return [(r.trial, r.objective) for r in results if r and r.status is Status.COMPLETE and r.objective is not None]


@pytest.mark.parametrize(("study", "choose"), [(histories.study(), max), (MINIMIZE, min)], ids=["maximize", "minimize"])
def test_the_best_trial_is_the_largest_or_smallest_complete_value(study: histories.Study, choose: type[max]) -> None:
    made = histories.history(study, rounds=20)
    facts = gather(made)
    assert facts.best is not None
    assert (facts.best.id, facts.best.objective) == choose(_values(made), key=lambda item: item[1])


def test_a_stopped_trial_is_never_the_incumbent() -> None:
    facts = gather(histories.history(rounds=4, size=2, statuses=[Status.STOPPED, Status.FAILED]))
    assert facts.best is None
    assert all(trial.incumbent is None and not trial.improved for trial in facts.trials)


def test_the_gain_over_the_default_is_positive_when_better_in_either_direction() -> None:
    for study in (histories.study(), MINIMIZE):
        facts = gather(histories.history(study))
        assert facts.default is not None
        assert facts.best is not None
        assert facts.over_default is not None
        assert facts.over_default.better_by == pytest.approx(
            abs((facts.best.objective or 0) - (facts.default.objective or 0))
        )
        assert facts.over_default.better_by > 0


def test_the_incumbent_never_gets_worse_and_improvements_are_where_it_changes() -> None:
    trials = number(histories.history(MINIMIZE, rounds=20))
    known = [trial.incumbent for trial in trials if trial.incumbent is not None]
    assert known == sorted(known, reverse=True)
    changed = [b.number for a, b in pairwise(trials) if a.incumbent != b.incumbent]
    assert [trial.number for trial in trials if trial.improved][1:] == changed


def test_elapsed_time_leaves_out_the_days_between_sessions() -> None:
    made = histories.history(rounds=12, sessions=3)
    elapsed = [trial.elapsed for trial in number(made) if trial.elapsed is not None]
    assert len(elapsed) > 40
    assert max(elapsed) < 3600  # three sessions of minutes, on three days
    by_session = {trial.session: trial.elapsed or 0 for trial in number(made)}
    assert list(by_session.values()) == sorted(by_session.values())


def test_a_round_that_a_later_session_took_over_ran_in_both() -> None:
    made = histories.history(rounds=6, sessions=2)  # a round a minute, three a night
    first, second = made.rounds[0].plan.session, made.rounds[-1].plan.session
    began = {first: histories.BEGIN, second: histories.BEGIN + 86400}
    before = {trial.id: trial.elapsed for trial in number(replace(made, began=began))}
    taken = made.rounds[2]
    late = [
        result and result.model_copy(update={"started": began[second] + 1, "ended": began[second] + 41})
        for result in taken.results[1:]
    ]
    rounds = [*made.rounds[:2], replace(taken, results=[taken.results[0], *late]), *made.rounds[3:]]
    after = {trial.id: trial.elapsed for trial in number(replace(made, rounds=rounds, began=began))}
    assert max(elapsed or 0 for elapsed in after.values()) < 3600
    assert [after[slot.trial] for each in made.rounds[:2] for slot in each.plan.slots] == [
        before[slot.trial] for each in made.rounds[:2] for slot in each.plan.slots
    ]
    ended = [after[slot.trial] or 0 for slot in taken.plan.slots]
    last = max(
        after[slot.trial] or 0 for each in rounds[:3] for slot in each.plan.slots[: 1 if each is rounds[2] else 4]
    )
    assert ended[1:] == [pytest.approx(last + 41)] * 3, "night 1 was over with the last of its own trials"


def test_counts_costs_and_origins_add_up_over_all_trials() -> None:
    made = histories.history(rounds=12, sessions=3)
    facts = gather(made)
    results = [result for each in made.rounds for result in each.results if result]
    assert sum(facts.counts.values()) == len(facts.trials) == 48
    assert sum(facts.session_counts.values()) == facts.session_trials == 16
    assert sum(each.trials for each in facts.origins) == 48
    assert sum(each.improvements for each in facts.origins) == sum(trial.improved for trial in facts.trials)
    assert facts.cost.total == pytest.approx(sum(r.cost.train_seconds + r.cost.evaluate_seconds for r in results))
    without = [r for r in results if r.status in (Status.FAILED, Status.INFEASIBLE, Status.LOST)]
    assert facts.cost.wasted == pytest.approx(sum(r.cost.train_seconds + r.cost.evaluate_seconds for r in without))


def test_attempts_that_were_repeated_and_trials_that_were_stopped_have_accounts_of_their_own() -> None:
    made = histories.history(rounds=1, size=3, statuses=[Status.COMPLETE, Status.STOPPED, Status.FAILED])
    round_ = made.rounds[0]
    first, *others = (result for result in round_.results if result)
    attempts = [
        AttemptCost(attempt=1, ended="LOST", seconds=7.0),
        AttemptCost(attempt=2, ended="TRAINED", seconds=20.0),
    ]
    first = first.model_copy(update={"cost": Cost(train_seconds=27.0, attempts=attempts)})
    cost = gather(replace(made, rounds=[replace(round_, results=[first, *others])])).cost
    assert (cost.repeated, cost.repeats) == (7.0, 1)
    assert cost.train == pytest.approx(27.0 + sum(other.cost.train_seconds for other in others))
    assert cost.stopped == pytest.approx(others[0].cost.train_seconds + others[0].cost.evaluate_seconds)


def test_a_session_that_found_nothing_better_has_no_gain() -> None:
    made = histories.history(rounds=12, sessions=3)
    worse = histories.changed(made, lambda _, result: {"objective": 0.1} if result.round >= 8 else {})
    facts = gather(worse)
    assert facts.best_before == max(value for _, value in _values(replace(made, rounds=made.rounds[:8])))
    assert facts.session_gain is not None
    assert facts.session_gain.better_by == 0


def test_the_first_round_of_a_session_does_not_count_to_what_was_before_it() -> None:
    made = histories.history(rounds=6, sessions=2, statuses=[Status.COMPLETE] * 4)
    facts = gather(histories.changed(made, lambda _, result: {"objective": 2.0} if result.round == 3 else {}))
    assert facts.best_before == max(value for _, value in _values(replace(made, rounds=made.rounds[:3])))


def test_a_share_of_a_negative_value_has_the_sign_of_the_gain() -> None:
    made = histories.history(rounds=1, statuses=[Status.COMPLETE] * 4)
    values = iter((-4.0, -3.0, -5.0, -6.0))
    gain = gather(histories.changed(made, lambda *_: {"objective": next(values)})).over_default
    assert gain is not None
    assert (gain.better_by, gain.share) == (1.0, 0.25)


def test_the_default_is_compared_by_its_trial_that_is_complete() -> None:
    made = histories.history(rounds=1, statuses=[Status.STOPPED, Status.COMPLETE, Status.COMPLETE, Status.COMPLETE])
    [round_] = made.rounds
    slots = [*round_.plan.slots]
    slots[2] = slots[2].model_copy(update={"origin": "promotion", "resumes": slots[0].trial})
    facts = gather(replace(made, rounds=[replace(round_, plan=round_.plan.model_copy(update={"slots": slots}))]))
    assert facts.default is not None
    assert facts.default.id == slots[2].trial
    assert facts.over_default is not None


def test_a_trial_ended_at_the_same_time_whichever_session_looks() -> None:
    made = histories.history(rounds=6, sessions=2)
    first, second = made.rounds[0].plan.session, made.rounds[-1].plan.session
    began = {first: histories.BEGIN, second: histories.BEGIN + 86400}
    earlier = made.session.model_copy(update={"id": first, "first_round": 0, "started": began[first]})
    from_second, from_first = (number(replace(made, began=began, session=seen)) for seen in (made.session, earlier))
    assert [trial.elapsed for trial in from_second] == [trial.elapsed for trial in from_first]


@pytest.mark.parametrize(("status", "gone"), [(Status.COMPLETE, True), (Status.STOPPED, True), (Status.LOST, False)])
def test_a_trial_is_resumed_once_the_one_that_went_on_has_ended(status: Status, gone: bool) -> None:
    made = histories.history(rounds=2, statuses=[Status.COMPLETE] * 4)
    first, second = made.rounds
    slots = [*second.plan.slots]
    slots[1] = slots[1].model_copy(update={"origin": "promotion", "resumes": first.plan.slots[2].trial})
    results = [result and result.model_copy(update={"status": status}) for result in second.results]
    rounds = [first, replace(second, plan=second.plan.model_copy(update={"slots": slots}), results=results)]
    assert [trial.number for trial in gather(replace(made, rounds=rounds)).trials if trial.resumed] == [3] * gone
