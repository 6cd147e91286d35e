"""The two containers of tunewright in the pod of a trial: ``python -m tunewright.training.job_pod load|save``.

What passes between the pod and the process that waits for its Job lies in the store below ``attempts/<n>/pod/``: small files of the trial, the
mark that it has ended, and the list of what was stored. Everything that the trial wrote is unchecked input; links are never followed, because
they could lead to the keys of this container.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Generic, TypeVar

import click

from ..container import SHARED
from ..errors import (
    EXIT_BUG,
    ArtifactCorrupt,
    NotFound,
    StoreRefused,
    TransientError,
    TunewrightError,
    code_once_let_in,
)
from ..store import layout
from ..store.opening import open_store, split_study, study_store
from ..store.port import Store
from ..study import Data
from ..termination import Terminated, raise_on_signals
from ..trial import Outcome, Saved
from .checkpoints import CheckpointKeeper, restore
from .command import ERROR, METRICS, MODEL, write_files
from .data import local
from .job_manifest import LOAD_VARIABLE
from .keeping import fetch_model, keep_model, read_below
from .patience import AWAY, AWAY_SECONDS
from .reported import MAX_BYTES
from .runner import CHECKPOINT, OUTPUT, STREAM
from .stream import MAX_STREAM
from .tensorboard import EventFiles

T = TypeVar("T")
INDEX_VARIABLE = "JOB_COMPLETION_INDEX"  #: Kubernetes numbers the nodes of a trial
POLL_SECONDS = 1.0
STREAM_BYTES = 2**20  #: of a stream that are stored in a second, about
GROWN = 17 / 16  #: times its size, and a stream is stored at once
KEEP_SECONDS = 5.0  #: between two checkpoints in the store, at least
KEEP_SHARE = 10.0  #: the same in times of what storing one took
LAST_SECONDS = 4.0  #: of the pod's grace, for the checkpoint of a trial that is stopped while it writes
SMALL = {METRICS: MAX_BYTES + 1, ERROR: MAX_BYTES, STREAM: MAX_STREAM}
"""Files that the waiting side reads, and how much of them; one byte more than is allowed shows that it is too much."""


def box(trial: str, attempt: int, name: str, folder: str = layout.POD) -> str:
    """Key of something that passes between a pod and who waits for it."""
    return layout.attempt(trial, attempt, f"{folder}/{name}")


def study_at(address: str) -> Store:
    """The documents of the study at an address."""
    place, name = split_study(address)
    return study_store(open_store(place), name)


ENDED = "ended.json"
SAVED = "saved.json"
EVENTS = "events.json"  #: last values in TensorBoard's event files


@click.group()
def main() -> None:
    """Containers in the pod of a trial."""


@main.command()
def load() -> None:
    """Write what the trial needs into the shared folder, for whichever user it runs as."""
    os.umask(0o002)
    told = json.loads(os.environ[LOAD_VARIABLE])
    prepare(told, Path(SHARED), study_at(told["study"]))


def prepare(told: dict[str, Any], place: Path, store: Store) -> None:
    """Fill the folder of a trial.

    Raises:
        DataInvalid: its data is not there or is other data.
        TransientError: the model that it scores is damaged or gone.
        StoreUnavailable, StoreRefused: the store is away.
    """
    write_files(place, told["texts"])
    for folder in (OUTPUT, CHECKPOINT, "home"):
        (place / folder).mkdir(exist_ok=True)
        (place / folder).chmod(0o2775)
    if told["data"] is not None:
        local(Data.model_validate(told["data"]), place)
    if (scored := told["model"]) is not None:
        trial, attempt = scored["trial"], scored["attempt"]
        try:
            (place / MODEL).mkdir(exist_ok=True)  # there may be no file
            outcome = layout.read(store, Outcome, layout.attempt(trial, attempt, "outcome.json"))
            fetch_model(store, trial, attempt, outcome.model, place / MODEL)
        except (ArtifactCorrupt, NotFound) as error:  # no fault of the study: not to be refused like wrong data
            raise TransientError(f"the model cannot be read: {error}") from error
    if (resumed := told["resumes"]) is not None:
        restore(store, resumed["trial"], resumed["attempt"], place / CHECKPOINT)


@main.command()
@click.option("--study", required=True)
@click.option("--trial", required=True)
@click.option("--attempt", required=True, type=int)
@click.option("--box", "folder", default=layout.POD)
def save(study: str, trial: str, attempt: int, folder: str) -> None:
    """Store stream and checkpoints while the trial runs, and what it left when it has ended."""
    os.umask(0o002)
    if os.environ.get(INDEX_VARIABLE, "0") != "0":
        attend(study_at(study), trial, attempt)
    else:
        watch(study_at(study), trial, attempt, Path(SHARED), folder=folder)


def attend(store: Store, trial: str, attempt: int, poll: float = POLL_SECONDS) -> None:
    """In the other nodes of a trial there is nothing to store; returns when the trial has ended."""
    ended = _Request(lambda: _find(store, box(trial, attempt, ENDED)))
    while ended() is None:
        time.sleep(poll)


def watch(
    store: Store, trial: str, attempt: int, place: Path, poll: float = POLL_SECONDS, folder: str = layout.POD
) -> Saved:
    """Returns when everything is stored. A store that is away is asked again: the Job's deadline ends it, not this."""
    keeper = _Keeper(store, trial, attempt, place, folder)
    look, last = _Request(keeper.look), _Request(lambda: keeper.look(last=True))
    find = _Request(lambda: _find(store, box(trial, attempt, ENDED, folder)))
    ended: bytes | None = None
    try:
        while ended is None:
            look()
            ended = find()
            if ended is None:
                time.sleep(poll)
    except Terminated:
        end = time.monotonic() + LAST_SECONDS  # of a trial that was stopped, this is what counts
        while not last() and time.monotonic() < end:
            time.sleep(poll / 4)
        raise
    model = json.loads(ended)["keep"]
    finish = _Request(lambda: keeper.finish(model=model))
    while True:
        saved = finish()
        if saved is not None:
            return saved
        time.sleep(poll)


