"""The last words of a run."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from ..embedded.loop import StudyResult
from ..study import Study
from ..trial import Status


def summary(study: Study, result: StudyResult, *, quiet: bool = False, report: Path | None = None) -> str:
    """A few lines: best value and configuration, beside the defaults', counts, where the report is."""
    if quiet:
        return json.dumps({"objective": result.objective, "configuration": result.best})
    lines = [f"session {result.session} ended: {result.reason}"]
    counts = Counter(trial.status for trial in result.trials)
    lines.append(
        "trials: " + ", ".join(f"{counts[status]} {status.value.lower()}" for status in Status if counts[status])
    )
    if result.best is None:
        failed = next((t for t in result.trials if t.reason), None)
        lines.append("no trial completed" + (f"; the first said: {failed.reason}" if failed else ""))
    else:
        metric = study.objective.metric
        lines.append(f"best {metric}: {result.objective:.6g} (trial {result.best_trial})")
        if result.default_objective is not None:
            lines.append(f"with the study's defaults: {result.default_objective:.6g}")
        lines += [f"  {name}: {value}" for name, value in result.best.items()]
    if report is not None:
        lines.append(f"report: {report}")
    elif result.report is not None:
        lines.append(f"report: {result.report}")
    return "\n".join(lines)
