"""Rules of the built-in trainers for a study, so that a wrong name, value or metric is found before anything trains."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..diagnosis import dotted
from ..errors import Problem, StudyInvalid, nearest
from ..parameter import CategoricalParameter, OrdinalParameter, Parameter, Value
from ..rules import Mistake
from ..study import CNNTrial, Study
from .domains import XGBOOST, Domain, cnn

METRICS = {
    "accuracy": "maximize", "log_loss": "minimize", "f1": "maximize", "roc_auc": "maximize", "rmse": "minimize", "mae": "minimize", "r2": "maximize"
}  # fmt: skip
"""What the built-in trainers compute, and which way is better."""


ALIASES = (("eta", "learning_rate"), ("lambda", "reg_lambda"), ("alpha", "reg_alpha"), ("min_split_loss", "gamma"))
"""Names of one parameter of XGBoost. Given both, it takes one and says nothing."""


def check_parameters(study: Study) -> None:
    """Raise StudyInvalid with every mistake that `parameter_mistakes` finds."""
    mistakes = parameter_mistakes(study.model_dump(), study.space)
    if mistakes:
        raise StudyInvalid([Problem(field=dotted(place), message=message) for place, message in mistakes])


def parameter_mistakes(raw: Mapping[str, Any], parameters: Mapping[str, Parameter]) -> list[Mistake]:
    """Every parameter that the built-in trainer of a study does not know, lacks, or cannot take a value of, and what is wrong with the objective.

    Args:
        raw: the study as plain data; may be wrong elsewhere.
        parameters: the parameters of its space that are valid by themselves.
    """
    trial = raw.get("trial")
    if not isinstance(trial, Mapping) or trial.get("kind") not in ("xgboost", "cnn"):
        return []
    kind, layers = trial["kind"], trial.get("layers", CNNTrial.model_fields["layers"].default)
    objective = _objective_mistakes(raw.get("objective"))
    if kind == "cnn" and not (isinstance(layers, int) and 1 <= layers <= 4):
        return objective
    domains = XGBOOST if kind == "xgboost" else cnn(layers)
    space, fixed = ({} if not isinstance(given, Mapping) else given for given in (raw.get("space"), trial.get("fixed")))
    mistakes: list[Mistake] = [
        ((*place, name), f"{kind} has no parameter {name}; {nearest(name, sorted(domains))}")
        for place, names in ((("space",), space), (("trial", "fixed"), fixed))
        for name in names
        if name not in domains
    ]
    mistakes += _value_mistakes(domains, parameters, fixed)
    if kind == "xgboost":
        linear = "gblinear" in (fixed.get("booster"), *_values_of(parameters.get("booster")))
        if linear and trial.get("early_stopping_rounds") is not None:
            message = "needs boosters of which trees can be cut off, and gblinear has none; leave out one of the two"
            mistakes.append((("trial", "early_stopping_rounds"), message))
        mistakes += [
            ((*place, alias), f"is the same as {name}, which is given too; leave one of them out")
            for alias, name in ALIASES
            for place, names in ((("space",), space), (("trial", "fixed"), fixed))
            if alias in names and (name in space or name in fixed)
        ]
    if kind == "cnn":
        mistakes += [
            (("space", name, "when"), f"cnn needs {name} in every trial, got a condition; leave it out")
            for name, parameter in parameters.items()
            if parameter.when and name in domains
        ]
        mistakes += [
            (("space",), f"cnn with {layers} layers needs {name}, got none; add it to space or trial.fixed")
            for name in domains
            if name not in space and name not in fixed
        ]
    return mistakes + objective


def _values_of(parameter: Parameter | None) -> Sequence[Value]:
    return parameter.choices if isinstance(parameter, CategoricalParameter | OrdinalParameter) else ()


def _value_mistakes(
    domains: Mapping[str, Domain | None], parameters: Mapping[str, Parameter], fixed: Mapping[str, Any]
) -> list[Mistake]:
    """Values, searched or fixed, that the trainer does not take."""
    mistakes: list[Mistake] = []
    for name, domain in domains.items():
        if domain is None:
            continue
        outside = domain.outside(parameters[name]) if name in parameters else None
        if outside is not None:
            mistakes.append((("space", name), domain.refusal(outside)))
        value = fixed.get(name)
        if isinstance(value, bool | int | float | str) and value not in domain:
            mistakes.append((("trial", "fixed", name), domain.refusal(value)))
    return mistakes


def _objective_mistakes(objective: Any) -> list[Mistake]:
    metric = objective.get("metric") if isinstance(objective, Mapping) else None
    if not isinstance(objective, Mapping) or not isinstance(metric, str):
        return []
    better = METRICS.get(metric)
    if better is None:
        remedy = nearest(metric, tuple(METRICS))
        return [(("objective", "metric"), f"the built-in trainers do not compute {metric}; {remedy}")]
    direction = objective.get("direction", "maximize")
    if direction != better and direction in METRICS.values():
        return [(("objective", "direction"), f"must be {better} for {metric}, got {direction}; change it")]
    return []
