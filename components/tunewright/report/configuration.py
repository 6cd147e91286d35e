"""A configuration as text to copy: JSON, YAML, command-line flags."""

from __future__ import annotations

import io
import json
import shlex

from ruamel.yaml import YAML

from ..space import Configuration, Value


def label(value: Value) -> str:
    """A value as people read it: ``true``, ``0.001``, ``gbtree``."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.6g}"
    return str(value)


def as_json(configuration: Configuration) -> str:
    """JSON object, one parameter a line, all digits."""
    return json.dumps(configuration, indent=2, ensure_ascii=False)


def as_yaml(configuration: Configuration) -> str:
    """YAML mapping, one parameter a line, all digits."""
    stream = io.StringIO()
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 10_000
    yaml.dump(configuration, stream)
    return stream.getvalue().rstrip("\n")


def as_flags(configuration: Configuration) -> str:
    """Command-line flags, quoted for a POSIX shell: ``--learning_rate=0.1 --booster=gbtree``."""
    texts = {name: label(value) if isinstance(value, bool) else str(value) for name, value in configuration.items()}
    return " ".join(f"--{name}={shlex.quote(text)}" for name, text in texts.items())
