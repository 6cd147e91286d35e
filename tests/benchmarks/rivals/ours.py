"""The product's agent, through its public verbs, as a step of a study calls them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from pydantic import TypeAdapter
from tests.benchmarks.knowledge import held_out

from tunewright.agent.verbs import Observation, fit, propose, update
from tunewright.preset import AgentSettings
from tunewright.space import Parameter as ProductParameter
from tunewright.space import Space
from tunewright.steps.knowledge import shipped

from .curves import Curves
from .port import Observed, Parameter, Problem, Proposal

_PARAMETER: TypeAdapter[ProductParameter] = TypeAdapter(ProductParameter)


class Agent:
    """Proposals of the agent under some settings. A round of the runner is a round of the agent."""

    def __init__(self, problem: Problem, settings: Mapping[str, Any]) -> None:
        self.space = Space({parameter.name: _parameter(parameter) for parameter in problem.space})
        self.settings = AgentSettings(**{"seed": problem.seed, **settings})
        self.seed, self.round = problem.seed, 0
        self.knowledge = _knowledge(problem.left_out) if self.settings.knowledge_trials else None
        self.history: list[Observation] = []
        self.curves = Curves(self.space)
        self.policy: bytes | None = None
        self.surrogate: bytes | None = None

    def ask(self, count: int) -> list[Proposal]:
        """As the step `propose` does."""
        beside = self.curves.next() if self.settings.curves else []
        suggestions = propose(
            **self._state(),
            pending=beside,
            policy=self.policy,
            surrogate=self.surrogate,
            count=count - len(beside),
            knowledge=self.knowledge,
        )
        chosen = [*beside, *(suggestion.configuration for suggestion in suggestions)]
        return [Proposal(configuration=dict(configuration)) for configuration in chosen]

    def tell(self, observed: Sequence[Observed]) -> None:
        batch = [
            Observation(
                configuration=result.configuration,
                reward=None if result.loss is None else -result.loss,
                round=self.round,
            )
            for result in observed
        ]
        self.history += batch
        self.curves.note([asdict(result) for result in observed])
        fitted = fit(**self._state(), previous=self.surrogate, knowledge=self.knowledge)
        self.surrogate = fitted.weights
        self.policy = update(
            **self._state(),
            batch=batch,
            policy=self.policy,
            surrogate=self.surrogate,
            fitted=fitted.fitted,
            r2=fitted.r2,
        ).weights
        self.round += 1

    def _state(self) -> dict[str, Any]:
        seed = self.seed * 1000 + self.round
        return {"space": self.space, "settings": self.settings, "history": self.history, "seed": seed}


def _knowledge(left_out: str | None) -> bytes | None:
    """What the product ships; on a development task, what was learnt without it."""
    return shipped() if left_out is None else held_out(left_out)


def _parameter(parameter: Parameter) -> ProductParameter:
    told = {"type": parameter.type, "when": parameter.when}
    if parameter.type == "categorical":
        return _PARAMETER.validate_python({**told, "choices": list(parameter.choices)})
    whole = parameter.type == "int"
    low, high = (int(end) if whole else end for end in (parameter.low, parameter.high))
    return _PARAMETER.validate_python({**told, "low": low, "high": high, "scale": parameter.scale})
