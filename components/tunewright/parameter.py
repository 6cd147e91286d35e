"""Parameters of a search space, each mapped to and from a unit coordinate.

Notation: ``u`` a coordinate in [0, 1]. Discrete values own equal bins of ``u`` and answer with the middle of their bin, so that
``value(unit(v)) == v`` exactly; for continuous ones it holds up to rounding.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from functools import cached_property
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

Value: TypeAlias = bool | int | float | str
Configuration: TypeAlias = dict[str, Value]
Condition: TypeAlias = dict[str, Value | list[Value]]

MAX_WHOLE = 10**12  #: larger whole numbers would not survive the way through a unit coordinate and a logarithm
MAX_STEPS = 10**9

Whole: TypeAlias = Annotated[int, Field(ge=-MAX_WHOLE, le=MAX_WHOLE)]
# -0.0 becomes 0.0: equal studies have equal digests
Real: TypeAlias = Annotated[float, AfterValidator(lambda x: x + 0.0)]


class Model(BaseModel):
    """Frozen, closed to unknown keys, documented from attribute docstrings."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class RulesBroken(ValueError):  # noqa: N818  # named like the others in errors.py
    """Several rules of one model are broken; each message begins with the field it speaks of."""

    def __init__(self, messages: list[str]) -> None:
        self.messages = messages
        super().__init__("; ".join(messages))


def key(value: Value) -> tuple[bool, Value]:
    """What makes two values the same: numbers by value, so 1 is 1.0, but true is not 1."""
    return isinstance(value, bool), value


def distinct(values: Iterable[Value]) -> list[Value]:
    """Each value once, in order of its first appearance; true is not 1."""
    return list({key(value): value for value in values}.values())


def unit_interval(u: float) -> float:
    """``u`` clipped to [0, 1]. Raises ValueError for NaN, which stands for an inactive parameter."""
    if math.isnan(u):
        raise ValueError("a unit coordinate of an active parameter must be a number, got nan")
    return min(max(u, 0.0), 1.0)


class _Parameter(Model):
    when: Condition = Field(default_factory=dict)
    """Active only when each named earlier parameter has this value, or one of these values."""

    @property
    def ordered(self) -> bool:
        """True when neighbouring unit coordinates are similar values."""
        return True

    @property
    def cardinality(self) -> int | None:
        """Number of distinct values, None when continuous."""
        raise NotImplementedError

    def value(self, u: float) -> Value:
        """Value at unit coordinate ``u`` (clipped to [0, 1])."""
        raise NotImplementedError

    def unit(self, value: Value) -> float:
        """Unit coordinate of ``value``. Raises ValueError with the rule when it is not in the domain."""
        raise NotImplementedError


class _Choice(_Parameter):
    """A parameter whose values are listed."""

    def listed(self) -> list[Value]:
        """The values, in order of their unit coordinates."""
        raise NotImplementedError

    @cached_property
    def indices(self) -> dict[tuple[bool, Value], int]:
        """Position of each value."""
        return {key(value): index for index, value in enumerate(self.listed())}

    @property
    def cardinality(self) -> int:
        return len(self.indices)

    def value(self, u: float) -> Value:
        values = self.listed()
        return values[min(int(unit_interval(u) * len(values)), len(values) - 1)]

    def unit(self, value: Value) -> float:
        index = self.indices.get(key(value))
        if index is None:
            raise ValueError(f"must be one of {_some(self.listed())}, got {value!r}")
        return (index + 0.5) / len(self.indices)


def _some(values: list[Value]) -> str:
    return f"{values}" if len(values) <= 20 else f"{values[:20]} and {len(values) - 20} more"


class _Listed(_Choice):
    """Choices and default of what the study lists."""

    def listed(self) -> list[Value]:
        return self.choices  # type: ignore[attr-defined, no-any-return]

    @model_validator(mode="after")
    def _check(self) -> _Listed:
        _raise([*_repeated(self.listed()), *_default(self)])
        return self


