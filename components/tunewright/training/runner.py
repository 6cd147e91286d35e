"""The port behind which trials run. The step keeps what they leave in the store.

A runner leaves what should be kept under the job's directory, or says what it has stored itself::

    output/          files of the model
    log.txt          what the trial printed, capped by `limits.log`
    metrics.jsonl    stream of the trial's metrics, when it wrote one
    checkpoint/      what the trial keeps to go on from

The stream may be there before the run, and the checkpoint where a trial sees this directory: what it resumes. The stream is read while the
trial lives, so a runner whose trial lives elsewhere brings it here before each beat.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

from ..space import Configuration
from ..study import Study
from ..trial import Checkpoint

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
    scores: bool = False
    """It scores the model that the attempt's outcome in the store names. A runner that is `here` finds it in the directory's model/."""
    resumes: Checkpoint | None = None
    """What it goes on from, in the store. A runner that is `here` finds it in the directory's checkpoint/."""


@dataclass(frozen=True, kw_only=True)
class Finished:
    """How the attempt ended."""

    state: State
    reason: str = ""  #: rule, value and remedy; empty when TRAINED
    metrics: dict[str, float] = field(default_factory=dict)  #: finite values that the trial itself reported
    log_tail: str = ""  #: the last lines it printed
    gpu_seconds: float = 0.0  #: that it ran, times the GPUs that it had
    model: dict[str, str] | None = (
        None  #: SHA-256 of the model's files by name, which are in the store; None: they are in the job's directory
    )
    left_out: tuple[str, ...] = ()  #: files of the model that could not be stored


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
            TransientError, StoreRefused: it is not known how the trial goes on; the attempt may be gone on with.
        """
        ...

    @property
    def here(self) -> bool:
        """Whether a trial sees the job's own directory."""
        ...

    def goes_on(self, trial: str, attempt: int) -> bool:
        """Whether an attempt whose process has died can be gone on with: `run` with its number takes it over instead of training again."""
        ...

    def discard(self, trial: str, *, own: bool = False) -> None:
        """End whatever attempts of a trial have left: their outcome is in the store, or they count no more.

        Args:
            trial: id of the trial.
            own: spare what another Workflow has made, which may wait for it.
        """
        ...
