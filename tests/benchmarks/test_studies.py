"""The paper's studies: judgements on curves that were made up to be clear."""

from __future__ import annotations

import numpy as np
import pytest
from tests.benchmarks.rivals.methods import DELTAS, METHODS
from tests.benchmarks.studies.study import STUDIES, delta_name, gain, judged, speed
from tests.benchmarks.verdict.field import Field

TASKS, ROUNDS = 8, 10


def made(methods, ends, means=None, cost=None) -> Field:
    """Incumbents that rise in a straight line to their ends ``(methods, tasks)``, from 0.5."""
    ends = np.asarray(ends, dtype=float).T[:, :, None, None]
    rise = np.linspace(0, 1, ROUNDS)
    best = 0.5 + (ends - 0.5) * rise
    ones = np.ones_like(best)
    steps = np.broadcast_to(np.arange(1.0, ROUNDS + 1), best.shape)
    curves = {
        "best": best,
        "mean": best if means is None else means * ones,
        "cost": steps if cost is None else cost * ones,
        "optimiser": steps * 0,
    }
    return Field(
        tasks=[f"t{task}" for task in range(TASKS)], methods=list(methods), seeds=[0], curves=curves,
        rows=np.full(TASKS, 100.0), typical=np.full((TASKS, 1), 0.5), seconds=np.ones(TASKS),
    )  # fmt: skip


def spread(level: float) -> np.ndarray:
    return level + 0.01 * np.arange(TASKS)


def test_every_study_asks_for_methods_that_exist():
    assert all(name in METHODS for study in STUDIES.values() for name in study.methods)


def test_everything_replicates_something_partly_and_nothing_not():
    assert [judged(True, True), judged(True, False), judged(False, False)] == ["replicated", "partly", "not replicated"]


def test_a_policy_that_learns_gains_and_one_that_does_not_gains_nothing():
    field = made(["paper", "paper one-step"], [spread(0.8), spread(0.5)])
    assert (gain(field, "paper") > 0.3).all()
    assert gain(field, "paper one-step") == pytest.approx(np.linspace(0, 0.1, TASKS), abs=0.2)


def test_a_method_that_is_there_in_half_the_time_is_twice_as_fast():
    field = made(
        ["paper", "paper without model"], [spread(0.9), spread(0.9)], cost=np.array([1.0, 2.0])[None, :, None, None]
    )
    assert speed(field, "paper", "paper without model") == pytest.approx(np.full(TASKS, 2.0))


def test_a_method_that_never_gets_there_has_no_speed():
    field = made(["paper", "paper without model"], [spread(0.6), spread(0.9)])
    assert np.isnan(speed(field, "paper", "paper without model")).all()


def test_orders_that_end_alike_replicate_the_paper_and_orders_that_do_not_do_not():
    methods = STUDIES["order"].methods
    assert STUDIES["order"].judge(made(methods, [spread(0.8)] * 6)).judgement == "replicated"
    apart = [spread(0.8), spread(0.7), spread(0.6)] * 2
    assert STUDIES["order"].judge(made(methods, apart)).judgement == "not replicated"


def test_a_model_that_lowers_the_error_and_the_time_replicates_the_paper():
    methods = STUDIES["model"].methods
    ends = [spread(0.9), spread(0.7), spread(0.9), spread(0.7)]
    assert STUDIES["model"].judge(made(methods, ends)).judgement == "replicated"
    assert STUDIES["model"].judge(made(methods, [spread(0.7), spread(0.9)] * 2)).judgement == "not replicated"


def test_an_error_that_rises_with_the_horizon_replicates_the_paper():
    methods = STUDIES["horizon"].methods
    ends = {delta_name(delta): spread(0.9 if delta <= 0.4 else 0.7) for delta in [*DELTAS, 0.4]}
    given = [ends.get(name, spread(0.6)) for name in methods]
    assert STUDIES["horizon"].judge(made(methods, given)).judgement == "replicated"
    assert STUDIES["horizon"].judge(made(methods, [spread(0.8)] * len(methods))).judgement == "not replicated"


def test_a_one_step_agent_that_learns_as_well_does_not_replicate_the_paper():
    methods = STUDIES["one-step"].methods
    learns, not_at_all = spread(0.9), np.full(TASKS, 0.5)
    assert STUDIES["one-step"].judge(made(methods, [learns, not_at_all, learns, learns])).judgement == "replicated"
    assert STUDIES["one-step"].judge(made(methods, [learns] * 4)).judgement == "not replicated"
