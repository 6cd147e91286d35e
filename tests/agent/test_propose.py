"""Proposals: valid, feasible, distinct, and led by what was observed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.agent.spaces import conditional, observed, spaces, unit

from tunewright.agent.grid import Grid
from tunewright.agent.order import order
from tunewright.agent.verbs import Observation, Suggestion, fit, predict, propose, update
from tunewright.errors import InputError
from tunewright.preset import AgentSettings
from tunewright.space import BoolParameter, CategoricalParameter, Configuration, FloatParameter, IntParameter, Space

SMALL = {"candidates": 32, "hidden": 8, "model_updates": 2, "initial_trials": 2}


def suggest(
    space: Space, agent: AgentSettings, history: list[Observation] | None = None, count: int = 4, **state: object
) -> list[Suggestion]:
    given = {"pending": [], "policy": None, "surrogate": None, "seed": 0, **state}
    return propose(space=space, settings=agent, history=history or [], count=count, **given)


def search(space: Space, agent: AgentSettings, reward, rounds: int, count: int, seed: int = 0) -> list[Observation]:
    """A few rounds of the whole loop."""
    history: list[Observation] = []
    policy = surrogate = None
    for round_ in range(rounds):
        state = {"policy": policy, "surrogate": surrogate, "seed": seed * 1000 + round_}
        suggestions = suggest(space, agent, history, count, **state)
        batch = [
            Observation(configuration=s.configuration, reward=reward(s.configuration), round=round_)
            for s in suggestions
        ]
        history += batch
        fitted = fit(space=space, settings=agent, history=history, previous=surrogate, seed=state["seed"])
        surrogate = fitted.weights
        paid = {"surrogate": surrogate, "fitted": fitted.fitted, "r2": fitted.r2}
        policy = update(
            space=space, settings=agent, history=history, batch=batch, policy=policy, **paid, seed=state["seed"]
        ).weights
    return history


def key(configuration: Configuration) -> tuple:
    return tuple(sorted((name, type(value).__name__, value) for name, value in configuration.items()))


@given(space=spaces(), preset=st.sampled_from(["default", "paper"]), seed=st.integers(0, 100))
@settings(max_examples=25, deadline=None)
def test_any_space_gives_valid_feasible_and_distinct_configurations(space: Space, preset: str, seed: int) -> None:
    agent = AgentSettings(preset=preset, **SMALL, refit_every=3, seed=seed)
    rng = np.random.default_rng(seed)
    history = search(space, agent, lambda _: None if rng.random() < 0.2 else rng.normal(), rounds=3, count=3, seed=seed)
    tried = [observation.configuration for observation in history]
    for configuration in tried:
        space.check(configuration)
        assert space.feasible(configuration)
    everything = {key(configuration) for configuration in space.sample(np.random.default_rng(1), 300)}
    assert len({key(configuration) for configuration in tried}) >= min(len(tried), len(everything))


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_a_finite_space_is_tried_to_the_last_configuration_and_then_repeats(preset: str) -> None:
    space = Space(
        {"a": BoolParameter(type="bool"), "n": IntParameter(type="int", low=1, high=5, scale="log")}, ["n <= 4"]
    )
    history = search(space, AgentSettings(preset=preset, **SMALL), lambda c: float(c["n"]), rounds=5, count=2)
    assert len({key(observation.configuration) for observation in history[:8]}) == 8
    assert len(history) == 10


@pytest.mark.parametrize(
    ("space", "count"),
    [
        (
            Space(
                {f"k{index}": IntParameter(type="int", low=0, high=12) for index in range(4)},
                ["k0 == k1 and k1 == k2 and k2 == k3"],
            ),
            13,
        ),
        (Space({f"x{index}": FloatParameter(type="float", low=0, high=1) for index in range(3)}, ["x0 < 0.001"]), 16),
    ],
    ids=["finite", "continuous"],
)
def test_a_narrow_feasible_region_is_found_in_every_round_and_is_not_repeated(space: Space, count: int) -> None:
    """Chance alone finds a configuration in 2,197 here, and one in 1,000."""
    for seed in range(3):
        agent = AgentSettings(**SMALL, seed=seed)
        history = search(space, agent, lambda c: float(next(iter(c.values()))), rounds=4, count=4, seed=seed)
        assert all(space.feasible(observation.configuration) for observation in history)
        assert len({key(observation.configuration) for observation in history}) == count


def test_the_design_is_kept_where_constraints_leave_little() -> None:
    space = Space({f"x{index}": FloatParameter(type="float", low=0, high=1) for index in range(4)}, ["x0 <= 0.03"])
    origins = [suggestion.origin for suggestion in suggest(space, AgentSettings(initial_trials=4), count=4)]
    assert origins == ["initial"] * 4


def test_one_call_for_more_than_there_is_returns_as_many_as_asked() -> None:
    space = Space({"a": BoolParameter(type="bool")})
    suggestions = suggest(space, AgentSettings(), count=7)
    assert len(suggestions) == 7
    assert {suggestion.configuration["a"] for suggestion in suggestions} == {False, True}


def test_the_default_comes_first_then_the_design_then_proposals() -> None:
    space = Space({"x": FloatParameter(type="float", low=0, high=1, default=0.25)})
    suggestions = suggest(space, AgentSettings(initial_trials=3), count=6)
    assert [suggestion.origin for suggestion in suggestions] == [
        "default",
        "initial",
        "initial",
        "initial",
        "random",
        "random",
    ]
    assert suggestions[0].configuration == {"x": 0.25}


def test_the_design_goes_on_where_it_stood_and_repeats_what_was_lost() -> None:
    space, agent = unit(count=3), AgentSettings(initial_trials=8)
    whole = [s.configuration for s in suggest(space, agent, count=8)]
    history = [Observation(configuration=c, reward=1.0, round=0) for c in whole[:4]]
    assert [s.configuration for s in suggest(space, agent, history, count=4, seed=9)] == whole[4:]
    lost = history[:1] + history[2:]
    assert suggest(space, agent, lost, count=1, seed=9)[0].configuration == whole[1]
    assert suggest(space, agent, lost, count=1, pending=[whole[1]], seed=9)[0].configuration == whole[4]


def test_the_design_fills_space() -> None:
    x = np.array(
        [list(s.configuration.values()) for s in suggest(unit(count=2), AgentSettings(initial_trials=16), count=16)]
    )
    assert np.abs(x.mean(0) - 0.5).max() < 0.06
    assert len({tuple(cell) for cell in np.floor(x * 4).astype(int).tolist()}) >= 13


def test_the_paper_draws_everything_from_its_policy() -> None:
    suggestions = suggest(conditional(), AgentSettings(preset="paper"), count=5)
    assert {suggestion.origin for suggestion in suggestions} == {"policy"}
    assert all(suggestion.log_prob is not None for suggestion in suggestions)


def test_a_batch_spreads() -> None:
    """Over seeds: a single batch holds two close neighbours often enough."""
    space, agent = unit(count=2), AgentSettings(initial_trials=0)
    history = observed(space, lambda c: -((float(c["x0"]) - 0.5) ** 2) - (float(c["x1"]) - 0.5) ** 2, 8)
    surrogate = fit(space=space, settings=agent, history=history, previous=None, seed=0).weights
    nearest = []
    for seed in range(5):
        batch = suggest(space, agent, history, 6, surrogate=surrogate, seed=seed)
        x = np.array([list(s.configuration.values()) for s in batch])
        distance = np.linalg.norm(x[:, None] - x[None], axis=-1)[np.triu_indices(6, 1)]
        nearest.append(distance.min())
    assert np.median(nearest) > 0.01


def test_what_is_under_way_is_neither_repeated_nor_approached() -> None:
    space, agent = unit(count=2), AgentSettings(initial_trials=0)
    history = observed(space, lambda c: -((float(c["x0"]) - 0.5) ** 2) - (float(c["x1"]) - 0.5) ** 2, 8)
    surrogate = fit(space=space, settings=agent, history=history, previous=None, seed=0).weights
    alone = suggest(space, agent, history, 1, surrogate=surrogate)[0].configuration
    second = suggest(space, agent, history, 1, surrogate=surrogate, pending=[alone])[0].configuration
    assert np.linalg.norm(np.subtract(list(alone.values()), list(second.values()))) > 0.01


@pytest.mark.parametrize("reward_model", ["gp", "ensemble"])
def test_failures_move_proposals_away(reward_model: str) -> None:
    space = unit(count=1)
    agent = AgentSettings(initial_trials=0, policy_share=0.0, reward_model=reward_model)
    good = [Observation(configuration={"x0": x}, reward=0.5 + 0.1 * x, round=0) for x in (0.05, 0.15, 0.25, 0.35)]
    failed = [Observation(configuration={"x0": x}, reward=None, round=0) for x in (0.45, 0.6, 0.75, 0.9)]
    shares = {}
    for name, history in (("without", good), ("with", good + failed)):
        surrogate = fit(space=space, settings=agent, history=history, previous=None, seed=0).weights
        proposals = [suggest(space, agent, history, 1, surrogate=surrogate, seed=seed) for seed in range(8)]
        shares[name] = np.mean([float(s.configuration["x0"]) > 0.4 for batch in proposals for s in batch])
    assert shares["without"] > 0.5  # rewards rise to the right
    assert shares["with"] < shares["without"] - 0.3


def test_failures_teach_the_policy_too() -> None:
    space = unit(count=1)
    agent = AgentSettings(preset="paper", learning_rate=0.02, update_epochs=10)
    history = search(space, agent, lambda c: None if float(c["x0"]) > 0.4 else 1.0, rounds=12, count=8)
    late = [observation.configuration["x0"] for observation in history[-32:]]
    assert np.mean([x > 0.4 for x in late]) < 0.35  # half of the range and more at first


def test_when_all_failed_the_search_goes_on_at_random() -> None:
    history = search(unit(count=2), AgentSettings(**SMALL), lambda _: None, rounds=3, count=2)
    assert len({key(observation.configuration) for observation in history}) == 6


def test_not_finite_rewards_are_failures() -> None:
    space, agent = unit(count=1), AgentSettings()
    plain = observed(space, lambda c: float(c["x0"]), 6)
    odd = [
        Observation(configuration=o.configuration, reward=value, round=0)
        for o, value in zip(plain, (float("nan"), float("inf")), strict=False)
    ]
    none = [Observation(configuration=o.configuration, reward=None, round=0) for o in plain[:2]]
    fits = [
        fit(space=space, settings=agent, history=[*some, *plain[2:]], previous=None, seed=0).weights
        for some in (odd, none)
    ]
    assert fits[0] == fits[1]


def test_a_constraint_that_nothing_satisfies_is_a_clear_error() -> None:
    space = Space({"x": FloatParameter(type="float", low=0, high=1)}, ["x > 2"])
    for preset in ("default", "paper"):
        with pytest.raises(InputError, match=r"constraints must leave configurations.*x > 2"):
            suggest(space, AgentSettings(preset=preset), count=1)


def test_a_narrow_constraint_is_met() -> None:
    space = Space(unit(count=2).parameters, ["abs(x0 - x1) <= 0.005"])
    history = search(space, AgentSettings(**SMALL), lambda c: float(c["x0"]), rounds=3, count=3)
    assert all(space.feasible(observation.configuration) for observation in history)
    assert len({key(observation.configuration) for observation in history}) == 9


def test_the_default_finds_a_known_optimum() -> None:
    space = Space(
        {
            "kind": CategoricalParameter(type="categorical", choices=["a", "b", "c"]),
            "x": FloatParameter(type="float", low=0, high=1),
            "y": FloatParameter(type="float", low=1e-4, high=1, scale="log", when={"kind": ["b", "c"]}),
        }
    )

    def reward(c: Configuration) -> float:
        return (
            {"a": -1.0, "b": 0.0, "c": -0.2}[str(c["kind"])]
            - (float(c["x"]) - 0.7) ** 2
            - (np.log10(float(c.get("y", 1))) + 2) ** 2
        )

    best = max(search(space, AgentSettings(), reward, rounds=8, count=4), key=lambda observation: observation.reward)
    assert best.configuration["kind"] == "b"
    assert best.reward > -0.003


def test_only_numbers_that_the_model_does_not_mind_go_to_their_bounds() -> None:
    space, agent = unit(count=2), AgentSettings(initial_trials=0, policy_share=0.0)
    history = observed(space, lambda c: -((float(c["x0"]) - 0.5) ** 2), 24)
    surrogate = fit(space=space, settings=agent, history=history, previous=None, seed=0).weights
    at_bound = {"x0": 0, "x1": 0}
    for seed in range(8):
        for suggestion in suggest(space, agent, history, 4, surrogate=surrogate, seed=seed):
            for name, value in suggestion.configuration.items():
                at_bound[name] += value in (0.0, 1.0)
    assert at_bound["x0"] == 0
    assert at_bound["x1"] >= 3


def test_a_bound_that_is_a_value_of_its_own_is_tried() -> None:
    """All columns of a table of two are another thing than any share below 1, and nothing near the bound tells."""
    space = unit(count=6)
    agent = AgentSettings(preset="default", policy_share=0.0)
    history = search(space, agent, lambda c: -((float(c["x1"]) - 0.3) ** 2) + (c["x0"] == 1.0), rounds=10, count=4)
    assert sum(observation.configuration["x0"] == 1.0 for observation in history) > 4


@pytest.mark.parametrize("lucky", [False, True])
def test_what_leaves_a_plateau_is_followed_up_though_it_is_worse(lucky: bool) -> None:
    """Most of the space learns nothing and ends alike; a tenth does something, if only harm: it gets far more than a tenth of the trials.

    That one trial of the others has been better by chance changes nothing.
    """
    space, agent = unit(count=4), AgentSettings(policy_share=0.0, initial_trials=8)
    for seed in range(3):
        first: list[Configuration] = []

        def reward(configuration: Configuration, first: list[Configuration] = first) -> float:
            if float(configuration["x0"]) > 0.9:
                return -1.0
            first.append(configuration)
            return float(lucky and configuration == first[0])

        history = search(space, agent, reward, rounds=10, count=4, seed=seed)
        assert 10 < sum(observation.reward == -1.0 for observation in history) <= 24


@pytest.mark.parametrize(("seen", "fits"), [(7, False), (8, True), (11, True)])
def test_a_surrogate_is_refitted_after_so_many_new_results(seen: int, fits: bool) -> None:
    space, agent = unit(count=2), AgentSettings(preset="paper", refit_every=4, history=5)
    history = observed(space, lambda c: float(c["x0"]), 12)
    first = fit(space=space, settings=agent, history=history[:4], previous=None, seed=0)
    again = fit(space=space, settings=agent, history=history[:seen], previous=first.weights, seed=0)
    assert (first.fitted, first.observations) == (True, 4)
    assert again.fitted is fits
    assert again.observations == (5 if fits else 4)
    assert (again.weights == first.weights) is not fits
    assert fits or again.r2 == first.r2


def test_a_random_order_is_one_of_many_is_kept_and_decides_parents_first() -> None:
    grid = Grid(conditional())
    found = [order(grid, AgentSettings(order="random", seed=seed)) for seed in range(30)]
    assert found == [order(grid, AgentSettings(order="random", seed=seed)) for seed in range(30)]
    assert len({tuple(each) for each in found}) > 5
    for each in found:
        assert sorted(each) == list(range(len(grid)))
        for child, conditions in enumerate(grid.conditions):
            assert all(each.index(parent) < each.index(child) for parent, _ in conditions)


def test_another_seed_of_the_settings_is_another_design() -> None:
    state = {"space": unit(count=3), "history": [], "pending": [], "policy": None, "surrogate": None}
    one, same, other = (
        propose(**state, settings=AgentSettings(seed=seed), count=4, seed=0)  # type: ignore[arg-type]
        for seed in (1, 1, 2)
    )
    assert [each.configuration for each in one] == [each.configuration for each in same]
    assert [each.configuration for each in one] != [each.configuration for each in other]


def test_the_latest_results_are_what_a_bounded_history_holds() -> None:
    space, settings = unit(count=2), AgentSettings(history=8)
    history = [
        *observed(space, lambda c: -float(c["x0"]), 12),
        *observed(space, lambda c: float(c["x0"]) + float(c["x1"]), 8, seed=1),
    ]
    whole, last = (
        fit(space=space, settings=settings, history=some, previous=None, seed=0) for some in (history, history[-8:])
    )
    assert whole.weights is not None
    assert last.weights is not None
    asked = [one.configuration for one in observed(space, lambda _: None, 5, seed=2)]
    beliefs = [
        predict(space=space, settings=settings, surrogate=weights, configurations=asked)
        for weights in (whole.weights, last.weights)
    ]
    assert beliefs[0][0].tolist() == beliefs[1][0].tolist()


def test_the_policy_competes() -> None:
    space, history = unit(count=2), observed(unit(count=2), lambda c: -((float(c["x0"]) - 0.5) ** 2), 12)
    origins = {}
    for share in (0.0, 1.0):
        settings = AgentSettings(initial_trials=0, policy_share=share, candidates=64)
        model = fit(space=space, settings=settings, history=history, previous=None, seed=0).weights
        found = propose(
            space=space, settings=settings, history=history, pending=[], policy=None, surrogate=model, count=12, seed=0
        )
        origins[share] = {each.origin for each in found}
    assert "policy" in origins[1.0]
    assert "policy" not in origins[0.0]


def test_a_result_that_stands_for_another_makes_the_surrogate_fit_again() -> None:
    """A stopped trial went on: the history is as long as before."""
    space, agent = unit(count=2), AgentSettings()
    before = [replace(o, round=index) for index, o in enumerate(observed(space, lambda c: float(c["x0"]), 8))]
    first = fit(space=space, settings=agent, history=before, previous=None, seed=0)
    same = fit(space=space, settings=agent, history=before, previous=first.weights, seed=1)
    gone_on = [*before[1:], replace(before[0], reward=9.0, round=8)]
    again = fit(space=space, settings=agent, history=gone_on, previous=first.weights, seed=1)
    assert (first.fitted, same.fitted, again.fitted) == (True, False, True)
    assert again.weights is not None
    mean, _ = predict(space=space, settings=agent, surrogate=again.weights, configurations=[before[0].configuration])
    assert mean[0] > 1.0


@pytest.mark.parametrize(("alike", "known"), [(9, False), (5, True)])
def test_nothing_is_predicted_by_a_surrogate_that_was_fitted_to_leave_a_plateau(alike: int, known: bool) -> None:
    space, agent = unit(count=2), AgentSettings()
    history = [
        replace(o, reward=0.5 if index < alike else o.reward)
        for index, o in enumerate(observed(space, lambda c: float(c["x0"]), 12))
    ]
    fitted = fit(space=space, settings=agent, history=history, previous=None, seed=0)
    assert fitted.weights is not None
    answers = predict(
        space=space, settings=agent, surrogate=fitted.weights, configurations=space.sample(np.random.default_rng(0), 5)
    )
    assert [bool(np.isfinite(answer).all()) for answer in answers] == [known, known]
    assert [bool(np.isnan(answer).all()) for answer in answers] == [not known, not known]
