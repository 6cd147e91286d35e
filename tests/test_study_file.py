"""Study files: every mistake with file, line, field, value and remedy, all at once."""

from __future__ import annotations

import copy
import json
import re
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from tunewright.errors import DataInvalid, Problem, StudyInvalid
from tunewright.schema import EXAMPLE
from tunewright.space import FloatParameter
from tunewright.store.opening import split_bucket
from tunewright.study import Study
from tunewright.study_file import load_study, parse_study, placed, study_from

GOOD = """\
name: demo
space:
  booster: {type: categorical, choices: [gbtree, dart]}
  depth: {type: int, low: 1, high: 12}
  rate: {type: float, low: 1e-3, high: 1, scale: log}
objective: {metric: accuracy}
trial: {kind: xgboost}
data: {source: "sklearn:breast_cancer"}
"""


def problems(text: str) -> list[Problem]:
    with pytest.raises(StudyInvalid) as caught:
        parse_study(text, "study.yaml")
    assert all(problem.file == "study.yaml" for problem in caught.value.problems)
    return caught.value.problems


def only(text: str) -> tuple[int | None, str, str]:
    """Line, field and message of the single mistake in a text."""
    found = problems(text)
    assert len(found) == 1, [str(problem) for problem in found]
    return found[0].line, found[0].field, found[0].message


def edited(old: str, new: str) -> str:
    assert GOOD.count(old) == 1
    return GOOD.replace(old, new)


