"""A store that cannot be written to."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.memory_disk import mounted


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
        with mounted(tmp_path / "disk"):
            (tmp_path / "disk" / "head.json").write_bytes(b"1")
            subprocess.run(["mount", "-o", "remount,ro", str(tmp_path / "disk")], check=True)
            yield tmp_path / "disk"
