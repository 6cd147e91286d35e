"""A configuration as text to copy: JSON, YAML, command-line flags."""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML

from ..space import CategoricalParameter, Configuration, OrdinalParameter, Parameter, Value


def label(value: Value) -> str:
    """A value as people read it: ``true``, ``0.001``, ``gbtree``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def text_of(parameter: Parameter, value: Value) -> str:
    """The label of one of the parameter's values; as JSON where two of them share a label: ``1`` and ``"1"``."""
    if isinstance(parameter, CategoricalParameter | OrdinalParameter):
        choices = parameter.choices
        if len(set(map(label, choices))) < len(choices):
            return json.dumps(value, ensure_ascii=False)
    return label(value)


def as_json(configuration: Configuration) -> str:
    """JSON object, one parameter a line, all digits."""
    return json.dumps(configuration, indent=2, ensure_ascii=False)


def as_yaml(content: Mapping[str, Any]) -> str:
    """YAML mapping, one parameter a line, all digits. YAML 1.1 and 1.2 read the same: ``on``, ``12:30`` and the like are quoted."""
    stream = io.StringIO()
    yaml = YAML()
    yaml.version = (1, 1)
    yaml.default_flow_style = False
    yaml.width = 10_000
    yaml.dump(content, stream)
    return stream.getvalue().removeprefix("%YAML 1.1\n---\n").rstrip("\n")


def as_flags(configuration: Configuration) -> str:
    """Command-line flags, quoted for a POSIX shell: ``--learning_rate=0.1 --booster=gbtree``."""
    texts = {name: label(value) if isinstance(value, bool) else str(value) for name, value in configuration.items()}
    return " ".join(f"--{shlex.quote(name)}={shlex.quote(text)}" for name, text in texts.items())