def test_a_study_is_read_from_a_file(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(GOOD)
    study = load_study(path)
    assert study.name == "demo"
    assert list(study.space) == ["booster", "depth", "rate"]
    assert study.space["rate"].low == 1e-3


ALL_AT_ONCE = """\
name: ../x
space:
  learning_rte: {type: float, low: "0.1", hgih: 1}
  depth: {type: flaot, low: 1, high: 2}
  width: {low: 1, high: 2}
  eta: {type: float, low: 0, high: 1, scale: log}
  flag: {type: bool, default: yes}
  n: {type: int, low: 9, high: 1}
  n: {type: int, low: 1, high: 9}
  kernel: {type: ordinal, choices: [3, 5], default: 4, when: {flga: true}}
  stride: {type: ordinal, choices: [3, .nan]}
constraints: ["eta <", "depht > 3"]
objective: {metrik: loss, direction: minimise}
trials: 30
budget: {trials: 0, wall_time: soon}
trial:
  kind: comand
data: {source: a.csv, validation: {folds: 1}}
"""


def test_all_mistakes_are_told_at_once_each_with_its_line():
    found = [(problem.line, problem.field) for problem in problems(ALL_AT_ONCE)]
    assert found == [
        (1, "name"),
        (3, "space.learning_rte.low"),
        (3, "space.learning_rte.hgih"),
        (4, "space.depth.type"),
        (5, "space.width.type"),
        (6, "space.eta.low"),
        (7, "space.flag.default"),
        (8, "space.n.low"),
        (9, "space.n"),
        (10, "space.kernel.default"),
        (11, "space.stride.choices.1"),
        (12, "constraints.0"),
        (12, "constraints.1"),
        (13, "objective.direction"),
        (13, "objective.metrik"),
        (14, "trials"),
        (15, "budget.trials"),
        (15, "budget.wall_time"),
        (17, "trial.kind"),
        (18, "data.validation.folds"),
    ]


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "message"),
    [
        # the study
        ("name: demo", "name: ../x", 1, "name", "must match ^[a-z0-9]"),
        ("name: demo", "name: 7", 1, "name", "must be a text, got 7; put it in quotes"),
        ("name: demo", "nmae: demo", 1, "nmae", "must be a known key, got 'nmae'; did you mean 'name'?"),
        ("name: demo\n", "", 1, "name", "is required, got nothing; add 'name: ...' (Lower-case letters"),
        ("name: demo", "name: demo\nseed: -1", 2, "seed", "must be >= 0, got -1; use a larger value"),
        (
            "name: demo",
            "name: demo\nparallel_trials: 3",
            2,
            "parallel_trials",
            "got 'parallel_trials'; indent it below 'budget'",
        ),
        ("name: demo", "name: demo\nbudget:", 2, "budget", "must be a mapping, got nothing; write 'key: value' lines"),
        (
            "name: demo",
            "name: demo\nagent: {preset: papr}",
            2,
            "agent.preset",
            "default, paper, got 'papr'; did you mean 'paper'?",
        ),
        (
            "{metric: accuracy}",
            "{metric: accuracy, goal: .inf}",
            6,
            "objective.goal",
            "must be a finite number, got inf",
        ),
        ("{metric: accuracy}", "{metric: accuracy, goal: -.nan}", 6, "objective.goal", "must be a number, got '-.nan'"),
        ("{metric: accuracy}", "accuracy", 6, "objective", "must be a mapping, got 'accuracy'"),
        (
            "{metric: accuracy}",
            "{}",
            6,
            "objective.metric",
            "is required, got nothing; add 'metric: ...' (Name of the metric",
        ),
        # parameters
        (
            "low: 1e-3, high: 1,",
            "low: 1, high: 1e-3,",
            5,
            "space.rate.low",
            "low must be < high, got low=1.0 and high=0.001",
        ),
        (
            "low: 1, high: 12",
            "low: 12, high: 12",
            4,
            "space.depth.low",
            "low must be < high, got low=12 and high=12; widen the range, or write the value into the command (trial.fixed of a built-in trainer)",
        ),
        (
            "low: 1e-3",
            "low: 0",
            5,
            "space.rate.low",
            "low must be > 0 on a log scale, got low=0.0; use scale: linear or a positive low",
        ),
        ("low: 1e-3", "low: yes", 5, "space.rate.low", "must be a number, got 'yes'"),
        ("low: 1e-3", "low: true", 5, "space.rate.low", "must be a number, got True"),
        ("low: 1e-3", "low: null", 5, "space.rate.low", "must be a number, got nothing"),
        ("low: 1e-3", "low: -.inf", 5, "space.rate.low", "must be a finite number, got -inf"),
        ("low: 1e-3", "low: 1e400", 5, "space.rate.low", "must be a finite number, got inf"),
        (
            "low: 1, high: 12",
            "low: 1, hihg: 12",
            4,
            "space.depth.hihg",
            "must be a known key, got 'hihg'; did you mean 'high'?",
        ),
        ("low: 1, high: 12", "low: 1.5, high: 12", 4, "space.depth.low", "must be a whole number, got 1.5"),
        (
            "low: 1, high: 12",
            "low: 1, high: 12, default: 13",
            4,
            "space.depth.default",
            "must be in [1, 12], got 13; choose a default inside",
        ),
        (
            "low: 1, high: 12",
            "low: 1, high: 12, step: 0",
            4,
            "space.depth.step",
            "must be > 0, got 0; use a larger value",
        ),
        (
            "type: int",
            "type: integer",
            4,
            "space.depth.type",
            "must be one of float, int, categorical, ordinal, bool, got 'integer'; did",
        ),
        (
            "type: int, ",
            "",
            4,
            "space.depth.type",
            "must be one of float, int, categorical, ordinal, bool, got nothing",
        ),
        ("type: int", "type: [int]", 4, "space.depth.type", "must be one of"),
        ("{type: int, low: 1, high: 12}", "7", 4, "space.depth", "must be a mapping, got 7"),
        ("[gbtree, dart]", "[gbtree]", 3, "space.booster.choices", "must have at least 2 entries, got 1; add some"),
        ("[gbtree, dart]", "gbtree", 3, "space.booster.choices", "must be a list, got 'gbtree'; write [a, b]"),
        ("[gbtree, dart]", "[a, b, a]", 3, "space.booster.choices", "choices must differ, got 'a' 2 times; keep one"),
        (
            "[gbtree, dart]",
            "[a, {b: 1}]",
            3,
            "space.booster.choices.1",
            "must be true, false, a number, a text, got {'b': 1}",
        ),
        (
            "[gbtree, dart]",
            "[a, b], default: c",
            3,
            "space.booster.default",
            "must be one of ['a', 'b'], got 'c'; choose a default inside",
        ),
        ("  booster:", "  a.b:", 3, "space.a.b", "a parameter's name must match"),
        ("  booster:", "  ../x:", 3, "space.../x", "a parameter's name must match"),
        # conditions
        (
            "high: 12",
            "high: 12, when: {bosster: dart}",
            4,
            "space.depth.when.bosster",
            "got 'bosster'; did you mean 'booster'?",
        ),
        (
            "high: 12",
            "high: 12, when: {rate: 0.1}",
            4,
            "space.depth.when.rate",
            "got 'rate' which stands later; move rate before depth",
        ),
        (
            "high: 12",
            "high: 12, when: {depth: 3}",
            4,
            "space.depth.when.depth",
            "conditions must not form a cycle, got depth -> depth",
        ),
        (
            "high: 12",
            "high: 12, when: {booster: drat}",
            4,
            "space.depth.when.booster",
            "must be able to hold: booster must be one of",
        ),
        ("high: 12", "high: 12, when: {booster: [dart, 1]}", 4, "space.depth.when.booster", "booster must be one of"),
        (
            "high: 12",
            "high: 12, when: {booster: []}",
            4,
            "space.depth.when.booster",
            "a condition needs a value, got an empty list",
        ),
        (
            "high: 12",
            "high: 12, when: {booster: {a: 1}}",
            4,
            "space.depth.when.booster",
            "a text, a list, got {'a': 1}",
        ),
        (
            "high: 12",
            "high: 12, when: {booster: [dart, null]}",
            4,
            "space.depth.when.booster.1",
            "a number, a text, got nothing",
        ),
        # trial and data
        (
            "kind: xgboost",
            "kind: xgbost",
            7,
            "trial.kind",
            "must be one of xgboost, cnn, command, got 'xgbost'; did you mean 'xgboost'?",
        ),
        ("kind: xgboost", "fixed: {}", 7, "trial.kind", "must be one of xgboost, cnn, command, got nothing"),
        ("kind: xgboost", "kind: xgboost, fixd: {}", 7, "trial.fixd", "did you mean 'fixed'?"),
        (
            "kind: xgboost",
            "kind: xgboost, fixed: {depth: 3}",
            7,
            "trial.fixed.depth",
            "must be searched or fixed, got depth in the space",
        ),
        (
            "kind: xgboost",
            "kind: xgboost, fixed: {a: [1]}",
            7,
            "trial.fixed.a",
            "must be true, false, a number, a text, got [1]",
        ),
        (
            "kind: xgboost",
            "kind: xgboost, limits: {time: 1 week}",
            7,
            "trial.limits.time",
            "such as 90s, 15m or 1h30m, got '1 week'",
        ),
        ("kind: xgboost", "kind: xgboost, limits: {time: 0s}", 7, "trial.limits.time", "must be > 0, got '0s'"),
        (
            "kind: xgboost",
            "kind: xgboost, limits: {memory: lots}",
            7,
            "trial.limits.memory",
            "such as 512MiB or 4GiB, got 'lots'",
        ),
        (
            "kind: xgboost",
            "kind: xgboost, limits: {memory: true}",
            7,
            "trial.limits.memory",
            "must be a whole number, got True",
        ),
        (
            "kind: xgboost",
            "kind: command, command: []",
            7,
            "trial.command",
            "must have at least 1 entries, got 0; add some",
        ),
        ("kind: xgboost", "kind: command, command: ls", 7, "trial.command", "must be a list, got 'ls'"),
        (
            "kind: xgboost",
            'kind: command, command: [a, "{rte}"]',
            7,
            "trial.command.1",
            "got {rte}; did you mean 'rate'?; write {{ and }}",
        ),
        (
            "kind: xgboost",
            'kind: command, command: ["{{{rte}}}"]',
            7,
            "trial.command.0",
            "got {rte}; did you mean 'rate'?",
        ),
        (
            "kind: xgboost",
            'kind: command, command: ["{rate!r}"]',
            7,
            "trial.command.0",
            "got {rate!r}; did you mean 'rate'?",
        ),
        (
            "kind: xgboost",
            'kind: command, command: ["{rate"]',
            7,
            "trial.command.0",
            "a brace must close a placeholder, got '{rate'; write {{",
        ),
        (
            "kind: xgboost",
            'kind: command, command: ["echo {}"]',
            7,
            "trial.command.0",
            "got {}; known are",
        ),
        (
            "kind: xgboost",
            'kind: command, command: [a], environment: {A: "{rte}"}',
            7,
            "trial.environment.A",
            "got {rte}; did you mean",
        ),
        (
            "kind: xgboost",
            'kind: command, command: [a], environment: {"A=B": c}',
            7,
            "trial.environment",
            "environment names must match",
        ),
        (
            "kind: xgboost",
            'kind: command, command: [a], stdout_pattern: "("',
            7,
            "trial.stdout_pattern",
            "must be a regular expression",
        ),
        (
            "kind: xgboost",
            'kind: command, command: [a], stdout_pattern: "x"',
            7,
            "trial.stdout_pattern",
            "needs groups (?P<name>",
        ),
        (
            '{source: "sklearn:breast_cancer"}',
            "{source: a.csv}",
            8,
            "data.target",
            "a table needs the column to predict, got nothing",
        ),
        ('{source: "sklearn:breast_cancer"}', "{}", 8, "data.source", "is required, got nothing; add 'source: ...'"),
        (
            '{source: "sklearn:breast_cancer"}',
            '{source: ""}',
            8,
            "data.source",
            "must have at least 1 characters, got ''",
        ),
        (
            '{source: "sklearn:breast_cancer"}',
            '{source: "ftp://x.npz"}',
            8,
            "data.source",
            "must be a path, s3://bucket/key",
        ),
        (
            "breast_cancer",
            'x", validation: {holdot: 0.2}, task: "auto',
            8,
            "data.validation.holdot",
            "did you mean 'holdout'?",
        ),
        (
            "breast_cancer",
            'x", validation: {folds: 99}, task: "auto',
            8,
            "data.validation.folds",
            "must be <= 20, got 99; use a smaller value",
        ),
        (
            "breast_cancer",
            'x", validation: 3, task: "auto',
            8,
            "data.validation",
            "must be {folds: ...}, {holdout: ...}, got 3",
        ),
        ('data: {source: "sklearn:breast_cancer"}\n', "", 1, "data", "is required by trial kind xgboost, got nothing"),
    ],
)
def test_a_mistake_is_answered_with_line_field_value_and_remedy(old, new, line, field, message):
    found = only(edited(old, new))
    assert found[:2] == (line, field)
    assert message in found[2]


