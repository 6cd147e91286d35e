"""Boosted trees: scores are those of scikit-learn's cross-validation, the scored part is never seen, damage is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xgboost
from scipy.special import expit
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.metrics import log_loss
from sklearn.model_selection import KFold, StratifiedKFold, cross_validate
from tests.training.trials import run, study

from tunewright.errors import ArtifactCorrupt, DataInvalid, InputError, StudyInvalid
from tunewright.space import Configuration
from tunewright.study import Study
from tunewright.training import xgboost as trainer
from tunewright.training.evaluation import evaluate
from tunewright.training.runner import TrialFailed
from tunewright.training.split import parts

SPACE: dict[str, Any] = {
    "max_depth": {"type": "int", "low": 1, "high": 10},
    "n_estimators": {"type": "int", "low": 1, "high": 500},
    "subsample": {"type": "float", "low": 0.1, "high": 1.0},
}
SMALL: Configuration = {"max_depth": 3, "n_estimators": 10, "subsample": 0.8}


def xgboost_study(source: str = "sklearn:breast_cancer", trial: dict[str, Any] | None = None, **data: Any) -> Study:
    return study({"kind": "xgboost", **(trial or {})}, space=SPACE, data={"source": source, **data})


def train(of: Study, directory: Path, configuration: Configuration = SMALL, seed: int = 3) -> dict[str, float]:
    directory.mkdir()
    kept = directory.parent / f"{directory.name}-kept"
    kept.mkdir()
    trainer.train(of, configuration, seed, directory, kept / "metrics.jsonl", kept)
    return evaluate(of, configuration, directory, seed)


def test_scores_of_k_folds_are_those_of_scikit_learn(tmp_path: Path) -> None:
    scores = train(xgboost_study(validation={"folds": 4}, split_seed=5), tmp_path / "m")
    x, y = load_breast_cancer(return_X_y=True)
    model = xgboost.XGBClassifier(**SMALL, random_state=3, n_jobs=1, seed_per_iteration=True)
    names = {"accuracy": "accuracy", "log_loss": "neg_log_loss", "f1": "f1_macro", "roc_auc": "roc_auc"}
    expected = cross_validate(model, x, y, cv=StratifiedKFold(4, shuffle=True, random_state=5), scoring=names)
    for name in names:
        assert scores[name] == pytest.approx(abs(expected[f"test_{name}"].mean()), abs=1e-6)


def test_scores_of_a_regression_are_those_of_scikit_learn(tmp_path: Path) -> None:
    data = {"source": "sklearn:diabetes", "validation": {"folds": 3}}
    of = study({"kind": "xgboost"}, space=SPACE, objective={"metric": "rmse", "direction": "minimize"}, data=data)
    scores = train(of, tmp_path / "m")
    x, y = load_diabetes(return_X_y=True)
    names = {"rmse": "neg_root_mean_squared_error", "mae": "neg_mean_absolute_error", "r2": "r2"}
    model = xgboost.XGBRegressor(**SMALL, random_state=3, n_jobs=1, seed_per_iteration=True)
    expected = cross_validate(model, x, y, cv=KFold(3, shuffle=True, random_state=0), scoring=names)
    assert scores["rmse"] == pytest.approx(-expected["test_rmse"].mean(), rel=1e-5)
    assert scores["mae"] == pytest.approx(-expected["test_mae"].mean(), rel=1e-5)
    assert scores["r2"] == pytest.approx(expected["test_r2"].mean(), abs=1e-5)


def test_many_classes_are_scored_too(tmp_path: Path) -> None:
    scores = train(xgboost_study("sklearn:wine"), tmp_path / "m")
    assert scores.keys() == {"accuracy", "log_loss", "f1", "roc_auc"}
    assert scores["accuracy"] > 0.85


def test_classes_are_scored_like_the_most_probable_ones(tmp_path: Path) -> None:
    scores = {
        objective: train(xgboost_study("sklearn:wine", {"fixed": {"objective": objective}}), tmp_path / objective[6:])
        for objective in ("multi:softprob", "multi:softmax")
    }
    for name in ("accuracy", "f1"):
        assert scores["multi:softmax"][name] == scores["multi:softprob"][name]
    streamed = (tmp_path / "softmax-kept/metrics.jsonl").read_text().splitlines()
    assert json.loads(streamed[-1])["accuracy"] == scores["multi:softmax"]["accuracy"]


def test_logits_are_scored_as_the_probabilities_that_they_stand_for(tmp_path: Path) -> None:
    of = xgboost_study(trial={"fixed": {"objective": "binary:logitraw"}})
    scores = train(of, tmp_path / "m")
    table = load_breast_cancer(as_frame=True)
    assert of.data is not None
    (part,) = parts(of.data, table.target.to_numpy(), ["0", "1"])
    booster = xgboost.Booster(model_file=tmp_path / "m/fold-0.ubj")
    probability = expit(booster.predict(xgboost.DMatrix(table.data.iloc[part.score])))
    assert scores["log_loss"] == pytest.approx(log_loss(table.target[part.score], probability), rel=1e-5)
    assert scores["accuracy"] == ((probability > 0.5) == table.target[part.score]).mean()


def test_one_of_two_classes_is_scored_as_certain(tmp_path: Path) -> None:
    assert train(xgboost_study(trial={"fixed": {"objective": "binary:hinge"}}), tmp_path / "m")["accuracy"] > 0.9


def test_predictions_that_are_neither_fail_the_trial_by_name(tmp_path: Path) -> None:
    of = xgboost_study(trial={"fixed": {"objective": "rank:pairwise"}})
    with pytest.raises(TrialFailed, match=r"the objective rank:pairwise must predict values from 0 to 1, got -\S+ to "):
        train(of, tmp_path / "m")


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        train(xgboost_study(), tmp_path / name, seed=seed)
    first, second, other = ((tmp_path / name / "fold-0.ubj").read_bytes() for name in "abc")
    assert first == second
    assert first != other


def test_early_stopping_does_not_look_at_the_scored_part(tmp_path: Path) -> None:
    """Features of the scored rows are overwritten: the score changes, the model does not, by a byte."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 3))
    y = (x[:, 0] + rng.normal(size=200) > 0).astype(int)
    configuration: Configuration = {**SMALL, "n_estimators": 300}
    models, scores = [], []
    for name in "ab":
        of = xgboost_study(str(tmp_path / f"{name}.npz"), {"early_stopping_rounds": 3})
        assert of.data is not None
        np.savez(of.data.source, x=x, y=y)
        scores.append(train(of, tmp_path / name, configuration)["log_loss"])
        models.append((tmp_path / name / "fold-0.ubj").read_bytes())
        (part,) = parts(of.data, y, ["0", "1"])
        x[part.score] = rng.normal(size=(len(part.score), 3))
    booster = xgboost.Booster(model_file=tmp_path / "a/fold-0.ubj")
    assert booster.num_boosted_rounds() < 300, "it stopped early"
    assert scores[0] != scores[1]
    assert models[0] == models[1]


