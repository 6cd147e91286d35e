"""Train one trial."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..early import NoStopping
from ..errors import AttemptLost, InputError, NotFound, SessionFenced
from ..store import layout
from ..store.port import Store
from ..termination import Terminated
from ..training.checkpoints import latest, restore
from ..training.job import runner_for
from ..training.keeping import keep_model, left_out_note
from ..training.patience import AWAY, patiently
from ..training.runner import CHECKPOINT, LOG, OUTPUT, STREAM, Finished, Job, Runner
from ..training.scratch import scratch
from ..training.stream import Growing, joined, kept
from ..trial import AttemptStart, Checkpoint, Outcome, Result, SessionRecord, Slot
from .lease import beating, give_back, lose, take
from .ledger import Clock, Ledger
from .peers import Peers, stream_of
from .watch import Rule, Watch


def main(*, study: str, session: str, round: int, slot: int) -> dict[str, Any]:  # noqa: A002 - the step's argument
    """Entry point of the step."""
    ledger = Ledger.at(study)
    train(ledger, session, round, slot, runner=runner_for(ledger.study(ledger.session(session)), study))
    return {}


def train(
    ledger: Ledger, session: str, round_: int, slot: int, *, runner: Runner, clock: Clock = time.time
) -> Outcome | None:
    """Train the trial in this slot unless it has been, or is being, trained.

    Returns:
        How this attempt ended, or None when there was nothing to do: the trial has a result or an outcome, or the round is past,
        or every attempt that its limits allow was lost.

    Raises:
        SessionFenced: a newer session has claimed the study.
        DataInvalid: the data cannot be trained on.
        AttemptLost: something outside ended the attempt; the step may be run again.
        TransientError, StoreRefused: so may it when the store or the cluster stayed away.
    """
    place = _open_trial(ledger, session, round_, slot)
    if place is None:
        return None
    record = ledger.record()
    start = take(ledger.store, place.trial, record.study.trial.limits.attempts, now=clock(), goes_on=runner.goes_on)
    if start is None:
        if not runner.here:
            patiently(lambda: runner.discard(place.trial))  # whoever stored its outcome may have died before it could
        return None
    try:
        if _open_trial(ledger, session, round_, slot) is None:  # taking the lease may have waited for hours
            give_back(ledger.store, start)
            return None
        outcome = _attempt(ledger, ledger.session(session), round_, slot, start, runner, clock)
    except AttemptLost as lost:
        lose(ledger.store, start, lost, now=clock())
        raise
    except (*AWAY, SessionFenced, Terminated, KeyboardInterrupt):
        # the runner has left no process and nothing counts: only attempts that die are held against the trial
        with suppress(*AWAY, InputError):  # who cannot say keeps the attempt
            if not runner.goes_on(place.trial, start.attempt):
                give_back(ledger.store, start)
        raise
    except InputError as error:
        lose(ledger.store, start, error, now=clock())  # for people
        give_back(ledger.store, start)
        raise
    patiently(lambda: runner.discard(place.trial))
    return outcome


def _open_trial(ledger: Ledger, session: str, round_: int, slot: int) -> Slot | None:
    """The slot, None when there is nothing more to train. Raises SessionFenced."""
    head, _ = ledger.owned(session)
    place = ledger.slot(round_, slot)
    return None if head.round > round_ or ledger.result(place.trial) is not None else place


def _attempt(
    ledger: Ledger, session: SessionRecord, round_: int, slot: int, start: AttemptStart, runner: Runner, clock: Clock
) -> Outcome:
    place = ledger.slot(round_, slot)
    if not patiently(lambda: runner.goes_on(place.trial, start.attempt)):
        patiently(lambda: runner.discard(place.trial))  # whatever dead attempts may have left
    with beating(ledger.store, start), scratch(place.trial) as directory:
        job = Job(
            study=ledger.study(session),
            configuration=place.configuration,
            seed=ledger.trial_seed(round_, slot),
            directory=directory,
            trial=place.trial,
            attempt=start.attempt,
        )
        found = _checkpoint(ledger.store, place)
        since = _resume(ledger.store, place, job, found, here=runner.here)
        stopping = NoStopping() if place.origin == "curve" else session.stopping  # a curve has shown what it ends with
        before = kept(directory / STREAM)
        rule = Rule(stopping, job.study.objective, Peers(ledger, job.study, round_, place), since)
        with Watch(ledger.store, start, job, rule) as watch:
            finished = runner.run(replace(job, resumes=found), watch.beat)
        ended = clock()
        stream = joined(before, kept(directory / STREAM))
        return patiently(lambda: _save(ledger.store, start, finished, job.directory, stream, ended))


def _checkpoint(store: Store, place: Slot) -> Checkpoint | None:
    """What an attempt goes on from."""
    return latest(store, place.trial) or (latest(store, place.resumes) if place.resumes else None)


def _resume(store: Store, place: Slot, job: Job, found: Checkpoint | None, *, here: bool) -> int:
    """Bring the stream that this attempt goes on from, and the checkpoint if it trains `here`; returns the step up to which the trial was judged
    before."""
    folder = job.directory / CHECKPOINT
    if found is not None and (not here or restore(store, found.trial, found.attempt, folder)):
        with suppress(NotFound):
            stream = store.get(layout.attempt(found.trial, found.attempt, STREAM)).data
            (job.directory / STREAM).write_bytes(stream)
    metric = job.study.objective.metric
    curve = Growing(job.directory / STREAM, metric)
    curve.look()
    own = stream_of(store, job.trial, job.attempt, metric)  # of a Job that went on while nobody waited for it
    stopped = layout.find(store, Result, layout.result(place.resumes)) if place.resumes else None
    return max([*curve.points, *own, *(step for step, _ in (stopped.curve if stopped else []))], default=0)


def _save(store: Store, start: AttemptStart, finished: Finished, directory: Path, stream: bytes, now: float) -> Outcome:
    """Files first, the outcome that names them last."""
    for name, data in ((LOG, _bytes(directory / LOG)), (STREAM, stream)):
        if data:
            store.put(layout.attempt(start.trial, start.attempt, name), data)
    model, left_out = finished.model, list(finished.left_out)
    if model is None:
        keeps = finished.state in ("TRAINED", "STOPPED")
        model, left_out = keep_model(store, start.trial, start.attempt, directory / OUTPUT) if keeps else ({}, [])
    outcome = Outcome(
        trial=start.trial,
        attempt=start.attempt,
        state=finished.state,
        reason=finished.reason or left_out_note(left_out),
        metrics=finished.metrics,
        model=model,
        log_tail=finished.log_tail,
        started=start.started,
        ended=now,
        gpu_seconds=finished.gpu_seconds,
    )
    return layout.create(store, outcome, layout.attempt(start.trial, start.attempt, "outcome.json"))[0]


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""