def test_an_empty_space_is_refused():
    start, end = GOOD.index("  booster"), GOOD.index("objective")
    assert only(GOOD[:start].rstrip() + " {}\n" + GOOD[end:]) == (
        2,
        "space",
        "must have at least 1 entries, got 0; add some",
    )
    assert only(GOOD[:start] + GOOD[end:])[1:] == (
        "space",
        "must be a mapping, got nothing; write 'key: value' lines below it, indented",
    )


def test_a_cycle_of_conditions_is_refused():
    text = edited("[gbtree, dart]}", "[gbtree, dart], when: {depth: 3}}").replace(
        "high: 12", "high: 12, when: {booster: dart}"
    )
    assert [(problem.line, problem.message) for problem in problems(text)] == [
        (3, "conditions must not form a cycle, got booster -> depth -> booster; remove one of them"),
        (4, "conditions must not form a cycle, got depth -> booster -> depth; remove one of them"),
    ]


def test_a_condition_on_a_number_without_steps_is_refused():
    text = edited("objective:", "  late: {type: bool, when: {rate: 0.1}}\nobjective:")
    assert only(text)[2].startswith("a condition needs a parameter with distinct values, got 'rate'")


@pytest.mark.parametrize(
    ("constraints", "field", "message"),
    [
        ('["depth > 12"]', "constraints.0", "some configuration must satisfy it, got none in 4096 draws; loosen it"),
        (
            '["depth > 6", "depth < 6"]',
            "constraints",
            "some configuration must satisfy all of them, got none in 4096 draws",
        ),
        (
            '["depth < 6", "dpeth < 6"]',
            "constraints.1",
            "must name parameters of the space, got 'dpeth'; did you mean 'depth'?",
        ),
        ('["depth = 6"]', "constraints.0", "use == to compare"),
        ('["depth < 3 +"]', "constraints.0", "; complete it, check operators and brackets"),
        ('["depth => 3"]', "constraints.0", "; write <= and >="),
        ('["depth =< 3"]', "constraints.0", "; write <= and >="),
        (
            '["booster > 3"]',
            "constraints.0",
            "must be true or false of some configuration, got an error ('>' not supported",
        ),
        ("[\"__import__('os').system('true') == depth\"]", "constraints.0", "may use numbers, texts, parameters"),
        ('["9**9**9 < depth"]', "constraints.0", "got an error"),
        ('["depth"]', None, None),
        ("depth < 6", "constraints", "must be a list, got 'depth < 6'"),
        ("[3]", "constraints.0", "must be a text, got 3; put it in quotes"),
    ],
)
def test_constraints_are_checked_when_the_study_is_read(constraints, field, message):
    text = f"{GOOD}constraints: {constraints}\n"
    if field is None:
        assert parse_study(text, "study.yaml").constraints == ["depth"]
        return
    found = only(text)
    assert found[:2] == (9, field)
    assert message in found[2]


