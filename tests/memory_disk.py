"""Disks of one megabyte in memory, to fill up or to make read-only."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def mounted(folder: Path) -> Iterator[None]:
    """Such a disk at a folder that is made; needs the right to mount."""
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tunewright-test", str(folder)], capture_output=True, text=True
    )
    if made.returncode:
        pytest.skip(f"may not mount here: {made.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(folder)], check=True)
