"""Score one trial and write its terminal result."""

from __future__ import annotations

import logging
import math
import time
from dataclasses import replace
from typing import Any

from ..errors import ArtifactCorrupt, AttemptLost, InputError, NotFound, SessionFenced, StoreRefused
from ..space import Configuration
from ..stopping.curve import thin
from ..store import layout
from ..study import CommandTrial, Study
from ..training.command import MODEL
from ..training.evaluator import run, scoring
from ..training.job import runner_for
from ..training.keeping import fetch_model
from ..training.local import LocalRunner
from ..training.reported import sound
from ..training.runner import LOG as LOG_FILE
from ..training.runner import Finished, Job, Runner, TrialFailed
from ..training.scratch import scratch
from ..trial import Loss, Outcome, Result, Status
from .costs import cost_of
from .ledger import Clock, Ledger
from .peers import stream_of

LOG = logging.getLogger(__name__)


def main(*, study: str, session: str, round: int, slot: int | None = None) -> dict[str, Any]:  # noqa: A002 - the step's argument
    """Entry point of the step."""
    ledger = Ledger.at(study)
    opened = ledger.study(ledger.session(session))
    runner = runner_for(opened, study, scores=True) if scoring(opened) is not None else LocalRunner()
    for each in [slot] if slot is not None else ledger.slots(round):
        evaluate(ledger, session, round, each, runner=runner)
    return {}


