"""Train the policy and advance the head."""

from __future__ import annotations

import time
from typing import Any

from ..errors import Conflict, InputError
from ..store import layout
from ..trial import Head, PolicyRecord, SealedRound, SessionRecord, Status, StudyRecord, SurrogateRecord
from .ledger import Clock, Ledger, seed_for

LEAST_FOR_SHARE = 10  #: trials that must have ended before their failed share is judged


def main(*, study: str, session: str, round: int) -> dict[str, Any]:  # noqa: A002 - the step's argument
    """Entry point of the step."""
    head = update_policy(Ledger.at(study), session, round)
    return {"done": head.finished is not None}


def update_policy(ledger: Ledger, session: str, round_: int, *, clock: Clock = time.time) -> Head:
    """Learn from ``round_`` and open the next one; the head as it stands when it is past the round already.

    Raises:
        SessionFenced: a newer session has claimed the study.
        InputError: the round has not been sealed.
    """
    for _ in range(16):
        head, tag = ledger.owned(session)
        if head.round > round_:
            return head
        record, opened = ledger.record(), ledger.session(session)
        rounds = ledger.sealed(range(round_ + 1))
        surrogate = layout.find(ledger.store, SurrogateRecord, layout.surrogate(round_))
        if surrogate is None:
            raise InputError(
                f"round {round_} of {ledger.store.address} must have its surrogate updated first; run update-surrogate"
            )
        learnt = layout.find(ledger.store, PolicyRecord, layout.policy(round_)) or _learn(
            ledger, head, record, opened, rounds, surrogate
        )
        best = ledger.best(record.study, rounds[-1].results, head.best)
        reason, failed = verdict(
            record, opened, rounds[opened.first_round :], best.objective if best else None, clock()
        )
        try:
            return ledger.advance(
                head,
                tag,
                round=round_ + 1,
                policy=learnt.blob,
                surrogate=surrogate.blob,
                best=best,
                finished=reason,
                failed=failed,
            )
        except Conflict:
            continue
    raise InputError(
        f"the head of {ledger.store.address} must be writable by one session, but others kept changing it; run one session at a time"
    )


def _learn(
    ledger: Ledger,
    head: Head,
    record: StudyRecord,
    session: SessionRecord,
    rounds: list[SealedRound],
    surrogate: SurrogateRecord,
) -> PolicyRecord:
    from ..agent.verbs import update
    from .observation import observations

    history = observations(record.study, rounds, session.first_round)
    updated = update(
        space=record.study.search_space(),
        settings=session.agent,
        history=history,
        batch=[observation for observation in history if observation.round == rounds[-1].round],
        policy=layout.get_blob(ledger.store, head.policy) if head.policy else None,
        surrogate=layout.get_blob(ledger.store, surrogate.blob) if surrogate.blob else None,
        fitted=surrogate.fitted,
        r2=surrogate.r2,
        seed=seed_for(session, record.digest, rounds[-1].round, "update-policy"),
    )
    document = PolicyRecord(
        round=rounds[-1].round,
        blob=layout.put_blob(ledger.store, updated.weights),
        real_updates=updated.real_updates,
        predicted_updates=updated.predicted_updates,
        kl=updated.kl,
        horizon=updated.horizon,
        metrics=updated.metrics,
    )
    return layout.create(ledger.store, document, layout.policy(rounds[-1].round))[0]


def verdict(
    record: StudyRecord, session: SessionRecord, rounds: list[SealedRound], best: float | None, now: float
) -> tuple[str | None, bool]:
    """Why the session ends after ``rounds``, and whether as a failure; (None, False) when it goes on.

    Args:
        rounds: the session's sealed rounds.
        best: the study's best objective so far.
        now: UTC seconds since the epoch.
    """
    last = rounds[-1]
    reached = at_goal(record, session, best)
    if all(result.refused for result in last.results) and reached is None:
        return f"every trial of round {last.round} was refused: {last.results[0].reason}", True
    budget = session.budget
    results = [result for sealed in rounds for result in sealed.results]
    failed = sum(result.status in (Status.FAILED, Status.LOST) for result in results)
    if budget.failed_trials is not None and failed >= budget.failed_trials:
        return f"{failed} trials failed, budget.failed_trials is {budget.failed_trials}", True
    if (
        budget.failed_share is not None
        and len(results) >= LEAST_FOR_SHARE
        and failed / len(results) >= budget.failed_share
    ):
        return f"{failed} of {len(results)} trials failed, budget.failed_share is {budget.failed_share}", True
    if reached is not None:
        return reached, False
    if len(results) >= budget.trials:
        spent = f"{len(results)} trials, budget.trials is {budget.trials}"
    elif len(rounds) >= budget.rounds:
        spent = f"{len(rounds)} rounds, budget.rounds is {budget.rounds}"
    elif (late := out_of_time(session, now)) is not None:
        spent = late
    else:
        return None, False
    if all(result.status is Status.LOST for result in results):
        return f"{spent}, and every one is LOST: {results[-1].reason}", True
    return spent, False


def at_goal(record: StudyRecord, session: SessionRecord, best: float | None) -> str | None:
    """That the study's best objective reaches the session's goal, in words; None when it does not."""
    objective = record.study.objective.model_copy(update={"goal": session.goal})
    return f"goal {session.goal} reached with {best}" if best is not None and objective.reached(best) else None


def out_of_time(session: SessionRecord, now: float) -> str | None:
    """That no round of the session may begin any more, in words; None when one may."""
    most, gone = session.budget.wall_time, now - session.started
    return None if most is None or gone < most else f"{gone:.0f} s, budget.wall_time is {most:.0f} s"
