"""Spaces and histories that the agent's tests share."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import strategies as st

from tunewright.agent.verbs import Observation
from tunewright.space import (
    BoolParameter,
    CategoricalParameter,
    Configuration,
    FloatParameter,
    IntParameter,
    OrdinalParameter,
    Parameter,
    Space,
)


def unit(name: str = "x", count: int = 1) -> Space:
    """``count`` numbers in [0, 1]."""
    return Space({f"{name}{index}": FloatParameter(type="float", low=0.0, high=1.0) for index in range(count)})


def conditional(constraints: list[str] | None = None) -> Space:
    """Every kind of parameter, two conditions one below the other."""
    return Space(
        {
            "rate": FloatParameter(type="float", low=1e-4, high=1.0, scale="log"),
            "family": CategoricalParameter(type="categorical", choices=["linear", "tree", "net"]),
            "depth": IntParameter(type="int", low=1, high=9, when={"family": ["tree", "net"]}),
            "wide": BoolParameter(type="bool", when={"family": "net"}),
            "width": OrdinalParameter(type="ordinal", choices=[16, 64, 256], when={"wide": True}),
            "rounds": IntParameter(type="int", low=1, high=1000, scale="log"),
        },
        constraints,
    )


def observed(
    space: Space, value: Callable[[Configuration], float | None], count: int, seed: int = 0
) -> list[Observation]:
    """Random configurations with their rewards."""
    drawn = space.sample(np.random.default_rng(seed), count)
    return [Observation(configuration=configuration, reward=value(configuration), round=0) for configuration in drawn]


@st.composite
def spaces(draw: st.DrawFn) -> Space:
    """Small spaces: one to five parameters of any kind, conditions on earlier choices, perhaps a constraint on two numbers."""
    parameters: dict[str, Parameter] = {}
    for index in range(draw(st.integers(1, 5))):
        when = {}
        parents = [
            name
            for name, parameter in parameters.items()
            if isinstance(parameter, CategoricalParameter | BoolParameter)
        ]
        if parents and draw(st.booleans()):
            parent = draw(st.sampled_from(parents))
            choices = [False, True] if isinstance(parameters[parent], BoolParameter) else parameters[parent].choices
            when = {parent: draw(st.lists(st.sampled_from(choices), min_size=1, unique=True))}
        parameters[f"p{index}"] = draw(st.sampled_from(_makers()))(when)
    numbers = [
        name for name, parameter in parameters.items() if isinstance(parameter, FloatParameter) and not parameter.when
    ]
    bound = draw(st.booleans()) and len(numbers) >= 2
    return Space(parameters, [f"{numbers[0]} + {numbers[1]} <= 2.5"] if bound else [])


def _makers() -> list[Callable[[dict], Parameter]]:
    return [
        lambda when: FloatParameter(type="float", low=1.0, high=2.0, when=when),
        lambda when: FloatParameter(type="float", low=1e-3, high=10.0, scale="log", when=when),
        lambda when: FloatParameter(type="float", low=0.0, high=1.0, step=0.3, when=when),
        lambda when: IntParameter(type="int", low=-2, high=3, when=when),
        lambda when: IntParameter(type="int", low=1, high=300, scale="log", when=when),
        lambda when: CategoricalParameter(type="categorical", choices=["a", "b", 3], when=when),
        lambda when: OrdinalParameter(type="ordinal", choices=[1, 10, 100], when=when),
        lambda when: BoolParameter(type="bool", when=when),
    ]
