"""Scratch folders of attempts. That their disk is full is the platform's fault: no trial fails or is lost by it."""

from __future__ import annotations

import errno
import glob
import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ..errors import TransientError
from .processes import born, lives

FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def scratch(trial: str) -> Iterator[Path]:
    """A folder for one attempt of a trial, removed on leaving. Raises TransientError when its disk is full.

    What killed processes of this host have left of the trial goes first.
    """
    place = _place()
    mine = f"tunewright-{trial}-{platform.node()}-{_namespace()}-"
    for left in Path(place).glob(f"{glob.escape(mine)}*@*-*"):
        pid, _, since = left.name.removeprefix(mine).rpartition("-")[0].partition("@")
        if not _lives(pid, since):
            remove(left)
    try:
        folder = tempfile.TemporaryDirectory(prefix=f"{mine}{os.getpid()}@{born(os.getpid())}-", dir=place)
        try:
            yield Path(folder.name)
        finally:
            try:
                folder.cleanup()
            except RecursionError:
                remove(folder.name)
    except OSError as error:
        if error.errno in FULL:
            raise no_space(place) from error
        raise


def remove(folder: str | Path) -> None:
    """Remove a folder as far as it can be, however deep what lies in it, for which Python before 3.13 needs a frame for every folder."""
    try:
        shutil.rmtree(folder, ignore_errors=True)
    except RecursionError:
        subprocess.run(["rm", "-rf", "--", str(folder)], stderr=subprocess.DEVNULL, check=False)


def _namespace() -> int:
    """Where process ids mean what they mean here: containers of one host may share a folder and its name."""
    try:
        return Path("/proc/self/ns/pid").stat().st_ino
    except OSError:  # macOS
        return 0


def _lives(pid: str, since: str) -> bool:
    try:
        return lives(int(pid), float(since)) is not False
    except ValueError:  # no name of ours
        return True


def _place() -> str:
    """TMPDIR even while its disk is full to the last byte, when Python would take /tmp instead, which may be no place for models."""
    asked = os.environ.get("TMPDIR")
    if asked and Path(asked).is_dir() and os.access(asked, os.W_OK | os.X_OK):
        return str(Path(asked).absolute())
    try:
        return tempfile.gettempdir()
    except FileNotFoundError as error:  # Python has tried to write into all of them
        raise TransientError(
            f"a folder for temporary files must take one: {error.strerror}; free space or set TMPDIR, then run again"
        ) from error


def no_space(place: str | Path) -> TransientError:
    """What is said when the disk of the folder for temporary files is full."""
    return TransientError(
        f"{place} must have space for the files of trials, but its disk or quota is full; "
        "free some or set TMPDIR to a folder on another disk, then run again"
    )
