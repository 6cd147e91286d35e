"""Train one trial."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

from ..errors import AttemptLost, InputError
from ..store import layout
from ..store.port import Store
from ..termination import Terminated
from ..training.job import runner_for
from ..training.keeping import keep_model, left_out_note
from ..training.runner import LOG, OUTPUT, STREAM, Finished, Job, Runner
from ..trial import AttemptStart, Outcome, SessionRecord, Slot
from .lease import beating, give_back, lose, take
from .ledger import Clock, Ledger


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
        AttemptLost: something outside ended the attempt; the next call makes another.
    """
    place = _open_trial(ledger, session, round_, slot)
    if place is None:
        return None
    record = ledger.record()
    start = take(ledger.store, place.trial, record.study.trial.limits.attempts, now=clock(), goes_on=runner.goes_on)
    if start is None:
        return None
    try:
        if _open_trial(ledger, session, round_, slot) is None:  # taking the lease may have waited for hours
            give_back(ledger.store, start)
            return None
        outcome = _attempt(
            ledger, ledger.session(session), place, start, runner, ledger.trial_seed(round_, slot), clock
        )
    except AttemptLost as lost:
        lose(ledger.store, start, lost, now=clock())
        raise
    except (InputError, Terminated, KeyboardInterrupt) as error:
        if isinstance(error, InputError):
            lose(ledger.store, start, error, now=clock())  # for people
        # the runner has left no process and nothing counts: only attempts that die are held against the trial
        if isinstance(error, InputError) or not runner.goes_on(place.trial, start.attempt):
            give_back(ledger.store, start)
        raise
    runner.discard(place.trial)
    return outcome


def _open_trial(ledger: Ledger, session: str, round_: int, slot: int) -> Slot | None:
    """The slot, None when there is nothing more to train. Raises SessionFenced."""
    head, _ = ledger.owned(session)
    place = ledger.slot(round_, slot)
    return None if head.round > round_ or ledger.result(place.trial) is not None else place


def _attempt(
    ledger: Ledger, session: SessionRecord, place: Slot, start: AttemptStart, runner: Runner, seed: int, clock: Clock
) -> Outcome:
    if not runner.goes_on(place.trial, start.attempt):
        runner.discard(place.trial)  # whatever dead attempts may have left
    with beating(ledger.store, start), tempfile.TemporaryDirectory(prefix=f"tunewright-{place.trial}-") as scratch:
        job = Job(
            study=ledger.study(session),
            configuration=place.configuration,
            seed=seed,
            directory=Path(scratch),
            trial=place.trial,
            attempt=start.attempt,
        )
        finished = runner.run(job, lambda: None)
        return _save(ledger.store, start, finished, job.directory, clock())


def _save(store: Store, start: AttemptStart, finished: Finished, directory: Path, now: float) -> Outcome:
    """Files first, the outcome that names them last."""
    for name in (LOG, STREAM):
        if (directory / name).is_file():
            store.put(layout.attempt(start.trial, start.attempt, name), (directory / name).read_bytes())
    model, left_out = finished.model, list(finished.left_out)
    if model is None:
        kept = finished.state in ("TRAINED", "STOPPED")
        model, left_out = keep_model(store, start.trial, start.attempt, directory / OUTPUT) if kept else ({}, [])
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
        gpu=finished.gpu,
    )
    return layout.create(store, outcome, layout.attempt(start.trial, start.attempt, "outcome.json"))[0]