class CategoricalParameter(_Listed):
    """One of several values without order."""

    type: Literal["categorical"]
    choices: list[Value] = Field(min_length=2, max_length=100)
    """The values."""
    default: Value | None = None
    """Value of the first trial."""

    @property
    def ordered(self) -> bool:
        return False


class OrdinalParameter(_Listed):
    """One of several values in order, e.g. ``[16, 32, 64]`` or ``[small, medium, large]``."""

    type: Literal["ordinal"]
    choices: list[Value] = Field(min_length=2, max_length=1000)
    """The values, in order."""
    default: Value | None = None
    """Value of the first trial."""


class BoolParameter(_Choice):
    """False or true."""

    type: Literal["bool"]
    default: bool | None = None
    """Value of the first trial."""

    @property
    def ordered(self) -> bool:
        return False

    def listed(self) -> list[Value]:
        return [False, True]


class FloatParameter(_Parameter):
    """A real number in [low, high]."""

    type: Literal["float"]
    low: Real
    """Smallest value."""
    high: Real
    """Largest value."""
    scale: Literal["linear", "log"] = "linear"
    """Log spreads trials evenly over orders of magnitude."""
    step: float | None = Field(default=None, gt=0)
    """Distance of allowed values from low; None allows all."""
    default: Real | None = None
    """Value of the first trial."""

    @model_validator(mode="after")
    def _check(self) -> FloatParameter:
        problems = _range(self.low, self.high, self.scale, self.step)
        if not problems and self.step is None:
            problems = _resolution(self.low, self.high, self.scale)
        _raise(problems or _default(self))
        return self

    @cached_property
    def steps(self) -> tuple[Decimal, Decimal, int]:
        """Low, step and number of values, in decimals as written: 0.1 + 2 * 0.1 is 0.3. Only with a step."""
        low, high, step = (Decimal(repr(x)) for x in (self.low, self.high, self.step or math.nan))
        return low, step, int((high - low) // step) + 1

    @cached_property
    def logs(self) -> tuple[float, float]:
        """Logarithms of low and high. Only on a log scale."""
        return math.log(self.low), math.log(self.high)

    @property
    def cardinality(self) -> int | None:
        return None if self.step is None else self.steps[2]

    def value(self, u: float) -> float:
        u = unit_interval(u)
        if self.step is not None:
            low, step, count = self.steps
            return float(low + min(int(u * count), count - 1) * step)
        if self.scale == "log":
            start, end = self.logs
            x = math.exp(start + u * (end - start))
        else:
            x = self.low + u * (self.high - self.low)
        # the ends exactly, whatever the rounding
        return self.low if u == 0 or x < self.low else self.high if u == 1 or x > self.high else x

    def unit(self, value: Value) -> float:
        x = _inside(value, self.low, self.high)
        if self.step is not None:
            low, step, count = self.steps
            index = min(round((x - self.low) / self.step), count - 1)
            if abs(float(low + index * step) - x) > max(1e-6 * self.step, 2 * math.ulp(x)):
                raise ValueError(f"must be low + k * step = {self.low} + k * {self.step}, got {value!r}")
            return (index + 0.5) / count
        if self.scale == "log":
            start, end = self.logs
            return (math.log(x) - start) / (end - start)
        return (x - self.low) / (self.high - self.low)


class IntParameter(_Parameter):
    """A whole number in [low, high]."""

    type: Literal["int"]
    low: Whole
    """Smallest value."""
    high: Whole
    """Largest value."""
    scale: Literal["linear", "log"] = "linear"
    """Log spreads trials evenly over orders of magnitude."""
    step: int = Field(default=1, gt=0)
    """Distance of allowed values from low."""
    default: int | None = None
    """Value of the first trial."""

    @model_validator(mode="after")
    def _check(self) -> IntParameter:
        step = None if self.step == 1 else self.step
        _raise(_range(self.low, self.high, self.scale, step) or _default(self))
        return self

    @property
    def cardinality(self) -> int:
        return (self.high - self.low) // self.step + 1

    @cached_property
    def edges(self) -> tuple[float, float]:
        """Logarithms of the outer edges of the first and the last value's bins. Only on a log scale."""
        return math.log(self.low - 0.5), math.log(self.high + 0.5)

    def value(self, u: float) -> int:
        u = unit_interval(u)
        if self.scale == "log":
            low, high = self.edges
            return min(max(round(math.exp(low + u * (high - low))), self.low), self.high)
        return self.low + min(int(u * self.cardinality), self.cardinality - 1) * self.step

    def unit(self, value: Value) -> float:
        x = _inside(value, self.low, self.high)
        if not x.is_integer():
            raise ValueError(f"must be a whole number, got {value!r}")
        if self.scale == "log":
            low, high = self.edges
            return (math.log(x) - low) / (high - low)
        index, rest = divmod(int(x) - self.low, self.step)
        if rest:
            raise ValueError(f"must be low + k * step = {self.low} + k * {self.step}, got {value!r}")
        return (index + 0.5) / self.cardinality


Parameter: TypeAlias = Annotated[
    FloatParameter | IntParameter | CategoricalParameter | OrdinalParameter | BoolParameter, Field(discriminator="type")
]


def _inside(value: Value, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        message = f"must be a number in [{low}, {high}], got {value!r}"
        raise ValueError(message)  # noqa: TRY004  # one error for all that is outside the domain
    if not low <= value <= high:
        raise ValueError(f"must be in [{low}, {high}], got {value!r}")
    return float(value)


def _raise(problems: list[str]) -> None:
    if problems:
        raise RulesBroken(problems)


def _range(low: float, high: float, scale: str, step: float | None) -> list[str]:
    """What is wrong with a range; each message says the rule, the values and the remedy."""
    problems = []
    if low >= high:
        remedy = (
            "swap them"
            if low > high
            else "widen the range, or write the value into the command (trial.fixed of a built-in trainer)"
        )
        problems.append(f"low must be < high, got low={low} and high={high}; {remedy}")
    if scale == "log" and low <= 0:
        problems.append(f"low must be > 0 on a log scale, got low={low}; use scale: linear or a positive low")
    if scale == "log" and step is not None:
        problems.append(f"step needs a linear scale, got step={step} with scale: log; remove one of them")
    if problems or step is None:
        return problems
    width = Decimal(repr(high)) - Decimal(repr(low))  # 0.3 - 0.2 is 0.1
    if Decimal(repr(step)) > width:
        problems.append(f"step must be <= high - low = {width}, got step={step}; use a smaller step")
    elif step * MAX_STEPS < high - low or step < 8 * math.ulp(max(abs(low), abs(high))):
        problems.append(
            f"step must leave at most {MAX_STEPS} distinct values, got step={step}; use a larger step or none"
        )
    return problems


def _resolution(low: float, high: float, scale: str) -> list[str]:
    if not math.isfinite(high - low):
        return [f"high - low must be finite, got low={low} and high={high}; narrow the range"]
    if scale == "log" and math.log(low) >= math.log(high):
        return [f"low and high must differ on a log scale, got low={low} and high={high}; use scale: linear"]
    return []


def _repeated(values: list[Value]) -> list[str]:
    counts = Counter(map(key, values))
    return [
        f"choices must differ, got {value!r} {count} times; keep one"
        for (_, value), count in counts.items()
        if count > 1
    ]


def _default(parameter: _Parameter) -> list[str]:
    default: Value | None = parameter.default  # type: ignore[attr-defined]
    if default is None:
        return []
    try:
        parameter.unit(default)
    except ValueError as error:
        return [f"default {error}; choose a default inside the domain"]
    return []
