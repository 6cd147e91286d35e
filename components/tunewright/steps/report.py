"""Write the report and promote the champion."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import ArtifactCorrupt, Conflict, InputError, NotFound, SchemaUnknown, StoreRefused, TransientError
from ..report.record import Belief, RoundHistory, StudyHistory
from ..space import Configuration
from ..stopping.curve import thin
from ..store import layout
from ..study import CommandTrial, Study
from ..training.patience import AWAY
from ..training.runner import TrialFailed
from ..trial import (
    Champion,
    Head,
    Outcome,
    Plan,
    PolicyRecord,
    Result,
    SealedRound,
    Slot,
    SurrogateRecord,
)
from .evaluate import score
from .lease import under_way
from .ledger import Clock, Ledger
from .leftovers import discard_unfinished
from .peers import latest_stream

LOG = logging.getLogger(__name__)
CANDIDATES = 5  #: best trials tried as champion, in order, until one's model loads and scores as it did
SAME_SCORE = 1e-6  #: relative difference that a second scoring of the same bytes may show


def main(*, study: str, session: str) -> dict[str, Any]:
    """Entry point of the step.

    Raises:
        TransientError, StoreRefused: as its parts; when Jobs could not be ended, after the page is written.
        InputError: after the page is written, when the session has failed.
    """
    ledger = Ledger.at(study)
    away: TransientError | StoreRefused | None = None
    try:
        discard_unfinished(ledger, study, session)  # first: drawing may be killed, and nobody else would end them
    except AWAY as error:
        away = error
    report(ledger, session)
    if away is not None:
        raise away
    head, _ = ledger.head()
    if head.failed and head.session == session:
        raise InputError(f"session {session!r} failed: {head.finished}; its report says why each trial failed")
    return {}


def report(ledger: Ledger, session: str, *, clock: Clock = time.time) -> str:
    """Promote the champion, draw the page; returns the page's key. Also for a session that has failed or was fenced."""
    promote(ledger)
    key = layout.report(session)
    ledger.store.put(key, draw(ledger, session, clock=clock).encode())
    return key


def draw(ledger: Ledger, session: str, *, clock: Clock = time.time) -> str:
    """The page of a session as its study stands now; nothing is written."""
    from ..report.page import render

    history = gather(ledger, session)
    try:
        return render(history, belief(ledger, history), generated=clock())
    except (ArtifactCorrupt, SchemaUnknown, NotFound) as error:
        LOG.warning("the page is drawn without the reward model's belief, which cannot be read: %s", error)
        return render(history, None, generated=clock())


def gather(ledger: Ledger, session: str | None = None) -> StudyHistory:
    """Everything that the study's documents tell, for pictures; by default seen from the latest session."""
    head, _ = ledger.head()
    rounds = _ended_rounds(ledger, head.round)
    plan = ledger.plan(head.round)
    if plan is not None:
        results = ledger.results(plan)
        rounds.append(RoundHistory(plan=plan, results=results, running=_running(ledger, plan, results)))
    seen = ledger.session(session or head.session)
    sessions = ledger.sessions()
    first = rounds[seen.first_round].plan.session if seen.first_round < len(rounds) else seen.id
    return StudyHistory(
        study=ledger.record(),
        session=seen,
        head=head,
        rounds=rounds,
        taken_over=first != seen.id and ledger.session(first).epoch < seen.epoch,
        given_up=frozenset(later.first_round for later in sessions if later.epoch > seen.epoch),
        champion=layout.find(ledger.store, Champion, layout.CHAMPION),
        began={session.id: session.started for session in sessions},
    )


def _running(ledger: Ledger, plan: Plan, results: Sequence[Result | None]) -> dict[str, list[tuple[int, float]]]:
    """Curves of the trials of an open round that are under way."""
    metric = ledger.record().study.objective.metric
    trials = [slot.trial for slot, result in zip(plan.slots, results, strict=True) if result is None]
    trials = [trial for trial in trials if under_way(ledger.store, trial)]
    return {trial: curve for trial in trials if (curve := thin(latest_stream(ledger.store, trial, metric)))}


