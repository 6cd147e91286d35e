"""The methods by name: which environment they run in, what they are made of, and whose release they are."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from .port import Optimiser, Problem


@dataclass(frozen=True, kw_only=True)
class Method:
    """One competitor."""

    name: str
    environment: Literal["project", "rivals"]
    made_by: str  #: module of this package and name in it
    package: str | None = None  #: the release that is compared; None for the product's own agent and for chance
    settings: Mapping[str, Any] = field(default_factory=dict)
    slow: bool = False  #: more than 0.2 s a suggestion
    partial: bool = False  #: trains configurations in part, so it takes part in the budget of cost only


def _ours(name: str, **settings: Any) -> Method:
    return Method(name=name, environment="project", made_by="ours:Agent", settings=settings)


OURS = "tunewright"
ABLATIONS = ("without policy", "without model", "paper")
_ALL = (
    _ours(OURS),
    _ours("without policy", policy_share=0.0),
    _ours("without model", reward_model="none"),
    _ours("paper", preset="paper"),
    Method(name="random", environment="rivals", made_by="chance:Chance"),
    Method(name="TPE", environment="rivals", made_by="optuna_samplers:tpe", package="optuna"),
    Method(name="Optuna GP", environment="rivals", made_by="optuna_samplers:gp", package="optuna", slow=True),
    Method(name="SMAC3", environment="rivals", made_by="smac_search:SmacSearch", package="smac", slow=True),
    Method(name="CMA-ES", environment="rivals", made_by="evolution:Evolution", package="cmaes"),
    Method(name="HEBO", environment="rivals", made_by="hebo_search:HeboSearch", package="hebo", slow=True),
    Method(name="BoTorch", environment="rivals", made_by="botorch_search:BotorchSearch", package="botorch", slow=True),
    Method(
        name="Hyperband",
        environment="rivals",
        made_by="optuna_samplers:OptunaHyperband",
        package="optuna",
        partial=True,
    ),
)
METHODS = {method.name: method for method in _ALL}


def make(method: Method, problem: Problem) -> Optimiser:
    """A new optimiser of a method; its libraries are loaded now."""
    module, name = method.made_by.split(":")
    maker = getattr(importlib.import_module(f".{module}", __package__), name)
    optimiser: Optimiser = maker(problem, method.settings) if method.made_by == "ours:Agent" else maker(problem)
    return optimiser
