"""A learning curve speaks for shorter training of the same configuration."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tunewright.space import Configuration, Space
from tunewright.stopping.shorter import Point, Tried, shorter
from tunewright.study import parse_parameters

SPACE = Space(
    parse_parameters(
        {
            "booster": {"type": "categorical", "choices": ["trees", "lines"]},
            "depth": {"type": "int", "low": 1, "high": 9},
            "rounds": {"type": "int", "low": 10, "high": 100, "step": 10, "when": {"booster": "trees"}},
        }
    ),
    ["depth * rounds <= 300"],
)
LONG: Configuration = {"booster": "trees", "depth": 3, "rounds": 100}


def tried(trial: str, configuration: Configuration, final: float | None, *curve: tuple[int, float]) -> Tried:
    return Tried(trial=trial, configuration=configuration, curve=curve, final=final)


def found(*trials: Tried) -> Point | None:
    return shorter(SPACE, "rounds", trials)


def test_the_best_point_that_beats_every_complete_trial_is_a_configuration_of_its_own() -> None:
    one = tried("a", LONG, 0.5, (10, 0.4), (20, 0.7), (40, 0.6), (100, 0.5))
    assert found(one) == Point(trial="a", steps=20, reward=0.7, configuration={**LONG, "rounds": 20})
    better = tried("b", {**LONG, "depth": 2}, 0.7, (100, 0.7))
    assert found(one, better) is None, "as good as the best is not better"


@pytest.mark.parametrize(
    ("curve", "why"),
    [
        ([(5, 0.9)], "below the range"),
        ([(25, 0.9)], "between two steps of the parameter"),
        ([(100, 0.9)], "its own end"),
        ([], "no curve"),
    ],
)
def test_points_without_a_configuration_say_nothing(curve: Sequence[tuple[int, float]], why: str) -> None:
    assert found(tried("a", LONG, 0.5, *curve)) is None, why


def test_what_was_tried_or_breaks_a_constraint_is_left_out() -> None:
    one = tried("a", LONG, 0.5, (20, 0.7), (40, 0.6))
    again = tried("b", {**LONG, "rounds": 20}, 0.4)
    point = found(one, again)
    assert point is not None
    assert point.steps == 40, "what chance made of 20 rounds is known by now"
    deep = tried("c", {"booster": "trees", "depth": 9, "rounds": 100}, 0.1, (40, 0.9), (30, 0.8))
    point = found(one, deep)
    assert point is not None
    assert (point.trial, point.steps) == ("c", 30), "9 * 40 > 300"


def test_of_equal_points_the_shortest_then_the_earliest_stands() -> None:
    first = tried("a", LONG, 0.5, (40, 0.7), (60, 0.7))
    second = tried("b", {**LONG, "depth": 2}, 0.5, (30, 0.7), (40, 0.7))
    third = tried("c", {**LONG, "depth": 1}, 0.5, (30, 0.7))
    point = found(first, second, third)
    assert point is not None
    assert (point.trial, point.steps) == ("b", 30)


def test_a_stopped_or_failed_trial_speaks_too_and_an_inactive_count_does_not() -> None:
    done = tried("a", LONG, 0.5)
    ended_early = tried("b", {**LONG, "depth": 2}, None, (20, 0.8))
    point = found(done, ended_early)
    assert point is not None
    assert point.trial == "b"
    assert found(done, tried("c", {"booster": "lines", "depth": 2}, None, (20, 0.9))) is None
    assert found(ended_early) is None, "nothing is complete yet: the search goes on"


def test_a_single_step_less_is_a_configuration_too() -> None:
    point = shorter(SPACE, "depth", [tried("a", LONG, 0.5, (2, 0.7))])
    assert point is not None
    assert point.configuration == {**LONG, "depth": 2}


@pytest.mark.parametrize("warmed", [[4, 5, 6, 7, 8], [1, 2, 3]])
def test_a_count_on_which_other_parameters_depend_is_lowered_only_as_far_as_they_stay(warmed: list[int]) -> None:
    space = Space(
        parse_parameters(
            {
                "epochs": {"type": "int", "low": 1, "high": 8},
                "warmup": {"type": "int", "low": 0, "high": 3, "when": {"epochs": warmed}},
            }
        )
    )
    configuration: Configuration = {"epochs": 8, **({"warmup": 1} if 8 in warmed else {})}
    point = shorter(space, "epochs", [tried("a", configuration, 0.5, (2, 0.9), (5, 0.7), (8, 0.5))])
    assert point is not None
    assert point.configuration == {**configuration, "epochs": 5}
