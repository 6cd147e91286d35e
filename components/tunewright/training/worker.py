"""Process of a built-in trainer: ``python -P -m tunewright.training.worker request.json``.

The same contract as a user's command: it reads a request, writes model files, `metrics.json` and a stream. What is wrong
with the study or its data, so that every trial would fail alike, goes to `error.json` beside the request. A full disk is no result: exit code 75.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from ..errors import EXIT_INPUT, EXIT_TRANSIENT, InputError, TrialInfeasible
from ..study import CNNTrial, Study
from .runner import OUTPUT, TrialFailed
from .scratch import FULL, no_space


def main(request: Path) -> int:
    """Train as the request says; returns the exit code."""
    try:
        return _train(request)
    except OSError as error:
        if error.errno not in FULL:
            raise
        print(no_space(request.parent.parent), file=sys.stderr)  # noqa: T201 - goes to the trial's log
        return EXIT_TRANSIENT


def _train(request: Path) -> int:
    content = json.loads(request.read_text())
    study = Study.model_validate(content["study"])
    output = request.parent / OUTPUT
    metrics = Path(os.environ["TUNEWRIGHT_METRICS"])
    try:
        stream, checkpoints = Path(os.environ["TUNEWRIGHT_STREAM"]), Path(os.environ["TUNEWRIGHT_CHECKPOINT"])
        if isinstance(study.trial, CNNTrial):
            from . import cnn as trainer
        else:
            from . import xgboost as trainer  # type: ignore[no-redef]
        trainer.train(study, content["configuration"], content["seed"], output, stream, checkpoints)
    except TrialInfeasible as error:
        metrics.write_text(json.dumps({"infeasible": str(error)}))
        return 0
    except TrialFailed as error:
        metrics.write_text(json.dumps({"failed": str(error)}))
        return 1
    except InputError as error:
        (request.parent / "error.json").write_text(json.dumps({"type": type(error).__name__, "message": str(error)}))
        return EXIT_INPUT
    metrics.write_text("{}")
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
