"""The port behind which trials run. One verb; a runner knows no store.

A runner leaves what the store should keep under the job's directory::

    output/          files of the model
    log.txt          what the trial printed, capped by `limits.log`
    metrics.jsonl    stream of the trial's metrics, when it wrote one
    checkpoint/      what the trial keeps to go on from

Stream and checkpoint may be there before the run: what the trial resumes. Both are read while it lives, so a runner whose trial lives
elsewhere brings them here before each beat.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from ..space import Configuration
from ..study import Study

State: TypeAlias = Literal["TRAINED", "FAILED", "INFEASIBLE", "STOPPED"]

OUTPUT = "output"
LOG = "log.txt"
STREAM = "metrics.jsonl"
CHECKPOINT = "checkpoint"
GPU = "gpu"  #: an empty file, made by a built-in trainer that uses one


class StopTrial(Exception):  # noqa: N818 - a request, not an error
    """Raised by `beat` to end a trial on purpose; the runner answers STOPPED with this reason."""


class TrialFailed(Exception):  # noqa: N818 - a result, not an error of the step
    """Raised by a built-in trainer when this configuration fails; the message is the reason of a FAILED trial."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """Everything one attempt needs."""

    study: Study
    configuration: Configuration
    seed: int
    directory: Path  #: scratch directory; exists, and holds nothing but the stream and the checkpoint that are resumed
    trial: str
    attempt: int


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How the attempt ended."""

    state: State
    reason: str = ""  #: rule, value and remedy; empty when TRAINED
    metrics: dict[str, float] = field(default_factory=dict)  #: finite values that the trial itself reported
    log_tail: str = ""  #: the last lines it printed
    gpu: bool = False  #: True when a built-in trainer used a GPU


class Runner(Protocol):
    """Runs one attempt to its end."""

    def run(self, job: Job, beat: Callable[[], None]) -> Finished:
        """Train; return when no process of the attempt is left.

        Args:
            job: what to train.
            beat: called several times a second while the job lives; it does not block. It may raise `StopTrial`, which ends the trial as
                STOPPED; any other exception ends the processes of the trial and passes through.

        Raises:
            InputError: the study or its data is wrong in a way that every trial would share.
            AttemptLost: something outside ended the processes of the trial.
        """
        ...
