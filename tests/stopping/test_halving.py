"""Asynchronous successive halving: rungs, who goes on, who is promoted."""

from __future__ import annotations

import numpy as np
import pytest
from tests.stopping.curves import complete, stopped, straight

from tunewright.early import HalvingStopping
from tunewright.stopping.curve import Peer
from tunewright.stopping.halving import rungs
from tunewright.stopping.verbs import promotions, verdict

RULE = HalvingStopping(rule="asha", min_steps=2, eta=3)


def test_rungs_grow_by_eta_from_the_first() -> None:
    assert rungs(RULE, 60) == [2, 6, 18, 54]
    assert rungs(RULE, 1) == []


def test_the_first_at_a_rung_goes_on_and_a_worse_second_does_not() -> None:
    assert verdict(RULE, straight(0.1, 2), 0, []) is None
    first = Peer(trial="a", curve=straight(0.2, 3))
    assert verdict(RULE, straight(0.1, 2), 0, [first]) == (
        "asha: at step 2, 1 of 1 other trials go before it, 1 may go on"
    )
    assert verdict(RULE, straight(0.3, 2), 0, [first]) is None
    assert verdict(RULE, straight(0.2, 2), 0, [first]) is not None, "of equals the earlier goes on"


def test_of_trials_that_cannot_be_told_apart_one_in_eta_goes_on() -> None:
    done: list[Peer] = []
    for trial in range(30):
        stops = verdict(RULE, [(2, 0.5)], 0, done) is not None
        done.append(stopped(str(trial), [(2, 0.5)]) if stops else Peer(trial=str(trial), curve=[(2, 0.5)]))
    assert sum(not peer.stopped for peer in done) == 10
    assert promotions(RULE, done) == [], "the places are taken"


def test_a_rung_is_asked_once_also_when_a_look_skips_it() -> None:
    better = [Peer(trial=str(i), curve=straight(1.0, 3)) for i in range(3)]
    assert verdict(RULE, straight(0.1, 1), 0, better) is None, "before the first rung"
    assert verdict(RULE, straight(0.1, 5), 1, better) is not None, "the look came at step 5, the rung was at 2"
    assert verdict(RULE, straight(0.1, 5), 2, better) is None, "what is past is not asked again"


def test_of_nine_at_a_rung_three_go_on() -> None:
    peers = [Peer(trial=str(i), curve=straight(0.1 * i, 2)) for i in range(1, 9)]
    assert verdict(RULE, straight(0.65, 2), 0, peers) is None, "third of nine"
    assert verdict(RULE, straight(0.55, 2), 0, peers) is not None, "fourth of nine"


def test_a_complete_trial_of_fewer_steps_stands_with_its_end() -> None:
    short = complete("a", [(1, 0.9)])
    assert verdict(RULE, straight(0.1, 2), 0, [short]) is not None


def test_a_stopped_trial_that_belongs_to_the_best_by_now_is_promoted() -> None:
    early = stopped("early", straight(0.3, 2))
    first = Peer(trial="first", curve=straight(0.4, 7))
    worse = [stopped(f"worse-{i}", straight(0.01 * i, 2)) for i in range(4)]
    assert promotions(RULE, [early, first, *worse[:3]]) == [], "the best of five is one"
    assert promotions(RULE, [early, first, *worse]) == ["early"], "the best of six are two"


def test_those_that_came_farthest_are_promoted_first_then_the_better() -> None:
    low = [stopped(f"low-{i}", straight(0.001 * i, 2)) for i in range(20)]
    far = [stopped("far", straight(0.2, 6)), *[stopped(f"f{i}", straight(0.001, 6)) for i in range(3)]]
    near = [stopped("better", straight(0.5, 2)), stopped("good", straight(0.4, 2))]
    assert promotions(RULE, [*low, *far, *near])[:3] == ["far", "better", "good"]


def test_the_best_of_many_survives_and_most_are_cut_early() -> None:
    """81 trials one after another whose order never changes: the best is never stopped, and about a third of the steps is spent."""
    rng = np.random.default_rng(0)
    done: list[Peer] = []
    spent = 0
    for trial, slope in enumerate(rng.permutation(81) / 81):
        end, since = 54, 0
        for step in (2, 6, 18, 54):
            if verdict(RULE, straight(slope, step), since, done):
                end = step
                break
            since = step
        spent += end
        curve = straight(slope, end)
        done.append(complete(str(trial), curve) if end == 54 else stopped(str(trial), curve))
    assert max(peer.final for peer in done if peer.final is not None) == pytest.approx(54 * 80 / 81)
    assert spent < 81 * 54 / 3


def test_a_look_that_comes_late_judges_what_was_reached_at_the_rung() -> None:
    quick = Peer(trial="quick", curve=[(2, 0.4)])
    assert verdict(RULE, [(2, 0.2), (5, 0.5)], 1, [quick]) is not None, "it had 0.2 where the other had 0.4"
    assert verdict(RULE, [(2, 0.5), (5, 0.2)], 1, [quick]) is None


def test_of_equals_that_were_stopped_a_look_late_one_in_eta_goes_on() -> None:
    done: list[Peer] = []
    for trial in range(30):
        stops = verdict(RULE, [(2, 0.5), (3, 0.5)], 0, done) is not None
        curve = [(2, 0.5), (3, 0.5)]
        done.append(stopped(str(trial), curve) if stops else Peer(trial=str(trial), curve=curve))
    assert sum(not peer.stopped for peer in done) == 10
    assert promotions(RULE, done) == []


@pytest.mark.parametrize("seed", range(5))
def test_promotions_are_those_of_the_definition(seed: int) -> None:
    """Counted trial by trial, with ties; the rule itself counts by sorting, which a year of nights needs."""
    rng = np.random.default_rng(seed)
    peers = []
    for number in range(120):
        last = int(rng.choice([1, 2, 6, 7, 18, 40]))
        curve = [(step, float(rng.integers(0, 8))) for step in range(1, last + 1)]
        peers.append(stopped(str(number), curve) if rng.random() < 0.7 else complete(str(number), curve))
    expected = []
    for peer in peers:
        if not peer.stopped or peer.last < RULE.min_steps:
            continue
        rung = max(rungs(RULE, peer.last))
        own = peer.at(rung)
        there = [(other.at(rung), other) for other in peers if other.at(rung) is not None]
        before = [
            value
            for value, other in there
            if value > own or (value == own and (not other.stopped or other.last >= 3 * rung))
        ]
        if len(before) < max(1, len(there) // 3):
            expected.append((-rung, -own, peer.trial))
    assert promotions(RULE, peers) == [trial for _, _, trial in sorted(expected)]
