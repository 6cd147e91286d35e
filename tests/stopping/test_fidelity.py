"""What a stopped trial counts to the agent."""

from __future__ import annotations

import pytest
from tests.stopping.curves import complete, stopped, straight

from tunewright.stopping.curve import Peer
from tunewright.stopping.fidelity import believed_reward

COMPLETE = [
    complete("a", [(5, 0.5), (10, 0.80)]),
    complete("b", [(5, 0.6), (10, 0.90)]),
    complete("c", [(5, 0.7), (10, 0.86)]),
]


def test_a_standing_between_two_trials_is_read_off_their_ends() -> None:
    assert believed_reward(stopped("s", [(5, 0.6)]), COMPLETE) == 0.86, (
        "second of three then, second of three in the end"
    )
    between = believed_reward(stopped("s", [(5, 0.65)]), COMPLETE)
    assert between is not None
    assert 0.86 < between < 0.90


def test_it_never_counts_more_than_the_best_complete_trial() -> None:
    assert believed_reward(stopped("s", [(5, 5.0)]), COMPLETE) == 0.90


def test_it_lies_as_far_below_the_worst_as_it_was_behind() -> None:
    assert believed_reward(stopped("s", [(5, 0.4)]), COMPLETE) == 0.80 - (0.5 - 0.4)


def test_the_order_of_trials_that_were_stopped_together_stays() -> None:
    believed = [believed_reward(stopped("s", [(5, value / 50)]), COMPLETE) for value in range(50)]
    assert believed == sorted(believed, key=lambda reward: reward or 0.0)


def test_alone_it_counts_as_it_is_and_without_a_value_not_at_all() -> None:
    assert believed_reward(stopped("s", straight(0.1, 3)), [Peer(trial="r", curve=straight(0.2, 9))]) == 0.1 * 3
    assert believed_reward(stopped("s", []), COMPLETE) is None


def test_among_equals_it_counts_as_the_mean_of_their_ends() -> None:
    alike = [complete(str(i), [(1, 0.63), (9, end)]) for i, end in enumerate([0.63, 0.65, 0.70, 0.80, 0.95])]
    assert believed_reward(stopped("s", [(1, 0.63)]), alike) == pytest.approx(0.746)
    better = [*alike, complete("z", [(1, 0.7), (9, 0.9)])]
    assert believed_reward(stopped("s", [(1, 0.63)]), better) == pytest.approx(0.736)
