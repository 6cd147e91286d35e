"""How good are the agent's proposals, and what does each of its parts add? Cheap synthetic functions, paired seeds.

    python -m tests.benchmarks.agent_quality
    python -m tests.benchmarks.agent_quality --functions hartmann6 --seeds 3 --set learning_rate=0.002

Prints the regret of the incumbent, 0 at the known maximum and 1 at the median of random draws, averaged over seeds, and how often each
variant ends below the default with the same seed. Synthetic functions say whether a part works; they do not say who wins on real tasks.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from tunewright.agent.verbs import Observation, fit, propose, update
from tunewright.preset import AgentSettings
from tunewright.space import CategoricalParameter, Configuration, FloatParameter, IntParameter, Space


@dataclass(frozen=True, kw_only=True)
class Function:
    """Something to maximise."""

    space: Space
    value: Callable[[Configuration], float]
    maximum: float
    noise: float = 0.0  #: standard deviation of a trial around the value


def _floats(count: int) -> Space:
    return Space({f"x{index}": FloatParameter(type="float", low=0.0, high=1.0) for index in range(count)})


def _x(configuration: Configuration) -> np.ndarray:
    return np.array([configuration[f"x{index}"] for index in range(len(configuration))], dtype=np.float64)


def branin(configuration: Configuration) -> float:
    a, b = _x(configuration) * 15 - np.array([5.0, 0.0])
    return -(
        (b - 5.1 / (4 * math.pi**2) * a**2 + 5 / math.pi * a - 6) ** 2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(a) + 10
    )


HARTMANN_A = np.array(
    [[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]]
)
HARTMANN_P = 1e-4 * np.array(
    [
        [1312, 1696, 5569, 124, 8283, 5886],
        [2329, 4135, 8307, 3736, 1004, 9991],
        [2348, 1451, 3522, 2883, 3047, 6650],
        [4047, 8828, 8732, 5743, 1091, 381],
    ]
)


def hartmann6(configuration: Configuration) -> float:
    return float(np.array([1.0, 1.2, 3.0, 3.2]) @ np.exp(-(HARTMANN_A * (_x(configuration) - HARTMANN_P) ** 2).sum(1)))


def rosenbrock8(configuration: Configuration) -> float:
    x = _x(configuration) * 4 - 2
    return -float((100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2).sum())


MIXED = Space(
    {
        "booster": CategoricalParameter(type="categorical", choices=["linear", "tree", "forest"]),
        "rate": FloatParameter(type="float", low=1e-4, high=1.0, scale="log"),
        "rounds": IntParameter(type="int", low=1, high=1000, scale="log"),
        "depth": IntParameter(type="int", low=1, high=12, when={"booster": ["tree", "forest"]}),
        "subsample": FloatParameter(type="float", low=0.3, high=1.0, when={"booster": ["tree", "forest"]}),
        "penalty": FloatParameter(type="float", low=1e-3, high=10.0, scale="log", when={"booster": "linear"}),
        "kind": CategoricalParameter(type="categorical", choices=["a", "b", "c", "d"]),
    },
    ["rate * rounds <= 300"],
)


def mixed(configuration: Configuration) -> float:
    """Like tuning a booster: a log-rate that must fit the number of rounds, a family that matters, interactions, a little choice."""
    rate, rounds = math.log10(configuration["rate"]), math.log10(configuration["rounds"])
    loss = (
        0.4 * (rate + rounds - 1.0) ** 2
        + 0.05 * (rounds - 2.2) ** 2
        + {"a": 0.1, "b": 0.0, "c": 0.15, "d": 0.05}[str(configuration["kind"])]
    )
    if configuration["booster"] == "linear":
        return -(loss + 0.3 + 0.05 * math.log10(configuration["penalty"]) ** 2)
    best = 5 if configuration["booster"] == "tree" else 9
    family = 0.0 if configuration["booster"] == "tree" else 0.1
    return -(
        loss + family + 0.02 * (configuration["depth"] - best) ** 2 + 0.5 * (configuration["subsample"] - 0.8) ** 2
    )


FUNCTIONS = {
    "branin": Function(space=_floats(2), value=branin, maximum=-0.397887),
    "hartmann6": Function(space=_floats(6), value=hartmann6, maximum=3.32237),
    "hartmann6-noisy": Function(space=_floats(6), value=hartmann6, maximum=3.32237, noise=0.15),
    "rosenbrock8": Function(space=_floats(8), value=rosenbrock8, maximum=0.0),
    "mixed": Function(space=MIXED, value=mixed, maximum=0.0),
    "mixed-noisy": Function(space=MIXED, value=mixed, maximum=0.0, noise=0.05),
}

VARIANTS: dict[str, dict[str, Any]] = {
    "default": {},
    "no-policy": {"policy_share": 0.0},
    "no-surrogate": {"reward_model": "none"},
    "paper": {"preset": "paper"},
    "random": {"preset": "random"},
}


def search(function: Function, settings: AgentSettings | None, *, trials: int, batch: int, seed: int) -> list[float]:
    """True value of the incumbent after every trial; random search without settings."""
    noise = np.random.default_rng(seed)
    history: list[Observation] = []
    values: list[float] = []
    policy = surrogate = None
    for round_ in range(math.ceil(trials / batch)):
        step = seed * 100_000 + round_
        if settings is None:
            configurations = function.space.sample(np.random.default_rng(step), batch)
        else:
            state = {"space": function.space, "settings": settings, "history": history, "seed": step}
            suggestions = propose(**state, pending=[], policy=policy, surrogate=surrogate, count=batch)
            configurations = [suggestion.configuration for suggestion in suggestions]
        values += [function.value(configuration) for configuration in configurations]
        observed = [
            Observation(configuration=configuration, reward=value + function.noise * noise.normal(), round=round_)
            for configuration, value in zip(configurations, values[-batch:], strict=True)
        ]
        history = [*history, *observed]
        if settings is not None:
            state = {**state, "history": history}
            fitted = fit(**state, previous=surrogate)
            surrogate = fitted.weights
            policy = update(
                **state, batch=observed, policy=policy, surrogate=surrogate, fitted=fitted.fitted, r2=fitted.r2
            ).weights
    rewards = np.array([observation.reward for observation in history])
    return [values[int(rewards[: count + 1].argmax())] for count in range(trials)]


def scale(function: Function) -> float:
    """Regret of the median random draw."""
    drawn = function.space.sample(np.random.default_rng(0), 2000)
    return function.maximum - statistics.median(function.value(configuration) for configuration in drawn)


def settings_of(overrides: dict[str, Any], seed: int) -> AgentSettings | None:
    return None if overrides.get("preset") == "random" else AgentSettings(**{**overrides, "seed": seed})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--functions", nargs="*", default=list(FUNCTIONS), choices=list(FUNCTIONS))
    parser.add_argument("--variants", nargs="*", default=list(VARIANTS), choices=list(VARIANTS))
    parser.add_argument("--set", nargs="*", default=[], metavar="FIELD=JSON", help="settings of an extra variant `set`")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--first-seed", type=int, default=0)
    parser.add_argument("--trials", type=int, default=48)
    parser.add_argument("--batch", type=int, default=4)
    arguments = parser.parse_args()
    variants = {name: VARIANTS[name] for name in arguments.variants}
    if arguments.set:
        variants["set"] = {name: json.loads(value) for name, value in (item.split("=", 1) for item in arguments.set)}
    marks = [count for count in (12, 24, 48, 96) if count <= arguments.trials]
    seeds = range(arguments.first_seed, arguments.first_seed + arguments.seeds)
    total: dict[str, list[list[float]]] = {name: [] for name in variants}
    print(
        f"{'function':16}{'variant':14}"
        + "".join(f"{f'after {mark}':>10}" for mark in marks)
        + "   below default   CPU s"
    )
    for label in arguments.functions:
        function = FUNCTIONS[label]
        unit = scale(function)
        reference: list[float] = []
        for name, overrides in variants.items():
            begun = time.process_time()
            regrets = []
            for seed in seeds:
                curve = search(
                    function, settings_of(overrides, seed), trials=arguments.trials, batch=arguments.batch, seed=seed
                )
                regrets.append([(function.maximum - curve[mark - 1]) / unit for mark in marks])
            last = [row[-1] for row in regrets]
            reference = reference or last
            below = sum(mine < other for mine, other in zip(last, reference, strict=True))
            total[name].append([statistics.mean(column) for column in zip(*regrets, strict=True)])
            row = "".join(f"{value:10.4f}" for value in total[name][-1])
            print(
                f"{label:16}{name:14}{row}   {below:>6}/{len(seeds)}     {time.process_time() - begun:9.1f}", flush=True
            )
    for name, rows in total.items():
        print(
            f"{'mean':16}{name:14}" + "".join(f"{statistics.mean(column):10.4f}" for column in zip(*rows, strict=True))
        )


if __name__ == "__main__":
    main()
