"""The reward model of learning curves: what it expects, how sure it is, whom it stops."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from tests.stopping.curves import complete, straight

from tunewright.early import CurveStopping
from tunewright.stopping.curve import Curve, Peer
from tunewright.stopping.extrapolation import Forecast, forecast
from tunewright.stopping.verbs import verdict

RULE = CurveStopping(rule="curve", min_steps=4)


def saturating(end: float, speed: float, steps: int, rng: np.random.Generator, noise: float = 0.003) -> Curve:
    return [(s, end * (1 - math.exp(-speed * s)) + noise * rng.normal()) for s in range(1, steps + 1)]


def past(count: int, rng: np.random.Generator) -> list[Peer]:
    return [complete(str(i), saturating(rng.uniform(0.5, 0.9), rng.uniform(0.15, 0.25), 30, rng)) for i in range(count)]


def test_parallel_lines_are_continued_exactly() -> None:
    peers = [complete(str(i), straight(0.01, 20, start=i / 10)) for i in range(6)]
    expected = forecast(straight(0.01, 10, start=0.25), peers)
    assert expected.mean == pytest.approx(0.45)
    assert expected.std == pytest.approx(0.0, abs=1e-9)
    assert expected.chance(0.5) == 0.0
    assert expected.chance(0.4) == 1.0


def test_the_doubt_is_honest_over_many_made_up_studies() -> None:
    """Four of five ends lie within 1.28 deviations, give or take."""
    rng = np.random.default_rng(1)
    inside = []
    for _ in range(300):
        whole = saturating(rng.uniform(0.5, 0.9), rng.uniform(0.15, 0.25), 30, rng)
        expected = forecast(whole[:8], past(12, rng))
        inside.append(abs(whole[-1][1] - expected.mean) <= 1.28 * expected.std)
    assert 0.7 < np.mean(inside) < 0.9


def test_a_trial_without_a_chance_is_stopped_and_one_with_a_chance_goes_on() -> None:
    rng = np.random.default_rng(2)
    peers = past(12, rng)
    reason = verdict(RULE, saturating(0.4, 0.2, 8, rng), 0, peers)
    assert reason is not None
    assert reason.startswith("curve: at step 8 the chance to become the best is ")
    assert verdict(RULE, saturating(0.95, 0.2, 8, rng), 0, peers) is None


def test_nobody_is_stopped_before_enough_trials_are_complete() -> None:
    rng = np.random.default_rng(3)
    assert verdict(RULE, saturating(0.1, 0.2, 8, rng), 0, past(7, rng)) is None
    assert verdict(RULE, saturating(0.1, 0.2, 3, rng), 0, past(12, rng)) is None


def test_a_belief_without_doubt_is_for_or_against() -> None:
    assert Forecast(mean=1.0, std=0.0).chance(0.9) == 1.0
    assert Forecast(mean=1.0, std=0.1).chance(1.0) == pytest.approx(0.5)


@pytest.mark.parametrize("end", [-10.0, -1000.0, -3e38])
def test_trials_that_have_diverged_do_not_keep_all_others_alive(end: float) -> None:
    rng = np.random.default_rng(2)
    peers = [*past(12, rng), complete("diverged", straight(end / 30, 30))]
    assert verdict(RULE, saturating(0.4, 0.2, 8, rng), 0, peers) is not None


def test_trials_that_ended_before_or_at_its_step_show_nothing_of_what_is_to_come() -> None:
    rng = np.random.default_rng(3)
    for steps in (5, 8):
        ended = [complete(f"ended-{i}", saturating(0.9, 0.2, steps, rng)) for i in range(5)]
        assert verdict(RULE, saturating(0.1, 0.2, 8, rng), 0, [*past(7, rng), *ended]) is None


def test_a_short_trial_is_to_be_beaten_too() -> None:
    rng = np.random.default_rng(2)
    peers, own = past(12, rng), saturating(0.95, 0.2, 8, rng)
    assert verdict(RULE, own, 0, peers) is None
    assert verdict(RULE, own, 0, [*peers, complete("short", [(1, 4.0), (2, 5.0)])]) is not None


def test_of_two_that_stand_alike_more_is_expected_of_the_one_that_rises() -> None:
    slopes = [i / 1000 for i in range(12)]
    peers = [complete(str(i), straight(slope, 30, start=0.5 - 10 * slope)) for i, slope in enumerate(slopes)]
    rises, rests = forecast([(5, 0.45), (10, 0.5)], peers), forecast([(5, 0.5), (10, 0.5)], peers)
    assert rises.mean > rests.mean + 0.1


def test_the_doubt_is_larger_where_no_trial_has_been() -> None:
    peers = past(12, np.random.default_rng(4))
    near, far = forecast([(4, 0.4), (8, 0.6)], peers), forecast([(4, 0.1), (8, 3.0)], peers)
    assert far.std > 2 * near.std


def test_a_chance_that_cannot_be_told_stops_nobody() -> None:
    """Programs that return the largest number as a penalty make sums that are infinite."""
    least = -sys.float_info.max
    bad = [Peer(trial=f"b{i}", curve=[(step, least) for step in range(1, 11)], final=least) for i in range(5)]
    good = [Peer(trial=f"g{i}", curve=[(step, 0.05 * step) for step in range(1, 11)], final=0.5) for i in range(4)]
    settings = CurveStopping(rule="curve", min_steps=1, min_trials=4)
    assert verdict(settings, [(1, 0.5), (2, 1.0), (3, 1.5)], 0, [*bad, *good]) is None
