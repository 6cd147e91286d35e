"""Checkpoints of attempts in the store: files under their digests, then the document that names them.

A checkpoint is what lies in the trial's folder once that has stopped changing, or once all that changes there is renamed into place. Whoever
dies between leaves the old one whole. Only the newest of an attempt is kept.
"""

from __future__ import annotations

import hashlib
import logging
import os
import shutil
import time
from pathlib import Path, PurePosixPath
from typing import TypeAlias

from ..errors import ArtifactCorrupt, NotFound, ObjectTooLarge, SchemaUnknown
from ..store import layout, port
from ..store.port import Store
from ..trial import Checkpoint
from .checkpoint import UNFINISHED
from .keeping import files_below, read_below

LOG = logging.getLogger(__name__)
NAME = "checkpoint.json"
FOLDER = "checkpoint"
REST_SECONDS = 0.5  #: without a change; a trial that writes one every second never looks the same twice
MOST_BYTES = 2**31 - 2**28
"""Of one checkpoint; a larger one is not kept, nor one with a file that is too large to be read. Files are read whole, by containers that may use
2 GiB."""


_Files: TypeAlias = dict[str, tuple[int, int, int]]
"""Files by name: bytes, when written in nanoseconds, and inode."""


class CheckpointKeeper:
    """Keeps the newest checkpoint of one attempt.

    Args:
        stored: what lies in the folder now is what was resumed, and in the store already.
    """

    def __init__(self, store: Store, trial: str, attempt: int, folder: Path, *, stored: bool = True) -> None:
        self._store, self._trial, self._attempt, self._folder = store, trial, attempt, folder
        self._seen = self._look()
        self._kept = self._seen if stored else {}

    def look(self, *, ended: bool) -> bool:
        """Keep what the folder holds, if it has changed and is at rest: as it was at the last look, for `REST_SECONDS`, or the trial has ended. What
        a quick trial renames into place is whole without a rest.

        Returns whether it is kept now. Raises StoreUnavailable.
        """
        now = self._look()
        rests = ended or now == self._seen or time.time() - _newest(now) >= REST_SECONDS or _renamed(self._seen, now)
        if now != self._kept and now and rests and self._keep(now):
            self._kept = now
        self._seen = now
        return now == self._kept

    def _look(self) -> _Files:
        found = {}
        for path in files_below(self._folder):
            name = path.relative_to(self._folder).as_posix()
            try:
                name.encode()  # bytes that are not UTF-8 can stand in no document
                state = path.stat()
            except (OSError, UnicodeEncodeError):
                continue
            if path.name != UNFINISHED:
                found[name] = (state.st_size, state.st_mtime_ns, state.st_ino)
        return found

    def _keep(self, files: _Files) -> bool:
        """Store the files, then their names; False when they changed meanwhile, which leaves the checkpoint before."""
        lengths = [length for length, *_ in files.values()]
        size, largest = sum(lengths), max(lengths)
        if size > MOST_BYTES or largest > port.MOST_BYTES:
            LOG.warning(
                "checkpoint of %s: must be at most %s bytes and each of its files at most %s, got %s and %s; it is not kept",
                self._trial,
                MOST_BYTES,
                port.MOST_BYTES,
                size,
                largest,
            )
            return True
        digests = {}
        for name in files:
            try:
                data = read_below(self._folder, name, files[name][0] + 1)
            except OSError:
                return False
            if len(data) != files[name][0]:  # it is being written
                return False
            digests[name] = hashlib.sha256(data).hexdigest()
            self._store.put(self._key(digests[name]), data)
            del data  # before the next is read
        if self._look() != files:
            return False
        written = {name: nanoseconds / 1e9 for name, (_, nanoseconds, _) in files.items()}
        document = Checkpoint(trial=self._trial, attempt=self._attempt, files=digests, size=size, written=written)
        self._store.put(layout.attempt(self._trial, self._attempt, NAME), layout.encode(document))
        for entry in list(self._store.list(self._key(""))):
            if entry.key.rsplit("/", 1)[1] not in digests.values():
                self._store.delete(entry.key)
        return True

    def _key(self, digest: str) -> str:
        return f"{layout.attempts(self._trial)}{self._attempt}/{FOLDER}/{digest}"


def _newest(files: _Files) -> float:
    """When any of the files was last written; 0 when there are none."""
    return max((written for _, written, _ in files.values()), default=0) / 1e9


def _renamed(before: _Files, now: _Files) -> bool:
    """Whether every file is as it was, or another one has taken its place; what is written where it lies is the same one."""
    return all(name in before and (state == before[name] or state[2] != before[name][2]) for name, state in now.items())


def latest(store: Store, trial: str) -> Checkpoint | None:
    """The newest checkpoint of any attempt of a trial."""
    numbers = layout.attempt_numbers(store, trial)
    return next(filter(None, (_find(store, layout.attempt(trial, number, NAME)) for number in reversed(numbers))), None)


def _find(store: Store, key: str) -> Checkpoint | None:
    try:
        return layout.find(store, Checkpoint, key)
    except (ArtifactCorrupt, SchemaUnknown) as error:
        LOG.warning("a checkpoint is left out, it cannot be read: %s", error)
        return None


def restore(store: Store, trial: str, attempt: int, folder: Path) -> bool:
    """Put the files of an attempt's checkpoint where a trial looks for them; False, and no file, when it is damaged or gone."""
    try:
        found = layout.read(store, Checkpoint, layout.attempt(trial, attempt, NAME))
        for name, digest in sorted(found.files.items(), key=lambda file: found.written.get(file[0], 0.0)):
            path = folder / _inside(name)
            data = layout.get_verified(store, layout.attempt(trial, attempt, f"{FOLDER}/{digest}"), digest)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
            del data  # before the next is read
        for name, written in sorted(found.written.items(), key=lambda file: file[1]):
            if name not in found.files:
                continue
            for path in (folder / name, *(folder / parent for parent in PurePosixPath(name).parents[:-1])):
                os.utime(path, (written, written))  # a folder is as new as the newest file in it
    except (ArtifactCorrupt, SchemaUnknown, NotFound, ObjectTooLarge) as error:
        LOG.warning("trial %s begins anew, its checkpoint cannot be read: %s", trial, error)
        for path in folder.glob("*"):  # the folder itself may have been made for the trial
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        return False
    return True


def _inside(name: str) -> str:
    """The name itself. Raises ArtifactCorrupt when it leads out of the folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or not path.parts:
        raise ArtifactCorrupt(f"a checkpoint's file must lie in its folder, got {name!r:.80}")
    return name