def test_defaults_that_break_a_constraint_are_refused():
    text = edited("[gbtree, dart]", "[gbtree, dart], default: dart").replace("high: 12", "high: 12, default: 9")
    text = text.replace("scale: log", "scale: log, default: 0.1") + "constraints: [depth < 9]\n"
    assert only(text)[1:] == (
        "constraints.0",
        "the defaults must satisfy it, got {'booster': 'dart', 'depth': 9, 'rate': 0.1}; change a default, they are the first trial",
    )


def test_names_of_commands_placeholders_are_no_parameters():
    text = edited("  booster:", "  output:").replace("kind: xgboost", "kind: command, command: [a]")
    assert only(text)[:2] == (3, "space.output")


def test_the_data_placeholder_needs_data():
    text = GOOD.replace("kind: xgboost", 'kind: command, command: ["{data}", "{{x}}", "{rate}"]')
    assert parse_study(text, "x").trial.command[1] == "{{x}}"
    assert only(text[: text.index("data:")])[2] == "{data} needs the section data, got nothing; add data.source"


@pytest.mark.parametrize("word", ["yes", "no", "on", "off"])
def test_yaml_1_1_booleans_are_text_and_the_message_says_so(word):
    text = edited("high: 12}", f"high: 12}}\n  flag: {{type: bool, default: {word}}}")
    assert only(text)[2] == f"must be true or false, got '{word}'; YAML 1.2 reads this as text, write true or false"
    text = edited("high: 12}", f"high: 12}}\n  flag: {{type: bool}}\n  f: {{type: bool, when: {{flag: {word}}}}}")
    assert only(text)[1:] == (
        "space.f.when.flag",
        f"a condition must be able to hold: flag must be one of [False, True], got '{word}'; YAML 1.2 reads this as text, write true or false",
    )
    choices = parse_study(edited("[gbtree, dart]", f"[{word}, other]"), "x").space["booster"].choices
    assert choices == [word, "other"]


