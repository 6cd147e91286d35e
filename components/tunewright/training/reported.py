"""What a trial reported: `metrics.json`, its stream, patterns on standard output. All of it is unchecked input."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..study import METRIC_NAME, Objective

MAX_BYTES = 2**20
MOST_AT_END = 2**12  #: characters at either end of a line that a pattern is matched against
MOST_EMPTY = 20  #: empty lines in a row that a pattern is matched against, for the same reason: ``^\s*`` goes over all that follow
_EMPTY = re.compile(rf"\n(?:[ \t]*+\n){{{MOST_EMPTY},}}")
_NAME = re.compile(METRIC_NAME)
_COLOURS = re.compile(r"\x1b\[[0-9;:?]*[ -/]*[@-~]")
"""What terminals are told about colours and the cursor, which libraries also print where FORCE_COLOR is set, as it is in Jupyter."""


_OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


class ReportError(ValueError):
    """The trial's report breaks a rule; the message is the reason of a FAILED trial."""


@dataclass(frozen=True, kw_only=True)
class Reported:
    """Metrics of a trial, or why its configuration is infeasible."""

    metrics: dict[str, float] = field(default_factory=dict)
    """Finite numbers with names that a store can hold; the rest of what was written is dropped."""
    written: dict[str, Any] = field(default_factory=dict)
    """Everything that was written, for messages."""
    infeasible: str | None = None


def read_metrics(path: Path) -> Reported | None:
    """The content of a metrics file; None when there is none.

    Raises:
        ReportError: larger than 1 MiB, not a JSON object, or not a regular file.
    """
    if not path.exists():
        return None
    if not path.is_file():
        raise ReportError(f"{path.name} must be a file of JSON, got something else at {path}")
    with path.open("rb") as file:
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ReportError(
            f"{path.name} must be at most {MAX_BYTES} bytes, got {path.stat().st_size}; write numbers only"
        )
    try:
        written = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ReportError(
            f'{path.name} must be JSON such as {{"accuracy": 0.9}}, got {data[:80]!r} ({error})'
        ) from None
    if not isinstance(written, dict):
        raise ReportError(f'{path.name} must be an object such as {{"accuracy": 0.9}}, got {type(written).__name__}')
    infeasible = written.get("infeasible")
    return Reported(
        metrics=finite(written),
        written=written,
        infeasible=None if infeasible in (None, False) else sound(str(infeasible)),
    )


def sound(text: str) -> str:
    """At most 2,000 characters that can be stored and shown; what a terminal would obey is made visible."""
    return _OBEYED.sub("\ufffd", text[:2000].replace("\r\n", "\n").encode("utf-8", "replace").decode())


def finite(written: dict[str, Any]) -> dict[str, float]:
    """Those entries that are finite numbers under sound names."""
    return {
        name: float(value)
        for name, value in written.items()
        if _NAME.match(name) and isinstance(value, int | float) and not isinstance(value, bool) and _is_finite(value)
    }


def _is_finite(value: float) -> bool:
    try:
        return math.isfinite(float(value))
    except OverflowError:  # an integer of more than 308 digits
        return False


def match_output(pattern: str, output: bytes) -> Reported | None:
    """Metrics printed on standard output: the last match of each name counts, and ``^`` and ``$`` are the ends of a line. None when nothing
    matches."""
    lines = output.decode("utf-8", errors="replace").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    text = _EMPTY.sub("\n" * MOST_EMPTY, "\n".join(part for line in lines for part in ends(line)))
    found = {
        match["name"]: _number(match["value"]) for match in re.finditer(pattern, text, re.MULTILINE) if match["name"]
    }
    return Reported(metrics=finite(found), written=found) if found else None


def ends(line: str) -> list[str]:
    """A line without its colours, or the two ends of a long one: a pattern may take the square of its length."""
    line = _COLOURS.sub("", line)
    return [line] if len(line) <= 2 * MOST_AT_END else [line[:MOST_AT_END], line[-MOST_AT_END:]]


def _number(text: str | None) -> float | str | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return text


def missing_reason(objective: Objective, reported: Reported | None, pattern: str | None = None) -> str | None:
    """Why the objective has no finite value in the report; None when it has one. ``pattern``: what was looked for in the output."""
    name = objective.metric
    if reported is None and pattern is not None:
        return f"metric {name} was never written: there is no metrics.json, and stdout_pattern {pattern!r} matches no line; see the log"
    if reported is None:
        return f"metric {name} was never written: there is no metrics.json; write it to the path in TUNEWRIGHT_METRICS"
    if name in reported.metrics:
        return None
    if name in reported.written:
        return f"metric {name} must be a finite number, got {reported.written[name]!r}"
    names = ", ".join(sorted(map(str, reported.written))[:20]) or "nothing"
    return f"metric {name} was never written, got {names}; write it, or change objective.metric under a new study name"
