"""Studies: what the models accept, what the digest covers, and the rules across fields."""

from __future__ import annotations

import copy

import pytest
from pydantic import ValidationError

from tunewright.space import FloatParameter
from tunewright.study import Budget, CommandTrial, Objective, Study

STUDY = {
    "name": "demo",
    "space": {
        "booster": {"type": "categorical", "choices": ["gbtree", "dart"]},
        "depth": {"type": "int", "low": 1, "high": 12},
        "rate_drop": {"type": "float", "low": 0, "high": 0.5, "when": {"booster": "dart"}},
    },
    "constraints": ["booster == 'gbtree' or depth <= 8"],
    "objective": {"metric": "accuracy"},
    "trial": {"kind": "xgboost"},
    "data": {"source": "sklearn:breast_cancer"},
}


def changed(path: str, value) -> Study:
    """The study with one value put at a dotted path."""
    raw = copy.deepcopy(STUDY)
    *parents, last = path.split(".")
    place = raw
    for parent in parents:
        place = place.setdefault(parent, {})
    place[last] = value
    return Study.model_validate(raw)


def test_the_digest_of_a_study_is_what_it_has_always_been():
    """A change here would make every stored study another one."""
    assert Study.model_validate(STUDY).digest() == "83ead69a5b5137115ebebb7d15dbdf023ce5c39e2aaacee857ccaf163dde4e24"


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("name", "other"),
        ("description", "other"),
        ("seed", 7),
        ("budget", {"trials": 7, "parallel_trials": 3, "wall_time": "1h"}),
        ("agent", {"preset": "paper", "hidden": 8}),
        ("objective.goal", 0.9),
        ("objective.direction", "maximize"),
        ("trial.limits", {"time": 3600}),
        ("space.depth.scale", "linear"),
        ("space.rate_drop.low", 0.0),
        ("space.rate_drop.low", -0.0),
        ("space.rate_drop.default", None),
        ("data.validation", {"holdout": 0.25}),
    ],
)
def test_the_digest_does_not_cover_how_and_how_long_is_searched_nor_what_was_the_default_anyway(path, value):
    assert changed(path, value).digest() == Study.model_validate(STUDY).digest()


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("space.depth.high", 13),
        ("space.depth.scale", "log"),
        ("space.depth.default", 3),
        ("space.rate_drop.when.booster", "gbtree"),
        ("space.booster.choices", ["dart", "gbtree"]),
        ("space.eta", {"type": "float", "low": 0, "high": 1}),
        ("constraints", []),
        ("objective.metric", "log_loss"),
        ("objective.direction", "minimize"),
        ("trial.fixed", {"eta": 0.3}),
        ("trial.early_stopping_rounds", 5),
        ("trial.limits", {"time": "10m"}),
        ("data.source", "sklearn:wine"),
        ("data.validation", {"folds": 3}),
        ("data.split_seed", 1),
        ("data.drop", ["id"]),
        ("data.sha256", "0" * 64),
    ],
)
def test_the_digest_covers_space_objective_trial_and_data(path, value):
    assert changed(path, value).digest() != Study.model_validate(STUDY).digest()


def test_the_digest_covers_the_order_in_which_parameters_are_decided():
    raw = copy.deepcopy(STUDY)
    raw["space"] = dict(reversed([(name, body) for name, body in raw["space"].items() if name != "rate_drop"]))
    forward = copy.deepcopy(STUDY)
    del forward["space"]["rate_drop"]
    assert Study.model_validate(raw).digest() != Study.model_validate(forward).digest()


