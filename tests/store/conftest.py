"""Disks that are full or cannot be written to."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def _mounted(folder: Path) -> Iterator[None]:
    """A memory disk of one megabyte; needs the right to mount."""
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


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    with _mounted(tmp_path / "disk"):
        yield tmp_path / "disk"


@pytest.fixture
def read_only_directory(tmp_path: Path) -> Iterator[Path]:
    """A directory that holds one object, ``head.json``, and takes no more."""
    if os.geteuid():
        folder = tmp_path / "disk"
        folder.mkdir()
        (folder / "head.json").write_bytes(b"1")
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)
    else:  # modes do not bind root
        with _mounted(tmp_path / "disk"):
            (tmp_path / "disk" / "head.json").write_bytes(b"1")
            subprocess.run(["mount", "-o", "remount,ro", str(tmp_path / "disk")], check=True)
            yield tmp_path / "disk"