def evaluate(
    ledger: Ledger, session: str, round_: int, slot: int, *, runner: Runner, clock: Clock = time.time
) -> Result | None:
    """Write the terminal result of the trial in this slot; the first one wins and is returned.

    None when no attempt has ended, when the bytes of its model are damaged, or when its scoring was lost as often as an attempt may be: the
    sealing of the round writes LOST then.

    Args:
        runner: runs a scoring program of the user's own.

    Raises:
        SessionFenced: a newer session has claimed the study.
        InputError: that program cannot be run for any trial.
        AttemptLost: it was ended from outside; the step may be run again.
        TransientError, StoreRefused: so may it when the store or the cluster stayed away.
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
    study = ledger.study(ledger.session(session))
    try:
        finished = _scored(ledger, study, place.configuration, outcome, ledger.trial_seed(round_, slot), runner)
    except (ArtifactCorrupt, NotFound) as error:
        LOG.warning("trial %s is lost, its model cannot be read: %s", place.trial, error)
        return None
    except AttemptLost as lost:
        if _times_lost(ledger, outcome, lost, began, clock()) < study.trial.limits.attempts:
            raise
        LOG.warning("trial %s is lost, its model could not be scored: %s", place.trial, lost)
        return None
    except (SessionFenced, StoreRefused):
        raise
    except InputError as refused:
        _times_lost(ledger, outcome, refused, began, clock())  # for people, and for who judges the round
        raise
    ended = clock()
    result = Result(
        **_judge(study, finished),
        log_tail=finished.log_tail,
        trial=place.trial,
        round=round_,
        slot=slot,
        attempt=outcome.attempt,
        curve=_curve(ledger, outcome),
        cost=cost_of(ledger.store, place.trial, evaluate_seconds=ended - began, gpu_seconds=finished.gpu_seconds),
        started=outcome.started,
        ended=ended,
    )
    first = layout.create(ledger.store, result, layout.result(place.trial))[0]
    if scoring(study) is not None:
        runner.discard(place.trial)
    return first


def last_outcome(ledger: Ledger, trial: str) -> Outcome | None:
    """How the latest attempt that ended ended, None when none did."""
    numbers = layout.attempt_numbers(ledger.store, trial)
    found = layout.find_all(
        ledger.store, Outcome, [layout.attempt(trial, number, "outcome.json") for number in numbers]
    )
    return next((outcome for outcome in reversed(found) if outcome is not None), None)


def _times_lost(ledger: Ledger, outcome: Outcome, error: AttemptLost | InputError, began: float, now: float) -> int:
    """How often something outside has ended the scoring of this model. What was met now is told first."""
    lost = error if isinstance(error, AttemptLost) else AttemptLost(str(error))
    loss = Loss(
        trial=outcome.trial,
        attempt=outcome.attempt,
        reason=sound(f"scoring its model: {lost}"),
        refused=isinstance(error, InputError),
        log_tail=lost.log_tail,
        started=began,
        ended=now,
        gpu_seconds=lost.gpu_seconds,
    )
    keys = [layout.score_lost(outcome.trial, outcome.attempt, 1)]
    while not layout.create(ledger.store, loss, keys[-1])[1]:
        keys.append(layout.score_lost(outcome.trial, outcome.attempt, len(keys) + 1))
    return sum(told is not None and not told.refused for told in layout.find_all(ledger.store, Loss, keys))


def _curve(ledger: Ledger, outcome: Outcome) -> list[tuple[int, float]]:
    metric = ledger.record().study.objective.metric
    return thin(stream_of(ledger.store, outcome.trial, outcome.attempt, metric))


def _scored(
    ledger: Ledger, study: Study, configuration: Configuration, outcome: Outcome, seed: int, runner: Runner
) -> Finished:
    """How the trial has ended, its model scored if there is one. Its GPU seconds are those of scoring."""
    trained = Finished(state=outcome.state, reason=outcome.reason, metrics=outcome.metrics, log_tail=outcome.log_tail)
    if outcome.state != "TRAINED":
        return trained
    if not isinstance(study.trial, CommandTrial):
        try:
            return replace(trained, metrics={**outcome.metrics, **score(ledger, study, configuration, outcome, seed)})
        except (TrialFailed, ValueError) as error:  # scikit-learn refuses what it cannot score with a ValueError
            return replace(trained, state="FAILED", reason=sound(f"scoring its model: {error}"))
    if (scores := scoring(study)) is None:
        return trained
    finished = _run(ledger, scores, configuration, outcome, seed, runner)
    metrics = {**outcome.metrics, **finished.metrics}
    if finished.state == "TRAINED":
        return replace(trained, metrics=metrics, gpu_seconds=finished.gpu_seconds)
    return replace(finished, metrics=metrics)


def _judge(study: Study, ended: Finished) -> dict[str, Any]:
    """Status, objective, metrics and reason of the result."""
    metrics = ended.metrics
    if ended.state in ("FAILED", "INFEASIBLE"):
        return {"status": Status(ended.state), "metrics": metrics, "reason": ended.reason}
    name, finite = study.objective.metric, {name: value for name, value in metrics.items() if math.isfinite(value)}
    if ended.state == "STOPPED":
        return {"status": Status.STOPPED, "objective": finite.get(name), "metrics": finite, "reason": ended.reason}
    if name in finite:
        return {"status": Status.COMPLETE, "objective": finite[name], "metrics": finite, "reason": ended.reason}
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
        TrialFailed, ValueError: what the model predicts cannot be scored.
    """
    from ..training.evaluation import evaluate as measure

    with scratch(outcome.trial) as model:
        fetch_model(ledger.store, outcome.trial, outcome.attempt, outcome.model, model)
        return measure(study, configuration, model, seed)


def _run(
    ledger: Ledger, study: Study, configuration: Configuration, outcome: Outcome, seed: int, runner: Runner
) -> Finished:
    """Run the scoring program, and keep what it printed."""
    with scratch(outcome.trial) as directory:
        if runner.here:
            (directory / MODEL).mkdir()
            fetch_model(ledger.store, outcome.trial, outcome.attempt, outcome.model, directory / MODEL)
        job = Job(
            study=study,
            configuration=configuration,
            seed=seed,
            directory=directory,
            trial=outcome.trial,
            attempt=outcome.attempt,
            scores=True,
        )
        finished = run(runner, job)
        if log := (directory / LOG_FILE).read_bytes():
            ledger.store.put(layout.attempt(outcome.trial, outcome.attempt, f"{layout.SCORE}/{LOG_FILE}"), log)
        return finished
