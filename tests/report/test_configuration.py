"""A configuration as text is the same configuration when it is read again."""

from __future__ import annotations

import json
import shlex

import yaml
from ruamel.yaml import YAML

from tunewright.report.configuration import as_flags, as_json, as_yaml, text_of
from tunewright.report.slices import _grid
from tunewright.space import CategoricalParameter, Configuration

ODD: Configuration = {
    "rate": 1e-05,
    "kind": "a 'b' $c",
    "on": True,
    "depth": 7,
    "text": "yes",
    "empty": "",
    "line": "x\ny",
    "time": "12:30",
    "off": "on",
    "huge": 1e16,
}


def test_json_and_yaml_read_back_to_the_same_values() -> None:
    assert json.loads(as_json(ODD)) == ODD
    assert dict(YAML(typ="safe").load(as_yaml(ODD))) == ODD
    assert yaml.safe_load(as_yaml(ODD)) == ODD, "which is YAML 1.1"


def test_choices_of_one_label_are_told_apart() -> None:
    odd = CategoricalParameter(type="categorical", choices=[1, True, "1", "true"])
    assert [text_of(odd, value) for value in odd.choices] == ["1", "true", '"1"', '"true"']
    plain = CategoricalParameter(type="categorical", choices=["a", True])
    assert [text_of(plain, value) for value in plain.choices] == ["a", "true"]
    assert [repr(value) for value in _grid(odd)] == ["1", "True", "'1'", "'true'"]


def test_flags_survive_the_shell() -> None:
    assert shlex.split(as_flags(ODD)) == [
        "--rate=1e-05", "--kind=a 'b' $c", "--on=true", "--depth=7", "--text=yes", "--empty=", "--line=x\ny",
        "--time=12:30", "--off=on", "--huge=1e+16",
    ]  # fmt: skip


def test_flags_of_a_name_that_no_study_has_are_words_too() -> None:
    """A plan may have been written by whoever may write into the bucket."""
    assert shlex.split(as_flags({"x=1;touch y;": 1})) == ["--x=1;touch y;=1"]
