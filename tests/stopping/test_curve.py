"""Curves, and what another trial is worth at a step."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.stopping.curves import complete, straight

from tunewright.stopping.curve import MOST_POINTS, Peer, best_until, thin, value_at


def test_the_value_at_a_step_is_that_of_the_last_point_before_it() -> None:
    assert value_at([(1, 0.5), (3, 0.8), (5, 0.6)], 4) == 0.8
    assert value_at([(1, 0.5), (3, 0.8), (5, 0.6)], 9) == 0.6
    assert value_at([(4, 0.5)], 3) is None


def test_the_best_value_so_far_is_told_from_the_last() -> None:
    assert best_until([(1, 0.5), (2, 0.8), (3, 0.6)], 3) == 0.8
    assert best_until([(1, 0.5), (2, 0.8), (3, 0.6)], 1) == 0.5
    assert best_until([(4, 0.5)], 3) is None


def test_a_trial_that_has_not_come_so_far_says_nothing_and_a_complete_one_stands_with_its_end() -> None:
    curve = straight(0.1, 5)
    assert Peer(trial="a", curve=curve).at(5) == pytest.approx(0.5)
    assert Peer(trial="a", curve=curve).at(6) is None
    assert complete("a", curve).at(6) == pytest.approx(0.5)
    assert Peer(trial="a", curve=[], final=0.7).at(1) == 0.7, "a complete trial without a stream"
    assert Peer(trial="a", curve=[]).at(1) is None


@given(st.sets(st.integers(0, 10**9), min_size=1, max_size=400))
def test_a_long_curve_keeps_its_ends_and_few_points_between(steps: set[int]) -> None:
    kept = thin({step: float(step) for step in steps})
    assert len(kept) <= MOST_POINTS
    assert (kept[0][0], kept[-1][0]) == (min(steps), max(steps))
    assert kept == sorted(kept)
    assert all(value == step for step, value in kept)
    assert len(steps) > MOST_POINTS or len(kept) == len(steps)


def test_points_that_are_kept_are_even_on_a_logarithmic_scale() -> None:
    kept = [step for step, _ in thin(dict.fromkeys(range(1, 100001), 0.0))]
    ratios = [math.log(b / a) for a, b in pairwise(kept[20:-2])]
    assert max(ratios) < 2 * min(ratios)