@pytest.mark.parametrize(
    ("scalar", "value"),
    [
        ("1e-3", 1e-3),
        ("1E3", 1e3),
        (".5", 0.5),
        ("0x10", 16.0),
        ("0o17", 15.0),
        ("1_000", 1000.0),
        ("+1", 1.0),
        ("010", 10.0),
    ],
)
def test_numbers_are_those_of_yaml_1_2(scalar, value):
    assert parse_study(edited("high: 1,", f"high: 5000, default: {scalar},"), "x").space["rate"].default == value


def test_dates_and_merge_signs_are_text():
    study = parse_study(edited("[gbtree, dart]", '[2020-01-01, "<<", =]'), "x")
    assert study.space["booster"].choices == ["2020-01-01", "<<", "="]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("", None, "must hold a study, got an empty file"),
        ("# nothing\n\n", None, "must hold a study, got an empty file"),
        ("---\n...\n", 2, "must be a mapping"),
        ("- a\n- b\n", 1, "must be a mapping, got ['a', 'b']; begin with 'name: my-study'"),
        ("demo", 1, "must be a mapping, got 'demo'"),
        ("42", 1, "must be a mapping, got 42"),
        (GOOD + "---\n" + GOOD, 9, "must hold one study, got a second document"),
        ("name: demo\nspace:\n\tx: 1\n", 3, "got a tab in the indentation; indent with spaces"),
        ("name: demo\n  seed: 1\n", 2, "got ':' inside a value or wrong indentation"),
        ("name: [demo\nspace: 1\n", 2, "must be YAML"),
        ("name: 'demo\n", 1, "must be YAML, got this while scanning a quoted scalar"),
        ("name: @demo\n", 1, "must be YAML"),
        ("name: *demo\n", 1, "found undefined alias 'demo'"),
        ("name: \x07\n", None, "must be YAML, got unacceptable character #x0007"),
        ("[" * 100_000, None, "must be at most 32 deep"),
        ("a: " * 40_000, 1, "must be YAML"),
    ],
)
def test_a_text_that_is_no_study_is_refused(text, line, message):
    found = only(text)
    assert message in found[2]
    assert found[0] == line


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (GOOD + "name: again\n", 9, "keys must differ, got 'name' here and in line 1; remove one"),
        (GOOD + "7: x\n", 9, "keys must be text, got 7; put it in quotes"),
        (GOOD + "null: x\n", 9, "keys must be text, got null"),
        (GOOD + "? [a]\n: x\n", 9, "keys must be text, got a list or mapping"),
        (GOOD + "description: !secret x\n", 9, "tags are not used in a study, got '!secret'; remove it"),
        (GOOD + "description: !!python/object/apply:os.system [ls]\n", 9, "tags are not used in a study"),
        (GOOD + f"seed: {'9' * 5000}\n", 9, "must be a int"),
        (GOOD + f"seed: {2**63}\n", 9, "must be < 9223372036854775808"),
    ],
)
def test_what_yaml_allows_and_a_study_does_not_is_refused(text, line, message):
    found = only(text)
    assert found[0] == line
    assert message in found[2]


