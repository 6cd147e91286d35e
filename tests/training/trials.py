"""Studies and jobs for the tests of training."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path
from typing import Any

import psutil

from tunewright.space import Configuration
from tunewright.study import Study
from tunewright.training.local import LocalRunner
from tunewright.training.runner import Finished, Job

PLACE = f"{Path(__file__)} {os.environ.get('PYTEST_XDIST_WORKER')}"  #: others have others, so that nobody reaps here
TRIAL = hashlib.sha256(PLACE.encode()).hexdigest()[:16]


def study(trial: dict[str, Any], *, space: dict[str, Any] | None = None, **fields: Any) -> Study:
    space = space or {"x": {"type": "float", "low": 0.0, "high": 1.0}}
    objective = fields.pop("objective", {"metric": "accuracy"})
    return Study.model_validate({"name": "tested", "space": space, "objective": objective, "trial": trial, **fields})


def script(source: str, **trial: Any) -> Study:
    """A study whose trial is this Python program."""
    escaped = source.replace("{", "{{").replace("}", "}}")
    return study({"kind": "command", "command": [sys.executable, "-S", "-c", escaped], **trial})


def shell(source: str, **trial: Any) -> Study:
    """A study whose trial is this shell program; braces are templates."""
    return study({"kind": "command", "command": ["sh", "-c", source], **trial})


def job(of: Study, directory: Path, configuration: Configuration | None = None, seed: int = 0, attempt: int = 1) -> Job:
    directory.mkdir(exist_ok=True)
    chosen = {"x": 0.5} if configuration is None else configuration
    return Job(study=of, configuration=chosen, seed=seed, directory=directory, trial=TRIAL, attempt=attempt)


def run(of: Study, directory: Path, configuration: Configuration | None = None, seed: int = 0) -> Finished:
    return LocalRunner().run(job(of, directory, configuration, seed), lambda: None)


def marked(word: str) -> list[psutil.Process]:
    """Running processes with this word among their arguments."""
    found = []
    for process in psutil.process_iter():
        try:
            if word in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:
            continue
    return found
