"""The numbers in the page's text, each computed once from the history."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from ..study import Objective
from ..trial import Origin, Result, Status, of_default
from .record import StudyHistory
from .trials import PENDING, Trial, best, number, scored


@dataclass(frozen=True, kw_only=True)
class Gain:
    """How far one value is better than another; negative when worse."""

    better_by: float  #: in the metric's own unit, positive when better
    share: float | None  #: of the older value's size; None when that is 0


@dataclass(frozen=True, kw_only=True)
class OriginFacts:
    """What the proposals of one origin brought."""

    origin: Origin
    trials: int
    complete: int
    improvements: int  #: trials that made the incumbent better
    best: float | None


@dataclass(frozen=True, kw_only=True)
class CostFacts:
    """What the trials cost, in seconds."""

    train: float
    evaluate: float
    gpu: float
    wasted: float  #: of trials that brought no value: FAILED, INFEASIBLE, LOST
    repeated: float  #: of attempts that something outside ended, whatever became of their trials
    repeats: int  #: such attempts
    stopped: float  #: of trials that were stopped early

    @property
    def total(self) -> float:
        return self.train + self.evaluate

    @property
    def wasted_share(self) -> float | None:
        return self.wasted / self.total if self.total > 0 else None


@dataclass(frozen=True, kw_only=True)
class Facts:
    """Everything that the text of a page says in numbers."""

    trials: Sequence[Trial]  #: of the whole study, in order
    best: Trial | None
    common: tuple[float, int] | None  #: value with which most complete trials end, and their number
    default: Trial | None  #: the first trial of the default configuration that is complete, or else the first
    over_default: Gain | None  #: of the best over the default configuration
    best_before: float | None  #: incumbent when this session began
    session_best: Trial | None
    session_gain: Gain | None  #: of the incumbent when this session ended over the incumbent when it began
    session_trials: int
    session_rounds: int
    sessions: int
    counts: dict[str, int]  #: of this study: status name (or PENDING) to trials, without zeros
    session_counts: dict[str, int]
    origins: list[OriginFacts]
    cost: CostFacts
    session_cost: CostFacts


def gather(history: StudyHistory) -> Facts:
    """The facts of a history."""
    objective = history.study.study.objective
    trials = number(history)
    mine = [
        trial
        for trial in trials
        if (trial.session == history.session.id or (history.taken_over and trial.round == history.session.first_round))
        and trial.round not in history.given_up
    ]
    winner = best(trials, objective)
    slots = [slot for round_ in history.rounds for slot in round_.plan.slots]
    names = of_default(slots)
    defaults = [trial for trial in trials if trial.id in names]
    default = next(iter([*scored(defaults), *defaults]), None)
    earlier = [trial for trial in trials if trial.round < history.session.first_round]
    before = best(earlier, objective)
    return Facts(
        trials=trials,
        best=winner,
        common=next(iter(Counter(t.objective for t in scored(trials) if t.objective is not None).most_common(1)), None),
        default=default,
        over_default=_gain(winner, default, objective),
        best_before=before.objective if before else None,
        session_best=best(mine, objective),
        session_gain=_gain(best([*earlier, *mine], objective), before, objective),
        session_trials=len(mine),
        session_rounds=len({trial.round for trial in mine}),
        sessions=len({trial.session for trial in trials} | {history.session.id}),
        counts=_counts(trials),
        session_counts=_counts(mine),
        origins=_origins(trials, objective),
        cost=_cost(trials),
        session_cost=_cost(mine),
    )


def _gain(new: Trial | None, old: Trial | None, objective: Objective) -> Gain | None:
    if (
        new is None
        or old is None
        or new.objective is None
        or old.objective is None
        or old.status is not Status.COMPLETE
    ):
        return None
    better_by = objective.reward(new.objective) - objective.reward(old.objective)
    return Gain(better_by=better_by, share=better_by / abs(old.objective) if old.objective else None)


def _counts(trials: Sequence[Trial]) -> dict[str, int]:
    statuses = [trial.status or PENDING for trial in trials]
    return {name: statuses.count(name) for name in (*Status, PENDING) if name in statuses}


def _origins(trials: Sequence[Trial], objective: Objective) -> list[OriginFacts]:
    facts = []
    for origin in dict.fromkeys(trial.origin for trial in trials):
        some = [trial for trial in trials if trial.origin == origin]
        top = best(some, objective)
        facts.append(
            OriginFacts(
                origin=origin,
                trials=len(some),
                complete=len(scored(some)),
                improvements=sum(trial.improved for trial in some),
                best=top.objective if top else None,
            )
        )
    return facts


def _cost(trials: Sequence[Trial]) -> CostFacts:
    results = [trial.result for trial in trials if trial.result]
    lost = [each for result in results for each in result.cost.attempts if each.ended in ("LOST", "GIVEN-BACK")]
    without = (Status.FAILED, Status.INFEASIBLE, Status.LOST)
    return CostFacts(
        train=sum(result.cost.train_seconds for result in results),
        evaluate=sum(result.cost.evaluate_seconds for result in results),
        gpu=sum(result.cost.gpu_seconds for result in results),
        wasted=sum(_seconds(result) for result in results if result.status in without),
        repeated=sum(each.seconds for each in lost),
        repeats=len(lost),
        stopped=sum(_seconds(result) for result in results if result.status is Status.STOPPED),
    )


def _seconds(result: Result) -> float:
    return result.cost.train_seconds + result.cost.evaluate_seconds
