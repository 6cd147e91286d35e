"""A configuration as text is the same configuration when it is read again."""

from __future__ import annotations

import json
import shlex

import yaml
from ruamel.yaml import YAML

from tunewright.report.configuration import as_flags, as_json, as_yaml
from tunewright.space import Configuration

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


def test_flags_survive_the_shell() -> None:
    assert shlex.split(as_flags(ODD)) == [
        "--rate=1e-05", "--kind=a 'b' $c", "--on=true", "--depth=7", "--text=yes", "--empty=", "--line=x\ny",
        "--time=12:30", "--off=on", "--huge=1e+16",
    ]  # fmt: skip
