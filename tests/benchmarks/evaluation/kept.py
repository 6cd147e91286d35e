"""Real evaluations, kept by content: a configuration is trained once on one task under one seed, whoever asks.

One file of JSON lines a task. Lines are only ever added, whole, under a lock, so that several processes share the files and a killed one
leaves at most a torn last line, which readers skip and the next writer closes.

A run of a costly task may take longer than a machine is there for. What it has evaluated is then committed beside this file, until the run is
finished.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from tests.benchmarks.cache import folder
from tests.benchmarks.evaluation.trial import Answer, Question, Score

UNDER_WAY = Path(__file__).with_name("under_way")
COSTLY = 20.0  #: mean CPU seconds of an evaluation from which those of unfinished runs are committed
VERSION = 2  #: of the evaluator; another one answers differently: the first told fewer points of a curve


def key(question: Question, content: str, versions: dict[str, str]) -> str:
    """What an answer depends on: data, configuration, seeds, versions."""
    parts = [VERSION, content, question.seed, question.replicate, sorted(question.configuration.items()), versions]
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


class Kept:
    """The answers of one task."""

    def __init__(self, task: str, home: Path | None = None, under_way: Path = UNDER_WAY) -> None:
        self.path = (home or folder("evaluations")) / f"{task}.jsonl"
        self.committed = under_way / f"{task}.jsonl.gz"
        self._known = {entry["key"]: answer_of(entry["answer"]) for entry in _committed(self.committed)}
        self._read = 0

    def get(self, wanted: str) -> Answer | None:
        """The answer under a key, of any process; None when there is none yet."""
        if wanted not in self._known:
            self._catch_up()
        return self._known.get(wanted)

    def add(self, name: str, question: Question, answer: Answer, versions: dict[str, str]) -> None:
        """Keep an answer; it is on disk when this returns."""
        line = json.dumps({"key": name, **asdict(question), "versions": versions, "answer": asdict(answer)})
        append(self.path, line)
        self._known[name] = answer

    def commit(self, *, finished: bool) -> None:
        """Write what goes into the repository: every answer of a costly task whose runs are not finished, else nothing."""
        known = {entry["key"]: entry for entry in [*_committed(self.committed), *entries(self.path)]}
        seconds = [entry["answer"]["seconds"] for entry in known.values()]
        if finished or not known or sum(seconds) / len(seconds) < COSTLY:
            self.committed.unlink(missing_ok=True)
            return
        self.committed.parent.mkdir(exist_ok=True)
        lines = "".join(json.dumps(entry) + "\n" for entry in known.values())
        self.committed.write_bytes(gzip.compress(lines.encode(), mtime=0))

    def _catch_up(self) -> None:
        if not self.path.is_file():
            return
        with self.path.open("rb") as lines:
            lines.seek(self._read)
            for line in lines:
                if not line.endswith(b"\n"):
                    break
                self._read += len(line)
                entry = parsed(line)
                if entry is not None:
                    self._known[entry["key"]] = answer_of(entry["answer"])


def append(path: Path, line: str) -> None:
    """Add a line, whole, after whatever another process left; a torn line before it is closed."""
    with path.open("ab+") as lines:
        fcntl.flock(lines, fcntl.LOCK_EX)
        size = lines.seek(0, os.SEEK_END)
        torn = size > 0 and os.pread(lines.fileno(), 1, size - 1) != b"\n"
        lines.write((b"\n" if torn else b"") + line.encode() + b"\n")
        lines.flush()
        os.fsync(lines.fileno())


def entries(path: Path) -> Iterator[dict[str, Any]]:
    """Whole lines of a file; none when it is not there."""
    if path.is_file():
        with path.open("rb") as lines:
            yield from (entry for line in lines if (entry := parsed(line)) is not None)


def _committed(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()] if path.is_file() else []


def parsed(line: bytes) -> dict[str, Any] | None:
    """A line's object, None for a torn one."""
    try:
        entry = json.loads(line)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) else None


def answer_of(plain: dict[str, Any]) -> Answer:
    """An answer from its JSON."""
    return Answer(**{**plain, "curve": tuple(Score(**score) for score in plain["curve"])})
