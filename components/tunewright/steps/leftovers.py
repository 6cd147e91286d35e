"""Jobs that nobody waits for any more: their launchers have died, or were told to stop between two tries."""

from __future__ import annotations

from ..training.job import runner_for
from ..training.patience import patiently
from ..trial import Status
from .ledger import Ledger


def discard_lost(ledger: Ledger, address: str, session: str, round_: int) -> None:
    """End the Jobs of the trials that a sealed round has given up.

    Args:
        address: of the study, as the steps that make Jobs are given it.

    Raises:
        InputError: the cluster refused.
        TransientError: it stayed away.
    """
    [sealed] = ledger.sealed(range(round_, round_ + 1))
    _discard(ledger, address, session, [result.trial for result in sealed.results if result.status is Status.LOST])


def discard_unfinished(ledger: Ledger, address: str, session: str) -> None:
    """End the Jobs of the open round, unless a newer session goes on with them. Raises as `discard_lost`."""
    head, _ = ledger.head()
    plan = ledger.plan(head.round) if head.session == session else None
    if plan is not None:
        ended = zip(plan.slots, ledger.results(plan), strict=True)
        _discard(ledger, address, session, [slot.trial for slot, result in ended if result is None])


def _discard(ledger: Ledger, address: str, session: str, trials: list[str]) -> None:
    def end() -> None:
        study = ledger.study(ledger.session(session))
        for runner in (runner_for(study, address), runner_for(study, address, scores=True)):
            if not runner.here:  # what ran in a pod of the loop has ended with that pod
                for trial in trials:
                    runner.discard(trial)

    if trials:
        patiently(end)