def test_anchors_and_merges_work():
    text = edited(
        "  depth: {type: int, low: 1, high: 12}\n",
        "  depth: &whole {type: int, low: 1, high: 12}\n  width: {<<: *whole, high: 64}\n  length: *whole\n  more: {<<: [{low: 2}, *whole]}\n",
    )
    space = parse_study(text, "x").space
    assert (space["width"].low, space["width"].high) == (1, 64)
    assert space["length"] == space["depth"]
    assert (space["more"].low, space["more"].high) == (2, 12)


def test_a_repeated_anchor_is_not_a_warning():
    text = edited("depth: {", "depth: &a {").replace("rate: {", "rate: &a {")
    assert parse_study(text, "x").name == "demo"


def test_a_billion_laughs_are_refused_quickly():
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    start = time.perf_counter()
    assert "aliases followed" in problems("\n".join(lines))[0].message
    assert time.perf_counter() - start < 10


def test_a_billion_merges_add_nothing():
    lines = ["l0: &l0 {}"]
    lines += [f"l{n}: &l{n} {{<<: [{', '.join([f'*l{n - 1}'] * 10)}]}}" for n in range(1, 10)]
    start = time.perf_counter()
    assert "l9" in {problem.field for problem in problems("\n".join(lines))}
    assert time.perf_counter() - start < 10


@pytest.mark.parametrize("number", ["0x" + "f" * 5000, "0o" + "7" * 5000, "9" * 400])
def test_a_number_beyond_floats_is_told(number):
    _, field, message = only(GOOD + f"seed: {number}\n")
    assert field == "seed"
    assert message.startswith(f"must be a int, got '{number[:5]}")


def test_a_source_of_many_slashes_is_read_quickly():
    start = time.perf_counter()
    assert split_bucket("s3://abc/" + "/" * 50_000 + "x" + "/" * 50_000) == ("abc", "x")
    assert time.perf_counter() - start < 5


def test_a_value_that_holds_itself_is_refused():
    assert "aliases followed" in problems("name: &a [*a]")[0].message


def test_a_merge_that_holds_itself_adds_nothing():
    assert only("&a\n<<: *a\n" + GOOD + "sed: 1\n")[1] == "sed"


@pytest.mark.parametrize("text", ["x" * (2**17 + 1), "ä" * 2**16 + "ä"])
def test_a_text_that_is_too_long_is_refused(text):
    assert "must be at most 128 KiB" in problems(text)[0].message


