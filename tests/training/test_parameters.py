"""Names and values of hyperparameters that a built-in trainer does not take are told before anything trains."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import xgboost
from tests.training.test_studies import STUDIES

from tunewright.parameter import Value
from tunewright.study_file import load_study, study_from
from tunewright.training.domains import XGBOOST
from tunewright.training.parameters import check_parameters, parameter_mistakes

BOOSTED: dict[str, Any] = {
    "name": "trees",
    "space": {"max_depth": {"type": "int", "low": 1, "high": 4}},
    "objective": {"metric": "accuracy"},
    "trial": {"kind": "xgboost"},
    "data": {"source": "sklearn:iris"},
}


def mistakes(space: dict[str, Any], fixed: dict[str, Any]) -> list[tuple[str, str]]:
    """Dotted place and message of what the rules say of a study of trees."""
    study = study_from({**BOOSTED, "space": space, "trial": {"kind": "xgboost", "fixed": fixed}})
    found = parameter_mistakes(study.model_dump(), study.space)
    return [(".".join(map(str, place)), message) for place, message in found]


@pytest.mark.parametrize(
    ("name", "parameter", "message"),
    [
        ("subsample", {"type": "float", "low": 0.5, "high": 1.5}, "must be a number from 0 to 1, got 1.5; change it"),
        ("gamma", {"type": "float", "low": -1, "high": 1}, "must be a number >= 0, got -1.0; change it"),
        ("max_depth", {"type": "float", "low": 1, "high": 8, "step": 1}, "must be a whole number >= 0, got 1.0"),
        ("n_estimators", {"type": "ordinal", "choices": [10, 0]}, "must be a whole number >= 1, got 0; change it"),
        (
            "n_estimators",
            {"type": "float", "low": 10, "high": 100.5},
            "must be a whole number >= 1, got 10.0; change it",
        ),
        ("n_estimators", {"type": "bool"}, "must be a whole number >= 1, got False; change it"),
        ("max_depth", {"type": "bool"}, "must be a whole number >= 0, got False; change it"),
        ("booster", {"type": "categorical", "choices": ["gbtree", "drat"]}, "got 'drat'; did you mean 'dart'?"),
        ("grow_policy", {"type": "categorical", "choices": ["depthwise", 1]}, "must be one of depthwise, lossguide"),
        (
            "n_estimators",
            {"type": "ordinal", "choices": ["10", "0"]},
            "must be a whole number >= 1, got '0'; change it",
        ),
        ("n_estimators", {"type": "ordinal", "choices": ["5.5", "abc"]}, "must be a whole number >= 1, got '5.5'"),
        ("subsample", {"type": "ordinal", "choices": ["1.5", 1]}, "must be a number from 0 to 1, got '1.5'; change it"),
        ("gamma", {"type": "categorical", "choices": ["1e3", "nan"]}, "must be a number >= 0, got 'nan'; change it"),
        ("max_depth", {"type": "categorical", "choices": ["abc", "50"]}, "must be a whole number >= 0, got 'abc'"),
        ("max_depth", {"type": "categorical", "choices": ["3", "3.0"]}, "must be a whole number >= 0, got '3.0'"),
        ("max_depth", {"type": "categorical", "choices": ["3", "1_0"]}, "must be a whole number >= 0, got '1_0'"),
    ],
)
def test_a_domain_that_reaches_beyond_the_trainer_s_is_refused(
    name: str, parameter: dict[str, Any], message: str
) -> None:
    ((place, told),) = mistakes({name: parameter}, {})
    assert place == f"space.{name}"
    assert message in told


@pytest.mark.parametrize(
    ("name", "parameter"),
    [
        ("max_depth", {"type": "categorical", "choices": ["3", "5"]}),
        ("subsample", {"type": "ordinal", "choices": ["0.5", 1]}),
        ("gamma", {"type": "ordinal", "choices": [".5", "1e1", "+2"]}),
        ("n_estimators", {"type": "ordinal", "choices": ["5", "10"]}),
    ],
)
def test_what_the_trainer_turns_into_numbers_is_taken(name: str, parameter: dict[str, Any]) -> None:
    assert mistakes({name: parameter}, {}) == []
    assert all(taken(name, value) for value in parameter.get("choices", ()))


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ({"type": "categorical", "choices": [2.0, 3]}, ""),
        ({"type": "float", "low": 2, "high": 8, "step": 2}, ""),
        ({"type": "float", "low": 2, "high": 8}, "must be a whole number >= 1, got 3.9"),
        ({"type": "float", "low": 2, "high": 8, "step": 0.5}, "must be a whole number >= 1, got 2.5"),
        ({"type": "categorical", "choices": ["2", "3"]}, "must be a whole number >= 1, got '2'"),
    ],
)
def test_the_network_takes_whole_numbers_however_they_are_written(parameter: dict[str, Any], message: str) -> None:
    study = load_study(STUDIES / "cnn-paper.yaml").model_dump(mode="json", exclude_unset=True)
    study["space"]["conv1_kernel"] = parameter
    read = study_from(study)
    told = [told for _, told in parameter_mistakes(read.model_dump(), read.space)]
    assert len(told) == bool(message)
    assert all(message in one for one in told)


def test_a_fixed_value_that_the_trainer_does_not_take_is_refused() -> None:
    assert mistakes(BOOSTED["space"], {"subsample": 0, "booster": "dart", "objective": "reg:gamma"}) == []
    for value in (2, "2"):
        assert mistakes(BOOSTED["space"], {"subsample": value}) == [
            ("trial.fixed.subsample", f"must be a number from 0 to 1, got {value!r}; change it")
        ]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", [name for name, domain in XGBOOST.items() if domain and name != "n_estimators"])
def test_xgboost_takes_the_ends_of_a_domain_and_refuses_what_lies_beyond(name: str) -> None:
    domain = XGBOOST[name]
    assert domain is not None
    ends = [end for end in (domain.low, domain.high) if abs(end) < math.inf]
    inside = domain.choices or [int(end) if domain.whole else end for end in ends]
    beyond = ["no such"] if domain.choices else [domain.low - 1, *(end + 0.1 for end in ends[1:])]
    assert [taken(name, value) for value in inside] == [True] * len(inside)
    assert [taken(name, value) for value in beyond] == [False] * len(beyond)


def taken(name: str, value: Value) -> bool:
    data = xgboost.DMatrix(np.arange(20.0)[:, None], label=np.arange(20) % 2)
    try:
        xgboost.train({"booster": "dart", "verbosity": 0, name: value}, data, num_boost_round=1)
    except xgboost.core.XGBoostError:
        return False
    return True


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ({"type": "int", "low": 0, "high": 1}, ""),
        ({"type": "categorical", "choices": ["max", "average"]}, ""),
        ({"type": "categorical", "choices": ["max", "avg"]}, "must be one of max, average, 0, 1, got 'avg'; did you"),
        ({"type": "int", "low": 0, "high": 2}, "must be one of max, average, 0, 1, got 2; write one of these"),
        ({"type": "bool"}, "must be one of max, average, 0, 1, got False; write one of these"),
    ],
)
def test_pooling_is_written_in_words_or_as_in_the_paper(parameter: dict[str, Any], message: str) -> None:
    study = load_study(STUDIES / "cnn-paper.yaml").model_dump(mode="json", exclude_unset=True)
    study["space"]["pool1_type"] = parameter
    read = study_from(study)
    found = parameter_mistakes(read.model_dump(), read.space)
    assert [place for place, _ in found] == ([("space", "pool1_type")] if message else [])
    assert all(message in told for _, told in found)
    if not message:
        check_parameters(read)


def test_what_stops_early_has_trees_that_can_be_cut_off() -> None:
    study = study_from(
        {**BOOSTED, "space": {"booster": {"type": "categorical", "choices": ["gbtree", "gblinear"]}},
         "trial": {"kind": "xgboost", "early_stopping_rounds": 5}}
    )  # fmt: skip
    (found,) = parameter_mistakes(study.model_dump(), study.space)
    assert found[0] == ("trial", "early_stopping_rounds")
    assert "gblinear has none" in found[1]


def test_two_names_of_one_parameter_are_refused() -> None:
    rate: dict[str, Any] = {"type": "float", "low": 0.01, "high": 1.0}
    same = "is the same as learning_rate, which is given too; leave one of them out"
    assert mistakes({"eta": rate, "learning_rate": rate}, {}) == [("space.eta", same)]
    assert mistakes({"eta": rate}, {"learning_rate": 0.1}) == [("space.eta", same)]
    assert mistakes({"learning_rate": rate}, {"eta": 0.1}) == [("trial.fixed.eta", same)]
    assert mistakes({"eta": rate, "reg_lambda": rate}, {"alpha": 0.1}) == []


def test_every_trial_of_a_network_needs_every_parameter() -> None:
    study = load_study(STUDIES / "cnn-paper.yaml")
    raw = study.model_dump()
    raw["space"]["pool1_kernel"]["when"] = {"pool1_type": study.space["pool1_type"].choices[0]}
    conditional = study.space["pool1_kernel"].model_copy(update={"when": raw["space"]["pool1_kernel"]["when"]})
    found = parameter_mistakes(raw, {**study.space, "pool1_kernel": conditional})
    assert found == [
        (("space", "pool1_kernel", "when"), "cnn needs pool1_kernel in every trial, got a condition; leave it out")
    ]


def test_what_is_sound_of_a_broken_study_is_checked() -> None:
    raw = {
        "space": {"max_depht": 3, "subsample": {"type": "float", "low": 0, "high": 2}, "gamma": {"type": "flaot"}},
        "objective": {"metric": "accuracy", "direction": "minimise"},
        "trial": {"kind": "xgboost", "fixed": [1]},
    }
    sound = study_from({**BOOSTED, "space": {"subsample": raw["space"]["subsample"]}}).space  # type: ignore[index]
    assert [place for place, _ in parameter_mistakes(raw, sound)] == [("space", "max_depht"), ("space", "subsample")]
    for other in ({}, {"trial": 3}, {"trial": {"kind": "cnn", "layers": 99}, "space": {"x": 1}, "objective": []}):
        assert parameter_mistakes(other, {}) == []
