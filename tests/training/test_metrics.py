"""Metrics where rows are few: a class that is absent, a metric that a fold lacks."""

from __future__ import annotations

import numpy as np
import pytest

from tunewright.training.metrics import classification, mean, regression

PROBABILITY = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])


def test_a_class_that_no_row_has_costs_no_metric_but_the_one_that_needs_it() -> None:
    found = classification(np.array([0, 1, 1]), PROBABILITY)
    assert found["log_loss"] == pytest.approx(-np.log([0.7, 0.8, 0.2]).mean())
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert "roc_auc" not in found
    assert "roc_auc" in classification(np.array([0, 1, 2]), PROBABILITY)


def test_a_mean_over_folds_is_of_what_every_fold_has() -> None:
    whole, single = regression(np.array([1.0, 2.0]), np.array([1.0, 3.0])), regression(np.array([1.0]), np.array([2.0]))
    assert (set(whole) - set(single)) == {"r2"}
    for folds in ([whole, single], [single, whole]):
        assert mean(folds) == {name: pytest.approx((whole[name] + single[name]) / 2) for name in ("rmse", "mae")}
