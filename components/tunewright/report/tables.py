"""A history as the pictures need it: the rows behind them, computed once and shared by all, and by the table of trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..space import Space
from ..study import Objective
from . import rows
from .facts import Facts, gather
from .importance import Ranking, rank
from .record import Belief, RoundHistory, StudyHistory
from .rows import Row
from .slices import Slices, believe
from .trials import Trial
from .words import shorten

MOST_CELLS = 60_000  #: of the table of trials; a longer study is thinned for the pictures
MOST_ROUNDS = 240  #: the latest rounds that are drawn
MOST_AXES = 10  #: parallel axes of parameters
MOST_SLICES = 12


@dataclass(frozen=True, kw_only=True)
class Tables:
    """A history as the pictures need it."""

    space: Space
    objective: Objective
    facts: Facts
    shown: Sequence[Trial]  #: the trials that are drawn and listed: all, or a selection of a long study
    rounds: Sequence[RoundHistory]  #: the rounds that are drawn
    ranking: Ranking
    slices: Slices
    slice_names: Sequence[str]
    axes: Sequence[str]  #: parameters with a parallel axis
    clock: tuple[str, float]  #: unit of elapsed time, and its seconds
    purse: tuple[str, float]  #: the same of time that was spent, all trials added up
    kl_limit: float
    r2_limit: float | None
    data: dict[str, list[Row]]  #: named rows, as the pictures name them


def build(history: StudyHistory, belief: Belief | None, *, shrink: float = 1.0) -> Tables:
    """All rows of a history; ``shrink`` below 1 keeps fewer trials, for a page that came out too large."""
    study = history.study.study
    space, objective = study.search_space(), study.objective.model_copy(update={"goal": history.session.goal})
    facts = gather(history)
    ranking = rank(space, facts.trials, objective)
    by_importance = [row.parameter for row in ranking.importances]
    by_importance += [name for name in space.names if name not in by_importance]
    slice_names = by_importance[:MOST_SLICES]
    axes = [name for name in space.names if name in by_importance[:MOST_AXES]]
    shown = thin(facts.trials, int(MOST_CELLS * shrink) // (len(space) + len(axes) + 14))
    clock = unit_of_time(max((trial.elapsed or 0.0 for trial in facts.trials), default=0.0))
    purse = unit_of_time(sum(trial.seconds for trial in facts.trials))
    slices = believe(space, slice_names, facts.trials, objective, belief)
    latest = history.rounds[-MOST_ROUNDS:]
    return Tables(
        space=space, objective=objective, facts=facts, shown=shown, rounds=latest, ranking=ranking, slices=slices,
        slice_names=slice_names, axes=axes, clock=clock, purse=purse,
        kl_limit=history.session.agent.kl_limit, r2_limit=history.session.agent.r2_limit,
        data={
            "trials": rows.trial_rows(shown, facts.trials, space, axes, objective, clock[1], purse[1]),
            "curves": rows.curve_rows(facts.trials, objective, shrink),
            "axes": [{"axis": i, "name": name, "label": shorten(name, 13)} for i, name in enumerate([*axes, objective.metric])],
            "sessions": rows.session_rows(shown),
            "levels": rows.level_rows(facts, objective),
            "ticks": rows.tick_rows(space, axes, facts.trials, objective),
            "importance": rows.importance_rows(ranking.importances),
            "belief": rows.belief_rows(slices, space, slice_names),
            **rows.round_rows(latest, facts.trials),
        },
    )  # fmt: skip


def unit_of_time(longest: float) -> tuple[str, float]:
    """Name and seconds of the unit in which ``longest`` seconds read well."""
    units = (("hours", 3600.0), ("minutes", 60.0))
    return next(((name, size) for name, size in units if longest >= 2 * size), ("seconds", 1.0))


def thin(trials: Sequence[Trial], most: int) -> list[Trial]:
    """All trials, or about ``most`` of a long study: every improvement, the latest quarter, and the rest evenly."""
    if len(trials) <= most:
        return list(trials)
    kept = {trial.number for trial in trials if trial.improved} | {trial.number for trial in trials[-most // 4 :]}
    rest = [trial.number for trial in trials if trial.number not in kept]
    room = max(most - len(kept), 1)
    kept |= {rest[len(rest) * index // room] for index in range(min(room, len(rest)))}
    return [trial for trial in trials if trial.number in kept]
