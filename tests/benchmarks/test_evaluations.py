"""Real evaluations: kept whole, by content, by several processes at once, whatever is killed when."""

from __future__ import annotations

import json
import multiprocessing
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score
from sklearn.metrics import log_loss as sklearn_log_loss
from tests.benchmarks.evaluation.kept import COSTLY, Kept, append, entries, key
from tests.benchmarks.evaluation.metrics import accuracy, log_loss, mean
from tests.benchmarks.evaluation.splits import split
from tests.benchmarks.evaluation.trial import SHARES, Answer, Question, Score, space, split_seed, valid_rows
from tests.benchmarks.tasks.listing import named
from tests.benchmarks.tasks.pictures import HOLD_OUT, TRAIN, VALIDATE, Pictures

from tunewright.training.boosting import curve_steps

QUESTION = Question(task="keel-iris", seed=0, configuration={"max_depth": 3, "learning_rate": 0.1})
SCORE = Score(share=1.0, accuracy=0.75, log_loss=0.5, seconds=0.25)
ANSWER = Answer(curve=(SCORE,), held_out_accuracy=0.5, held_out_log_loss=1.0, seconds=0.5)
VERSIONS = {"xgboost": "1"}


def test_an_answer_is_found_again_by_another_reader(tmp_path):
    Kept("t", tmp_path).add("k", QUESTION, ANSWER, VERSIONS)
    assert Kept("t", tmp_path).get("k") == ANSWER


def test_what_another_process_adds_later_is_found_too(tmp_path):
    reader = Kept("t", tmp_path)
    assert reader.get("k") is None
    Kept("t", tmp_path).add("k", QUESTION, ANSWER, VERSIONS)
    assert reader.get("k") == ANSWER


def test_a_line_torn_by_a_kill_is_skipped_and_the_next_line_is_whole(tmp_path):
    kept = Kept("t", tmp_path)
    kept.add("first", QUESTION, ANSWER, VERSIONS)
    with kept.path.open("ab") as lines:
        lines.write(b'{"key": "torn", "answer": {"cur')
    reader = Kept("t", tmp_path)
    assert reader.get("torn") is None
    kept.add("second", QUESTION, ANSWER, VERSIONS)
    assert (reader.get("first"), reader.get("second")) == (ANSWER, ANSWER)
    assert [entry["key"] for entry in entries(kept.path)] == ["first", "second"]


def test_what_unfinished_runs_of_a_costly_task_have_evaluated_is_committed(tmp_path):
    here, there, costly = tmp_path / "committed", tmp_path / "elsewhere", replace(ANSWER, seconds=COSTLY)
    there.mkdir()
    kept = Kept("t", tmp_path, here)
    kept.add("first", QUESTION, costly, VERSIONS)
    kept.commit(finished=False)
    elsewhere = Kept("t", there, here)
    assert elsewhere.get("first") == costly
    elsewhere.add("second", QUESTION, costly, VERSIONS)
    elsewhere.commit(finished=False)
    again = Kept("t", tmp_path / "nothing here yet", here)
    assert (again.get("first"), again.get("second")) == (costly, costly)
    again.commit(finished=True)
    assert list(here.iterdir()) == []
    Kept("cheap", tmp_path, here).add("k", QUESTION, ANSWER, VERSIONS)
    Kept("cheap", tmp_path, here).commit(finished=False)
    assert list(here.iterdir()) == []


def _write(path, number):
    for line in range(50):
        append(path, json.dumps({"from": number, "line": line, "long": "x" * 5000}))


def test_lines_of_several_processes_do_not_mix(tmp_path):
    path = tmp_path / "lines.jsonl"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(path, number)) for number in range(2)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert sorted((entry["from"], entry["line"]) for entry in entries(path)) == [
        (n, i) for n in range(2) for i in range(50)
    ]


@pytest.mark.parametrize(
    "other",
    [
        {"seed": 1},
        {"replicate": 1},
        {"configuration": {"max_depth": 3, "learning_rate": 0.10000000001}},
    ],
)
def test_whatever_changes_the_answer_changes_the_key(other):
    assert key(QUESTION, "data", VERSIONS) != key(replace(QUESTION, **other), "data", VERSIONS)


def test_other_data_or_another_release_changes_the_key_and_the_order_of_parameters_does_not():
    turned = replace(QUESTION, configuration=dict(reversed(QUESTION.configuration.items())))
    name = key(QUESTION, "data", VERSIONS)
    assert name == key(turned, "data", VERSIONS)
    assert len({name, key(QUESTION, "other", VERSIONS), key(QUESTION, "data", {"xgboost": "2"})}) == 3


def test_metrics_are_those_of_scikit_learn():
    rng = np.random.default_rng(0)
    target, probability = rng.integers(0, 3, 50), rng.dirichlet(np.ones(3), 50)
    probability[0] = np.eye(3)[(target[0] + 1) % 3]
    assert accuracy(target, probability) == pytest.approx(accuracy_score(target, probability.argmax(1)))
    assert log_loss(target, probability) == pytest.approx(sklearn_log_loss(target, probability, labels=[0, 1, 2]))


def test_scores_of_folds_are_averaged_and_their_seconds_added():
    other = Score(share=1.0, accuracy=0.25, log_loss=1.5, seconds=0.75)
    assert mean([SCORE, other]) == Score(share=1.0, accuracy=0.5, log_loss=1.0, seconds=1.0)


def test_folds_differ_between_seeds_and_tasks():
    assert len({split_seed("a", 0), split_seed("a", 1), split_seed("b", 0)}) == 3


