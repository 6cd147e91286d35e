"""Optuna 5: TPE and the Gaussian process, each with its defaults; Hyperband over TPE, which is BOHB, for the budget of cost."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import Trial, TrialState, create_trial

from .port import Configuration, Observed, Parameter, Problem, Proposal

RUNGS = {1: 1 / 9, 3: 1 / 3, 9: 1.0}  #: resource of Hyperband → share of the training


class OptunaSearch:
    """A sampler of Optuna behind ask and tell; trials of a batch run at the same time, as its samplers expect of parallel workers.

    Args:
        conditions: whether the sampler is asked for a parameter only where it means something. The Gaussian process draws what is not in
            every trial at random, so it is asked for all.
    """

    def __init__(
        self, problem: Problem, sampler: type[optuna.samplers.BaseSampler], *, conditions: bool = True
    ) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.problem, self.conditions = problem, conditions
        self.distributions = {parameter.name: _distribution(parameter) for parameter in problem.space}
        self.study = optuna.create_study(sampler=sampler(seed=problem.seed))
        self.waiting: list[Trial] = []

    def ask(self, count: int) -> list[Proposal]:
        self.waiting = [self._asked() for _ in range(count)]
        return [Proposal(configuration=self.problem.active(trial.params)) for trial in self.waiting]

    def _asked(self) -> Trial:
        """A trial with its parameters, asked for one after another as the objective function of a user does."""
        trial = self.study.ask()
        for parameter in self.problem.space:
            if not self.conditions or parameter.active(trial.params):
                _suggest(trial, parameter)
        return trial

    def tell(self, observed: Sequence[Observed]) -> None:
        if not self.waiting:
            self.study.add_trials([self._foreign(result) for result in observed])
        for trial, result in zip(self.waiting, observed, strict=bool(self.waiting)):
            if result.loss is None:
                self.study.tell(trial, state=TrialState.FAIL)
            else:
                self.study.tell(trial, result.loss)
        self.waiting = []

    def _foreign(self, result: Observed) -> optuna.trial.FrozenTrial:
        state = TrialState.FAIL if result.loss is None else TrialState.COMPLETE
        known = result.configuration if self.conditions else self.problem.filled(result.configuration)
        params = {name: known[name] for name in self.distributions if name in known}
        distributions = {name: self.distributions[name] for name in params}
        return create_trial(state=state, value=result.loss, params=params, distributions=distributions)


class OptunaHyperband:
    """Hyperband's rungs decide how long a configuration of TPE trains. A trial that is not cut off goes on in the next batch."""

    def __init__(self, problem: Problem) -> None:
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self.distributions = {parameter.name: _distribution(parameter) for parameter in problem.space}
        pruner = optuna.pruners.HyperbandPruner(min_resource=min(RUNGS), max_resource=max(RUNGS), reduction_factor=3)
        self.study = optuna.create_study(
            study_name=str(problem.seed),  # Hyperband draws brackets from it, and the default is a random one
            sampler=optuna.samplers.TPESampler(seed=problem.seed),
            pruner=pruner,
        )
        self.alive: list[tuple[Trial, int]] = []  #: trials with the resource that they get next

    def ask(self, count: int) -> list[Proposal]:
        while len(self.alive) < count:
            self.alive.append((self.study.ask(self.distributions), min(RUNGS)))
        return [Proposal(configuration=dict(trial.params), share=RUNGS[resource]) for trial, resource in self.alive]

    def tell(self, observed: Sequence[Observed]) -> None:
        if not self.alive:
            for result in observed:
                self._initial(result.configuration, result.loss)
            return
        going_on = []
        for (trial, resource), result in zip(self.alive, observed, strict=True):
            if result.loss is None:
                self.study.tell(trial, state=TrialState.FAIL)
                continue
            trial.report(result.loss, resource)
            if resource == max(RUNGS):
                self.study.tell(trial, result.loss)
            elif trial.should_prune():
                self.study.tell(trial, state=TrialState.PRUNED)
            else:
                going_on.append((trial, resource * 3))
        self.alive = going_on

    def _initial(self, configuration: Configuration, loss: float | None) -> None:
        state = TrialState.FAIL if loss is None else TrialState.COMPLETE
        self.study.add_trial(
            create_trial(state=state, value=loss, params=dict(configuration), distributions=self.distributions)
        )


def _suggest(trial: Trial, parameter: Parameter) -> None:
    if parameter.type == "categorical":
        trial.suggest_categorical(parameter.name, parameter.choices)
    elif parameter.type == "int":
        trial.suggest_int(parameter.name, int(parameter.low), int(parameter.high), log=parameter.scale == "log")
    else:
        trial.suggest_float(parameter.name, parameter.low, parameter.high, log=parameter.scale == "log")


def _distribution(parameter: Parameter) -> BaseDistribution:
    if parameter.type == "categorical":
        return CategoricalDistribution(parameter.choices)
    if parameter.type == "int":
        return IntDistribution(int(parameter.low), int(parameter.high), log=parameter.scale == "log")
    return FloatDistribution(parameter.low, parameter.high, log=parameter.scale == "log")


tpe = partial(OptunaSearch, sampler=optuna.samplers.TPESampler)
gp = partial(OptunaSearch, sampler=optuna.samplers.GPSampler, conditions=False)
