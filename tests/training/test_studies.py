"""The studies that are shipped: the paper's two spaces, literally, and the demonstration."""

from __future__ import annotations

from pathlib import Path

import pytest
import xgboost

import tunewright
from tunewright.study import Study
from tunewright.study_file import load_study
from tunewright.training.parameters import check_parameters

STUDIES = Path(tunewright.__file__).parent / "studies"

XGBOOST = {  # paper, table of the search spaces
    "max_depth": (1, 25), "learning_rate": (0.001, 0.1), "n_estimators": (50, 1200), "gamma": (0.05, 0.9),
    "min_child_weight": (1, 9), "subsample": (0.5, 1.0), "colsample_bytree": (0.5, 1.0),
    "colsample_bylevel": (0.5, 1.0), "reg_alpha": (0.1, 0.9), "reg_lambda": (0.01, 0.1),
}  # fmt: skip
CNN = {"batch_size": (24, 128), "learning_rate": (0.001, 0.05)}
CNN_EACH = {
    "conv{}_stride": (1, 5), "conv{}_kernel": (2, 5), "conv{}_channels": (24, 128), "pool{}_kernel": (2, 5),
    "pool{}_stride": (1, 5), "fc{}_nodes": (128, 1100),
}  # fmt: skip


def shipped(name: str) -> Study:
    study = load_study(STUDIES / name)
    check_parameters(study)
    return study


def ranges(study: Study) -> dict[str, tuple[float, float]]:
    """Low and high of every number; all of them must be linear."""
    numbers = {name: parameter for name, parameter in study.space.items() if parameter.type in ("int", "float")}
    assert all(parameter.scale == "linear" for parameter in numbers.values())  # type: ignore[union-attr]
    return {name: (parameter.low, parameter.high) for name, parameter in numbers.items()}  # type: ignore[union-attr]


def test_every_shipped_study_is_valid() -> None:
    names = sorted(path.name for path in STUDIES.glob("*.yaml"))
    assert names == ["breast-cancer.yaml", "cnn-paper.yaml", "xgboost-paper.yaml"]
    for name in names:
        assert shipped(name).name == name.removesuffix(".yaml")


def test_the_xgboost_space_is_the_paper_s() -> None:
    study = shipped("xgboost-paper.yaml")
    assert ranges(study) == XGBOOST
    assert study.agent.preset == "paper"


def test_the_network_s_space_is_the_paper_s() -> None:
    study = shipped("cnn-paper.yaml")
    assert ranges(study) == CNN | {name.format(i): each for name, each in CNN_EACH.items() for i in (1, 2)}
    assert {name for name, parameter in study.space.items() if parameter.type == "categorical"} == {
        "pool1_type",
        "pool2_type",
    }
    assert study.agent.preset == "paper"


def test_the_demonstration_begins_with_xgboost_s_own_defaults() -> None:
    default = shipped("breast-cancer.yaml").search_space().default()
    assert default is not None
    model = xgboost.train({}, xgboost.DMatrix([[0.0], [1.0]], label=[0, 1]), num_boost_round=1)
    own = json_parameters(model)
    named = {"learning_rate": "eta", "reg_alpha": "alpha", "reg_lambda": "lambda"}
    for name, value in default.items():
        if name != "n_estimators":
            assert float(own[named.get(name, name)]) == pytest.approx(float(value)), name
    assert default["n_estimators"] == 100, "what XGBClassifier documents"


def json_parameters(model: xgboost.Booster) -> dict[str, str]:
    import json

    trainer = json.loads(model.save_config())["learner"]["gradient_booster"]
    own: dict[str, str] = trainer["tree_train_param"]
    return own
