"""Slices ask the model where they say, and answer in the metric's own unit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from tests.report import histories

from tunewright.report.facts import gather
from tunewright.report.slices import believe
from tunewright.space import Configuration

MINIMIZE = histories.study(objective={"metric": "log_loss", "direction": "minimize"})


def test_the_belief_has_the_sign_of_the_metric_also_when_it_is_minimized() -> None:
    made = histories.history(MINIMIZE)
    space = MINIMIZE.search_space()
    slices = believe(space, ["subsample"], gather(made).trials, MINIMIZE.objective, histories.belief(MINIMIZE))
    best = gather(made).best
    assert best is not None
    for point in slices.points:
        moved = {**best.configuration, "subsample": point.value}
        assert point.mean == pytest.approx(histories.value(MINIMIZE, moved))
        assert point.std > 0


def test_every_question_is_a_configuration_of_the_space() -> None:
    study = histories.study()
    space = study.search_space()
    asked: list[Configuration] = []

    def belief(configurations: Sequence[Configuration]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        asked.extend(configurations)
        return np.zeros(len(configurations)), np.ones(len(configurations))

    believe(space, space.names, gather(histories.history(study)).trials, study.objective, belief)
    assert len(asked) > 100
    for configuration in asked:
        space.check(configuration)


def test_what_becomes_active_along_a_slice_has_its_default() -> None:
    study = histories.study()
    asked: list[Configuration] = []

    def belief(configurations: Sequence[Configuration]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        asked.extend(configurations)
        return np.zeros(len(configurations)), np.full(len(configurations), np.inf)

    trials = [trial for trial in gather(histories.history(study)).trials if trial.configuration["booster"] == "gbtree"]
    slices = believe(study.search_space(), ["booster"], trials, study.objective, belief)
    assert {each["rate_drop"] for each in asked if each["booster"] == "dart"} == {0.1}
    assert slices.points == [], "a belief without a deviation is none"


def test_a_parameter_that_the_best_trial_lacks_is_cut_through_the_best_trial_that_has_it() -> None:
    study = histories.study()
    trials = gather(histories.history(study, rounds=20)).trials
    slices = believe(study.search_space(), ["rate_drop"], trials, study.objective, None)
    having = [t for t in trials if t.status == "COMPLETE" and "rate_drop" in t.configuration]
    assert slices.through["rate_drop"] == max(having, key=lambda trial: trial.objective or 0)


def test_values_that_break_a_constraint_or_that_the_model_cannot_answer_are_left_out() -> None:
    study = histories.study(constraints=["subsample >= 0.6"])
    space = study.search_space()
    made = histories.history(histories.study())
    trials = [trial for trial in gather(made).trials if space.feasible(trial.configuration)]

    def belief(configurations: Sequence[Configuration]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        mean = np.array([np.nan if float(c["subsample"]) > 0.9 else 1.0 for c in configurations])
        return mean, np.ones(len(configurations))

    values = [float(point.value) for point in believe(space, ["subsample"], trials, study.objective, belief).points]
    assert values
    assert 0.6 <= min(values) < 0.65
    assert 0.85 < max(values) <= 0.9
