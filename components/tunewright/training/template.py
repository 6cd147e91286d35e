"""Templates of commands and environment: ``{name}``, ``{params}``, ``{output}``, ``{data}``; ``{{`` is a brace."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from ..space import Value

_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")


def text(value: Value) -> str:
    """A value as an argument: numbers so that they read back exactly, booleans as ``true`` and ``false``."""
    return value if isinstance(value, str) else json.dumps(value)


def render(template: str, values: Mapping[str, str], inactive: set[str]) -> str | None:
    """The template filled in, or None when it names an inactive parameter: such an argument is left out as a whole."""
    missing = False

    def replace(match: re.Match[str]) -> str:
        nonlocal missing
        if match[1] is None:
            return match[0][0]
        if match[1] in values:
            return values[match[1]]
        missing = missing or match[1] in inactive
        return match[0]

    filled = _TOKEN.sub(replace, template)
    return None if missing else filled