def test_a_file_that_moved_is_the_same_data_once_its_content_is_known():
    raw = copy.deepcopy(STUDY)
    raw["data"] = {"source": "a.csv", "target": "y", "sha256": "0" * 64}
    first = Study.model_validate(raw).digest()
    raw["data"]["source"] = "s3://bucket/b.csv"
    assert Study.model_validate(raw).digest() == first


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("15m", 900),
        ("1h30m", 5400),
        ("1.5h", 5400),
        ("1d 2h", 93600),
        ("250ms", 0.25),
        (12, 12),
        (0.5, 0.5),
    ],
)
def test_durations_are_seconds_or_text(text, seconds):
    assert Budget(wall_time=text).wall_time == seconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "h",
        "-1h",
        "1h30",
        "1 week",
        "1y",
        "1h,30m",
        "0s",
        0,
        -1,
        "31d",
        "nan",
        "1e3s",
        "1" * 100_000,
        "9" * 30 + "s",
    ],
)
def test_other_durations_are_refused(text):
    with pytest.raises(ValidationError, match=r"duration such as|greater than 0|less than or equal"):
        Budget(wall_time=text)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GiB", 4 * 2**30),
        ("512 MiB", 2**29),
        ("1.5K", 1500),
        ("2M", 2 * 10**6),
        ("3Ti", 3 * 2**40),
        ("2000", 2000),
        (4096, 4096),
    ],
)
def test_sizes_are_bytes_or_text(text, size):
    assert CommandTrial(kind="command", command=["a"], limits={"memory": text}).limits.memory == size


@pytest.mark.parametrize(
    "text", ["", "4 GiBs", "GiB", "-1K", "4gib", "1e9", "1K", "0", 0, 100, "4GiB\n4GiB", "1" * 100_000]
)
def test_other_sizes_are_refused(text):
    with pytest.raises(ValidationError, match=r"size such as|greater than or equal"):
        CommandTrial(kind="command", command=["a"], limits={"memory": text})


def test_the_objective_turns_values_into_rewards_and_knows_its_goal():
    up, down = Objective(metric="a", goal=0.9), Objective(metric="a", direction="minimize", goal=0.1)
    assert (up.reward(0.5), down.reward(0.5)) == (0.5, -0.5)
    assert (up.reached(0.9), up.reached(0.89), down.reached(0.1), down.reached(0.11)) == (True, False, True, False)
    assert not Objective(metric="a").reached(1e9)


def test_a_session_runs_no_more_trials_than_its_rounds_hold():
    assert Budget(trials=100, parallel_trials=2, rounds=10).most_trials == 20
    assert Budget(trials=7, parallel_trials=2, rounds=10).most_trials == 7


@pytest.mark.parametrize("name", ["../x", "a/b", "A", "", "-a", "a-", "a" * 49, "a.b", "a b", "a\n", "ä", "..", "a_b"])
def test_names_that_are_no_path_and_no_label_are_refused(name):
    with pytest.raises(ValidationError, match="match pattern"):
        changed("name", name)


@pytest.mark.parametrize("name", ["../x", "a.b", "a b", "1a", "", "a-b", "a\n", "a" * 64, "ä"])
def test_names_of_parameters_are_plain_identifiers(name):
    with pytest.raises(ValidationError, match="parameter's name must match"):
        changed("space", {name: {"type": "float", "low": 0, "high": 1}})


@pytest.mark.parametrize("metric", ["../x", "", "a b", "a\n", "1a"])
def test_names_of_metrics_are_plain(metric):
    with pytest.raises(ValidationError, match="match pattern"):
        changed("objective.metric", metric)


@pytest.mark.parametrize("source", ["", "http://example.org/x.csv", "file:///etc/passwd"])
def test_sources_of_data_are_paths_objects_or_sets_of_scikit_learn(source):
    with pytest.raises(ValidationError, match=r"must be a path|at least 1"):
        changed("data.source", source)


def test_a_study_is_built_in_python_as_well():
    study = Study(**{**STUDY, "space": {"x": FloatParameter(type="float", low=0, high=1)}, "constraints": []})
    assert study.space["x"].high == 1


def test_the_space_of_a_study_has_its_constraints():
    assert not Study.model_validate(STUDY).search_space().feasible({"booster": "dart", "depth": 9, "rate_drop": 0.1})


def test_a_broken_rule_across_fields_is_refused_in_python_too():
    with pytest.raises(ValidationError, match=r"space\.rate_drop\.when\.booster: a condition must be able to hold"):
        changed("space.rate_drop.when.booster", "gbtre")
