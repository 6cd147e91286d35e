"""What the agent is told of stopped, lost and promoted trials."""

from __future__ import annotations

from tests.steps.studies import shell_study

from tunewright.steps.observation import observations
from tunewright.trial import Origin, Result, SealedRound, Slot, Status

STUDY = shell_study(objective={"metric": "loss", "direction": "minimize"})


def slot(trial: str, x: float, origin: Origin = "initial", resumes: str | None = None) -> Slot:
    return Slot(trial=trial, configuration={"x": x}, origin=origin, resumes=resumes)


def result(trial: str, round_: int, status: Status, curve: list[tuple[int, float]] | None = None) -> Result:
    points = curve or []
    valued = status in (Status.COMPLETE, Status.STOPPED) and points
    objective = points[-1][1] if valued else None
    return Result(trial=trial, round=round_, slot=0, status=status, objective=objective, curve=points)


def sealed(round_: int, *pairs: tuple[Slot, Result], session: str = "one") -> SealedRound:
    slots, results = zip(*pairs, strict=True)
    return SealedRound(round=round_, session=session, slots=list(slots), results=list(results))


def test_a_stopped_trial_counts_by_its_standing_and_never_as_the_best() -> None:
    complete = [(1, 0.9), (2, 0.5), (4, 0.2)]
    worse = [(1, 0.95), (2, 0.8), (4, 0.4)]
    stopped = [(1, 0.8), (2, 0.1)]
    rounds = [
        sealed(
            0, (slot("a", 0.1), result("a", 0, Status.COMPLETE, complete)), (slot("b", 0.2), result("b", 0, Status.COMPLETE, worse)),
        ),
        sealed(1, (slot("c", 0.3), result("c", 1, Status.STOPPED, stopped))),
    ]  # fmt: skip
    assert [one.reward for one in observations(STUDY, rounds, 0)] == [-0.2, -0.4, -0.2]


def test_lost_trials_teach_nothing_and_failed_ones_that_they_failed() -> None:
    pairs = (slot("a", 0.1), result("a", 0, Status.LOST)), (slot("b", 0.2), result("b", 0, Status.FAILED))
    told = observations(STUDY, [sealed(0, *pairs)], 0)
    assert [(one.configuration["x"], one.reward) for one in told] == [(0.2, None)]


def test_a_promoted_trial_takes_the_place_of_the_one_it_resumed_unless_it_was_lost() -> None:
    first = sealed(0, (slot("a", 0.1), result("a", 0, Status.STOPPED, [(1, 0.9)])))
    done = sealed(1, (slot("b", 0.1, "promotion", "a"), result("b", 1, Status.COMPLETE, [(1, 0.9), (2, 0.3)])))
    lost = sealed(1, (slot("b", 0.1, "promotion", "a"), result("b", 1, Status.LOST)))
    assert [(one.round, one.reward) for one in observations(STUDY, [first, done], 0)] == [(1, -0.3)]
    assert [(one.round, one.reward) for one in observations(STUDY, [first, lost], 0)] == [(0, -0.9)]


def test_failures_of_sessions_before_any_value_are_forgotten_by_the_next() -> None:
    failed = sealed(
        0, (slot("a", 0.1), result("a", 0, Status.FAILED)), (slot("b", 0.2), result("b", 0, Status.INFEASIBLE))
    )
    again = sealed(1, (slot("c", 0.1), result("c", 1, Status.FAILED)), session="two")
    done = sealed(1, (slot("c", 0.1), result("c", 1, Status.COMPLETE, [(1, 0.3)])), session="two")
    later = sealed(2, (slot("d", 0.4), result("d", 2, Status.FAILED)), session="three")

    def told(rounds: list[SealedRound], first_round: int) -> list[tuple[float, float | None]]:
        return [(one.configuration["x"], one.reward) for one in observations(STUDY, rounds, first_round)]  # type: ignore[misc]

    assert told([failed], 0) == [(0.1, None), (0.2, None)]
    assert told([failed], 1) == [(0.2, None)]
    assert told([failed, again], 1) == [(0.2, None), (0.1, None)]
    assert told([failed, done, later], 3) == [(0.2, None), (0.1, -0.3), (0.4, None)]
    assert told([failed, again], 2) == [(0.1, None), (0.2, None), (0.1, None)], (
        "in two sessions: it is the configuration"
    )
    assert told([failed], 0) == [(0.1, None), (0.2, None)], "a round that was taken over is the session's that ended it"
