"""What a surrogate sees: features and targets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.agent.spaces import conditional

from tunewright.agent.grid import Grid
from tunewright.agent.surrogate.features import Features
from tunewright.agent.surrogate.model import rewards_of
from tunewright.agent.surrogate.targets import FIRST, scale, stepped
from tunewright.space import FloatParameter, IntParameter, Space


def test_columns_are_numbers_choices_and_conditions() -> None:
    grid = Grid(conditional())
    features = Features(grid)
    assert features.groups == [0, 1, 1, 1, 2, 3, 4, 5, 6, 7, 8]  # family is one-hot; three distinct conditions
    x = grid.encode(
        [
            {"rate": 1.0, "family": "net", "depth": 9, "wide": False, "rounds": 1},
            {"rate": 1e-4, "family": "linear", "rounds": 1000},
        ]
    )
    first, second = features(x)
    assert first[1:4].tolist() == pytest.approx([0, 0, 2**-0.5])
    assert first[[5, 8, 9, 10]].tolist() == [0.0, 1.0, 1.0, 0.0]
    assert second[[4, 5, 6]].tolist() == [0.5, 0.5, 0.5]  # inactive
    assert second[8:].tolist() == [0.0, 0.0, 0.0]


def test_two_different_choices_are_at_distance_one() -> None:
    grid = Grid(conditional())
    x = grid.encode(
        [
            {"rate": 0.1, "family": family, "rounds": 5}
            if family == "linear"
            else {
                "rate": 0.1,
                "family": family,
                "depth": 3,
                **({"wide": False} if family == "net" else {}),
                "rounds": 5,
            }
            for family in ("linear", "tree", "net")
        ]
    )
    hot = Features(grid)(x)[:, 1:4]
    assert torch.cdist(hot, hot)[~torch.eye(3, dtype=torch.bool)].tolist() == pytest.approx([1.0] * 6)


def test_targets_are_standard_and_go_back() -> None:
    rewards = np.array([0.1, 0.5, 0.7, 0.72, -3.0, -900.0])
    targets, scaling = scale(rewards)
    assert targets.mean() == pytest.approx(0.0, abs=1e-12)
    assert targets.std() == pytest.approx(1.0)
    assert (np.argsort(targets) == np.argsort(rewards)).all()
    np.testing.assert_allclose(scaling.rewards(targets, np.zeros(6))[0], rewards)


def test_a_diverged_trial_does_not_hide_the_differences_between_good_ones() -> None:
    rewards = np.array([0.80, 0.82, 0.84, 0.86, 0.88, -1e6])
    targets, _ = scale(rewards)
    assert targets[4] - targets[0] > 0.5


def test_a_steady_unit_keeps_the_slope_among_poor_results_when_many_good_ones_follow() -> None:
    """The poor ones are another value of a choice, whose own best can still be found."""
    poor = np.linspace(0.5, 0.7, FIRST)
    rewards = np.concatenate([poor, np.full(40, 0.9) + 0.001 * np.arange(40)])
    (moving, _), (steady, scaling) = scale(rewards), scale(rewards, steady=True)
    slopes = [float(targets[FIRST - 1] - targets[0]) for targets in (moving, steady)]
    assert slopes[0] < 0.3 < 1.0 < slopes[1]
    np.testing.assert_allclose(scaling.rewards(steady, np.zeros(len(steady)))[0], rewards)


def test_rewards_that_are_all_tiny_are_told_apart() -> None:
    rewards = 1e-13 * np.array([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(scale(rewards)[0], scale(1e13 * rewards)[0])


def test_the_deviation_follows_the_slope_of_the_scale() -> None:
    _, scaling = scale(np.array([0.0, 1.0, 2.0, 3.0, -40.0]))
    mean = np.array([1.5, -2.5])
    step = 1e-6
    above, below = scaling.rewards(mean + step, np.ones(2))[0], scaling.rewards(mean - step, np.ones(2))[0]
    np.testing.assert_allclose(scaling.rewards(mean, np.ones(2))[1], (above - below) / (2 * step), rtol=1e-4)


def test_failures_stand_at_the_worst_success() -> None:
    targets, _ = scale(np.array([1.0, np.nan, 3.0, 2.0]))
    assert targets[1] == targets[0] == targets.min()


@pytest.mark.parametrize(
    ("rewards", "expected"),
    [
        pytest.param(
            [3.0, 3.0, 3.0, 1.0, 2.5], [3.0, 3.0, 3.0, 3.3125, 3.5], id="what leaves it is better, by its harm"
        ),
        pytest.param([3.0, 3.0, 3.0, 1.0, 3.5], [3.0, 3.0, 3.0, 3.15625, 3.5], id="something is better and stays so"),
        pytest.param([3.0, 3.0, 3.0, 3.5, 4.0], [3.0, 3.0, 3.0, 3.5, 4.0], id="nothing is worse"),
        pytest.param([3.0, 3.0, 1.0, 1.0, 4.0], [3.0, 3.0, 1.0, 1.0, 4.0], id="no value is that of most"),
        pytest.param([3.0, np.nan, 3.0, np.nan, 2.0], [3.0, np.nan, 3.0, np.nan, 4.0], id="failures stay failures"),
        pytest.param([3.0, 3.0, 2.0, 1.0], [3.0, 3.0, 2.0, 1.0], id="half is no plateau"),
        pytest.param([3.0, 3.0, 3.0], [3.0, 3.0, 3.0], id="nothing leaves it"),
        pytest.param([np.nan, np.nan], [np.nan, np.nan], id="no success"),
        pytest.param([], [], id="no result"),
    ],
)
def test_a_plateau_is_made_a_step(rewards: list[float], expected: list[float]) -> None:
    np.testing.assert_array_equal(stepped(np.array(rewards, dtype=np.float64)), expected)


@pytest.mark.parametrize("rewards", [[np.nan, np.nan], [1.0], [1.0, np.nan], []])
def test_fewer_than_two_successes_teach_no_model(rewards: list[float]) -> None:
    assert scale(np.array(rewards, dtype=np.float64)) is None


@pytest.mark.parametrize("rewards", [[1.0, 1.0, 1.0], [1e300, 1e300, -1e300], [0.0, 1e-300, 2e-300]])
def test_rewards_without_spread_or_of_any_size_give_finite_targets(rewards: list[float]) -> None:
    targets, scaling = scale(rewards_of(rewards))
    assert np.isfinite(targets).all()
    assert np.isfinite(scaling.rewards(targets, np.ones(3))[0]).all()


def test_a_number_that_spans_a_decade_is_read_on_a_logarithmic_scale_whatever_the_search_does() -> None:
    space = Space(
        {
            "rate": FloatParameter(type="float", low=0.001, high=0.1),
            "narrow": FloatParameter(type="float", low=0.5, high=1.0),
            "zero": FloatParameter(type="float", low=0.0, high=10.0),
            "trees": IntParameter(type="int", low=10, high=1000, scale="log"),
        }
    )
    grid = Grid(space)
    x = grid.encode([{"rate": 0.01, "narrow": 0.75, "zero": 1.0, "trees": 100}])
    found = Features(grid)(x)[0]
    assert found[:3].tolist() == pytest.approx([0.5, 0.5, 0.1])
    assert float(found[3]) == pytest.approx(float(x[0, 3]))  # it is one already


def test_a_bound_that_only_keeps_zero_away_does_not_bend_an_axis() -> None:
    space = Space(
        {
            "share": FloatParameter(type="float", low=1e-9, high=1.0),
            "searched": FloatParameter(type="float", low=1e-9, high=1.0, scale="log"),
            "hundredfold": FloatParameter(type="float", low=0.001, high=0.1),
        }
    )
    found = Features(grid := Grid(space))(grid.encode([{"share": 0.25, "searched": 10**-4.5, "hundredfold": 0.01}]))[0]
    assert found.tolist() == pytest.approx([0.25, 0.5, 0.5])


def test_how_far_boosted_trees_walk_is_a_column_where_it_is_wanted() -> None:
    space = Space(
        {
            "n_estimators": IntParameter(type="int", low=10, high=1000),
            "depth": IntParameter(type="int", low=1, high=4),
            "learning_rate": FloatParameter(type="float", low=0.001, high=0.1),
        }
    )
    grid = Grid(space)
    x = grid.encode(
        [
            {"n_estimators": 100, "depth": 2, "learning_rate": 0.01},
            {"n_estimators": 10, "depth": 2, "learning_rate": 0.1},
        ]
    )
    features = Features(grid, walk=True)
    assert features.groups == [0, 1, 2, 3]
    assert features(x)[:, 3].tolist() == pytest.approx([0.5, 0.5], abs=1e-6)
    assert Features(grid).groups == [0, 1, 2]
    assert not Features(Grid(conditional()), walk=True).walk
