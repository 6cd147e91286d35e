"""Plan the next round's trials."""

from __future__ import annotations

from typing import Any

from ..store import layout
from ..trial import Head, Plan, SealedRound, SessionRecord, Slot, StudyRecord, trial_id
from .ledger import Ledger, seed_for


def main(*, study: str, session: str) -> dict[str, Any]:
    """Entry point of the step."""
    return propose(Ledger.at(study), session)


def propose(ledger: Ledger, session: str) -> dict[str, Any]:
    """The open round's plan, made now unless it exists. Returns ``round``, ``slots`` and ``done``."""
    head, _ = ledger.owned(session)
    if head.finished is not None:
        return {"round": head.round, "slots": [], "done": True}
    plan = ledger.plan(head.round) or _make(ledger, head, ledger.session(session))
    return {"round": head.round, "slots": list(range(len(plan.slots))), "done": False}


def _make(ledger: Ledger, head: Head, session: SessionRecord) -> Plan:
    from ..agent.verbs import propose as suggest
    from .observation import observations

    record = ledger.record()
    sealed = ledger.sealed(range(head.round))
    seed = seed_for(session, record.digest, head.round, "propose")
    suggestions = suggest(
        space=record.study.search_space(),
        settings=session.agent,
        history=observations(record.study, sealed),
        pending=[],
        policy=layout.get_blob(ledger.store, head.policy) if head.policy else None,
        surrogate=layout.get_blob(ledger.store, head.surrogate) if head.surrogate else None,
        count=_count(session, head, sealed),
        seed=seed,
    )
    default = record.study.search_space().default()  # as the user wrote it, without a detour over unit coordinates
    slots = [
        Slot(
            trial=_trial(record, head.round, index),
            configuration=default if default is not None and chosen.origin == "default" else chosen.configuration,
            log_prob=chosen.log_prob,
            origin=chosen.origin,
        )
        for index, chosen in enumerate(suggestions)
    ]
    plan = Plan(round=head.round, session=session.id, generation=head.generation, seed=seed, slots=slots)
    return layout.create(ledger.store, plan, layout.plan(head.round))[0]


def _trial(record: StudyRecord, round_: int, slot: int) -> str:
    return trial_id(record.digest, round_, slot)


def _count(session: SessionRecord, head: Head, sealed: list[SealedRound]) -> int:
    """Trials of the open round: what the session's budget leaves, at most a round's width."""
    used = sum(len(round_.slots) for round_ in sealed[session.first_round : head.round])
    return max(1, min(session.budget.parallel_trials, session.budget.trials - used))
