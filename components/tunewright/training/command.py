"""What is started for a trial, wherever it runs: arguments and variables, from the study and the folder that the trial sees."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path, PurePath

from ..study import CommandTrial
from .runner import CHECKPOINT, OUTPUT, STREAM, Job
from .template import render, text

PARAMS = "params.json"
MODEL = "model"  #: folder of the model that is scored
METRICS = "metrics.json"
FILES = "files"
REQUEST = "request.json"  #: of a built-in trainer's process
ERROR = "error.json"  #: what such a process found wrong with study or data
SEEDS = 2**31  #: NumPy and others take no larger ones
VALUE = re.compile(r"\{[^{}]*\}")  #: an argument that is a placeholder alone
FLAG = re.compile(r"--?[A-Za-z_][^={}\s]*")  #: an argument that names the next one
WORKER = ("-P", "-m", "tunewright.training.worker")  #: arguments of Python for such a process


@dataclass(frozen=True, kw_only=True)
class Command:
    """A user's command with everything filled in."""

    arguments: list[str]
    environment: dict[str, str]


def user_command(job: Job, trial: CommandTrial, place: PurePath, data: str | None) -> Command:
    """The command of a trial that sees its folder at ``place`` and its data at ``data``."""
    values = {name: text(value) for name, value in job.configuration.items()}
    values |= {"params": str(place / PARAMS), "output": str(place / OUTPUT), "files": str(place / FILES)}
    if data is not None:
        values["data"] = data
    known = {"TUNEWRIGHT_PARAMS": str(place / PARAMS)}
    if job.scores:
        values["model"] = known["TUNEWRIGHT_MODEL"] = str(place / MODEL)
    inactive = job.study.space.keys() - job.configuration.keys()
    chosen = {name: render(value, values, inactive) for name, value in trial.environment.items()}
    return Command(
        arguments=_arguments(trial.command, values, inactive),
        environment={name: value for name, value in chosen.items() if value is not None} | known,
    )


def _arguments(command: Sequence[str], values: Mapping[str, str], inactive: set[str]) -> list[str]:
    """The parts filled in, without those that name an inactive parameter, and without the flag before one that is nothing but its value."""
    arguments: list[str] = []
    for before, part in pairwise(["", *command]):
        filled = render(part, values, inactive)
        if filled is not None:
            arguments.append(filled)
        elif VALUE.fullmatch(part) and FLAG.fullmatch(before):
            arguments.pop()
    return arguments


def variables(place: PurePath, seed: int) -> Mapping[str, str]:
    """Where a trial that sees its folder at ``place`` leaves its results, and its seed."""
    return {
        "TUNEWRIGHT_OUTPUT": str(place / OUTPUT),
        "TUNEWRIGHT_METRICS": str(place / METRICS),
        "TUNEWRIGHT_STREAM": str(place / STREAM),
        "TUNEWRIGHT_CHECKPOINT": str(place / CHECKPOINT),
        "TUNEWRIGHT_SEED": str(seed % SEEDS),
    }


def write_files(folder: Path, files: Mapping[str, str]) -> None:
    """Write the files that came with a study. Their names have been checked with it."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
