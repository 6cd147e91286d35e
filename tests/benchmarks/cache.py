"""Where the benchmark keeps what does not belong into the repository: data, real evaluations, finished runs."""

from __future__ import annotations

import os
from pathlib import Path


def folder(*names: str) -> Path:
    """A folder of the cache, made if it is not there: ``${XDG_CACHE_HOME:-~/.cache}/tunewright-benchmark/<names>``."""
    root = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tunewright-benchmark"
    path = root.joinpath(*names)
    path.mkdir(parents=True, exist_ok=True)
    return path
