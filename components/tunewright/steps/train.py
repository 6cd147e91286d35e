"""Train one trial."""

from __future__ import annotations

import hashlib
import tempfile
import time
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..store import layout
from ..store.port import Store
from ..termination import Terminated
from ..training.local import LocalRunner, reap
from ..training.runner import LOG, OUTPUT, STREAM, Finished, Job, Runner
from ..trial import AttemptStart, Outcome, SessionRecord, Slot
from .lease import beating, give_back, take
from .ledger import Clock, Ledger


def main(*, study: str, session: str, round: int, slot: int) -> dict[str, Any]:  # noqa: A002 - the step's argument
    """Entry point of the step."""
    train(Ledger.at(study), session, round, slot, runner=LocalRunner())
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
    """
    place = _open_trial(ledger, session, round_, slot)
    if place is None:
        return None
    record = ledger.record()
    start = take(ledger.store, place.trial, record.study.trial.limits.attempts, now=clock())
    if start is None:
        return None
    try:
        if _open_trial(ledger, session, round_, slot) is None:  # taking the lease may have waited for hours
            give_back(ledger.store, start)
            return None
        return _attempt(ledger, ledger.session(session), place, start, runner, ledger.trial_seed(round_, slot), clock)
    except (InputError, Terminated, KeyboardInterrupt):
        # the runner has left no process and nothing counts: only attempts that die are held against the trial
        give_back(ledger.store, start)
        raise


def _open_trial(ledger: Ledger, session: str, round_: int, slot: int) -> Slot | None:
    """The slot, None when there is nothing more to train. Raises SessionFenced."""
    head, _ = ledger.owned(session)
    place = ledger.slot(round_, slot)
    return None if head.round > round_ or ledger.result(place.trial) is not None else place


def _attempt(
    ledger: Ledger, session: SessionRecord, place: Slot, start: AttemptStart, runner: Runner, seed: int, clock: Clock
) -> Outcome:
    if start.attempt > 1:
        reap(place.trial)  # whatever a dead attempt may have left on this host
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
    model, left_out = {}, []
    for path in _files(directory / OUTPUT) if finished.state in ("TRAINED", "STOPPED") else ():
        name = path.relative_to(directory / OUTPUT).as_posix()
        try:
            key = layout.attempt(start.trial, start.attempt, f"model/{name}")
        except InputError:
            left_out.append(name)
            continue
        data = path.read_bytes()
        store.put(key, data)
        model[name] = hashlib.sha256(data).hexdigest()
    note = (
        f"files were not kept, names must be of letters, digits and ._=@+-: {', '.join(left_out)}"[:2000]
        if left_out
        else ""
    )
    outcome = Outcome(
        trial=start.trial,
        attempt=start.attempt,
        state=finished.state,
        reason=finished.reason or note,
        metrics=finished.metrics,
        model=model,
        log_tail=finished.log_tail,
        started=start.started,
        ended=now,
        gpu=finished.gpu,
    )
    return layout.create(store, outcome, layout.attempt(start.trial, start.attempt, "outcome.json"))[0]


def _files(folder: Path) -> list[Path]:
    """Files below a folder, by name; links lead elsewhere and do not count."""
    return (
        [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
        if folder.is_dir()
        else []
    )
