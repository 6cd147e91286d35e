"""The loop: open, then propose, train and evaluate, update surrogate, update policy, until the session is done, then report."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from ..errors import EXIT_INPUT, EXIT_OK, EXIT_TRANSIENT, InputError, TransientError
from ..parts import require
from ..progress import Progress, Quiet
from ..space import Configuration
from ..steps.ledger import Clock, Ledger
from ..steps.leftovers import discard_lost
from ..steps.open import open_session
from ..steps.propose import propose
from ..steps.update_policy import update_policy
from ..steps.update_surrogate import update_surrogate
from ..store import layout
from ..store.opening import check_name, open_store, study_store
from ..study import CommandTrial, Study
from ..trial import Champion, Head, Plan, PolicyRecord, Result, SessionRecord, Slot, Status, SurrogateRecord, of_default
from .workers import Ended, Workers


@dataclass(frozen=True, kw_only=True)
class StudyResult:
    """What a study has found.

    Attributes:
        best: configuration of the best trial, None when no trial completed.
        objective: its metric.
        default_objective: what the study's defaults reached in the first trial of them that completed; None when none has.
        trials: every terminal result, in the order of rounds and slots; the end of its log with those that did not complete.
    """

    address: str
    session: str
    best: Configuration | None
    objective: float | None
    best_trial: str | None
    default_objective: float | None
    reason: str | None  #: why the session ended, None while it has not
    failed: bool  #: True when it ended because too many trials failed, or none could be run
    trials: list[Result]
    champion: Champion | None
    report: str | None  #: address of the report page


def address_of(store: str, study: Study | str) -> str:
    """Address of a study in a store. Raises InputError when a name is none."""
    return f"{store.rstrip('/')}/{check_name(study) if isinstance(study, str) else study.name}"


def choose_session(store: str, study: str, wanted: str | None) -> str:
    """The session to run: ``wanted`` by name, ``new`` for a new one; else the latest one, or the first."""
    if wanted not in (None, "new"):
        return str(wanted)
    ledger = Ledger(study_store(open_store(store), study))
    found = ledger.find_head()
    if found is None:
        return "001"
    head, _ = found
    if wanted is None:
        return head.session
    ids = (f"{number:03d}" for number in count(head.epoch + 1))
    return next(session for session in ids if _free(ledger, session, head))


def _free(ledger: Ledger, session: str, head: Head) -> bool:
    """Whether a new session can have this id: nobody has it, or it was begun just now and died before it claimed the study."""
    taken = layout.find(ledger.store, SessionRecord, layout.session(session))
    return taken is None or taken.epoch == head.epoch + 1


def run_study(
    study: Study,
    *,
    store: str,
    session: str | None = None,
    base: Path | None = None,
    progress: Progress | None = None,
    clock: Clock = time.time,
    single_writer: bool = False,
) -> StudyResult:
    """Run a session of a study to its end, or go on with one that was broken off.

    Args:
        study: the study.
        store: address of the store; every state lies there.
        session: its id; None goes on with the latest one, ``new`` begins another.
        base: directory that relative data paths start from and that commands start in; default is the working directory.
        progress: told what happens.
        clock: UTC seconds since the epoch.
        single_writer: promise that nothing else writes, so that a store without atomic writes will do.

    Raises:
        InputError: the study, its data or the store is wrong; nothing is lost, the same call goes on once it is mended.
        TransientError: the store went away for longer than the retries last; likewise.
    """
    if store == "memory:":
        raise InputError(
            "a run needs a store that its trials' processes reach too, got 'memory:'; use a directory or s3://bucket/prefix"
        )
    trainer = [] if isinstance(study.trial, CommandTrial) else ["trainer"]
    require("agent", *trainer, "report")  # before the name is taken
    progress, base = progress or Quiet(), base or Path.cwd()
    store = open_store(store).address  # a directory in full: the working directory may change while this runs
    session = choose_session(store, study.name, session)
    try:
        head = open_session(store, study, session, base=base, now=clock(), single_writer=single_writer)
        ledger = Ledger(study_store(open_store(store), study.name))
        opened = ledger.session(session)
        progress.opened(study, opened, _known(ledger, head))
        ended_before = head.finished is not None
        with Workers(ledger.store.address, session, opened.budget.parallel_trials, base) as workers:
            while head.finished is None:
                head = _round(ledger, session, workers, progress, clock)
        key = layout.report(session)
        if not ended_before or _unreported(ledger, head, key):  # a finished session is read from a read-only store too
            _report(ledger, session, clock)
        progress.finished(head, f"{ledger.store.address}/{key}")
        return result_of(ledger, session, key)
    finally:
        progress.close()


def _round(ledger: Ledger, session: str, workers: Workers, progress: Progress, clock: Clock) -> Head:
    proposed = propose(ledger, session, clock=clock)
    if proposed["done"]:  # its time was over before this round began
        return ledger.head()[0]
    plan = ledger.plan(proposed["round"])
    if plan is None:
        raise InputError(
            f"round {proposed['round']} of {ledger.store.address} must have a plan, but it is gone; restore it from a backup"
        )
    progress.planned(plan)
    absent = [slot for slot, result in enumerate(ledger.results(plan)) if result is None]
    refused = _trials(ledger, plan, absent, workers, progress)
    for ended in refused:
        if ended.code == EXIT_TRANSIENT:  # a full disk, a store that is away: no reason to lose a trial
            raise _refusal(ended)
    # of all slots, not of those that were absent: what ended in an earlier life counts too
    if refused and len(refused) == len(plan.slots):
        raise _refusal(refused[0])
    surrogate = update_surrogate(ledger, session, plan.round, clock=clock)
    discard_lost(ledger, workers.study, session, plan.round)
    head = update_policy(ledger, session, plan.round, clock=clock)
    policy = layout.find(ledger.store, PolicyRecord, layout.policy(plan.round))
    surrogate = surrogate or layout.find(ledger.store, SurrogateRecord, layout.surrogate(plan.round))
    if surrogate is not None and policy is not None:
        progress.learnt(surrogate, policy, head)
    return head


def _refusal(ended: Ended) -> InputError | TransientError:
    """What a trial that could not be run said."""
    return InputError(_words(ended)) if ended.code == EXIT_INPUT else TransientError(_words(ended))


def _words(ended: Ended) -> str:
    words = ended.message or f"slot {ended.slot} must end with a result, but its process ended with {ended.code}"
    return words if ended.code in (EXIT_INPUT, EXIT_TRANSIENT) else f"{words}; try again"


def _trials(ledger: Ledger, plan: Plan, absent: list[int], workers: Workers, progress: Progress) -> list[Ended]:
    """Run the slots that have no result yet; returns those that ended without one."""
    refused: list[Ended] = []
    for ended in workers.run(plan.round, absent):
        progress.running(workers.active)
        if ended is None:
            continue
        result = ledger.result(plan.slots[ended.slot].trial)
        if result is None and ended.code != EXIT_OK:
            refused.append(ended)
            progress.unfinished(ended.slot, _words(ended))
        else:
            progress.ended(ended.slot, result)
    return refused


def _known(ledger: Ledger, head: Head) -> list[Result]:
    rounds = ledger.sealed(range(head.round))
    return [result for sealed in rounds for result in sealed.results] + ledger.ended(head.round)


def _unreported(ledger: Ledger, head: Head, key: str) -> bool:
    """Whether a session that has ended lacks its page, or has a best trial that could not be made champion when it ended."""
    if not list(ledger.store.list(key)):
        return True
    if head.best is None:
        return False
    champion, reward = layout.find(ledger.store, Champion, layout.CHAMPION), ledger.record().study.objective.reward
    return champion is None or reward(champion.objective) < reward(head.best.objective)


def _report(ledger: Ledger, session: str, clock: Clock) -> None:
    from ..steps.report import report

    report(ledger, session, clock=clock)


def result_of(ledger: Ledger, session: str | None = None, report: str | None = None) -> StudyResult:
    """What the study has found up to now."""
    head, _ = ledger.head()
    results = _known(ledger, head)
    best = ledger.best(ledger.record().study, results, head.best)
    return StudyResult(
        address=ledger.store.address,
        session=session or head.session,
        best=configuration_of(ledger, head, best.trial) if best else None,
        objective=best.objective if best else None,
        best_trial=best.trial if best else None,
        default_objective=_default(ledger, head, results),
        reason=head.finished,
        failed=head.failed,
        trials=ledger.with_logs(results),
        champion=layout.find(ledger.store, Champion, layout.CHAMPION),
        report=f"{ledger.store.address}/{report}" if report else None,
    )


def _default(ledger: Ledger, head: Head, results: list[Result]) -> float | None:
    """What the default configuration reached in the first trial of it that completed."""
    defaults = of_default(_slots(ledger, head))
    complete = (result for result in results if result.status is Status.COMPLETE and result.trial in defaults)
    return next((result.objective for result in complete), None)


def configuration_of(ledger: Ledger, head: Head, trial: str) -> Configuration | None:
    """The configuration of a trial, from its round's plan."""
    return next((slot.configuration for slot in _slots(ledger, head) if slot.trial == trial), None)


def _slots(ledger: Ledger, head: Head) -> list[Slot]:
    slots = [slot for sealed in ledger.sealed(range(head.round)) for slot in sealed.slots]
    plan = ledger.plan(head.round)
    return slots + (plan.slots if plan else [])