class _Request(Generic[T]):
    """Something that is asked of the store again and again. One that goes on to refuse is believed after `AWAY_SECONDS`."""

    def __init__(self, act: Callable[[], T]) -> None:
        self._act = act
        self._refused: float | None = None  #: since when

    def __call__(self) -> T | None:
        """The answer; None while the store is away. Raises StoreRefused."""
        try:
            answer = self._act()
        except AWAY as error:
            print(error, file=sys.stderr)  # noqa: T201 - the container's log
            if isinstance(error, StoreRefused) and self._lasts():
                raise
            return None
        self._refused = None
        return answer

    def _lasts(self) -> bool:
        now = time.monotonic()
        self._refused = now if self._refused is None else self._refused
        return now - self._refused > AWAY_SECONDS


def _find(store: Store, key: str) -> bytes | None:
    try:
        return store.get(key).data
    except NotFound:
        return None


class _Keeper:
    """Stores what a trial writes, each part when it has changed."""

    def __init__(self, store: Store, trial: str, attempt: int, place: Path, folder: str) -> None:
        self._store, self._trial, self._attempt, self._place, self._folder = store, trial, attempt, place, folder
        self._sent: dict[str, tuple[int, int]] = {}
        self._stream_due = 0.0  #: when the stream may be stored again unless it has grown much
        self._due = 0.0  #: when the next checkpoint may be stored
        self._events = EventFiles(place / OUTPUT, place / STREAM)
        # the trial may be quicker than this container, so what lies there now may be its own; what scores has none
        self._checkpoints = (
            CheckpointKeeper(store, trial, attempt, place / CHECKPOINT, stored=False) if folder == layout.POD else None
        )

    def look(self, *, last: bool = False) -> bool:
        """While the trial runs. Returns whether its newest checkpoint is kept. Raises StoreUnavailable, StoreRefused."""
        with suppress(OSError):  # of files that a trial of another user has closed to others
            self._events.look()
        self._send_stream(last=last)
        if not last and time.monotonic() < self._due:
            return False
        began = time.monotonic()
        kept = self._keep(ended=False)
        self._due = began + max(KEEP_SECONDS, KEEP_SHARE * (time.monotonic() - began))
        return kept

    def finish(self, *, model: bool) -> Saved:
        """When it has ended, its model too if it is worth keeping. Raises StoreUnavailable, StoreRefused."""
        self.look(last=True)
        self._keep(ended=True)
        self._store.put(self._box(EVENTS), json.dumps(self._events.last).encode())
        for name in SMALL:
            self._send(name)
        folder = self._place / OUTPUT
        files, left_out = keep_model(self._store, self._trial, self._attempt, folder) if model else ({}, [])
        document = Saved(trial=self._trial, attempt=self._attempt, model=files, left_out=left_out)
        return layout.create(self._store, document, self._box(SAVED))[0]

    def _keep(self, *, ended: bool) -> bool:
        return self._checkpoints is None or self._checkpoints.look(ended=ended)

    def _box(self, name: str) -> str:
        return box(self._trial, self._attempt, name, self._folder)

    def _send_stream(self, *, last: bool) -> None:
        """Store the stream: a long one, which is stored whole, less often while the trial runs."""
        size, _ = self._sent.get(STREAM, (0, 0))
        if last or time.monotonic() >= self._stream_due or _size(self._place / STREAM) > size * GROWN:
            self._send(STREAM)
            self._stream_due = time.monotonic() + self._sent.get(STREAM, (0, 0))[0] / STREAM_BYTES

    def _send(self, name: str) -> None:
        path = self._place / name
        try:
            state = path.lstat()
            whole = state.st_size < SMALL[name]  # of more nothing that is new is stored
            now = (state.st_size, state.st_mtime_ns) if whole else (SMALL[name], 0)
            if self._sent.get(name) == now:
                return
            data = read_below(self._place, name, SMALL[name])
        except OSError:
            return
        self._store.put(self._box(name), data)
        self._sent[name] = now


def _size(path: Path) -> int:
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def run(arguments: list[str]) -> int:
    """Run one of the containers; returns the exit code."""
    raise_on_signals()
    try:
        main.main(args=arguments, standalone_mode=False)
    except TunewrightError as error:
        print(error, file=sys.stderr)  # noqa: T201 - becomes the container's termination message
        return code_once_let_in(error)
    except Terminated as end:
        return end.exit_code
    except click.ClickException as error:
        error.show()
        return EXIT_BUG
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
