"""The search space: parameters, conditions, constraints, and their unit encoding.

Notation: ``T`` parameters in declared order; ``u`` a coordinate in [0, 1]; a configuration maps the names of its *active*
parameters to values. Every parameter maps ``u`` to a value and back such that ``value(unit(v)) == v``.
"""

from __future__ import annotations

import ast
import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, RootModel, model_validator
from simpleeval import EvalWithCompoundTypes, InvalidExpression

Value: TypeAlias = bool | int | float | str
Configuration: TypeAlias = dict[str, Value]
Condition: TypeAlias = dict[str, Value | list[Value]]

MAX_PARAMETERS = 200
FEASIBILITY_DRAWS = 4096


class Model(BaseModel):
    """Frozen, closed to unknown keys, documented from attribute docstrings."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False)


class _Parameter(Model):
    when: Condition = Field(default_factory=dict)
    """Active only when each named earlier parameter has this value, or one of these values."""

    @property
    def cardinality(self) -> int | None:
        """Number of distinct values, None when continuous."""
        raise NotImplementedError

    @property
    def ordered(self) -> bool:
        """True when neighbouring unit coordinates are similar values."""
        return True

    def value(self, u: float) -> Value:
        """Value at unit coordinate ``u`` (clipped to [0, 1])."""
        raise NotImplementedError

    def unit(self, value: Value) -> float:
        """Unit coordinate of ``value``. Raises ValueError with the rule when it is not in the domain."""
        raise NotImplementedError


class _Discrete(_Parameter):
    """A parameter with finitely many values: ``u`` falls into equal bins."""

    def _values(self) -> list[Value]:
        raise NotImplementedError

    @property
    def cardinality(self) -> int:
        return len(self._values())

    def value(self, u: float) -> Value:
        values = self._values()
        return values[min(int(min(max(u, 0.0), 1.0) * len(values)), len(values) - 1)]

    def unit(self, value: Value) -> float:
        values = self._values()
        for index, known in enumerate(values):
            if type(known) is type(value) and known == value:
                return (index + 0.5) / len(values)
        raise ValueError(f"must be one of {values}, got {value!r}")


def _unique(values: list[Value]) -> None:
    seen: list[tuple[type, Value]] = []
    for value in values:
        if (type(value), value) in seen:
            raise ValueError(f"choices must differ, got {value!r} twice; remove one")
        seen.append((type(value), value))


class CategoricalParameter(_Discrete):
    """One of several values without order."""

    type: Literal["categorical"]
    choices: list[Value] = Field(min_length=2, max_length=100)
    """The values."""
    default: Value | None = None
    """Value of the first trial."""

    @property
    def ordered(self) -> bool:
        return False

    def _values(self) -> list[Value]:
        return list(self.choices)

    @model_validator(mode="after")
    def _check(self) -> CategoricalParameter:
        _unique(self.choices)
        _check_default(self, self.default)
        return self


class OrdinalParameter(_Discrete):
    """One of several values in order, e.g. ``[16, 32, 64]`` or ``[small, medium, large]``."""

    type: Literal["ordinal"]
    choices: list[Value] = Field(min_length=2, max_length=1000)
    """The values, in order."""
    default: Value | None = None
    """Value of the first trial."""

    def _values(self) -> list[Value]:
        return list(self.choices)

    @model_validator(mode="after")
    def _check(self) -> OrdinalParameter:
        _unique(self.choices)
        _check_default(self, self.default)
        return self


class BoolParameter(_Discrete):
    """False or true."""

    type: Literal["bool"]
    default: bool | None = None
    """Value of the first trial."""

    @property
    def ordered(self) -> bool:
        return False

    def _values(self) -> list[Value]:
        return [False, True]


class FloatParameter(_Parameter):
    """A real number in [low, high]."""

    type: Literal["float"]
    low: float
    """Smallest value."""
    high: float
    """Largest value."""
    scale: Literal["linear", "log"] = "linear"
    """Log spreads trials evenly over orders of magnitude."""
    step: float | None = Field(default=None, gt=0)
    """Distance of allowed values from low; None allows all."""
    default: float | None = None
    """Value of the first trial."""

    @model_validator(mode="after")
    def _check(self) -> FloatParameter:
        _check_range(self.low, self.high, self.scale, self.step)
        _check_default(self, self.default)
        return self

    @property
    def cardinality(self) -> int | None:
        return None if self.step is None else _steps(self.low, self.high, self.step)

    def value(self, u: float) -> float:
        u = min(max(float(u), 0.0), 1.0)
        if self.step is not None:
            count = _steps(self.low, self.high, self.step)
            return float(round(self.low + min(int(u * count), count - 1) * self.step, 12))
        if u in (0.0, 1.0):
            return self.high if u else self.low
        if self.scale == "log":
            x = math.exp(math.log(self.low) + u * (math.log(self.high) - math.log(self.low)))
        else:
            x = self.low + u * (self.high - self.low)
        return min(max(x, self.low), self.high)

    def unit(self, value: Value) -> float:
        x = _number(value, self.low, self.high)
        if self.step is not None:
            count = _steps(self.low, self.high, self.step)
            index = round((x - self.low) / self.step)
            if not math.isclose(self.low + index * self.step, x, rel_tol=1e-9, abs_tol=1e-12):
                raise ValueError(f"must be low + k * step = {self.low} + k * {self.step}, got {value!r}")
            return (min(index, count - 1) + 0.5) / count
        if self.scale == "log":
            return (math.log(x) - math.log(self.low)) / (math.log(self.high) - math.log(self.low))
        return (x - self.low) / (self.high - self.low)


class IntParameter(_Parameter):
    """A whole number in [low, high]."""

    type: Literal["int"]
    low: int
    """Smallest value."""
    high: int
    """Largest value."""
    scale: Literal["linear", "log"] = "linear"
    """Log spreads trials evenly over orders of magnitude."""
    step: int = Field(default=1, gt=0)
    """Distance of allowed values from low."""
    default: int | None = None
    """Value of the first trial."""

    @model_validator(mode="after")
    def _check(self) -> IntParameter:
        _check_range(self.low, self.high, self.scale, None if self.step == 1 else self.step)
        _check_default(self, self.default)
        return self

    @property
    def cardinality(self) -> int:
        return (self.high - self.low) // self.step + 1

    def _edges(self) -> tuple[float, float]:
        return math.log(self.low - 0.5), math.log(self.high + 0.5)

    def value(self, u: float) -> int:
        u = min(max(float(u), 0.0), 1.0)
        if self.scale == "log":
            low, high = self._edges()
            return min(max(round(math.exp(low + u * (high - low))), self.low), self.high)
        return self.low + min(int(u * self.cardinality), self.cardinality - 1) * self.step

    def unit(self, value: Value) -> float:
        x = _number(value, self.low, self.high)
        if isinstance(value, float) and not value.is_integer():
            raise ValueError(f"must be a whole number, got {value!r}")
        if self.scale == "log":
            low, high = self._edges()
            return (math.log(x) - low) / (high - low)
        index, rest = divmod(int(x) - self.low, self.step)
        if rest:
            raise ValueError(f"must be low + k * step = {self.low} + k * {self.step}, got {value!r}")
        return (index + 0.5) / self.cardinality


Parameter: TypeAlias = Annotated[
    FloatParameter | IntParameter | CategoricalParameter | OrdinalParameter | BoolParameter, Field(discriminator="type")
]


def _steps(low: float, high: float, step: float) -> int:
    return int((high - low) / step + 1e-9) + 1


def _number(value: Value, low: float, high: float) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"must be a number in [{low}, {high}], got {value!r}")
    if not low <= value <= high:
        raise ValueError(f"must be in [{low}, {high}], got {value!r}")
    return float(value)


def _check_range(low: float, high: float, scale: str, step: float | None) -> None:
    if low >= high:
        raise ValueError(f"low must be < high, got low={low} and high={high}; swap them or fix the value in the trial")
    if scale == "log" and low <= 0:
        raise ValueError(f"low must be > 0 on a log scale, got low={low}; use scale: linear or a positive low")
    if scale == "log" and step is not None:
        raise ValueError(f"step needs a linear scale, got step={step} with scale: log; remove one of them")
    if step is not None and step > high - low:
        raise ValueError(f"step must be <= high - low = {high - low}, got step={step}; use a smaller step")


def _check_default(parameter: _Parameter, default: Value | None) -> None:
    if default is None:
        return
    try:
        parameter.unit(default)
    except ValueError as error:
        raise ValueError(f"default {error}; choose a default inside the domain") from None


class Parameters(RootModel[dict[str, Parameter]]):
    """Named parameters in declared order."""

    model_config = ConfigDict(frozen=True)


_FUNCTIONS = {
    "abs": abs,
    "min": min,
    "max": max,
    "log": math.log,
    "sqrt": math.sqrt,
    "floor": math.floor,
    "ceil": math.ceil,
}


class _Constraint:
    """A boolean expression over parameter names, e.g. ``max_depth * n_estimators <= 4000``."""

    def __init__(self, expression: str) -> None:
        self.expression = expression
        try:
            tree = ast.parse(expression, mode="eval")
        except SyntaxError as error:
            raise ValueError(
                f"must be an expression such as 'a * b <= 100', got {expression!r} ({error.msg})"
            ) from None
        called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
        self.names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and id(node) not in called}
        self._evaluator = EvalWithCompoundTypes(functions=dict(_FUNCTIONS))
        self._parsed = self._evaluator.parse(expression)

    def holds(self, configuration: Mapping[str, Value]) -> bool:
        """True when satisfied; a constraint that names an inactive parameter does not bind."""
        if not self.names <= configuration.keys():
            return True
        self._evaluator.names = dict(configuration)
        try:
            return bool(self._evaluator.eval(self.expression, previously_parsed=self._parsed))
        except (InvalidExpression, ArithmeticError, TypeError, ValueError) as error:
            raise ValueError(f"cannot be evaluated at {dict(configuration)}: {error}") from error


class Space:
    """Ordered parameters with conditions and constraints. Build it with :meth:`Study.space_` or directly.

    Args:
        parameters: name to parameter, in the order in which they are decided.
        constraints: boolean expressions over the names; a configuration that breaks one is never proposed.

    Raises:
        ValueError: never for parameters that passed `problems`.
    """

    def __init__(self, parameters: Mapping[str, Parameter], constraints: list[str] | None = None) -> None:
        self.parameters = dict(parameters)
        self.names = list(parameters)
        self.constraints = [_Constraint(expression) for expression in constraints or []]

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[tuple[str, Parameter]]:
        return iter(self.parameters.items())

    def active(self, name: str, configuration: Mapping[str, Value]) -> bool:
        """True when the conditions of ``name`` hold given the values of the parameters before it."""
        for parent, wanted in self.parameters[name].when.items():
            allowed = wanted if isinstance(wanted, list) else [wanted]
            if parent not in configuration or not any(_same(configuration[parent], value) for value in allowed):
                return False
        return True

    def decode(self, u: npt.ArrayLike) -> Configuration:
        """Configuration at unit coordinates ``u: (T,)``; coordinates of inactive parameters are ignored."""
        coordinates = np.asarray(u, dtype=np.float64)
        configuration: Configuration = {}
        for t, (name, parameter) in enumerate(self):
            if self.active(name, configuration):
                configuration[name] = parameter.value(float(coordinates[t]))
        return configuration

    def encode(self, configuration: Mapping[str, Value]) -> npt.NDArray[np.float64]:
        """Unit coordinates ``(T,)`` of a configuration; NaN where a parameter is inactive."""
        u = np.full(len(self), np.nan)
        for t, (name, parameter) in enumerate(self):
            if name in configuration:
                u[t] = parameter.unit(configuration[name])
        return u

    def check(self, configuration: Mapping[str, Value]) -> None:
        """Raise ValueError, naming parameter, rule and value, unless the configuration belongs to the space."""
        for name in configuration:
            if name not in self.parameters:
                raise ValueError(f"{name} is not a parameter of the space; known are {', '.join(self.names)}")
        for name, parameter in self:
            if self.active(name, configuration) != (name in configuration):
                raise ValueError(
                    f"{name} must be {'given' if name not in configuration else 'absent'} under its condition {parameter.when}"
                )
            if name in configuration:
                try:
                    parameter.unit(configuration[name])
                except ValueError as error:
                    raise ValueError(f"{name} {error}") from None

    def feasible(self, configuration: Mapping[str, Value]) -> bool:
        """True when every constraint holds."""
        return all(constraint.holds(configuration) for constraint in self.constraints)

    def default(self) -> Configuration | None:
        """The configuration of defaults, or None unless every active parameter has one and the constraints hold."""
        configuration: Configuration = {}
        for name, parameter in self:
            if self.active(name, configuration):
                if parameter.default is None:
                    return None
                configuration[name] = parameter.default
        return configuration if self.feasible(configuration) else None

    def sample(self, rng: np.random.Generator, count: int = 1) -> list[Configuration]:
        """``count`` feasible configurations, uniform in the unit cube, by rejection."""
        found: list[Configuration] = []
        for _ in range(count * FEASIBILITY_DRAWS):
            configuration = self.decode(rng.random(len(self)))
            if self.feasible(configuration):
                found.append(configuration)
                if len(found) == count:
                    break
        return found


def _same(a: Value, b: Value) -> bool:
    return isinstance(a, bool) == isinstance(b, bool) and a == b
