"""Plans and results joined: every trial of the study, numbered from 1, with the incumbent before and after it.

The incumbent is the best objective of the trials that are COMPLETE; a STOPPED trial's value is of less training and does not count.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from ..space import Configuration
from ..study import Objective
from ..trial import Origin, Result, Status, resumed
from .record import StudyHistory

PENDING = "PENDING"  #: stands for the status of a trial that has no result yet


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One planned trial and what became of it."""

    number: int  #: 1, 2, … in the order of rounds and slots
    id: str
    round: int
    session: str
    origin: Origin
    configuration: Configuration
    result: Result | None  #: None while it has none
    curve: Sequence[tuple[int, float]] = ()  #: of the objective's metric; of a trial that runs, as far as it is known
    incumbent: float | None = None  #: best objective of the trials up to and including this one
    improved: bool = False  #: True when this trial made the incumbent better
    elapsed: float | None = None  #: seconds of running until it ended; pauses between sessions are left out
    resumed: bool = False  #: True when another trial has gone on from where this one was stopped

    @property
    def status(self) -> Status | None:
        return self.result.status if self.result else None

    @property
    def objective(self) -> float | None:
        return self.result.objective if self.result else None

    @property
    def seconds(self) -> float:
        """Seconds of training and evaluation."""
        return self.result.cost.train_seconds + self.result.cost.evaluate_seconds if self.result else 0.0


def scored(trials: Iterable[Trial]) -> list[Trial]:
    """The trials whose objective counts for the incumbent."""
    return [trial for trial in trials if trial.status is Status.COMPLETE and trial.objective is not None]


def best(trials: Iterable[Trial], objective: Objective) -> Trial | None:
    """The incumbent: the first of the best trials, None when none is complete."""
    return max(scored(trials), key=lambda trial: objective.reward(trial.objective or 0.0), default=None)


def number(history: StudyHistory) -> list[Trial]:
    """All trials of the study in order, numbered, with incumbent and elapsed time."""
    planned = [
        Trial(
            number=0, id=slot.trial, round=round_.plan.round, session=round_.plan.session, origin=slot.origin,
            configuration=slot.configuration, result=result,
            curve=result.curve if result else round_.running.get(slot.trial, ()),
        )
        for round_ in history.rounds
        for slot, result in zip(round_.plan.slots, round_.results, strict=True)
    ]  # fmt: skip
    elapsed = _elapsed(planned, history)
    gone = resumed(pair for round_ in history.rounds for pair in zip(round_.plan.slots, round_.results, strict=True))
    objective = history.study.study.objective
    incumbent: float | None = None
    numbered = []
    for index, trial in enumerate(planned):
        value = trial.objective if trial.status is Status.COMPLETE else None
        improved = value is not None and (incumbent is None or objective.reward(value) > objective.reward(incumbent))
        incumbent = value if improved else incumbent
        numbered.append(
            replace(
                trial,
                number=index + 1,
                incumbent=incumbent,
                improved=improved,
                elapsed=elapsed.get(trial.id),
                resumed=trial.id in gone,
            )
        )
    return numbered


def _elapsed(planned: list[Trial], history: StudyHistory) -> dict[str, float]:
    """Seconds of running until each trial ended, by trial id, whichever session looks; trials without times are absent."""
    began = {**history.began, history.session.id: history.session.started}
    groups: dict[str, list[Result]] = {}
    for trial in planned:
        if trial.result and trial.result.ended > 0:
            groups.setdefault(_ran_in(trial.session, trial.result, began), []).append(trial.result)
    times: dict[str, float] = {}
    offset = 0.0
    for session, results in sorted(groups.items(), key=lambda group: min(result.ended for result in group[1])):
        starts = [max(result.started, began.get(session, 0.0)) for result in results if result.started > 0]
        if session in began:
            starts.append(began[session])
        if not starts:
            continue
        first = min(starts)
        for result in results:
            times[result.trial] = offset + max(result.ended - first, 0.0)
        offset += max(max(result.ended for result in results) - first, 0.0)
    return times


def _ran_in(planned_by: str, result: Result, began: Mapping[str, float]) -> str:
    """The session in which a trial ended: a later one may have taken over the round."""
    if planned_by not in began:
        return planned_by
    later = [session for session, at in began.items() if began[planned_by] <= at <= result.ended]
    return max(later, key=lambda session: began[session], default=planned_by)
