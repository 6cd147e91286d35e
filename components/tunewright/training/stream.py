"""The stream of a trial's metrics: ``{"step": 3, "accuracy": 0.8}``, a line a step. All of it is unchecked input.

What a trial prints can be its stream too, when the study's pattern has a group ``step``; `Printed` turns it into lines.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..study import CommandTrial
from .keeping import regular
from .reported import ends, finite
from .runner import STREAM, Job

MAX_LINE = 2**16
MAX_STEP = 2**53
FIRST_BYTES = 2**10
MAX_STREAM = 2**24  #: bytes of a stream that are kept and read; the rest is not


class Growing:
    """The objective's metric by step, in a file that another process appends to, or begins again."""

    def __init__(self, path: Path, metric: str) -> None:
        self.points: dict[int, float] = {}  #: ascending by step
        self._path = path
        self._metric = metric
        self._offset = 0
        self._first = b""  #: by which the file is known again

    def look(self) -> bool:
        """Read the lines that were completed since the last look; True when they changed a point."""
        try:
            with os.fdopen(regular(os.open(self._path, os.O_RDONLY | os.O_NONBLOCK), self._path), "rb") as file:
                if file.read(len(self._first)) != self._first:
                    self._first, self._offset = b"", 0
                file.seek(self._offset)
                data = file.read(MAX_STREAM - self._offset)
        except OSError:
            return False
        whole = data[: data.rfind(b"\n") + 1]
        if not whole:
            return False
        self._first = self._first or whole[:FIRST_BYTES]
        self._offset += len(whole)
        before = self.points
        self.points = dict(sorted({**before, **points(whole.splitlines(), self._metric)}.items()))
        return self.points != before


def points(lines: Iterable[bytes], metric: str) -> dict[int, float]:
    """Value by step, the last line of a step counts; ascending. Lines that break a rule count not."""
    found = {step: entry[metric] for step, entry in _entries(lines) if step is not None and metric in entry}
    return dict(sorted(found.items()))


def last_values(path: Path) -> dict[str, float]:
    """The last finite value of every metric in a stream, also of lines without a step."""
    last: dict[str, float] = {}
    for _, entry in _entries(kept(path).splitlines()):
        last.update(entry)
    return last


def kept(path: Path) -> bytes:
    """Those bytes of a stream that are kept; none when there is no file."""
    if not path.is_file():
        return b""
    with path.open("rb") as file:
        return file.read(MAX_STREAM)


def begun(here: bytes, whole: bytes) -> int:
    """Bytes of a stream ``whole`` that ``here`` ends with already, after what it may hold of streams before."""
    first = whole[: whole.find(b"\n") + 1]
    place = here.find(first) if first else -1
    while place >= 0 and not whole.startswith(here[place:]):
        place = here.find(first, place + 1)
    return len(here) - place if place >= 0 else 0


def joined(before: bytes, after: bytes) -> bytes:
    """A stream that goes on from another one, whether its program went on writing to that file or began it again."""
    if after.startswith(before):
        return after
    return (before + b"\n" * (not before.endswith(b"\n")) + after)[:MAX_STREAM]


def _entries(lines: Iterable[bytes]) -> Iterator[tuple[int | None, dict[str, float]]]:
    for line in lines:
        try:
            entry = json.loads(line) if len(line) <= MAX_LINE else None
        except (ValueError, RecursionError):
            continue
        if isinstance(entry, dict):
            yield _step(entry.pop("step", None)), finite(entry)


def _step(value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= MAX_STEP:
        return None
    return int(value)


def printed_stream(job: Job) -> Printed | None:
    """What turns the output of a job into its stream, when its study has a pattern with steps."""
    trial = job.study.trial
    pattern = trial.stdout_pattern if isinstance(trial, CommandTrial) else None
    if pattern is None or "step" not in re.compile(pattern).groupindex:
        return None
    return Printed(pattern, job.directory / STREAM)


class Printed:
    """Turns what a trial prints into its stream, by a pattern with the groups ``name``, ``value`` and ``step``."""

    def __init__(self, pattern: str, stream: Path) -> None:
        self._pattern = re.compile(pattern)
        self._stream = stream
        self._rest = b""

    def write(self, chunk: bytes) -> None:
        """More output; whole lines of it are looked at."""
        *lines, self._rest = (self._rest + chunk).replace(b"\r", b"\n").split(b"\n")
        self._rest = self._rest[-MAX_LINE:]
        self._add(lines)

    def end(self) -> None:
        """There is no more: what has come of the last line is the line."""
        self._add([self._rest])
        self._rest = b""

    def _add(self, lines: list[bytes]) -> None:
        entries = [
            entry
            for line in lines
            for part in ends(line.decode("utf-8", errors="replace"))
            for entry in self._found(part)
        ]
        if entries:
            with self._stream.open("a") as stream:
                stream.writelines(json.dumps(entry) + "\n" for entry in entries)

    def _found(self, line: str) -> Iterator[dict[str, float]]:
        for match in self._pattern.finditer(line):
            try:
                yield {"step": float(match["step"]), match["name"]: float(match["value"])}
            except (TypeError, ValueError):
                continue