def _ended_rounds(ledger: Ledger, count: int) -> list[RoundHistory]:
    """The rounds before the open one: their sealed copies, with the logs of what did not complete."""
    sealed = ledger.sealed(range(count))
    plans = layout.find_all(ledger.store, Plan, [layout.plan(round_) for round_ in range(count)])
    if None in plans:
        raise ArtifactCorrupt(
            f"{ledger.store.address}: the head is past round {plans.index(None)}, so it must have a plan, but it has none; restore it from a backup"
        )
    told = {result.trial: result for result in ledger.with_logs([result for one in sealed for result in one.results])}
    surrogates = layout.find_all(ledger.store, SurrogateRecord, [layout.surrogate(round_) for round_ in range(count)])
    policies = layout.find_all(ledger.store, PolicyRecord, [layout.policy(round_) for round_ in range(count)])
    return [
        RoundHistory(
            plan=plan, results=[told[result.trial] for result in one.results], surrogate=surrogate, policy=policy
        )
        for plan, one, surrogate, policy in zip(filter(None, plans), sealed, surrogates, policies, strict=True)
    ]


def belief(ledger: Ledger, history: StudyHistory) -> Belief | None:
    """What the current reward model predicts, None while there is none."""
    if history.head.surrogate is None:
        return None
    weights = layout.get_blob(ledger.store, history.head.surrogate)
    space, settings = history.study.study.search_space(), history.session.agent

    def ask(configurations: Sequence[Configuration]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        from ..agent.verbs import predict

        return predict(space=space, settings=settings, surrogate=weights, configurations=configurations)

    return ask


def promote(ledger: Ledger) -> Champion | None:
    """Make the best trial the champion if it beats the present one and the stored model of a built-in trainer still scores what its result says."""
    head, _ = ledger.head()
    study = ledger.study(ledger.session(head.session))
    for _ in range(16):
        current, tag = _champion(ledger)
        candidate = _candidate(ledger, study, head, current)
        if candidate is None:
            return current
        sealed, slot, result = candidate
        outcome = layout.find(ledger.store, Outcome, layout.attempt(result.trial, result.attempt, "outcome.json"))
        model = outcome.model if outcome else {}
        champion = Champion(
            trial=result.trial,
            session=sealed.session,
            round=sealed.round,
            configuration=slot.configuration,
            objective=float(result.objective or 0.0),
            model={
                layout.attempt(result.trial, result.attempt, f"model/{name}"): digest for name, digest in model.items()
            },
            generation=current.generation + 1 if current else 0,
        )
        try:
            _store(ledger, champion, tag)
        except Conflict:
            continue
        return champion
    return current


def _champion(ledger: Ledger) -> tuple[Champion | None, str | None]:
    try:
        return layout.read_tagged(ledger.store, Champion, layout.CHAMPION)
    except NotFound:
        return None, None


def _store(ledger: Ledger, champion: Champion, tag: str | None) -> None:
    if tag is not None:
        ledger.store.swap(layout.CHAMPION, layout.encode(champion), tag)
    elif not layout.create(ledger.store, champion, layout.CHAMPION)[1]:
        raise Conflict(layout.CHAMPION)


def _candidate(
    ledger: Ledger, study: Study, head: Head, current: Champion | None
) -> tuple[SealedRound, Slot, Result] | None:
    """The best trial better than the champion whose model scores again as it did, if we can score it."""
    reward = study.objective.reward
    scored = [
        (sealed, slot, result)
        for sealed in ledger.sealed(range(head.round))
        for slot, result in zip(sealed.slots, sealed.results, strict=True)
        if result.status == "COMPLETE"
        and result.objective is not None
        and (current is None or reward(result.objective) > reward(current.objective))
    ]
    scored.sort(key=lambda item: -reward(item[2].objective or 0.0))
    return next((item for item in scored[:CANDIDATES] if _scores_again(ledger, study, *item)), None)


def _scores_again(ledger: Ledger, study: Study, sealed: SealedRound, slot: Slot, result: Result) -> bool:
    try:
        outcome = layout.find(ledger.store, Outcome, layout.attempt(result.trial, result.attempt, "outcome.json"))
        if isinstance(study.trial, CommandTrial):
            return True  # only programs of the user's own can score it
        if outcome is None:
            return False
        metrics = score(ledger, study, slot.configuration, outcome, ledger.trial_seed(sealed.round, result.slot))
    except StoreRefused:
        raise  # as when the store is away
    except (InputError, NotFound, TrialFailed, ValueError) as error:  # such as data that is gone
        LOG.warning("trial %s cannot become champion, its model cannot be scored again: %s", result.trial, error)
        return False
    again = metrics.get(study.objective.metric, math.nan)
    return math.isclose(again, result.objective or 0.0, rel_tol=SAME_SCORE, abs_tol=SAME_SCORE)
