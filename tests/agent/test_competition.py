"""The competition finds what it looks for: the configuration of the largest expected improvement."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import differential_evolution
from tests.agent.spaces import observed, unit

from tunewright.agent import competition, learner
from tunewright.agent.acquisition import log_expected_improvement
from tunewright.agent.grid import Array, Grid, Seen
from tunewright.agent.surrogate import model
from tunewright.agent.surrogate.gp import GP
from tunewright.agent.verbs import Observation, fit, propose
from tunewright.preset import AgentSettings
from tunewright.space import CategoricalParameter, Configuration, Space

DIMENSIONS = 8


def rough(c: Configuration) -> float:
    """A trend towards corners, under waves."""
    x = np.array([float(value) for value in c.values()])
    return float(x[0] - x[1] + 0.3 * np.sin(9 * x[2]) + 0.1 * np.sin(40 * x.sum()))


@pytest.mark.parametrize(("wide", "least", "most"), [(1.0, -0.05, 0.05), (0.0, 0.05, 0.15)])
def test_the_wide_search_comes_close_to_the_largest_expected_improvement(
    wide: float, least: float, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Measured against scipy's differential evolution, which may take a hundred times the evaluations. The near search alone does not."""
    monkeypatch.setattr(competition, "WIDE", wide)
    space, settings = unit(count=DIMENSIONS), AgentSettings(initial_trials=0, policy_share=0.0, posterior_share=0.0)
    grid = Grid(space)
    missed = []
    for seed in range(4):
        history = observed(space, rough, 40, seed=seed)
        weights = fit(space=space, settings=settings, history=history, previous=None, seed=seed).weights
        assert weights is not None
        belief = model.load(weights, grid)

        def value(x: Array, belief: model.RewardModel = belief) -> Array:
            mean, std = belief.belief(x)
            return log_expected_improvement(mean, std, belief.surrogate.best).numpy()

        def loss(x: Array) -> Array:
            return -value(x.T)

        found = differential_evolution(
            loss, [(0, 1)] * DIMENSIONS, vectorized=True, updating="deferred", popsize=60, maxiter=400, rng=0
        )
        proposed = [
            propose(
                space=space, settings=settings, history=history, pending=[], policy=None, surrogate=weights, count=1, seed=at
            )[0].configuration
            for at in range(4)
        ]  # fmt: skip
        missed.append(-found.fun - value(grid.encode(proposed)))
    assert least < np.mean(missed) < most, np.round(missed, 3)


CHOICE = Space({"kind": CategoricalParameter(type="categorical", choices=["a", "b", "c"]), **unit(count=4).parameters})


def by_kind(c: Configuration) -> float:
    """``b`` is best, at 0.1, but near a corner; ``c``, in the middle, looks better at random and ends at -0.05."""
    place = {"a": 0.2, "b": 0.8, "c": 0.5}[str(c["kind"])]
    top = {"a": 0.0, "b": 0.1, "c": -0.05}[str(c["kind"])]
    return top - sum((float(c[f"x{index}"]) - place) ** 2 for index in range(4))


@pytest.mark.parametrize(("space", "least", "most"), [(CHOICE, 0.08, 0.17), (unit(count=3), 0.0, 0.0)])
def test_an_eighth_of_the_choices_is_chance_where_values_have_no_order(
    space: Space, least: float, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    climb, climbed = competition._climb, list[int]()

    def counted(*given: Any) -> Any:
        climbed.append(1)
        return climb(*given)

    monkeypatch.setattr(competition, "_climb", counted)
    chosen = batches(space)
    assert len(chosen) == 320
    assert least <= 1 - len(climbed) / len(chosen) <= most


def batches(space: Space, **settings_: float) -> list[Any]:
    """The choices of forty rounds of eight after the same twelve results, with one configuration under way."""
    grid, settings = Grid(space), AgentSettings(candidates=64, policy_share=0.0, **settings_)
    history = observed(space, lambda c: float(c["x0"]), 12)
    x = grid.encode(observation.configuration for observation in history)
    rewards = model.rewards_of([observation.reward for observation in history])
    belief = model.fit(x, rewards, grid, settings, None, 0)
    assert belief is not None
    policy = learner.restore(grid, settings, None)[0].policy
    under_way = grid.snapped(np.full((1, len(grid)), 0.9))
    seen = np.concatenate([x, under_way])
    rounds = [
        competition.compete(grid, settings, belief, policy, x, rewards, under_way, Seen(seen), 8, seed)
        for seed in range(40)
    ]
    return [choice for round_ in rounds for choice in round_]


@pytest.mark.parametrize(("share", "least", "most"), [(0.5, 0.43, 0.57), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)])
def test_a_share_of_the_choices_is_made_under_drawn_hyperparameters_and_all_know_what_is_under_way(
    share: float, least: float, most: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    plausible, climb = GP.plausible, competition._climb
    drawn, known = list[bool](), list[int]()

    def climbed(pool: competition.Pool, believed: model.RewardModel, *rest: Any) -> Any:
        assert isinstance(believed.surrogate, GP)
        drawn.append(believed.surrogate.hyperparameters.noise == 7.0)
        known.append(len(believed.surrogate.x))
        return climb(pool, believed, *rest)

    def marked(gp: GP, generator: torch.Generator) -> Iterator[GP]:
        return (
            replace(each, hyperparameters=replace(each.hyperparameters, noise=7.0)) for each in plausible(gp, generator)
        )

    monkeypatch.setattr(GP, "plausible", marked)
    monkeypatch.setattr(competition, "_climb", climbed)
    assert len(batches(unit(count=3), posterior_share=share)) == len(drawn) == 320
    assert least <= np.mean(drawn) <= most
    assert known == [12 + 1 + place for place in range(8)] * 40


def test_the_search_does_not_stay_with_the_first_value_of_a_choice_that_it_has_learnt_to_use() -> None:
    best = []
    for seed in range(3):
        settings, history = AgentSettings(candidates=128, policy_share=0.0, seed=seed), list[Observation]()
        weights = None
        for step in range(20):
            at = seed * 1000 + step
            proposed = propose(
                space=CHOICE, settings=settings, history=history, pending=[], policy=None, surrogate=weights, count=4, seed=at
            )  # fmt: skip
            history += [
                Observation(configuration=s.configuration, reward=by_kind(s.configuration), round=step)
                for s in proposed
            ]
            weights = fit(space=CHOICE, settings=settings, history=history, previous=weights, seed=at).weights
        best.append(max(observation.reward or -1.0 for observation in history))
    assert np.median(best) > 0.05, best
