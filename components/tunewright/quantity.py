"""Durations and sizes as people write them."""

from __future__ import annotations

import re
from typing import Annotated, Any, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema

_MAX_QUANTITY = 40  #: characters of a duration or a size
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SIZE = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([KMGT]i?)?B?\s*")
_BYTES = {"K": 10**3, "M": 10**6, "G": 10**9, "T": 10**12, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}


def _duration(value: Any) -> Any:
    if isinstance(value, str):
        parts = _DURATION.findall(value) if len(value) <= _MAX_QUANTITY else []
        if not parts or _DURATION.sub("", value).strip():
            raise ValueError(f"must be seconds or a duration such as 90s, 15m or 1h30m, got {value!r:.80}")
        return sum(float(number) * _SECONDS[unit] for number, unit in parts)
    return value


def _size(value: Any) -> Any:
    if isinstance(value, str):
        match = _SIZE.fullmatch(value) if len(value) <= _MAX_QUANTITY else None
        if not match:
            raise ValueError(f"must be bytes or a size such as 512MiB or 4GiB, got {value!r:.80}")
        return int(float(match[1]) * _BYTES.get(match[2] or "", 1))
    return value


Duration: TypeAlias = Annotated[
    float,
    BeforeValidator(_duration),
    Field(gt=0, le=30 * 86400),
    WithJsonSchema(
        {
            "description": "Seconds, or a duration such as 90s, 15m, 1h30m.",
            "anyOf": [
                {"type": "number", "exclusiveMinimum": 0, "maximum": 30 * 86400},
                {"type": "string", "pattern": rf"^\s*({_DURATION.pattern}\s*)+$", "maxLength": _MAX_QUANTITY},
            ],
        }
    ),
]
Size: TypeAlias = Annotated[
    int,
    BeforeValidator(_size),
    Field(ge=2**10),
    WithJsonSchema(
        {
            "description": "Bytes, or a size such as 512MiB.",
            "anyOf": [
                {"type": "integer", "minimum": 2**10},
                {"type": "string", "pattern": f"^{_SIZE.pattern}$", "maxLength": _MAX_QUANTITY},
            ],
        }
    ),
]
