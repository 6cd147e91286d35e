"""Score one trial and write its terminal result."""

from __future__ import annotations

import logging
import math
import tempfile
import time
from pathlib import Path
from typing import Any

from ..errors import ArtifactCorrupt, NotFound
from ..space import Configuration
from ..stopping.curve import thin
from ..store import layout
from ..study import CommandTrial, Study
from ..trial import Outcome, Result, Status
from .costs import cost_of
from .ledger import Clock, Ledger
from .peers import stream_of

LOG = logging.getLogger(__name__)


def main(*, study: str, session: str, round: int, slot: int | None = None) -> dict[str, Any]:  # noqa: A002 - the step's argument
    """Entry point of the step."""
    ledger = Ledger.at(study)
    for each in [slot] if slot is not None else ledger.slots(round):
        evaluate(ledger, session, round, each)
    return {}


def evaluate(ledger: Ledger, session: str, round_: int, slot: int, *, clock: Clock = time.time) -> Result | None:
    """Write the terminal result of the trial in this slot; the first one wins and is returned.

    None when no attempt has ended, or when the bytes of its model are damaged: the sealing of the round writes LOST then.

    Raises:
        SessionFenced: a newer session has claimed the study.
    """
    ledger.owned(session)
    place = ledger.slot(round_, slot)
    existing = ledger.result(place.trial)
    if existing is not None:
        return existing
    outcome = last_outcome(ledger, place.trial)
    if outcome is None:
        return None
    began = clock()
    opened = ledger.session(session)
    try:
        judged = _judge(ledger, ledger.study(opened), place.configuration, outcome, ledger.trial_seed(round_, slot))
    except (ArtifactCorrupt, NotFound) as error:
        LOG.warning("trial %s is lost, its model cannot be read: %s", place.trial, error)
        return None
    ended = clock()
    result = Result(
        **judged,
        trial=place.trial,
        round=round_,
        slot=slot,
        log_tail=outcome.log_tail,
        attempt=outcome.attempt,
        curve=_curve(ledger, outcome),
        cost=cost_of(ledger.store, place.trial, evaluate_seconds=ended - began),
        started=outcome.started,
        ended=ended,
    )
    return layout.create(ledger.store, result, layout.result(place.trial))[0]


def last_outcome(ledger: Ledger, trial: str) -> Outcome | None:
    """How the latest attempt that ended ended, None when none did."""
    numbers = layout.attempt_numbers(ledger.store, trial)
    found = layout.find_all(
        ledger.store, Outcome, [layout.attempt(trial, number, "outcome.json") for number in numbers]
    )
    return next((outcome for outcome in reversed(found) if outcome is not None), None)


def _curve(ledger: Ledger, outcome: Outcome) -> list[tuple[int, float]]:
    metric = ledger.record().study.objective.metric
    return thin(stream_of(ledger.store, outcome.trial, outcome.attempt, metric))


def _judge(ledger: Ledger, study: Study, configuration: Configuration, outcome: Outcome, seed: int) -> dict[str, Any]:
    """Status, objective, metrics and reason of the result."""
    if outcome.state in ("FAILED", "INFEASIBLE"):
        return {"status": Status(outcome.state), "metrics": outcome.metrics, "reason": outcome.reason}
    metrics = outcome.metrics
    if outcome.state == "TRAINED" and not isinstance(study.trial, CommandTrial):
        metrics = {**metrics, **score(ledger, study, configuration, outcome, seed)}
    name, finite = study.objective.metric, {name: value for name, value in metrics.items() if math.isfinite(value)}
    if outcome.state == "STOPPED":
        return {"status": Status.STOPPED, "objective": finite.get(name), "metrics": finite, "reason": outcome.reason}
    if name in finite:
        return {"status": Status.COMPLETE, "objective": finite[name], "metrics": finite, "reason": outcome.reason}
    if name in metrics:
        reason = f"the metric {name!r} must be a finite number, got {metrics[name]}"
    else:
        known = ", ".join(sorted(metrics)) or "no metric at all"
        reason = f"the trial must report the metric {name!r}, got {known}; set objective.metric to one of them"
    return {"status": Status.FAILED, "metrics": finite, "reason": reason}


def score(ledger: Ledger, study: Study, configuration: Configuration, outcome: Outcome, seed: int) -> dict[str, float]:
    """Metrics of a built-in trainer's model on the validation data, from the stored bytes.

    Raises:
        ArtifactCorrupt: bytes differ from what training wrote.
    """
    from ..training.evaluation import evaluate as measure

    with tempfile.TemporaryDirectory(prefix=f"tunewright-{outcome.trial}-") as scratch:
        for name, digest in outcome.model.items():
            path = Path(scratch) / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(
                layout.get_verified(
                    ledger.store, layout.attempt(outcome.trial, outcome.attempt, f"model/{name}"), digest
                )
            )
        return measure(study, configuration, Path(scratch), seed)
