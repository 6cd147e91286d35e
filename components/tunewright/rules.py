"""Rules of a study that span fields: conditions, constraints, defaults, placeholders, and what a trial needs.

They read raw data beside the parameters that are valid by themselves, so that they can speak even when the study is wrong elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from .constraint import Constraint
from .errors import nearest
from .parameter import BoolParameter, Configuration, IntParameter, Parameter, Value
from .space import FEASIBILITY_DRAWS, Space, feasibility_draws

PARAMETER_NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"
PLACEHOLDERS = ("params", "output", "data", "files")
MODEL = "model"  #: one more in the command that scores
_NEEDED = {
    "data": "the section data, got nothing; add data.source",
    "files": "files in the trial, got nothing; add trial.files",
}
_TOKEN = re.compile(r"\{\{|\}\}|\{([^{}]*)\}|[{}]")
_YAML_1_1 = ("yes", "no", "on", "off", "y", "n")

Place: TypeAlias = tuple[str | int, ...]  #: way to a value in a study file, e.g. ``("space", "learning_rate", "low")``
Mistake: TypeAlias = tuple[Place, str]


def cross_problems(raw: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> list[Mistake]:
    """Place and message of every rule across fields that is broken.

    Args:
        raw: the study file as plain data; may be incomplete or wrong elsewhere.
        parameters: the parameters that are valid by themselves.
    """
    space = raw.get("space")
    declared = [str(name) for name in space] if isinstance(space, Mapping) else []
    problems: list[Mistake] = [
        (("space", name), f"a parameter's name must match {PARAMETER_NAME}, got {name!r:.80}; rename it")
        for name in declared
        if not re.fullmatch(PARAMETER_NAME, name)
    ]
    problems += _condition_problems(declared, parameters)
    constraints, unsound = _constraints(raw.get("constraints"), declared)
    if not problems and not unsound and len(parameters) == len(declared):
        unsound = _feasibility_problems(constraints, parameters)
    return problems + unsound + _trial_problems(raw, declared) + _steps_problems(raw, parameters)


def _condition_problems(declared: list[str], parameters: Mapping[str, Parameter]) -> list[Mistake]:
    problems: list[Mistake] = []
    for name, parameter in parameters.items():
        for parent, wanted in parameter.when.items():
            place: Place = ("space", name, "when", parent)
            if parent not in declared:
                message = f"a condition must name a parameter of the space, got {parent!r}; {nearest(parent, declared)}"
            elif parent == name or _depends(parent, name, parameters):
                message = f"conditions must not form a cycle, got {name} -> {parent} -> {name}; remove one of them"
            elif declared.index(parent) > declared.index(name):
                message = f"a condition must name an earlier parameter, got {parent!r} which stands later; move {parent} before {name}"
            else:
                message = _never(parent, parameters.get(parent), wanted)
            if message:
                problems.append((place, message))
    return problems


def _depends(name: str, target: str, parameters: Mapping[str, Parameter]) -> bool:
    seen: set[str] = set()
    stack = [name]
    while stack:
        current = stack.pop()
        if current == target:
            return True
        if current not in seen and current in parameters:
            seen.add(current)
            stack += parameters[current].when
    return False


def _never(name: str, parent: Parameter | None, wanted: Value | list[Value]) -> str:
    """Why a condition on ``parent`` cannot hold; empty when it can, or when the parent itself is wrong."""
    if wanted == []:
        return "a condition needs a value, got an empty list; name one or remove the condition"
    if parent is None:
        return ""
    if parent.cardinality is None:
        return f"a condition needs a parameter with distinct values, got {name!r}, a float without step; give it a step or choices"
    for value in wanted if isinstance(wanted, list) else [wanted]:
        try:
            parent.unit(value)
        except ValueError as error:
            remedy = bool_remedy(value) if isinstance(parent, BoolParameter) else f"use a value of {name}"
            return f"a condition must be able to hold: {name} {error}; {remedy}"
    return ""


def bool_remedy(value: Any) -> str:
    """The remedy for what is neither true nor false."""
    if isinstance(value, str) and value.lower() in _YAML_1_1:
        return "YAML 1.2 reads this as text, write true or false"
    return "write true or false"


def _constraints(raw: Any, declared: list[str]) -> tuple[list[tuple[int, Constraint]], list[Mistake]]:
    """Constraints that are sound by themselves, with their indices, and what is wrong with the others."""
    sound: list[tuple[int, Constraint]] = []
    problems: list[Mistake] = []
    for index, expression in enumerate(raw if isinstance(raw, list) else []):
        if not isinstance(expression, str):
            continue
        try:
            constraint = Constraint(expression)
        except ValueError as error:
            problems.append((("constraints", index), str(error)))
            continue
        unknown = sorted(constraint.names - set(declared))
        problems += [
            (("constraints", index), f"must name parameters of the space, got {name!r}; {nearest(name, declared)}")
            for name in unknown
        ]
        if not unknown:
            sound.append((index, constraint))
    return sound, problems


def _feasibility_problems(
    constraints: list[tuple[int, Constraint]], parameters: Mapping[str, Parameter]
) -> list[Mistake]:
    space = Space(parameters)
    defaults = space.default()
    broken_by_default: list[Mistake] = [
        (
            ("constraints", index),
            f"the defaults must satisfy it, got {defaults}; change a default, they are the first trial",
        )
        for index, constraint in constraints
        if defaults is not None and not constraint.holds(defaults)
    ]
    draws = _Draws(space)
    problems: list[Mistake] = [
        (("constraints", index), _unsatisfied(constraint, draws))
        for index, constraint in constraints
        if not any(constraint.holds(configuration) for configuration in draws)
    ]
    if problems:
        return problems
    if not any(all(constraint.holds(configuration) for _, constraint in constraints) for configuration in draws):
        remedy = "loosen one or narrow the ranges"
        return [
            (
                ("constraints",),
                f"some configuration must satisfy all of them, got none in {FEASIBILITY_DRAWS} draws; {remedy}",
            )
        ]
    return broken_by_default


def _unsatisfied(constraint: Constraint, draws: _Draws) -> str:
    failure = next((why for configuration in draws if (why := constraint.failure(configuration))), None)
    if failure:
        return f"must be true or false of some configuration, got an error ({failure}); rewrite it"
    return f"some configuration must satisfy it, got none in {FEASIBILITY_DRAWS} draws; loosen it or narrow the ranges"


class _Draws:
    """Random configurations, the same ones every time; decoded only as far as somebody looks."""

    def __init__(self, space: Space) -> None:
        self._space = space
        self._drawn: list[Configuration] = []

    def __iter__(self) -> Iterator[Configuration]:
        for index, u in enumerate(feasibility_draws(len(self._space))):
            if index == len(self._drawn):
                self._drawn.append(self._space.decode(u))
            yield self._drawn[index]


def _trial_problems(raw: Mapping[str, Any], declared: list[str]) -> list[Mistake]:
    trial, data = raw.get("trial"), raw.get("data")
    if not isinstance(trial, Mapping):
        return []
    if trial.get("kind") == "command":
        return _command_problems(trial, declared, has={"data": bool(data), "files": bool(trial.get("files"))})
    problems: list[Mistake] = []
    if trial.get("kind") in ("xgboost", "cnn") and data is None:
        problems.append(
            (("data",), f"is required by trial kind {trial['kind']}, got nothing; add 'data: {{source: ...}}'")
        )
    if isinstance(trial.get("fixed"), Mapping):
        problems += [
            (
                ("trial", "fixed", str(name)),
                f"a parameter must be searched or fixed, got {name} in the space as well; remove one of them",
            )
            for name in trial["fixed"]
            if name in declared
        ]
    if trial.get("kind") == "xgboost" and isinstance(data, Mapping):
        source = str(data.get("source", ""))
        if (
            source
            and not source.startswith("sklearn:")
            and not source.lower().endswith(".npz")
            and not data.get("target")
        ):
            problems.append((("data", "target"), "a table needs the column to predict, got nothing; set data.target"))
    return problems


def _steps_problems(raw: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> list[Mistake]:
    """``trial.steps`` speaks of a whole number that is searched."""
    trial, space = raw.get("trial"), raw.get("space")
    name = trial.get("steps") if isinstance(trial, Mapping) else None
    if not isinstance(name, str) or not isinstance(space, Mapping):
        return []
    if name not in space:
        remedy = nearest(name, [str(known) for known in space])
        return [(("trial", "steps"), f"must name a parameter of the space, got {name!r}; {remedy}")]
    if name in parameters and not isinstance(parameters[name], IntParameter):
        got = f"{name!r} of type {parameters[name].type}"
        return [(("trial", "steps"), f"steps must be counted by a whole number, got {got}; make it an int")]
    return []


def _command_problems(trial: Mapping[str, Any], declared: list[str], *, has: Mapping[str, bool]) -> list[Mistake]:
    evaluate = trial.get("evaluate")
    reserved = (*PLACEHOLDERS, MODEL) if isinstance(evaluate, Mapping) else PLACEHOLDERS
    problems: list[Mistake] = [
        (
            ("space", name),
            f"a parameter's name must differ from {{{name}}}, which commands know already, got {name!r}; rename it",
        )
        for name in declared
        if name in reserved
    ]
    problems += _template_problems(trial, ("trial",), [*declared, *PLACEHOLDERS], has)
    if isinstance(evaluate, Mapping):
        problems += _template_problems(evaluate, ("trial", "evaluate"), [*declared, *reserved], has)
    return problems


def _template_problems(
    program: Mapping[str, Any], place: Place, known: list[str], has: Mapping[str, bool]
) -> list[Mistake]:
    """Placeholders in a program's command and environment that stand for nothing."""
    problems: list[Mistake] = []
    for section in ("command", "environment"):
        texts = program.get(section)
        items = enumerate(texts) if isinstance(texts, list) else texts.items() if isinstance(texts, Mapping) else ()
        for key, text in items:
            problems += [((*place, section, key), message) for message in _placeholder_problems(str(text), known, has)]
    return problems


def _placeholder_problems(text: str, known: list[str], has: Mapping[str, bool]) -> list[str]:
    problems = []
    for match in _TOKEN.finditer(text):
        name = match[1]
        if match[0] in ("{", "}"):
            problems.append(f"a brace must close a placeholder, got {text!r:.80}; write {match[0] * 2} for a brace")
        elif not has.get(name or "", True):
            problems.append(f"{{{name}}} needs {_NEEDED[str(name)]}")
        elif name is not None and name not in known:
            remedy = nearest(name, known)
            problems.append(
                f"a placeholder must name a parameter, got {{{name}}}; {remedy}; write {{{{ and }}}} for braces"
            )
    return list(dict.fromkeys(problems))
