"""Train one trial."""

from __future__ import annotations

import hashlib
import tempfile
import time
from pathlib import Path
from typing import Any

from ..store import layout
from ..store.port import Store
from ..training.local import LocalRunner
from ..training.runner import Finished, Job, Runner
from ..trial import AttemptStart, Outcome
from .lease import heartbeat, take
from .ledger import Clock, Ledger, seed_for


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
    head, _ = ledger.owned(session)
    place = ledger.slot(round_, slot)
    if head.round > round_ or ledger.result(place.trial) is not None:
        return None
    record, opened = ledger.record(), ledger.session(session)
    start = take(ledger.store, place.trial, record.study.trial.limits.attempts, now=clock())
    if start is None:
        return None
    with tempfile.TemporaryDirectory(prefix=f"tunewright-{place.trial}-") as scratch:
        job = Job(
            study=ledger.study(opened),
            configuration=place.configuration,
            seed=seed_for(opened, record.digest, round_, f"train/{slot}"),
            directory=Path(scratch),
            trial=place.trial,
            attempt=start.attempt,
        )
        finished = runner.run(job, heartbeat(ledger.store, start))
        return _save(ledger.store, start, finished, job.directory, clock())


def _save(store: Store, start: AttemptStart, finished: Finished, directory: Path, now: float) -> Outcome:
    """Files first, the outcome that names them last."""
    for name in ("log.txt", "metrics.jsonl"):
        if (directory / name).is_file():
            store.put(layout.attempt(start.trial, start.attempt, name), (directory / name).read_bytes())
    output = directory / "output"
    model: dict[str, str] = {}
    for path in sorted(output.rglob("*")) if finished.state in ("TRAINED", "STOPPED") and output.is_dir() else ():
        if path.is_file() and not path.is_symlink():
            name = path.relative_to(output).as_posix()
            data = path.read_bytes()
            store.put(layout.attempt(start.trial, start.attempt, f"model/{name}"), data)
            model[name] = hashlib.sha256(data).hexdigest()
    outcome = Outcome(
        trial=start.trial,
        attempt=start.attempt,
        state=finished.state,
        reason=finished.reason,
        metrics=finished.metrics,
        model=model,
        log_tail=finished.log_tail,
        started=start.started,
        ended=now,
        gpu=finished.gpu,
    )
    return layout.create(store, outcome, layout.attempt(start.trial, start.attempt, "outcome.json"))[0]
