"""Plan the next round's trials."""

from __future__ import annotations

import time
from contextlib import suppress
from typing import Any

from ..errors import Conflict
from ..stopping.shorter import Tried, shorter
from ..stopping.verbs import promotions
from ..store import layout
from ..study import Study
from ..trial import Head, Plan, SealedRound, SessionRecord, Slot, trial_id
from .knowledge import knowledge_for
from .ledger import Clock, Ledger, seed_for
from .peers import ended_peers, known, peer
from .update_policy import at_goal, out_of_time, verdict

EXHAUSTED = "no configuration of the space is left that has not been tried"


def main(*, study: str, session: str) -> dict[str, Any]:
    """Entry point of the step."""
    return propose(Ledger.at(study), session)


def propose(ledger: Ledger, session: str, *, clock: Clock = time.time) -> dict[str, Any]:
    """The open round's plan, made now unless it exists or the session is over. Returns ``round``, ``slots`` and ``done``."""
    head, tag = ledger.owned(session)
    if head.finished is not None:
        return {"round": head.round, "slots": [], "done": True}
    plan = ledger.plan(head.round)
    if plan is None:
        opened = ledger.session(session)
        reason, failed = _over(ledger, head, opened, clock())
        plan = None if reason is not None else _make(ledger, head, opened)
        if plan is None:
            with suppress(Conflict):  # somebody was faster: the head says with what
                ledger.advance(head, tag, finished=reason or EXHAUSTED, failed=failed)
            return propose(ledger, session, clock=clock)
    return {"round": head.round, "slots": list(range(len(plan.slots))), "done": False}


def _over(ledger: Ledger, head: Head, session: SessionRecord, now: float) -> tuple[str | None, bool]:
    """Why a session ends before it begins its next round, and whether as a failure; (None, False) when it goes on.

    Its time is over, or the goal was reached before its first round.
    """
    best = head.best.objective if head.best else None
    if head.round == session.first_round and (done := at_goal(ledger.record(), session, best)) is not None:
        return done, False
    late = out_of_time(session, now)
    rounds = ledger.sealed(range(session.first_round, head.round)) if late is not None else []
    if not rounds:
        return late, False
    return verdict(ledger.record(), session, rounds, best, now)


def _make(ledger: Ledger, head: Head, session: SessionRecord) -> Plan | None:
    """The plan of the open round; None when there is nothing left to try."""
    record = ledger.record()
    sealed = ledger.sealed(range(head.round))
    seed = seed_for(session, record.digest, head.round, "propose")
    count = _count(session, head, sealed)
    beside = [
        *_promoted(record.study, session, sealed, (count + 1) // 2),
        *_shown(record.study, session, sealed),
    ][:count]
    chosen = [*beside, *_new(ledger, head, session, sealed, beside, count - len(beside), seed)]
    slots = [
        slot.model_copy(update={"trial": trial_id(record.digest, head.round, index)})
        for index, slot in enumerate(chosen)
    ]
    if not slots:
        return None
    plan = Plan(round=head.round, session=session.id, generation=head.generation, seed=seed, slots=slots)
    return layout.create(ledger.store, plan, layout.plan(head.round))[0]


def _promoted(study: Study, session: SessionRecord, sealed: list[SealedRound], most: int) -> list[Slot]:
    """Stopped trials that go on after all, at most ``most``: half of a round, so that the search goes on beside them."""
    wanted = promotions(session.stopping, ended_peers(study, sealed))[:most]
    slots = {slot.trial: slot for round_ in sealed for slot in round_.slots}
    return [
        Slot(trial="", configuration=slots[trial].configuration, origin="promotion", resumes=trial) for trial in wanted
    ]


def _shown(study: Study, session: SessionRecord, sealed: list[SealedRound]) -> list[Slot]:
    """What a learning curve speaks for: at most one, and in rounds of one trial not twice running, so that the search goes on beside it.

    One that the platform lost may come again.
    """
    if study.counted is None or not session.agent.curves:
        return []
    if session.budget.parallel_trials == 1 and sealed and sealed[-1].slots[-1].origin == "curve":
        return []
    tried = [
        Tried(trial=slot.trial, configuration=slot.configuration, curve=past.curve, final=past.final)
        for slot, past in ((slot, peer(study, result)) for slot, result in known(sealed))
    ]
    found = shorter(study.search_space(), study.counted, tried)
    if found is None:
        return []
    return [Slot(trial="", configuration=found.configuration, origin="curve", shown_by=found.trial)]


def _new(
    ledger: Ledger,
    head: Head,
    session: SessionRecord,
    sealed: list[SealedRound],
    beside: list[Slot],
    count: int,
    seed: int,
) -> list[Slot]:
    """Configurations that the agent wants to try beside those that are chosen already; fewer than ``count`` where no others are left."""
    if count == 0:
        return []
    from ..agent.grid import Grid, Seen
    from ..agent.verbs import fit
    from ..agent.verbs import propose as suggest
    from .observation import observations

    record = ledger.record()
    study, space = record.study, record.study.search_space()
    history, knowledge = observations(study, sealed, session.first_round), knowledge_for(session.agent)
    surrogate = layout.get_blob(ledger.store, head.surrogate) if head.surrogate else None
    # sessions before had settings of their own, which may not have asked for a model yet
    if head.round == session.first_round and history:
        surrogate = fit(
            space=space,
            settings=session.agent,
            history=history,
            previous=surrogate,
            seed=seed_for(session, record.digest, head.round, "opening-surrogate"),
            knowledge=knowledge,
        ).weights
    suggestions = suggest(
        space=space,
        settings=session.agent,
        history=history,
        pending=[slot.configuration for slot in beside if slot.origin == "curve"],
        policy=layout.get_blob(ledger.store, head.policy) if head.policy else None,
        surrogate=surrogate,
        count=count,
        seed=seed,
        knowledge=knowledge,
    )
    grid = Grid(space)
    tried = Seen(grid.encode([*(past.configuration for past in history), *(slot.configuration for slot in beside)]))
    fresh = tried.new(grid.encode(suggestion.configuration for suggestion in suggestions))
    default = space.default()  # as the user wrote it, without a detour over unit coordinates
    return [
        Slot(
            trial="",
            configuration=default if default is not None and chosen.origin == "default" else chosen.configuration,
            log_prob=chosen.log_prob,
            origin=chosen.origin,
        )
        for chosen, new in zip(suggestions, fresh, strict=True)
        if new
    ]


def _count(session: SessionRecord, head: Head, sealed: list[SealedRound]) -> int:
    """Trials of the open round: what the session's budget leaves, at most a round's width."""
    used = sum(len(round_.slots) for round_ in sealed[session.first_round : head.round])
    return max(1, min(session.budget.parallel_trials, session.budget.trials - used))
