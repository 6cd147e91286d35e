"""The methods by name: which environment they run in, what they are made of, and whose release they are."""

from __future__ import annotations

import importlib
import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
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
    study: bool = False  #: a variant of the agent that only a study of the paper asks for
    arrangement: int | None = None  #: shuffles the order in which the space declares its parameters, and nothing else
    follows: bool = False  #: the runner follows learning curves up for it, as the agent does for itself
    partial: bool = False  #: trains configurations in part, so it takes part in the budget of cost only


def _ours(name: str, **settings: Any) -> Method:
    return Method(name=name, environment="project", made_by="ours:Agent", settings=settings)


OURS = "tunewright"
ENTRANT = "without knowledge"
"""What meets the rivals: like them it begins with nothing. The default, which begins with what development tasks have taught, is shown beside."""
BLIND = "without knowledge, curves"
"""The entrant as the rivals are: it sees of a trial only its end."""
CERTAIN = "without knowledge, doubt"
"""The entrant that trusts the fitted hyperparameters of its model in every choice."""
FOLLOWERS = ("TPE, curves", "Optuna GP, curves", "random, curves")
"""Rivals that are given what the agent makes of learning curves: a part of the lead that is left is the agent's own."""
ABLATIONS = (
    "without knowledge", "without policy", "without model", "without curves", "without knowledge, policy", "without knowledge, model",
    BLIND, CERTAIN, "without curves, policy", "without curves, model", "paper", *FOLLOWERS,
)  # fmt: skip
"""What is shown beside the entrant and its rivals, and does not make the block of their tasks smaller."""
_ALL = (
    _ours(OURS),
    _ours("without knowledge", knowledge_trials=0),
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
    _ours("without knowledge, policy", knowledge_trials=0, policy_share=0.0),
    _ours("without knowledge, model", knowledge_trials=0, reward_model="none"),
    _ours("without curves", curves=False),
    _ours(BLIND, knowledge_trials=0, curves=False),
    _ours(CERTAIN, knowledge_trials=0, posterior_share=0.0),
    _ours("without curves, policy", policy_share=0.0, curves=False),
    _ours("without curves, model", reward_model="none", curves=False),
)


def _studied(name: str, *, arrangement: int | None = None, **settings: Any) -> Method:
    return replace(_ours(name, **settings), study=True, arrangement=arrangement)


DELTAS = (0.1, 0.2, 0.3, 0.5, 0.6, 0.7, 0.8, 0.9)  #: besides 0.4, which is the preset's
ORDERS = (1, 2, 3)
NO_LIMIT = 1e9  #: a KL divergence that no policy reaches
_STUDIED = (
    _studied("paper one-step", preset="paper", decision="one-step"),
    _studied("one-step", decision="one-step"),
    *(_studied(f"paper order {number}", preset="paper", order="declared", arrangement=number) for number in ORDERS),
    *(_studied(f"order {number}", arrangement=number) for number in ORDERS),
    _studied("paper without model", preset="paper", reward_model="none"),
    *(_studied(f"paper delta {delta}", preset="paper", kl_limit=delta) for delta in DELTAS),
    _studied("paper for ever", preset="paper", kl_limit=NO_LIMIT),
    _studied("for ever", kl_limit=NO_LIMIT),
)
_RIVALS = {method.name: method for method in _ALL}
_FOLLOWING = (replace(_RIVALS[name.removesuffix(", curves")], name=name, follows=True) for name in FOLLOWERS)
METHODS = {method.name: method for method in (*_ALL, *_FOLLOWING, *_STUDIED)}


def curves_alone(method: Method) -> bool:
    """Whether it differs from another method in what it makes of learning curves alone: on tables, which tell none, it is that method."""
    return method.follows or method.settings.get("curves") is False


def make(method: Method, problem: Problem) -> Optimiser:
    """A new optimiser of a method; its libraries are loaded now."""
    module, name = method.made_by.split(":")
    if method.arrangement is not None:
        shuffled = random.Random(method.arrangement).sample(problem.space, len(problem.space))
        problem = replace(problem, space=tuple(shuffled))
    maker = getattr(importlib.import_module(f".{module}", __package__), name)
    optimiser: Optimiser = maker(problem, method.settings) if method.made_by == "ours:Agent" else maker(problem)
    return optimiser