def test_every_row_that_is_not_held_out_is_validated_once():
    iris, network = named(["keel-iris", "fashion-mnist-1k"])
    assert (valid_rows(iris), valid_rows(network)) == (112, 2000)


def test_the_spaces_are_the_papers():
    assert (len(space("xgboost")), len(space("cnn"))) == (10, 16)


@pytest.mark.data
def test_a_real_evaluation_answers_the_same_twice_and_improves_on_guessing():
    from tests.benchmarks.evaluation.trees import TreeEvaluator

    task = named(["keel-iris"])[0]
    configuration = {**space("xgboost").sample(np.random.default_rng(0))[0], "learning_rate": 0.1, "n_estimators": 60}
    question = Question(task=task.name, seed=0, configuration=configuration)
    first, again = (TreeEvaluator(task, 0)(question) for _ in range(2))
    shares = [score.share for score in first.curve]
    assert shares == sorted(shares)
    assert set(SHARES) <= set(shares)
    assert [round(60 * share) for share in shares] == sorted(
        {*curve_steps(60), *(round(60 * share) for share in SHARES)}
    )
    assert [score.accuracy for score in first.curve] == [score.accuracy for score in again.curve]
    assert first.curve[-1].accuracy > 0.85
    assert first.held_out_accuracy == again.held_out_accuracy
    assert sorted(score.seconds for score in first.curve) == [score.seconds for score in first.curve]


@pytest.mark.data
@pytest.mark.parametrize("family", ["logistic", "kernel", "neighbours", "forest", "quadratic"])
def test_every_family_answers_the_same_twice_and_improves_on_guessing(family):
    from tests.benchmarks.evaluation.families import SPACE, FamilyEvaluator

    task = named(["families-keel-iris"])[0]
    drawn = SPACE.sample(np.random.default_rng(0), 200)
    configuration = next(one for one in drawn if one["family"] == family and one["scaling"] == "standard")
    question = Question(task=task.name, seed=0, configuration=configuration)
    first, again = (FamilyEvaluator(task, 0)(question) for _ in range(2))
    assert (first.final.accuracy, first.final.log_loss) == (again.final.accuracy, again.final.log_loss)
    assert first.final.accuracy > 0.6
    assert first.final.log_loss < np.log(3)
    assert first.held_out_log_loss == again.held_out_log_loss


def test_a_family_that_cannot_be_trained_is_infeasible_and_says_why(monkeypatch):
    from tests.benchmarks.evaluation import families

    def broken(*given):
        raise np.linalg.LinAlgError("not of full rank")

    monkeypatch.setattr(families.FamilyEvaluator, "_fold", broken)
    frame = pd.DataFrame({"x": np.arange(40.0), "word": ["a", "b"] * 20, "target": ["no", "yes"] * 20})
    monkeypatch.setattr(families, "table", lambda task: frame)
    task = named(["families-keel-iris"])[0]
    found = families.FamilyEvaluator(task, 0)(Question(task=task.name, seed=0, configuration={"family": "quadratic"}))
    assert (found.curve, found.final, found.reason) == ((), None, "not of full rank")


def test_rows_that_the_list_fixes_stay_where_they_are():
    target = np.arange(60) % 2
    part = np.repeat(np.array([TRAIN, HOLD_OUT], dtype=np.uint8), [30, 30])
    found = split(target, 0, part)
    assert len(found.folds) == 3
    assert sorted(np.concatenate([score for _, score in found.folds])) == list(range(30))
    assert found.held_out.tolist() == list(range(30, 60))
    part[30:] = VALIDATE
    (fold,) = split(target, 0, part).folds
    assert (fold[0].tolist(), fold[1].tolist()) == (list(range(30)), list(range(30, 60)))


def test_no_row_is_trained_on_and_scored_by_the_same_fold():
    found = split(np.arange(90) % 3, 0)
    for train, score in found.folds:
        assert not set(train) & set(score)
        assert not set(found.held_out) & (set(train) | set(score))
    assert len(found.held_out) == 23


def test_a_network_learns_what_is_plain_and_an_impossible_one_is_infeasible(monkeypatch):
    """Bars of one pixel on noise, standing or lying: made here, because the real images take minutes."""
    from tests.benchmarks.evaluation import network

    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 20, (80, 28, 28), dtype=np.uint8), np.arange(80) % 2
    x[y == 0, :, 10:14], x[y == 1, 10:14, :] = 255, 255
    monkeypatch.setattr(network, "images", lambda task: Pictures(x=x, y=y, part=np.zeros(80, np.uint8)))
    ask = network.NetworkEvaluator(named(["digits"])[0], 0)
    small = {
        "batch_size": 24, "learning_rate": 0.002, **{f"fc{i}_nodes": 128 for i in (1, 2)},
        **{f"conv{i}_{name}": value for i in (1, 2) for name, value in (("stride", 1), ("kernel", 3), ("channels", 24))},
        **{f"pool{i}_{name}": value for i in (1, 2) for name, value in (("kernel", 2), ("stride", 2), ("type", "max"))},
    }  # fmt: skip
    answer, again = (ask(Question(task="digits", seed=0, configuration=small)) for _ in range(2))
    assert answer.final.accuracy > 0.95
    assert answer.held_out_accuracy > 0.95
    assert [score.log_loss for score in answer.curve] == [score.log_loss for score in again.curve]
    gone = ask(
        Question(
            task="digits", seed=0, configuration={**small, "conv1_stride": 5, "pool1_kernel": 5, "pool1_stride": 5}
        )
    )
    assert (gone.final, bool(gone.reason)) == (None, True)
