"""The two containers of tunewright in the pod of a trial: ``python -m tunewright.training.job_pod load|save``.

What passes between the pod and the process that waits for its Job lies in the store below ``attempts/<n>/pod/``: small files of the trial, the
mark that it has ended, and the list of what was stored. Everything that the trial wrote is unchecked input; links are never followed, because
they could lead to the keys of this container.
"""

from __future__ import annotations

import json
import os
import stat
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from ..container import SHARED
from ..errors import EXIT_BUG, NotFound, TransientError, TunewrightError
from ..store import layout
from ..store.opening import open_store, split_study, study_store
from ..store.port import Store
from ..study import Data
from ..termination import Terminated, raise_on_signals
from ..trial import Saved
from .command import ERROR, METRICS, write_files
from .data import local
from .job_manifest import LOAD_VARIABLE
from .keeping import keep_model
from .reported import MAX_BYTES
from .runner import OUTPUT, STREAM

T = TypeVar("T")
POLL_SECONDS = 1.0
MAX_STREAM = 2**24  #: bytes of a stream that are kept
SMALL = {METRICS: MAX_BYTES + 1, ERROR: MAX_BYTES, STREAM: MAX_STREAM}
"""Files that the waiting side reads, and how much of them; one byte more than is allowed shows that it is too much."""


def box(trial: str, attempt: int, name: str) -> str:
    """Key of something that passes between the pod and who waits for it."""
    return layout.attempt(trial, attempt, f"pod/{name}")


ENDED = "ended.json"
SAVED = "saved.json"


@click.group()
def main() -> None:
    """Containers in the pod of a trial."""


@main.command()
def load() -> None:
    """Write what the trial needs into the shared folder, for whichever user it runs as."""
    os.umask(0o002)
    told = json.loads(os.environ[LOAD_VARIABLE])
    prepare(told, Path(SHARED))


def prepare(told: dict[str, Any], place: Path) -> None:
    """Fill the folder of a trial. Raises DataInvalid when its data is not there or is other data."""
    write_files(place, told["texts"])
    for folder in (OUTPUT, "home"):
        (place / folder).mkdir(exist_ok=True)
        (place / folder).chmod(0o2775)
    if told["data"] is not None:
        local(Data.model_validate(told["data"]), place)


@main.command()
@click.option("--study", required=True)
@click.option("--trial", required=True)
@click.option("--attempt", required=True, type=int)
def save(study: str, trial: str, attempt: int) -> None:
    """Store the stream while the trial runs, and what it left when it has ended."""
    address, name = split_study(study)
    watch(study_store(open_store(address), name), trial, attempt, Path(SHARED))


def watch(store: Store, trial: str, attempt: int, place: Path, poll: float = POLL_SECONDS) -> Saved:
    """Returns when everything is stored. A store that is away is asked again: the Job's deadline ends it, not this."""
    sender = _Sender(store, trial, attempt, place)
    ended: bytes | None = None
    try:
        while ended is None:
            _try(lambda: sender.send(STREAM))
            ended = _try(lambda: _find(store, box(trial, attempt, ENDED)))
            if ended is None:
                time.sleep(poll)
    except Terminated:
        sender.send(STREAM)  # of a trial that was stopped, this is what counts
        raise
    model = place / OUTPUT if json.loads(ended)["keep"] else None
    while True:
        saved = _try(lambda: _store(sender, trial, attempt, model))
        if saved is not None:
            return saved
        time.sleep(poll)


def _store(sender: _Sender, trial: str, attempt: int, folder: Path | None) -> Saved:
    model, left_out = keep_model(sender.store, trial, attempt, folder) if folder is not None else ({}, [])
    for name in SMALL:
        sender.send(name)
    document = Saved(trial=trial, attempt=attempt, model=model, left_out=left_out)
    return layout.create(sender.store, document, box(trial, attempt, SAVED))[0]


def _try(act: Callable[[], T]) -> T | None:
    """The answer of ``act``; None while the store is away."""
    try:
        return act()
    except TransientError as error:
        print(error, file=sys.stderr)  # noqa: T201 - the container's log
        return None


def _find(store: Store, key: str) -> bytes | None:
    try:
        return store.get(key).data
    except NotFound:
        return None


class _Sender:
    """Sends the small files of a trial, each when it has changed."""

    def __init__(self, store: Store, trial: str, attempt: int, place: Path) -> None:
        self.store = store
        self._place = place
        self._key = {name: box(trial, attempt, name) for name in SMALL}
        self._sent: dict[str, tuple[int, int]] = {}

    def send(self, name: str) -> None:
        found = read_plain(self._place / name, SMALL[name])
        if found is not None and self._sent.get(name) != found[1]:
            self.store.put(self._key[name], found[0])
            self._sent[name] = found[1]


def read_plain(path: Path, most: int) -> tuple[bytes, tuple[int, int]] | None:
    """The beginning of a file, and what changes when it is written; None unless it is a regular file that can be read."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return None
    with os.fdopen(handle, "rb") as file:
        status = os.fstat(handle)
        if not stat.S_ISREG(status.st_mode):
            return None
        return file.read(most), (status.st_size, status.st_mtime_ns)


def run(arguments: list[str]) -> int:
    """Run one of the containers; returns the exit code."""
    raise_on_signals()
    try:
        main.main(args=arguments, standalone_mode=False)
    except TunewrightError as error:
        print(error, file=sys.stderr)  # noqa: T201 - becomes the container's termination message
        return error.exit_code
    except Terminated as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return EXIT_BUG
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
