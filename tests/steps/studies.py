"""Small studies whose trials are one shell command."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tunewright.study import Study

SCORE = ["sh", "-c", 'echo "{{\\"score\\": {x}}}" > "$TUNEWRIGHT_METRICS"']


def shell_study(name: str = "toy", command: list[str] | None = None, **changes: Any) -> Study:
    """A study of one float whose score is the float itself."""
    content: dict[str, Any] = {
        "name": name,
        "space": {"x": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5}},
        "objective": {"metric": "score"},
        "budget": {"trials": 6, "parallel_trials": 2},
        "trial": {"kind": "command", "command": command or SCORE},
        "agent": {"initial_trials": 4, "candidates": 32, "model_updates": 2, "model_batch": 8},
    }
    return Study.model_validate({**content, **changes})


def write_study(path: Path, study: Study) -> None:
    """Write a study's file, in JSON, which is YAML too."""
    path.write_text(study.model_dump_json(exclude_unset=True, indent=1))
