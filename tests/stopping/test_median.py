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


def test_the_first_step_at_which_it_may_be_stopped_is_the_one_that_was_set() -> None:
    rule = MedianStopping(rule="median", min_steps=3, min_trials=2)
    others = [complete(str(i), straight(1.0, 5)) for i in range(2)]
    assert verdict(rule, straight(0.1, 3), 0, others) is not None