def test_categories_and_missing_values_are_learnt_from(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    colour = rng.choice(["red", "green", "blue", "grey"], size=300)
    size = np.where(rng.random(300) < 0.5, np.nan, 1.0)
    frame = pd.DataFrame({"colour": colour, "size": size})
    frame["y"] = np.where(np.isin(colour, ["red", "grey"]) ^ np.isnan(size), "in", "out")
    frame.to_csv(tmp_path / "t.csv", index=False)
    configuration: Configuration = {"max_depth": 4, "n_estimators": 30, "subsample": 1.0}
    assert train(xgboost_study(str(tmp_path / "t.csv"), target="y"), tmp_path / "m", configuration)["accuracy"] == 1.0


@pytest.mark.parametrize("name", ["fold-0.ubj", "model.json"])
@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_damage_of_a_model_is_found_before_it_is_used(tmp_path: Path, name: str, damage: str) -> None:
    train(xgboost_study(), tmp_path / "m")
    path = tmp_path / "m" / name
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content[: len(content) // 2] if damage == "cut" else content)
    if damage == "gone":
        path.unlink()
    with pytest.raises(ArtifactCorrupt, match="train the trial again"):
        evaluate(xgboost_study(), SMALL, tmp_path / "m", 3)


def test_a_model_of_another_trial_or_other_data_is_refused(tmp_path: Path) -> None:
    train(xgboost_study(), tmp_path / "m")
    with pytest.raises(ArtifactCorrupt, match="must be the model of"):
        evaluate(xgboost_study(), {**SMALL, "max_depth": 4}, tmp_path / "m", 3)
    with pytest.raises(ArtifactCorrupt, match="must be the model of"):
        evaluate(xgboost_study(), SMALL, tmp_path / "m", 4)
    with pytest.raises(ArtifactCorrupt, match="must be trained on columns, classes and folds of sklearn:wine"):
        evaluate(xgboost_study("sklearn:wine"), SMALL, tmp_path / "m", 3)


def test_a_manifest_never_names_a_file_outside_its_folder(tmp_path: Path) -> None:
    train(xgboost_study(), tmp_path / "m")
    path = tmp_path / "m/model.json"
    body = json.loads(path.read_text())
    del body["sha256"]
    body["files"] = {"../m/fold-0.ubj": next(iter(body["files"].values()))}
    path.write_text(json.dumps({**body, "sha256": trainer.artifact.digest(body)}))
    with pytest.raises(ArtifactCorrupt, match="a file name must have no folder"):
        evaluate(xgboost_study(), SMALL, tmp_path / "m", 3)


def test_a_value_that_xgboost_refuses_fails_the_trial(tmp_path: Path) -> None:
    with pytest.raises(TrialFailed, match=r"XGBoost: .*subsample"):
        train(xgboost_study(), tmp_path / "m", {**SMALL, "subsample": -1.0})


@pytest.mark.parametrize("rounds", [0, -5, "0", "abc"])
def test_a_number_of_trees_that_is_none_fails_the_trial_by_name(tmp_path: Path, rounds: int | str) -> None:
    with pytest.raises(TrialFailed, match=rf"n_estimators must be a .*number >= 1, got {rounds!r}; change it"):
        train(xgboost_study(), tmp_path / "m", {**SMALL, "n_estimators": rounds})


def test_an_objective_of_another_task_is_an_error_of_the_study(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"for regression it must be one of rmse, mae, r2, got accuracy"):
        train(xgboost_study("sklearn:diabetes"), tmp_path / "m")


def test_a_parameter_that_xgboost_does_not_know_is_answered_before_training(tmp_path: Path) -> None:
    of = study({"kind": "xgboost", "fixed": {"eta_": 1}}, space={**SPACE, "max_deph": SPACE["max_depth"]},
               data={"source": "sklearn:iris"})  # fmt: skip
    with pytest.raises(StudyInvalid) as caught:
        run(of, tmp_path / "job", {**SMALL, "max_deph": 3})
    assert [str(problem) for problem in caught.value.problems] == [
        "space.max_deph: xgboost has no parameter max_deph; did you mean 'max_depth'?",
        "trial.fixed.eta_: xgboost has no parameter eta_; did you mean 'eta'?",
    ]


def test_a_trial_in_a_subprocess_gives_the_model_of_one_in_this_process(tmp_path: Path) -> None:
    finished = run(xgboost_study(), tmp_path / "job", SMALL, seed=3)
    assert (finished.state, finished.reason, finished.gpu_seconds) == ("TRAINED", "", 0.0), finished.log_tail
    train(xgboost_study(), tmp_path / "m")
    assert evaluate(xgboost_study(), SMALL, tmp_path / "job/output", 3) == evaluate(
        xgboost_study(), SMALL, tmp_path / "m", 3
    )
    assert (tmp_path / "job/output/fold-0.ubj").read_bytes() == (tmp_path / "m/fold-0.ubj").read_bytes()


def test_a_failure_in_the_subprocess_brings_its_reason(tmp_path: Path) -> None:
    finished = run(xgboost_study(), tmp_path / "job", {**SMALL, "subsample": -1.0})
    assert finished.state == "FAILED"
    assert finished.reason.startswith("XGBoost: ")
    assert "subsample" in finished.reason


def test_wrong_data_in_the_subprocess_is_an_error_of_the_study(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a,y\n1,0\n2,0\n3,0\n")
    with pytest.raises(DataInvalid, match="y needs at least 2 classes, got only 0"):
        run(xgboost_study(str(tmp_path / "t.csv"), target="y"), tmp_path / "job", SMALL)


def test_exact_trees_are_grown_where_they_can_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """XGBoost refuses them on a GPU; the machine's device is pretended, there is none to be had in every place."""
    asked: list[str] = []

    def chosen(requested: str, **_: object) -> str:
        asked.append(requested)
        return "cpu"

    monkeypatch.setattr("tunewright.training.xgboost.device.choose", chosen)
    train(xgboost_study(), tmp_path / "a", {**SMALL, "tree_method": "exact"})
    train(xgboost_study(), tmp_path / "b", {**SMALL, "tree_method": "hist"})
    assert asked == ["cpu", "auto"]
