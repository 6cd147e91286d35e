"""The median rule."""

from __future__ import annotations

from tests.stopping.curves import complete, straight

from tunewright.early import MedianStopping
from tunewright.stopping.curve import Peer
from tunewright.stopping.verbs import promotions, verdict

RULE = MedianStopping(rule="median", min_steps=3, min_trials=3)
PEERS = [complete("a", straight(0.1, 9)), complete("b", straight(0.2, 9)), Peer(trial="c", curve=straight(0.3, 4))]


def test_a_trial_below_the_median_of_those_that_came_as_far_is_stopped_and_told_why() -> None:
    assert verdict(RULE, straight(0.15, 4), 0, PEERS) == "median: at step 4, 2 of 3 other trials are better"
    assert verdict(RULE, straight(0.2, 4), 0, PEERS) is None, "at the median"


def test_nobody_is_stopped_too_early_or_against_too_few() -> None:
    assert verdict(RULE, straight(0.0, 2), 0, PEERS) is None
    assert verdict(RULE, straight(0.0, 5), 0, PEERS) is None, "only two have come to step 5"


def test_the_rule_is_asked_once_a_step() -> None:
    assert verdict(RULE, straight(0.0, 4), 4, PEERS) is None


def test_it_promotes_nobody() -> None:
    assert promotions(RULE, PEERS) == []


def test_the_best_value_so_far_counts_not_the_last() -> None:
    assert verdict(RULE, [(1, 0.2), (2, 0.9), (3, 0.9), (4, 0.1)], 0, PEERS) is None
