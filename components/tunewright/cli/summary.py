"""The last words of a run."""

from __future__ import annotations

import json
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ..embedded.loop import StudyResult
from ..steps.ledger import Ledger
from ..study import Study
from ..trial import Result, Status, shown

LAST = 5  #: lines of a log


def summary(study: Study, result: StudyResult, *, quiet: bool = False, report: Path | None = None) -> str:
    """A few lines: best value and configuration, beside the defaults', counts, why trials failed, where the report is."""
    if quiet:
        return json.dumps({"objective": result.objective, "configuration": result.best})
    lines = [f"session {result.session} ended: {result.reason}"]
    first = Ledger.at(result.address).session(result.session).first_round
    own = [trial for trial in result.trials if trial.round >= first]
    lines.append(f"trials: {_counts(own)}")
    if len(own) < len(result.trials):
        lines.append(f"all sessions: {_counts(result.trials)}")
    if result.best is None:
        lines += _first_words(result)
    else:
        metric = study.objective.metric
        lines.append(f"best {metric}: {shown(result.objective or 0.0)} (trial {result.best_trial})")
        if result.default_objective is not None:
            lines.append(f"with the study's defaults: {shown(result.default_objective)}")
        lines += [f"  {name}: {value}" for name, value in result.best.items()]
    if {trial.status for trial in own} - {Status.COMPLETE, Status.STOPPED}:
        store, _, name = result.address.rpartition("/")
        lines.append(f"why not all completed: {shlex.join(['tunewright', 'status', name, '--store', store])}")
    if report is not None:
        lines.append(f"report: {report}")
    elif result.report is not None:
        lines.append(f"report: {result.report}")
    return "\n".join(lines)


def _counts(trials: Sequence[Result]) -> str:
    """How many ended in which way."""
    ordered = sorted(trials, key=lambda trial: list(Status).index(trial.status))
    counts = Counter(trial.ending for trial in ordered)
    return ", ".join(f"{count} {word.lower()}" for word, count in counts.items()) or "none"


def _first_words(result: StudyResult) -> list[str]:
    """Why the first trial did not complete, with the end of its log."""
    first = next((trial for trial in result.trials if trial.reason), None)
    if first is None:
        return ["no trial completed"]
    log = first.log_tail.splitlines()[-LAST:]
    return [f"no trial completed; the first said: {first.reason}", *(f"    {line}" for line in log)]