def test_a_file_that_cannot_be_read_is_refused(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(StudyInvalid, match=r"must be readable, got .*; check the path"):
            load_study(path)


@pytest.mark.parametrize("data", [b"name: demo\nseed: \xff\n", GOOD.encode("utf-16")])
def test_a_file_that_is_not_utf_8_is_refused(tmp_path, data):
    path = tmp_path / "study.yaml"
    path.write_bytes(data)
    with pytest.raises(StudyInvalid, match=r"study\.yaml:[12]: study: the file must be UTF-8, got byte 0xff"):
        load_study(path)


def test_a_file_of_another_system_is_read(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + GOOD.replace("\n", "\r\n").encode())
    assert load_study(path) == parse_study(GOOD, "x")


@pytest.mark.parametrize("indent", [None, 2, "\t"])
def test_json_is_read_too(indent):
    assert parse_study(json.dumps(EXAMPLE, indent=indent), "x") == study_from(EXAMPLE)


def test_checks_of_others_are_told_with_line_all_at_once():
    def known(raw, parameters):
        return [(("space", name), "is unknown") for name in raw["space"]]

    def sound(raw, parameters):
        return [(("space", name, "low"), "is sound") for name in parameters]

    assert parse_study(GOOD, "study.yaml", [lambda raw, parameters: []]).name == "demo"
    with pytest.raises(StudyInvalid) as caught:
        parse_study(edited("high: 12", "hgih: 12"), "study.yaml", [known, sound])
    assert [str(problem) for problem in caught.value.problems] == [
        "study.yaml:3: space.booster: is unknown",
        "study.yaml:3: space.booster.low: is sound",
        "study.yaml:4: space.depth.hgih: must be a known key, got 'hgih'; did you mean 'high'?",
        "study.yaml:4: space.depth: is unknown",
        "study.yaml:5: space.rate: is unknown",
        "study.yaml:5: space.rate.low: is sound",
    ]


def test_mistakes_that_show_later_are_told_with_file_and_line(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(GOOD)
    for error in (
        DataInvalid("data.source: must be a file", "objective.metric: must fit"),
        StudyInvalid([Problem(field="data.source", message="must be a file"), Problem(field="objective.metric", message="must fit")]),
    ):  # fmt: skip
        with pytest.raises(StudyInvalid) as caught, placed(path):
            raise error
        assert [str(problem) for problem in caught.value.problems] == [
            f"{path}:6: objective.metric: must fit",
            f"{path}:8: data.source: must be a file",
        ]
    with placed(path):
        pass


def test_mistakes_in_json_have_lines():
    text = json.dumps(EXAMPLE, indent=2).replace('"folds"', '"fold"')
    assert only(text)[1:] == ("data.validation.fold", "must be a known key, got 'fold'; did you mean 'folds'?")
    assert '"fold"' in text.splitlines()[only(text)[0] - 1]


@pytest.mark.parametrize(
    "text",
    [
        GOOD,
        json.dumps(EXAMPLE),
        GOOD + "agent: {preset: paper, layers: 1, order: declared}\nseed: 7\ndescription: 'yes: \"no\" # 1e5\\n'\n",
        GOOD
        + "constraints: ['depth * rate < 5', \"booster != 'dart'\"]\nbudget: {wall_time: 1h30m, failed_share: null}\n",
        edited(
            "[gbtree, dart]",
            "[true, 1, '1', 1.5, 1e-7, 'yes', 'null', '', ' x', '1e3', '~', 'ä', \"a\\tb\\nc\", '010']",
        ),
        GOOD.replace(
            "kind: xgboost",
            'kind: command, command: [sh, -c, "echo {rate} {{}}"], environment: {A: "1"}, limits: {memory: 2GiB}',
        ),
    ],
)
def test_a_study_is_the_same_from_its_file_and_from_its_record(text):
    study = parse_study(text, "x")
    recorded = Study.model_validate_json(study.model_dump_json())
    assert recorded == study
    assert list(recorded.space) == list(study.space)


def test_plain_data_gives_the_messages_of_a_file_without_lines():
    with pytest.raises(StudyInvalid) as caught:
        study_from({**EXAMPLE, "seed": -1, "space": {"x": {"type": "float", "low": 2, "high": 1}}})
    assert [str(problem) for problem in caught.value.problems] == [
        "space.x.low: low must be < high, got low=2.0 and high=1.0; swap them",
        "seed: must be >= 0, got -1; use a larger value",
    ]


def test_plain_data_may_hold_tuples_arrays_paths_and_models():
    data = copy.deepcopy(EXAMPLE)
    data["space"] = {
        "x": FloatParameter(type="float", low=0, high=1),
        "y": {"type": "ordinal", "choices": np.array([1, 2])},
        "z": {"type": "int", "low": np.int64(1), "high": 3, "when": {"y": (1, 2)}},
    }
    data["data"] = {"source": Path("a.npz")}
    study = study_from(data)
    assert (study.space["y"].choices, study.space["z"].low, study.data.source) == ([1, 2], 1, "a.npz")


def test_plain_data_that_holds_itself_is_refused():
    data: dict = dict(EXAMPLE)
    data["description"] = data
    with pytest.raises(StudyInvalid, match="at most 32 deep"):
        study_from(data)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_change_of_a_good_study_is_a_study_or_study_invalid(data):
    """No other exception, whatever stands where."""
    raw = copy.deepcopy(EXAMPLE)
    raw["constraints"] = ["max_depth < 9"]
    raw["agent"] = {"preset": "paper"}
    for _ in range(data.draw(st.integers(1, 3))):
        place = raw
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            key = data.draw(st.sampled_from(keys))
            if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
                break
            place = place[key]
        odd = st.sampled_from(
            [None, True, -1, 1.5, 10**400, float("nan"), "", "x", "{y}", [], [None], {}, {"type": "int"}, {"kind": [1]}]
        )
        if isinstance(place, dict) and data.draw(st.booleans()):
            place[data.draw(st.sampled_from(["tpye", "low", "kind", "", "when"]))] = data.draw(odd)
        else:
            place[key] = data.draw(odd)
    try:
        study = study_from(raw)
    except StudyInvalid as error:
        found = error.problems
    else:
        found = None
        assert Study.model_validate_json(study.model_dump_json()) == study
    assert found is None or (found and all(problem.message and problem.field for problem in found))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("{rule: asha, min_step: 3}", "min_step"),
        ("{rule: asah}", "asha"),
        ("{rule: median, eta: 3}", "eta"),
        ("{rule: curve, chance: 0.9}", "chance"),
        ("{min_steps: 3}", "rule"),
    ],
)
def test_what_is_wrong_with_a_stopping_rule_is_named_with_its_line(written: str, message: str) -> None:
    text = f"""name: t
space: {{x: {{type: float, low: 0, high: 1}}}}
objective: {{metric: a}}
trial: {{kind: command, command: [train]}}
stopping: {written}
"""
    with pytest.raises(StudyInvalid) as caught:
        parse_study(text, "s.yaml")
    (problem,) = caught.value.problems
    assert problem.line == 5
    assert problem.field.startswith("stopping")
    assert message in str(problem)


