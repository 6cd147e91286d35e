"""SMAC3's facade for hyperparameter optimisation, with its defaults."""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ConfigSpace import (
    AndConjunction,
    Categorical,
    Configuration,
    ConfigurationSpace,
    EqualsCondition,
    Float,
    Integer,
)
from smac import HyperparameterOptimizationFacade, Scenario
from smac.runhistory import StatusType, TrialInfo, TrialValue

from .port import Observed, Parameter, Problem, Proposal


class SmacSearch:
    """SMAC writes a folder; it is gone with the optimiser."""

    def __init__(self, problem: Problem) -> None:
        logging.disable(logging.WARNING)
        self.problem = problem
        self.folder = tempfile.TemporaryDirectory()
        self.space = ConfigurationSpace(seed=problem.seed)
        self.space.add(*(_dimension(parameter) for parameter in problem.space))
        self.space.add(*(self._condition(parameter) for parameter in problem.space if parameter.when))
        scenario = Scenario(
            self.space,
            deterministic=True,
            n_trials=problem.trials,
            seed=problem.seed % 2**31,
            output_directory=Path(self.folder.name),
        )
        self.smac = HyperparameterOptimizationFacade(scenario, _never, overwrite=True)
        self.waiting: list[TrialInfo] = []

    def _condition(self, parameter: Parameter) -> Any:
        equal = [
            EqualsCondition(self.space[parameter.name], self.space[on], value) for on, value in parameter.when.items()
        ]
        return equal[0] if len(equal) == 1 else AndConjunction(*equal)

    def ask(self, count: int) -> list[Proposal]:
        self.waiting = [self.smac.ask() for _ in range(count)]
        return [Proposal(configuration=dict(info.config)) for info in self.waiting]

    def tell(self, observed: Sequence[Observed]) -> None:
        infos = self.waiting or [
            TrialInfo(Configuration(self.space, values=dict(result.configuration)), seed=0) for result in observed
        ]
        for info, result in zip(infos, observed, strict=True):
            status = StatusType.CRASHED if result.loss is None else StatusType.SUCCESS
            self.smac.tell(info, TrialValue(cost=self.problem.finite(result), status=status))
        self.waiting = []


def _never(config: Configuration, seed: int = 0) -> float:
    raise RuntimeError("trials are evaluated by the runner")


def _dimension(parameter: Parameter) -> Any:
    if parameter.type == "categorical":
        return Categorical(parameter.name, list(parameter.choices))
    if parameter.type == "int":
        return Integer(parameter.name, (int(parameter.low), int(parameter.high)), log=parameter.scale == "log")
    return Float(parameter.name, (parameter.low, parameter.high), log=parameter.scale == "log")
