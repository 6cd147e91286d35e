"""The head of the page: its verdict, its tiles, and the best configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..trial import Status
from . import words
from .configuration import as_flags, as_json, as_yaml, label
from .record import StudyHistory
from .tables import Tables
from .trials import PENDING

PLATEAU = 8  #: trials that must end alike before the page speaks of a plateau


@dataclass(frozen=True, kw_only=True)
class Verdict:
    headline: str
    sentences: list[str]
    alarm: bool  #: True when the first sentence is bad news


@dataclass(frozen=True, kw_only=True)
class Tile:
    name: str
    value: str
    note: str = ""


def verdict(history: StudyHistory, tables: Tables) -> Verdict:
    head, session = history.head, history.session
    sentences = []
    if head.session != session.id:
        sentences.append(f"Session {session.id} is over; session {head.session} has begun since.")
    elif head.finished is None:
        sentences.append(f"Session {session.id} is still running; round {head.round} is open.")
    else:
        sentences.append(f"Session {session.id} {'ended with an error' if head.failed else 'ended'}: {head.finished}.")
    sentences += _progress(tables) + _plateau(tables) + _champion(history, tables)
    return Verdict(headline=_headline(tables), sentences=sentences, alarm=head.session == session.id and head.failed)


def _headline(tables: Tables) -> str:
    facts, metric = tables.facts, tables.objective.metric
    if not facts.trials:
        return "No trial has been planned yet."
    if facts.best is None:
        if facts.counts.keys() == {PENDING}:
            return f"{words.count(len(facts.trials), 'trial')} planned; none has ended yet."
        return f"No trial is complete: {words.counts(facts.counts)}."
    start = f"Best {metric} {words.metric(facts.best.objective)}, in trial {facts.best.number}"
    if facts.default is None:
        return f"{start}."
    if facts.default.id == facts.best.id:
        others = facts.counts.get(Status.COMPLETE, 0) - 1
        return f"{start}: the default configuration; {'no other trial was better' if others else 'no other trial is complete yet'}."
    if facts.over_default is None:
        return f"{start}. The default configuration has no value to compare with ({(facts.default.status or 'pending').lower()})."
    gain = facts.over_default
    if gain.better_by == 0:
        return f"{start}: the same as the default configuration."
    much = "" if gain.share is None else f" ({words.share(gain.share)})"
    default = words.metric(facts.default.objective)
    return f"{start}: {gain.better_by:.3g}{much} better than the default configuration's {default}."


def _progress(tables: Tables) -> list[str]:
    facts = tables.facts
    if facts.best_before is None or not facts.session_trials:
        return []
    before = words.metric(facts.best_before)
    if facts.session_gain and facts.session_gain.better_by > 0:
        return [
            f"This session made the best value better by {facts.session_gain.better_by:.3g}; it was {before} before."
        ]
    return [f"This session did not improve on {before}, found before it."]


def _plateau(tables: Tables) -> list[str]:
    """Told where more than half of the trials end with one value, as `agent.surrogate.targets.stepped` sees it."""
    facts = tables.facts
    complete = facts.counts.get(Status.COMPLETE, 0)
    if facts.best is None or facts.common is None or facts.common[1] < PLATEAU or facts.common[1] * 2 <= complete:
        return []
    value, alike = facts.common
    nothing = "training does nothing, such as naming the larger class always"
    is_best = value == facts.best.objective
    return [
        f"{alike:,} of {words.count(complete, 'complete trial')} end with exactly {words.metric(value)}"
        + (
            f" and none is better: either nothing is left to gain, or {nothing}"
            if is_best
            else f": it may be that {nothing}"
        )
        + ". A metric that sees smaller differences (log-loss, area under the curve) gives the search more to go by."
    ]


def _champion(history: StudyHistory, tables: Tables) -> list[str]:
    champion = history.champion
    if champion is None:
        return []
    number = next((trial.number for trial in tables.facts.trials if trial.id == champion.trial), None)
    which = champion.trial if number is None else f"{number}"
    value = f"{tables.objective.metric} {words.metric(champion.objective)}"
    return [f"Champion: trial {which} of session {champion.session}, {value}."]


def tiles(tables: Tables) -> list[Tile]:
    facts, objective = tables.facts, tables.objective
    found = [
        Tile(
            name=f"best {objective.metric}", value=words.metric(facts.best.objective if facts.best else None),
            note=f"{words.better(objective)} is better" + (f"; goal {words.metric(objective.goal)}" if objective.goal is not None else ""),
        )
    ]  # fmt: skip
    if facts.over_default and facts.over_default.better_by:
        gain = facts.over_default
        found.append(
            Tile(
                name="better than the default by",
                value=f"{gain.better_by:.3g}",
                note="" if gain.share is None else words.share(gain.share),
            )
        )
    whole = f"{len(facts.trials):,} in {words.count(facts.sessions, 'session')}" if facts.sessions > 1 else ""
    found.append(
        Tile(
            name="trials",
            value=f"{facts.session_trials:,}",
            note=f"of {whole}" if whole else words.count(facts.session_rounds, "round"),
        )
    )
    bad = {name: number for name, number in facts.session_counts.items() if name not in (Status.COMPLETE, PENDING)}
    found.append(Tile(name="not complete", value=f"{sum(bad.values()):,}", note=words.counts(bad)))
    cost = facts.session_cost
    found.append(
        Tile(
            name="time of trials",
            value=words.duration(cost.total),
            note=f"{words.share(cost.wasted_share)} without a value" if cost.wasted else "",
        )
    )
    return found


def best(tables: Tables) -> dict[str, Any] | None:
    """The best configuration as a table and as text to copy; None when no trial has a value."""
    winner = tables.facts.best
    if winner is None:
        return None
    default = tables.space.default()
    given = winner.configuration
    rows = [
        {
            "name": name,
            "value": label(given[name]) if name in given else "not active",
            "absent": name not in given,
            "default": label(default[name]) if default and name in default else "–",
            "range": words.domain(parameter),
        }
        for name, parameter in tables.space
    ]
    copies = [("JSON", as_json(given)), ("YAML", as_yaml(given)), ("Command-line flags", as_flags(given))]
    return {"rows": rows, "default_column": default is not None, "copies": [{"name": n, "text": t} for n, t in copies]}
