"""Numbers, times and parameters in words."""

from __future__ import annotations

import re
from datetime import UTC, datetime

from ..space import FloatParameter, IntParameter, Parameter
from ..study import Objective
from ..trial import shown
from .configuration import label

_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\^_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def shorten(text: str, most: int) -> str:
    """``text`` with its middle left out when it is longer than ``most`` characters: names often differ at their ends."""
    return text if len(text) <= most else f"{text[: (most - 1) // 2]}…{text[-(most // 2) :]}"


def metric(value: float | None) -> str:
    """A metric as `shown`; a dash for none."""
    return "–" if value is None else shown(value)


def duration(seconds: float) -> str:
    """``0.4 s``, ``12 s``, ``3 min 20 s``, ``2 h 5 min``, ``3 d 4 h``."""
    if seconds < 10:
        return f"{seconds:.2g} s"
    whole = round(seconds)
    for size, unit, smaller, name in ((86400, "d", 3600, "h"), (3600, "h", 60, "min"), (60, "min", 1, "s")):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit} {rest} {name}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def share(value: float | None) -> str:
    """A share in percent; small ones keep a digit."""
    if value is None:
        return "–"
    return f"{value:.0%}" if value == 0 or abs(value) >= 0.1 else f"{value:.1%}"


def moment(seconds: float) -> str:
    """UTC seconds since the epoch as a date and time; a dash for 0."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC") if seconds > 0 else "–"


def count(number: int, noun: str) -> str:
    """``1 trial``, ``2 trials``."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def counts(statuses: dict[str, int]) -> str:
    """``40 complete, 2 failed``."""
    return ", ".join(f"{number:,} {name.lower()}" for name, number in statuses.items())


def better(objective: Objective) -> str:
    """The comparative of a good value."""
    return "higher" if objective.direction == "maximize" else "lower"


def domain(parameter: Parameter) -> str:
    """What a parameter may be: ``0.001 to 0.3, log``; ``gbtree, dart``; with its condition."""
    if isinstance(parameter, FloatParameter | IntParameter):
        step = f", step {label(parameter.step)}" if parameter.step not in (None, 1) else ""
        text = f"{label(parameter.low)} to {label(parameter.high)}{step}{', log' if parameter.scale == 'log' else ''}"
    else:
        values = [
            shorten(label(parameter.value((i + 0.5) / parameter.cardinality)), 24) for i in range(parameter.cardinality)
        ]
        text = ", ".join(values[:6]) + (f", … ({len(values)} values)" if len(values) > 6 else "")
    for name, wanted in parameter.when.items():
        allowed = " or ".join(map(label, wanted)) if isinstance(wanted, list) else label(wanted)
        text += f"; when {name} is {allowed}"
    return text


def plain_text(text: str) -> str:
    """Output of a program without terminal codes: progress bars keep their last state, other control characters go."""
    text = _ANSI.sub("", text).replace("\r\n", "\n")
    lines = (line.rstrip("\r").rsplit("\r", 1)[-1] for line in text.split("\n"))
    return _CONTROL.sub("�", "\n".join(lines))
