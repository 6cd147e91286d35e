"""The project's own images by role, from the one list of images."""

from __future__ import annotations

from pathlib import Path
from typing import Final

LIST: Final = Path(__file__).parents[1] / "images" / "images.txt"


def images() -> dict[str, str]:
    """``{"agent": "…/tunewright/agent:0.1.0", "trainer": …}``."""
    names = [line for line in LIST.read_text().split() if "/tunewright/" in line]
    return {name.rsplit("/", 1)[1].split(":")[0]: name for name in names}
