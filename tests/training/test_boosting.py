"""Boosted trees that were broken off go on to the same trees, and their curve ends where their score is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import xgboost
from sklearn.datasets import load_diabetes
from tests.training.test_xgboost import SPACE, xgboost_study
from tests.training.trials import study

from tunewright.space import Configuration
from tunewright.study import Study
from tunewright.training import checkpoint
from tunewright.training import xgboost as trainer
from tunewright.training.boosting import Fold, boost, curve_steps, saved_steps
from tunewright.training.evaluation import evaluate
from tunewright.training.split import parts

SAMPLED: Configuration = {"max_depth": 4, "n_estimators": 60, "subsample": 0.6}
DEPRECATED = pytest.mark.filterwarnings(
    r"ignore:(.|\s)*booster=(dart|gblinear)", r"ignore:(.|\s)*_log_callback:pytest.PytestUnraisableExceptionWarning"
)
"""Boosters that XGBoost warns of since 3.4, which Python 3.12 brings."""
LINEAR: Configuration = {"n_estimators": 60}
RANDOM: dict[str, Any] = {"colsample_bytree": 0.7, "colsample_bylevel": 0.7}


def train(of: Study, place: Path, configuration: Configuration = SAMPLED) -> list[bytes]:
    for name in ("output", "checkpoint"):
        (place / name).mkdir(parents=True, exist_ok=True)
    trainer.train(of, configuration, 3, place / "output", place / "metrics.jsonl", place / "checkpoint")
    return [path.read_bytes() for path in sorted((place / "output").glob("*.ubj"))]


def curve(place: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (place / "metrics.jsonl").read_text().splitlines()]


def test_points_of_the_curve_are_the_same_for_all_trials_and_end_with_each() -> None:
    assert curve_steps(20) == [*range(1, 17), 18, 20]
    assert curve_steps(1) == [1]
    assert set(curve_steps(17)[:-1]) <= set(curve_steps(1200))
    assert len(curve_steps(1200)) == 55
    assert set(saved_steps(1200)) <= set(curve_steps(1200))
    assert all(later <= 2 * earlier for earlier, later in zip(saved_steps(1200), saved_steps(1200)[1:], strict=False))


def test_the_last_point_of_the_curve_is_the_score_of_the_model(tmp_path: Path) -> None:
    of = xgboost_study(validation={"folds": 3})
    train(of, tmp_path)
    scores = evaluate(of, SAMPLED, tmp_path / "output", 3)
    assert curve(tmp_path)[-1] == {"step": 60, "accuracy": pytest.approx(scores["accuracy"])}
    assert [point["step"] for point in curve(tmp_path)] == curve_steps(60)


class Killed(BaseException):
    """Ends a training as a kill would: nothing after it is done."""


@pytest.mark.parametrize(
    ("trial", "configuration"),
    [
        ({"fixed": RANDOM}, SAMPLED),
        ({"fixed": {**RANDOM, "booster": "dart", "rate_drop": 0.2}}, SAMPLED),
        ({"fixed": {"booster": "gblinear", "learning_rate": 0.05, "lambda": 5.0}}, LINEAR),
        ({"fixed": {"tree_method": "approx"}}, SAMPLED),
        ({"early_stopping_rounds": 8, "fixed": {**RANDOM, "learning_rate": 0.1}}, {**SAMPLED, "n_estimators": 300}),
        ({"early_stopping_rounds": 30, "fixed": {**RANDOM, "booster": "dart", "rate_drop": 0.5}}, SAMPLED),
    ],
    ids=["sampled", "dart", "linear", "approx", "early-stopping", "dart-early-stopping"],
)
@pytest.mark.parametrize("lives", [1, 3])
@DEPRECATED
def test_a_training_that_was_broken_off_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trial: dict[str, Any], configuration: Configuration, lives: int
) -> None:
    of = xgboost_study(trial=trial, validation={"folds": 2})
    whole = train(of, tmp_path / "whole", configuration)
    write, updates = checkpoint.write, [0]
    update = xgboost.Booster.update

    def dies(*arguments: Any) -> None:
        write(*arguments)
        raise Killed

    def counted(self: xgboost.Booster, *arguments: Any) -> None:
        updates[0] += 1
        update(self, *arguments)

    for _ in range(lives):
        with monkeypatch.context() as patched:
            patched.setattr(checkpoint, "SECONDS", 0.0)
            patched.setattr(checkpoint, "write", dies)
            with pytest.raises(Killed):
                train(of, tmp_path / "broken", configuration)
    monkeypatch.setattr(xgboost.Booster, "update", counted)
    assert train(of, tmp_path / "broken", configuration) == whole
    assert 0 < updates[0] < 2 * configuration["n_estimators"], "it did not begin anew"  # type: ignore[operator]
    points = {point["step"]: point["accuracy"] for point in curve(tmp_path / "broken")}
    assert points == {point["step"]: point["accuracy"] for point in curve(tmp_path / "whole")}


@pytest.mark.parametrize("booster", ["gbtree", "dart"])
@DEPRECATED
def test_what_early_stopping_keeps_is_the_booster_of_its_best_round(booster: str) -> None:
    x, y = load_diabetes(return_X_y=True)
    watched = xgboost.DMatrix(x[300:], y[300:])
    fold = Fold(make=lambda: xgboost.DMatrix(x[:300], y[:300]), watched=watched, patience=15)
    parameters: dict[str, Any] = {"booster": booster, "seed": 1, "seed_per_iteration": True}
    parameters |= {"rate_drop": 0.5} if booster == "dart" else {}
    list(boost([fold], parameters, 80, saved=None, save=lambda make: None))
    kept = fold.finished()
    assert kept.num_boosted_rounds() == fold.history.index(min(fold.history)) + 1 < len(fold.history)
    assert float(kept.eval(watched).rsplit(":", 1)[1]) == pytest.approx(min(fold.history), rel=1e-4)


@DEPRECATED
def test_a_linear_booster_keeps_its_learning_rate_and_penalties(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"booster": "gblinear", "learning_rate": 0.05, "lambda": 5.0, "updater": "coord_descent"}
    of = study_of("sklearn:diabetes", "rmse", settings)
    train(of, tmp_path, LINEAR)
    x, y = load_diabetes(return_X_y=True)
    (part, _) = parts(of.data, y, None) if of.data else ()
    expected = xgboost.train(settings, xgboost.DMatrix(x[part.train], y[part.train]), 60)
    found = xgboost.Booster(model_file=tmp_path / "output" / "fold-0.ubj")
    matrix = xgboost.DMatrix(x[part.score])
    found.feature_names = None
    assert found.predict(matrix) == pytest.approx(expected.predict(matrix), rel=1e-4)


def test_cuts_that_were_drawn_from_a_sample_are_drawn_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    of = study_of("sklearn:diabetes", "rmse", {"tree_method": "approx"})  # a constant hessian: XGBoost keeps its cuts
    whole, write = train(of, tmp_path / "whole"), checkpoint.write

    def dies(*arguments: Any) -> None:
        write(*arguments)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(checkpoint, "SECONDS", 0.0)
        patched.setattr(checkpoint, "write", dies)
        with pytest.raises(Killed):
            train(of, tmp_path / "broken")
    assert train(of, tmp_path / "broken") == whole


def study_of(source: str, metric: str, fixed: dict[str, Any]) -> Study:
    trial = {"kind": "xgboost", "fixed": fixed}
    direction = {"metric": metric, "direction": "minimize"}
    return study(trial, space=SPACE, data={"source": source, "validation": {"folds": 2}}, objective=direction)


def test_a_checkpoint_of_another_trial_is_not_resumed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    of = xgboost_study()
    train(of, tmp_path / "a", {**SAMPLED, "max_depth": 2})
    (tmp_path / "b").mkdir()
    (tmp_path / "a/checkpoint").rename(tmp_path / "b/checkpoint")
    assert train(of, tmp_path / "b") == train(of, tmp_path / "c")


def test_a_damaged_checkpoint_costs_the_time_not_the_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "SECONDS", 0.0)
    of = xgboost_study()
    whole = train(of, tmp_path / "a")
    path = tmp_path / "a/checkpoint/checkpoint.zip"
    for content in (path.read_bytes()[:-30], b"", b"PK nonsense"):
        path.write_bytes(content)
        assert train(of, tmp_path / "a") == whole


def test_a_short_training_writes_no_checkpoint(tmp_path: Path) -> None:
    train(xgboost_study(), tmp_path)
    assert list((tmp_path / "checkpoint").iterdir()) == []
