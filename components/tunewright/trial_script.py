"""For scripts that are trials. Standard library only: import it, or copy this file beside your script.

::

    from tunewright.trial_script import finish, parameters, report

    chosen = parameters()                      # {"learning_rate": 0.1, ...}
    for epoch in range(10):
        report(epoch, accuracy=train_epoch())  # optional
    finish(accuracy=evaluate())
"""

import json
import os
import sys
from pathlib import Path
from typing import Any, NoReturn


def parameters() -> dict[str, Any]:
    """The values to train with."""
    chosen: dict[str, Any] = json.loads(Path(os.environ["TUNEWRIGHT_PARAMS"]).read_text())
    return chosen


def seed() -> int:
    """What to seed the program with: the same for every attempt of a trial, and for one that follows its learning curve up."""
    return int(os.environ["TUNEWRIGHT_SEED"])


def report(step: int, **metrics: float) -> None:
    """Add a line to the stream of metrics."""
    with Path(os.environ["TUNEWRIGHT_STREAM"]).open("a") as stream:
        stream.write(json.dumps({"step": step, **metrics}, default=float) + "\n")


def checkpoint() -> Path:
    """The folder whose files come back when the trial is resumed; rename them into place, so that they are whole."""
    return Path(os.environ["TUNEWRIGHT_CHECKPOINT"])


def finish(**metrics: float) -> None:
    """Write the metrics of the trial; among them must be the objective's."""
    Path(os.environ["TUNEWRIGHT_METRICS"]).write_text(json.dumps(metrics, default=float))


def infeasible(reason: str) -> NoReturn:
    """End the trial: these values cannot be trained at all."""
    Path(os.environ["TUNEWRIGHT_METRICS"]).write_text(json.dumps({"infeasible": reason}))
    sys.exit(0)
