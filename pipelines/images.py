"""The project's own images by role, from the one list of images."""

from __future__ import annotations

from pathlib import Path
from typing import Final

#: checkout, wheel
LISTS: Final = (
    Path(__file__).parents[1] / "images" / "images.txt",
    Path(__file__).parent / "images.txt",
)


def images() -> dict[str, str]:
    """``{"agent": "…/tunewright/agent:0.1.0", "trainer": …}``."""
    text = next(path.read_text() for path in LISTS if path.is_file())
    names = [line for line in text.split() if "/tunewright/" in line]
    return {name.rsplit("/", 1)[1].split(":")[0]: name for name in names}
