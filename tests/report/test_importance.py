"""Importance finds what matters, says how sure it is, and is not fooled by a search that moves everything at once."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from tunewright.report import importance
from tunewright.report.importance import _solve, rank
from tunewright.report.rows import apart, cell, short, tick_rows
from tunewright.report.trials import Trial
from tunewright.space import CategoricalParameter, Configuration, FloatParameter, IntParameter, Space
from tunewright.study import Objective
from tunewright.trial import Result, Status

SPACE = Space({name: FloatParameter(type="float", low=0, high=1) for name in ("a", "b", "c", "d")})
MAXIMIZE = Objective(metric="score")


def trials(
    space: Space, value: Callable[[Configuration], float | None], count: int, *, seed: int = 0, drift: float = 0.0
) -> list[Trial]:
    """Random trials; with ``drift`` all parameters move towards 0.6 together as a search goes on. No value is a failure."""
    rng = np.random.default_rng(seed)
    made = []
    for index in range(count):
        u = 0.6 + (rng.random(len(space)) - 0.6) / (1 + drift * index)
        configuration = space.decode(u)
        objective = value(configuration)
        status = Status.FAILED if objective is None else Status.COMPLETE
        result = Result(trial=f"{index:016x}", round=index, slot=0, status=status, objective=objective)
        made.append(
            Trial(
                number=index + 1, id=result.trial, round=index, session="s", origin="random", configuration=configuration, result=result
            )
        )  # fmt: skip
    return made


def bowl(configuration: Configuration) -> float:
    return -((float(configuration["a"]) - 0.6) ** 2) - 0.2 * (float(configuration["b"]) - 0.6) ** 2


def test_the_parameters_that_act_come_first_and_the_others_do_not_pass_chance() -> None:
    found = rank(SPACE, trials(SPACE, bowl, 80), MAXIMIZE)
    assert [row.parameter for row in found.importances[:2]] == ["a", "b"]
    assert [row.clear for row in found.importances] == [True, True, False, False]
    assert sum(row.share for row in found.importances) == pytest.approx(1)
    assert all(row.low <= row.share <= row.high for row in found.importances)
    assert found.explained > 0.7


def test_a_parameter_that_was_only_moved_along_by_the_search_is_not_important() -> None:
    found = rank(SPACE, trials(SPACE, lambda c: -((float(c["a"]) - 0.6) ** 2), 150, drift=0.05), MAXIMIZE)
    assert found.importances[0].parameter == "a"
    assert found.importances[0].share > 0.8


def test_noise_explains_nothing() -> None:
    noise = np.random.default_rng(1)
    found = rank(SPACE, trials(SPACE, lambda _: float(noise.normal()), 60), MAXIMIZE)
    assert found.explained < 0.1
    assert sum(row.clear for row in found.importances) <= 1


def test_more_features_than_trials_are_not_taken_for_an_explanation() -> None:
    many = Space({f"p{index}": FloatParameter(type="float", low=0, high=1) for index in range(12)})
    clear, explained = [], []
    for seed in range(8):
        rng = np.random.default_rng(100 + seed)
        found = rank(many, trials(many, lambda _, rng=rng: float(rng.normal()), 24, seed=seed), MAXIMIZE)  # type: ignore[misc]
        clear.append(np.mean([row.clear for row in found.importances]))
        explained.append(found.explained)
    assert np.mean(explained) < 0.2
    assert np.mean(clear) < 0.4


def test_directions_mirror_each_other_and_the_scale_of_the_metric_does_not_matter() -> None:
    up = rank(SPACE, trials(SPACE, bowl, 50), MAXIMIZE)
    down = rank(
        SPACE,
        trials(SPACE, lambda c: float(np.exp(-40 * bowl(c))), 50),
        Objective(metric="score", direction="minimize"),
    )
    assert [(row.parameter, round(row.share, 9)) for row in up.importances] == [
        (row.parameter, round(row.share, 9)) for row in down.importances
    ]


def test_a_parameter_that_makes_trials_fail_is_important() -> None:
    found = rank(
        SPACE, trials(SPACE, lambda c: None if float(c["c"]) > 0.5 else 1.0 + float(c["a"]) / 100, 60), MAXIMIZE
    )
    assert found.importances[0].parameter == "c"


def test_a_categorical_parameter_is_measured_by_its_choices() -> None:
    kind = CategoricalParameter(type="categorical", choices=["x", "y", "z"])
    space = Space({"kind": kind, "a": FloatParameter(type="float", low=0, high=1)})
    found = rank(
        space,
        trials(space, lambda c: {"x": 0.0, "y": 1.0, "z": 0.0}[str(c["kind"])] + 0.1 * float(c["a"]), 60),
        MAXIMIZE,
    )
    assert [row.parameter for row in found.importances] == ["kind", "a"]


def test_few_trials_or_equal_values_say_nothing() -> None:
    assert rank(SPACE, trials(SPACE, bowl, 9), MAXIMIZE).importances == ()
    assert rank(SPACE, trials(SPACE, lambda _: 1.0, 50), MAXIMIZE).importances == ()


def test_a_rarely_active_parameter_is_left_out() -> None:
    kind = CategoricalParameter(type="categorical", choices=[str(i) for i in range(30)])
    space = Space(
        {"kind": kind, "a": FloatParameter(type="float", low=0, high=1, when={"kind": "3"}), "b": SPACE.parameters["b"]}
    )
    found = rank(space, trials(space, lambda c: float(c["b"]), 40), MAXIMIZE)
    assert {row.parameter for row in found.importances} == {"kind", "b"}


def test_more_choices_than_trials_are_weighed_without_a_matrix_of_them_all() -> None:
    rng = np.random.default_rng(0)
    x, y, weights = rng.normal(size=(30, 80)), rng.normal(size=(30, 2)), rng.multinomial(30, [1 / 30] * 30) * 1.0
    mean = weights @ x / weights.sum()
    gram = ((x - mean) * weights[:, None]).T @ (x - mean) + 0.3 * np.eye(80)
    right = ((x - mean) * weights[:, None]).T @ (y - weights @ y / weights.sum())
    np.testing.assert_allclose(_solve(x, y, weights, 0.3), np.linalg.solve(gram, right), rtol=1e-8)
    many = Space(
        {f"p{i}": CategoricalParameter(type="categorical", choices=[str(c) for c in range(100)]) for i in range(100)}
    )
    found = trials(many, lambda c: float(c["p0"] < "5"), 60)
    assert len(rank(many, found, MAXIMIZE).importances) == 100, "of 10,000 features"


def test_the_same_trials_give_the_same_numbers() -> None:
    assert rank(SPACE, trials(SPACE, bowl, 40), MAXIMIZE) == rank(SPACE, trials(SPACE, bowl, 40), MAXIMIZE)


def test_few_whole_numbers_on_a_log_scale_are_told_apart() -> None:
    layers = IntParameter(type="int", low=1, high=3, scale="log")
    space = Space({"layers": layers, "lr": FloatParameter(type="float", low=0, high=1)})
    value = {1: 0.5, 2: 0.0, 3: 1.0}
    found = rank(space, trials(space, lambda c: value[int(c["layers"])] + 0.3 * float(c["lr"]), 200), MAXIMIZE)
    assert (found.importances[0].parameter, found.explained > 0.9) == ("layers", True)
    ticks = [row for row in tick_rows(space, ["layers"], [], MAXIMIZE) if row["axis"] == 0]
    assert [row["label"] for row in ticks] == ["1", "2", "3"]


@pytest.mark.parametrize("seed", range(5))
def test_no_interval_passes_the_whole(seed: int) -> None:
    made = trials(SPACE, lambda c: -((float(c["a"]) - 0.6) ** 2), 30, seed=seed)
    assert max(row.high for row in rank(SPACE, made, MAXIMIZE).importances) <= 1


def test_what_makes_trials_fail_is_found_where_all_others_end_alike() -> None:
    found = rank(SPACE, trials(SPACE, lambda c: None if float(c["c"]) > 0.5 else 1.0, 80), MAXIMIZE)
    assert found.importances[0].parameter == "c"


def test_a_trial_that_the_platform_lost_says_nothing() -> None:
    made = trials(SPACE, lambda c: None if float(c["c"]) > 0.5 else float(c["a"]), 60)
    lost = [
        replace(each, result=each.result.model_copy(update={"status": Status.LOST}))
        if each.result and each.objective is None
        else each
        for each in made
    ]
    known = [each for each in made if each.objective is not None]
    assert rank(SPACE, lost, MAXIMIZE).importances == rank(SPACE, known, MAXIMIZE).importances


def test_a_parameter_that_makes_configurations_infeasible_is_important() -> None:
    made = trials(SPACE, lambda c: None if float(c["c"]) > 0.5 else 1.0 + float(c["a"]) / 100, 60)
    infeasible = [
        replace(each, result=each.result.model_copy(update={"status": Status.INFEASIBLE}))
        if each.result and each.objective is None
        else each
        for each in made
    ]
    assert rank(SPACE, infeasible, MAXIMIZE) == rank(SPACE, made, MAXIMIZE)


def test_of_very_many_trials_the_latest_are_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importance, "MOST_TRIALS", 60)
    early, late = trials(SPACE, lambda c: float(c["c"]), 60), trials(SPACE, bowl, 60, seed=1)
    assert rank(SPACE, [*early, *late], MAXIMIZE) == rank(SPACE, late, MAXIMIZE)


def test_an_interval_has_both_ends_and_is_wide_where_trials_are_few() -> None:
    few, many = (rank(SPACE, trials(SPACE, bowl, count), MAXIMIZE).importances[0] for count in (20, 300))
    assert few.low < few.share < few.high or few.high == 1
    assert many.low < many.share < many.high
    assert many.high - many.low < few.high - few.low


def test_a_parameter_counts_for_as_much_of_the_space_as_it_is_active_in() -> None:
    number = FloatParameter(type="float", low=0, high=1)
    kind = CategoricalParameter(type="categorical", choices=["x", "y", "z"])
    space = Space({"kind": kind, "a": number.model_copy(update={"when": {"kind": "x"}}), "b": number})
    made = trials(space, lambda c: float(c.get("a", 0.5)) + float(c["b"]), 400)
    share = {row.parameter: row.share for row in rank(space, made, MAXIMIZE).importances}
    assert 0.2 < share["a"] / share["b"] < 0.5


def test_a_stopped_trial_that_another_has_gone_on_from_has_no_rank() -> None:
    made = trials(SPACE, bowl, 40)
    swapped = [
        replace(trial, resumed=True, configuration=other.configuration)
        for trial, other in zip(made, made[::-1], strict=True)
    ]
    assert rank(SPACE, [*made, *swapped], MAXIMIZE) == rank(SPACE, made, MAXIMIZE)


def test_large_values_that_differ_by_little_are_told_apart() -> None:
    parameter = FloatParameter(type="float", low=1_000_000.0, high=1_000_010.0)
    assert len({cell(parameter, 1_000_000.0 + i) for i in range(10)}) == 10
    labels = [row["label"] for row in tick_rows(Space({"x": parameter}), ["x"], [], MAXIMIZE) if row["axis"] == 0]
    assert labels == ["1000000", "1000005", "1000010"]
    assert apart([0.5, 2.0, 1e9], 3) == ["0.5", "2", "1e+09"], "few digits where they do"
    assert apart([1.0, 1.0], 3) == ["1", "1"]


@pytest.mark.parametrize("choices", [[0.25, 0.5, 1], ["sqrt", "log2", 0.5], [0.1, 0.2]])
def test_choices_of_several_types_have_a_label_each(choices: list[float | str]) -> None:
    parameter = CategoricalParameter(type="categorical", choices=choices)
    labels = [row["label"] for row in tick_rows(Space({"x": parameter}), ["x"], [], MAXIMIZE) if row["axis"] == 0]
    assert labels == [str(choice) for choice in choices]


def test_the_largest_number_is_still_one_when_it_is_rounded() -> None:
    assert all(math.isfinite(short(value)) for value in (sys.float_info.max, -sys.float_info.max, math.inf))
