"""Jobs that nobody waits for any more: their launchers have died, or were told to stop between two tries."""

from __future__ import annotations

import logging

from ..errors import InputError, StoreRefused
from ..training.evaluator import scoring
from ..training.job import runner_for
from ..training.patience import patiently
from ..trial import Status
from .ledger import Ledger

LOG = logging.getLogger(__name__)


def discard_lost(ledger: Ledger, address: str, session: str, round_: int) -> None:
    """End the Jobs of the trials that a sealed round has given up. A cluster that refuses is warned of: nothing waits for their end.

    Args:
        address: of the study, as the steps that make Jobs are given it.

    Raises:
        TransientError, StoreRefused: the cluster or the store stayed away.
    """
    [sealed] = ledger.sealed(range(round_, round_ + 1))
    _discard(ledger, address, session, [result.trial for result in sealed.results if result.status is Status.LOST])


def discard_unfinished(ledger: Ledger, address: str, session: str) -> None:
    """End the Jobs that this Workflow has made for the open round, unless a newer session goes on with them. As `discard_lost`."""
    head, _ = ledger.head()
    plan = ledger.plan(head.round) if head.session == session else None
    if plan is not None:
        ended = zip(plan.slots, ledger.results(plan), strict=True)
        _discard(ledger, address, session, [slot.trial for slot, result in ended if result is None], own=True)


def _discard(ledger: Ledger, address: str, session: str, trials: list[str], *, own: bool = False) -> None:
    def end(*, scores: bool) -> None:
        try:
            runner = runner_for(study, address, scores=scores)
            if not runner.here:  # what ran in a pod of the loop has ended with that pod
                for trial in trials:
                    runner.discard(trial, own=own)
        except StoreRefused:
            raise  # as when the store is away
        except InputError as error:
            LOG.warning("Jobs of trials that nobody waits for may be left: %s", error)

    if trials:
        study = patiently(lambda: ledger.study(ledger.session(session)))
        patiently(lambda: end(scores=False))
        if scoring(study) is not None:
            patiently(lambda: end(scores=True))
