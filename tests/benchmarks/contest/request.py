"""One run of one method on one task: what it is, and what it begins with."""

from __future__ import annotations

import hashlib
import json
import zlib
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy.stats import qmc
from tests.benchmarks.evaluation.evaluator import LIBRARY
from tests.benchmarks.evaluation.families import FUNCTION
from tests.benchmarks.evaluation.trial import space_of
from tests.benchmarks.rivals.methods import METHODS, Method
from tests.benchmarks.tables import interpolator, store
from tests.benchmarks.tasks.listing import Task, named
from tests.benchmarks.tasks.prepared import digests

from tunewright.preset import AgentSettings
from tunewright.space import Configuration
from tunewright.training.boosting import curve_steps

AGENT = Path(__file__).parents[3] / "components" / "tunewright" / "agent"
SHORTER = AGENT.parent / "stopping" / "shorter.py"  #: what is made of a learning curve
FOLDS = Path(__file__).parents[1] / "knowledge_folds"
BATCH = 4
TRIALS = 100  #: of a run under the budget of count
INITIAL = (
    BATCH  #: configurations of the first round; the seed decides them for all methods alike, differently for every task
)

FIRST_TRAINED_BY = {"xgboost": "3.2.0", "cnn": "2.15.0"}  #: releases of XGBoost and torch


@dataclass(frozen=True, kw_only=True)
class Request:
    """A run that is wanted."""

    task: str
    method: str
    seed: int
    kind: Literal["table", "real"]
    budget: Literal["count", "cost"] = "count"
    objective: Literal["accuracy", "log_loss"] = "accuracy"
    trials: int = TRIALS  #: whole rounds of BATCH; under the budget of cost those whose median cost is the budget

    def id(self) -> str:
        """What identifies a finished run: the release of its method and the objective function that it searched included."""
        return digest({**asdict(self), "version": self.version(), "function": self.function()})

    def version(self) -> str:
        """The release of the method, as far as it counts for this kind of run."""
        return release(METHODS[self.method], curves=self.kind == "real")

    def function(self) -> str:
        """The objective function: a table grows, and a grown one is another function; real ones are those of the data and of what trains on it."""
        task = named([self.task])[0]
        return table_digest(task) if self.kind == "table" else real_function(task, version(LIBRARY[task.model]))


def digest(content: Any) -> str:
    """Sixteen characters for something of JSON."""
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


def real_function(task: Task, trained_by: str) -> str:
    """The function of real runs. What the first runs were trained by is not part of it, because they were kept before it was."""
    content = digests()[task.data].content[:16]
    if task.model == "families":
        return digest([content, trained_by, FUNCTION])
    return content if trained_by == FIRST_TRAINED_BY[task.model] else digest([content, trained_by])


@cache
def agent_release() -> str:
    """A digest of the agent's sources and of what it ships of other tasks: they change between releases, and old runs must not stand for new ones."""
    sources = [source.read_text() for source in sorted(AGENT.rglob("*.py"))]
    learnt = [AGENT / "knowledge.safetensors", *sorted(FOLDS.glob("*.safetensors"))]
    return digest([sources, [hashlib.sha256(path.read_bytes()).hexdigest() for path in learnt]])


ALIKE = {
    "0f5084e691db1eed": "cf163599d68e1539",
    "83ddbda095cfac32": "cf163599d68e1539",
    "ef8810077d58eef2": "c6b8cc0773d658a2",
}
"""Releases of the agent or of the rule for curves, and the earlier one whose runs they repeat to the last bit: what is new in them is for what no run
has, constraints, promoted trials, ensembles that begin with knowledge, parameters that depend on a count of steps, numbers that span more than a
hundredfold on a linear scale. ``contest.replay`` compares."""


@cache
def rule() -> str:
    """What is made of learning curves, and where they have points."""
    found = digest([SHORTER.read_text(), curve_steps(1200)])
    return ALIKE.get(found, found)


def release(method: Method, *, curves: bool) -> str:
    """The release of a method: of its package in the rivals' lock, or of the agent with the settings that count in the end, presets filled in.

    Args:
        curves: whether a trial's learning curve is told, which tables do not.
    """
    if method.made_by.startswith("ours:"):
        settings = AgentSettings(**method.settings)
        played = ALIKE.get(agent_release(), agent_release())
        told = [played, settings.model_dump(mode="json", exclude={"preset", "curves"})]
        arranged = [] if method.arrangement is None else [method.arrangement]
        return digest([*told, *arranged, *([rule()] if curves and settings.curves else [])])
    version = locked(method.package) if method.package else "1"
    return digest([version, rule()]) if method.follows else version


@cache
def table_digest(task: Task) -> str:
    """A digest of a table's runs and of how they are interpolated."""
    path = store.path(task)
    return digest([interpolator.VERSION, hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None])


@cache
def locked(package: str) -> str:
    """The version of a package in the lock of the rivals' environment."""
    import tomllib

    lock = tomllib.loads((Path(__file__).parents[1] / "rivals" / "uv.lock").read_text())
    return next(str(entry["version"]) for entry in lock["package"] if entry["name"] == package)


def machine() -> dict[str, str | int | None]:
    """What made a run: figures of time mean little without it."""
    import os
    import platform

    return {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "xgboost": version("xgboost"),
    }


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").is_file() else []
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "unknown")


def initial(task: Task, seed: int) -> list[Configuration]:
    """The first round of every method."""
    space = space_of(task)
    rng = np.random.default_rng([zlib.crc32(task.name.encode()), seed, 1])
    return [space.decode(u) for u in qmc.Sobol(len(space), scramble=True, rng=rng).random(INITIAL)]


def problem(request: Request) -> dict[str, Any]:
    """What the method is told at the start."""
    task = named([request.task])[0]
    space = [
        {"name": name, **parameter.model_dump(include={"type", "low", "high", "choices", "scale", "when"})}
        for name, parameter in space_of(task)
    ]
    return {
        "space": space,
        "seed": zlib.crc32(f"{request.task}/{request.seed}".encode()) % 2**31,
        "trials": request.trials,
        "batch": BATCH,
        "left_out": task.name if task.role == "dev" else None,
        "worst": worst(request, task),
    }


def worst(request: Request, task: Task) -> float:
    """Loss of a configuration that cannot be trained, for methods that know no failures: nothing right, or guessing."""
    return 1.0 if request.objective == "accuracy" else float(np.log(digests()[task.data].classes))
