"""Which trials of the past a trial is held against."""

from __future__ import annotations

import pytest
from tests.steps.test_observation import STUDY, result, sealed, slot

from tunewright.steps.peers import ended_peers
from tunewright.trial import Status


@pytest.mark.parametrize(
    ("status", "there"), [(Status.COMPLETE, ["b"]), (Status.FAILED, ["b"]), (Status.LOST, ["a", "b"])]
)
def test_a_stopped_trial_whose_promotion_was_lost_may_be_promoted_again(status: Status, there: list[str]) -> None:
    first = sealed(0, (slot("a", 0.1), result("a", 0, Status.STOPPED, [(1, 0.9)])))
    second = sealed(1, (slot("b", 0.1, "promotion", "a"), result("b", 1, status)))
    peers = ended_peers(STUDY, [first, second])
    assert [(peer.trial, peer.stopped) for peer in peers] == [(trial, trial == "a") for trial in there]
