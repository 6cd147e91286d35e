"""The checkpoint of a built-in trainer: one file, replaced as a whole, that says what it belongs to."""

from __future__ import annotations

import io
import os
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

NAME = "checkpoint.zip"
UNFINISHED = f".{NAME}"  #: while it is written
SECONDS = 1.0  #: between two checkpoints; less is not worth one
_OWNER = "owner"


class Keeper:
    """Writes checkpoints, but not too often."""

    def __init__(self, folder: Path, owner: str) -> None:
        self._folder, self._owner = folder, owner
        self._last = time.monotonic()

    def save(self, make: Callable[[], Mapping[str, bytes]]) -> None:
        """Keep what ``make`` makes, if the last time is long enough ago."""
        if time.monotonic() - self._last >= SECONDS:
            write(self._folder, self._owner, make())
            self._last = time.monotonic()


def write(folder: Path, owner: str, files: Mapping[str, bytes]) -> None:
    """Replace the checkpoint in ``folder``; whoever looks sees the old one or the new one.

    Args:
        folder: where it lies.
        owner: digest of all that must agree for it to be resumed.
        files: what it holds.
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, data in {**files, _OWNER: owner.encode()}.items():
            archive.writestr(zipfile.ZipInfo(name), data)  # without the time: same state, same bytes
    temporary = folder / UNFINISHED
    temporary.write_bytes(stream.getvalue())
    os.replace(temporary, folder / NAME)  # noqa: PTH105 - the same


def read(folder: Path, owner: str) -> dict[str, bytes] | None:
    """What the checkpoint holds; None when there is none, or when it is damaged or another's: training begins anew then."""
    try:
        with zipfile.ZipFile(folder / NAME) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
    except (OSError, zipfile.BadZipFile, NotImplementedError, RuntimeError):
        return None
    return files if files.pop(_OWNER, b"").decode(errors="replace") == owner else None
