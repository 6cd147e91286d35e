"""Tables of real runs and what is interpolated from them."""

from __future__ import annotations

import numpy as np
import pytest
from tests.benchmarks.evaluation.trial import SHARES, Answer, Score, space, valid_rows
from tests.benchmarks.tables import plan, store
from tests.benchmarks.tables.interpolator import Interpolator
from tests.benchmarks.tables.plan import Point
from tests.benchmarks.tasks.listing import named

TASK = named(["keel-banana"])[0]
NETWORK = named(["fashion-mnist-1k"])[0]


def answer(accuracy: float) -> Answer:
    curve = tuple(
        Score(share=share, accuracy=accuracy * share, log_loss=1 - accuracy, seconds=share) for share in SHARES
    )
    return Answer(curve=curve, held_out_accuracy=accuracy, held_out_log_loss=1 - accuracy, seconds=1.1)


def bowl(configuration) -> float:
    """Best at the highest learning rate and a depth of 13."""
    return 0.9 - 3 * (0.1 - configuration["learning_rate"]) - 0.01 * abs(configuration["max_depth"] - 13)


@pytest.fixture(scope="module")
def bowl_table():
    """200 runs of a bowl, 16 of them twice with a difference of 0.004."""
    points = plan.points(200)
    asked = plan.configurations(TASK, [point.index for point in points])
    return store.rows(
        {point: answer(bowl(given) + 0.004 * point.replicate) for point, given in zip(points, asked, strict=True)}
    )


def test_a_plan_is_the_same_however_far_it_is_followed():
    whole = plan.configurations(TASK, range(40))
    assert plan.configurations(TASK, [0, 1, 7, 39]) == [whole[index] for index in (0, 1, 7, 39)]


def test_the_plan_of_a_committed_table_is_what_it_was():
    """The tables hold no configurations: another plan would make all of them wrong."""
    first = plan.configurations(TASK, [0, 1])
    assert [given["max_depth"] for given in first] == [21, 18]
    assert [given["learning_rate"] for given in first] == pytest.approx([0.091063002, 0.0566918356])


def test_plans_of_two_tasks_differ():
    other = named(["keel-ring"])[0]
    assert plan.configurations(TASK, range(4)) != plan.configurations(other, range(4))


def test_the_first_configurations_of_a_plan_are_run_twice():
    assert plan.points(100)[100:] == [Point(index=index, replicate=1) for index in range(16)]


def test_a_table_is_written_read_and_extended_without_repeating_a_line(tmp_path):
    first = store.rows({Point(index=0): answer(0.5), Point(index=1): answer(0.6)})
    store.write(TASK, first, tmp_path)
    more = store.rows({Point(index=1): answer(0.9), Point(index=2): answer(0.7)})
    store.write(TASK, store.merged(store.read(TASK, tmp_path), more), tmp_path)
    found = store.read(TASK, tmp_path)
    assert found["index"].tolist() == [0, 1, 2]
    assert found[f"accuracy_{store.FINAL}"].tolist() == pytest.approx([0.5, 0.6, 0.7])
    assert store.known(found) == {Point(index=0), Point(index=1), Point(index=2)}


def test_short_numbers_keep_three_digits_and_missing_ones_stay_missing():
    values = np.array([1.23456, 1e-4, np.nan, 0.0], dtype=np.float32)
    assert store._short(values)[:2] == pytest.approx(values[:2], rel=1e-3)
    assert np.isnan(store._short(values)[2])
    assert store._short(values)[3] == 0


def test_an_infeasible_configuration_is_a_line_without_scores():
    found = store.rows({Point(index=0): Answer(curve=(), held_out_accuracy=None, held_out_log_loss=None, seconds=0.0)})
    assert found[f"accuracy_{store.FINAL}"].isna().all()


def test_the_interpolator_knows_what_real_runs_told(bowl_table):
    ask = Interpolator(TASK, bowl_table)
    drawn = space("xgboost").sample(np.random.default_rng(5), 40)
    found = np.array([ask(given).expected for given in drawn])
    assert np.corrcoef(found, [bowl(given) for given in drawn])[0, 1] > 0.85


def test_the_interpolator_answers_the_same_twice_and_in_steps_of_one_row(bowl_table):
    ask, again = Interpolator(TASK, bowl_table), Interpolator(TASK, bowl_table)
    (given,) = space("xgboost").sample(np.random.default_rng(5))
    assert ask(given) == ask(given) == again(given)
    rows = ask(given).final.accuracy * valid_rows(TASK)
    assert rows == pytest.approx(round(rows))


def test_the_noise_is_that_of_repeated_runs_and_differs_between_configurations(bowl_table):
    ask = Interpolator(TASK, bowl_table)
    noise = ask.noise[store.SCORES.index(f"accuracy_{store.FINAL}")]
    assert noise == pytest.approx(0.004 / np.sqrt(2), rel=1e-3)
    answers = [ask(given) for given in space("xgboost").sample(np.random.default_rng(1), 200)]
    left = np.array([found.final.accuracy - found.expected for found in answers])
    assert left.std() == pytest.approx(noise, rel=0.3)


def test_costs_grow_along_the_training(bowl_table):
    found = Interpolator(TASK, bowl_table)(space("xgboost").sample(np.random.default_rng(2))[0])
    assert [score.seconds for score in found.curve] == pytest.approx(list(SHARES), rel=1e-2)


def test_a_network_that_leaves_nothing_of_the_image_is_infeasible_in_a_table_as_in_training():
    points = [Point(index=index) for index in range(60)]
    table = store.rows({point: answer(0.5) for point in points})
    ask = Interpolator(NETWORK, table)
    drawn = space("cnn").sample(np.random.default_rng(0), 30)
    assert {bool(ask(given).reason) for given in drawn} == {True, False}
    assert all((ask(given).final is None) == bool(ask(given).reason) for given in drawn)


def test_too_small_a_table_is_refused():
    with pytest.raises(ValueError, match="needs at least 20 runs, got 1; grow it"):
        Interpolator(TASK, store.rows({Point(index=0): answer(0.5)}))


def test_every_committed_table_makes_an_interpolator_with_plausible_values():
    found = store.read(TASK)
    assert len(found) >= 100
    assert found["index"].is_monotonic_increasing or found["replicate"].max() == 1
    assert found[f"accuracy_{store.FINAL}"].between(0, 1).all()
