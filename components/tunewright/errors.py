"""Everything that can go wrong, drawn once.

::

    TunewrightError                     exit code
    ├── InputError                      2    wrong input: do not retry
    │   ├── StudyInvalid                     the study file breaks rules; carries every Problem at once
    │   ├── StudyChanged                     the same name, another space, objective, trial or data
    │   ├── SessionFenced                    a newer session owns the study
    │   ├── SchemaUnknown                    a document of a newer or foreign format
    │   ├── ArtifactCorrupt                  bytes that do not match their digest or format
    │   ├── DataInvalid                      a table or array that cannot be trained on
    │   ├── ObjectTooLarge                   more bytes than a step may hold
    │   └── StoreRefused                     credentials, bucket, read-only, not atomic
    ├── TransientError                  75   worth another try
    │   ├── StoreUnavailable                 network, server error, full disk
    │   └── AttemptLost                      something outside ended the processes of a trial
    ├── StoreMiss                       70   raised by a store, handled by its caller
    │   ├── NotFound                         no object under this key
    │   ├── AlreadyExists                    create-once lost the race
    │   └── Conflict                         compare-and-swap lost the race
    └── TrialInfeasible                 0    this configuration cannot be trained: a result

A failed *trial* is not an error here: it is a result (`tunewright.trial.Status`) and the step that recorded it ends with 0.
"""

# ruff: noqa: N818  # the names say what happened; InputError and TransientError say that it is an error

from __future__ import annotations

import difflib
from collections.abc import Sequence
from dataclasses import dataclass

EXIT_OK = 0
EXIT_INPUT = 2
EXIT_BUG = 70
EXIT_TRANSIENT = 75
EXIT_TERMINATED = 143


def nearest(value: object, known: Sequence[str]) -> str:
    """The remedy for a wrong name: the known one that it is nearest to, or what is known."""
    close = difflib.get_close_matches(str(value), known, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    more = f" and {len(known) - 20} more" if len(known) > 20 else ""
    return f"known are {', '.join(known[:20])}{more}"


class TunewrightError(Exception):
    """Root of the tree. The message says the rule, the value and the remedy."""

    exit_code = EXIT_BUG


class InputError(TunewrightError):
    """What was given is wrong; the same input will fail again."""

    exit_code = EXIT_INPUT


@dataclass(frozen=True, kw_only=True)
class Problem:
    """One mistake in a study file."""

    field: str  #: dotted path, e.g. ``space.learning_rate.low``
    message: str  #: rule, value and remedy in one sentence
    file: str | None = None
    line: int | None = None  #: 1-based line in ``file``

    def __str__(self) -> str:
        where = f"{self.file}:{self.line}: " if self.file and self.line else f"{self.file}: " if self.file else ""
        return f"{where}{self.field}: {self.message}"


class StudyInvalid(InputError):
    """The study breaks rules. ``problems`` holds all of them, in the order of the file."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        count = "1 mistake" if len(problems) == 1 else f"{len(problems)} mistakes"
        super().__init__("\n".join([f"the study has {count}:", *(f"  {problem}" for problem in problems)]))


class StudyChanged(InputError):
    """The name is taken by a study with another digest."""


class SessionFenced(InputError):
    """A newer session has claimed the study."""


class SchemaUnknown(InputError):
    """A document of a kind or version that this release cannot read."""


class ArtifactCorrupt(InputError):
    """Bytes do not match their digest or their format."""


class DataInvalid(InputError):
    """A table or array that cannot be trained on. Each of ``args`` is one mistake: the study's field, a colon, what is wrong."""

    @property
    def problems(self) -> list[Problem]:
        """The mistakes, like those of `StudyInvalid`."""
        told = (str(mistake).partition(": ") for mistake in self.args)
        return [Problem(field=field, message=message) for field, _, message in told]

    def __str__(self) -> str:
        return "; ".join(map(str, self.args))


class ObjectTooLarge(InputError):
    """An object of a store has more bytes than a step may hold in memory."""


class StoreRefused(InputError):
    """The store said no: credentials, missing bucket, read-only, or not atomic."""


class TransientError(TunewrightError):
    """The same step may succeed when tried again."""

    exit_code = EXIT_TRANSIENT


class StoreUnavailable(TransientError):
    """The store did not answer, answered with a server error, or has no space left."""


STORE_AWAY = (StoreUnavailable, StoreRefused)
"""What a store says that is away for a moment: a MinIO that restarts refuses its own users until it has read them."""


def code_once_let_in(error: TunewrightError) -> int:
    """Exit code of a process that the store has let in before: if it refuses now, it is more likely starting up again than wrong."""
    return EXIT_TRANSIENT if isinstance(error, STORE_AWAY) else error.exit_code


class AttemptLost(TransientError):
    """Something outside ended an attempt: killed, evicted, deleted. Another attempt is worth it.

    Args:
        log_tail: the end of its log.
        gpu_seconds: that it ran, times the GPUs that it had.
    """

    def __init__(self, message: str, *, log_tail: str = "", gpu_seconds: float = 0.0) -> None:
        self.log_tail = log_tail
        self.gpu_seconds = gpu_seconds
        super().__init__(message)


class StoreMiss(TunewrightError):
    """A store's ordinary answers; the caller decides what they mean."""


class NotFound(StoreMiss):
    """No object has this key."""


class AlreadyExists(StoreMiss):
    """Create-once found an object under this key."""


class Conflict(StoreMiss):
    """Compare-and-swap found another version under this key."""


class TrialInfeasible(TunewrightError):
    """The configuration cannot be trained at all, e.g. strides too large for the image."""

    exit_code = EXIT_OK