def test_a_stopping_rule_is_a_setting_of_the_session_not_of_the_study() -> None:
    data = {
        "name": "t",
        "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}},
        "objective": {"metric": "a"},
        "trial": {"kind": "command", "command": ["train"]},
    }
    plain, halved = study_from(data), study_from({**data, "stopping": {"rule": "asha", "eta": 4}})
    assert plain.stopping.rule == "none"
    assert plain.digest() == halved.digest()
    assert Study.model_validate_json(halved.model_dump_json()) == halved


def test_every_study_of_the_readme_is_valid():
    """Whole studies as they stand; parts of one within a small study."""
    text = (Path(__file__).parents[1] / "README.md").read_text()
    yaml = YAML(typ="safe")
    rest = {
        "name": "part",
        "space": {"learning_rate": {"type": "float", "low": 0.1, "high": 1}},
        "objective": {"metric": "accuracy"},
    }
    trained = {"trial": {"kind": "xgboost"}, "data": {"source": "sklearn:iris"}}
    blocks = [yaml.load(block) for block in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)]
    found = [block for block in blocks if "apiVersion" not in block]  # the others are Kubernetes'
    for part in found:
        study = part if "name" in part else {**rest, **({} if "trial" in part else trained), **part}
        study_from(study)
    assert len(found) >= 4
    assert any("name" in part for part in found)
