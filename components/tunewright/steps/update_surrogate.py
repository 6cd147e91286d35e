"""Seal the round and fit the reward model."""

from __future__ import annotations

import time
from typing import Any

from ..errors import InputError
from ..store import layout
from ..trial import Loss, Plan, Result, SealedRound, Status, SurrogateRecord
from .costs import cost_of
from .knowledge import knowledge_for
from .lease import LOST
from .ledger import Clock, Ledger, seed_for
from .leftovers import discard_lost


def main(*, study: str, session: str, round: int) -> dict[str, Any]:  # noqa: A002 - the step's argument
    """Entry point of the step."""
    ledger = Ledger.at(study)
    update_surrogate(ledger, session, round)
    discard_lost(ledger, study, session, round)
    return {}


def update_surrogate(ledger: Ledger, session: str, round_: int, *, clock: Clock = time.time) -> SurrogateRecord | None:
    """Seal ``round_`` and fit; None when the head has passed it. The same inputs give the same bytes."""
    head, _ = ledger.owned(session)
    if head.round > round_:
        return None
    seal(ledger, round_, session, clock=clock)
    return layout.find(ledger.store, SurrogateRecord, layout.surrogate(round_)) or _fit(
        ledger, session, round_, head.surrogate
    )


def seal(ledger: Ledger, round_: int, session: str, *, clock: Clock) -> SealedRound:
    """Every slot of the round has its terminal result afterwards, LOST where there was none, and all stand in one object.

    Raises SessionFenced before it calls a trial LOST that another session, which has claimed the study since, may be training.
    """
    existing = layout.find(ledger.store, SealedRound, layout.sealed(round_))
    if existing is not None:
        return existing
    plan = ledger.plan(round_)
    if plan is None:
        raise InputError(
            f"round {round_} of {ledger.store.address} must be planned before it is sealed; run propose first"
        )
    results = [
        found if found is not None else _lose(ledger, plan, slot, session, clock())
        for slot, found in enumerate(ledger.results(plan))
    ]
    document = SealedRound(
        round=round_, session=plan.session, slots=plan.slots, results=[_brief(result) for result in results]
    )
    return layout.create(ledger.store, document, layout.sealed(round_))[0]


def _brief(result: Result) -> Result:
    """Without the log, which stays in the trial's own result."""
    return result.model_copy(update={"log_tail": ""})


def _lose(ledger: Ledger, plan: Plan, slot: int, session: str, now: float) -> Result:
    ledger.owned(session)
    trial = plan.slots[slot].trial
    numbers = layout.attempt_numbers(ledger.store, trial)
    reason = f"no result when the round was sealed, after {len(numbers)} attempt{'s' if len(numbers) != 1 else ''}"
    keys = [layout.attempt(trial, number, LOST) for number in numbers]
    found = layout.find_all(ledger.store, Loss, keys + layout.scores_lost(ledger.store, trial))
    last = next((loss for loss in reversed(found) if loss is not None), None)
    refused = last is not None and last.refused and last.attempt == numbers[-1]
    if last is not None:
        reason = last.reason if refused else f"{reason}; {last.reason}"
    lost = Result(
        trial=trial,
        round=plan.round,
        slot=slot,
        status=Status.LOST,
        reason=reason[:2000],
        refused=refused,
        log_tail=last.log_tail if last else "",
        attempt=max(numbers, default=0),
        cost=cost_of(ledger.store, trial),
        started=now,
        ended=now,
    )
    return layout.create(ledger.store, lost, layout.result(trial))[0]


def _fit(ledger: Ledger, session_id: str, round_: int, previous: str | None) -> SurrogateRecord:
    from ..agent.verbs import fit
    from .observation import observations

    record, session = ledger.record(), ledger.session(session_id)
    fitted = fit(
        space=record.study.search_space(),
        settings=session.agent,
        history=observations(record.study, ledger.sealed(range(round_ + 1)), session.first_round),
        previous=layout.get_blob(ledger.store, previous) if previous else None,
        seed=seed_for(session, record.digest, round_, "update-surrogate"),
        knowledge=knowledge_for(session.agent),
    )
    document = SurrogateRecord(
        round=round_,
        model=session.agent.reward_model,
        blob=layout.put_blob(ledger.store, fitted.weights) if fitted.weights is not None else None,
        fitted=fitted.fitted,
        observations=fitted.observations,
        r2=fitted.r2,
    )
    return layout.create(ledger.store, document, layout.surrogate(round_))[0]
