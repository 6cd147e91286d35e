"""The lease of an attempt: who trains a trial now, and whether that process still lives.

The holder creates ``start.json`` and rewrites ``alive.json`` every few seconds from a thread. Somebody who finds a lease watches the heartbeat for
change by its own clock, so clocks need not agree; on the holder's own host the process table answers at once. A lease makes double
training rare; that it does no harm is the create-once result's doing.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil

from ..errors import STORE_AWAY, AlreadyExists, AttemptLost, InputError, NotFound
from ..store import layout
from ..store.port import Store
from ..training.processes import born, lives
from ..training.reported import sound
from ..trial import AttemptStart, Heartbeat, Loss, Outcome

BEAT_SECONDS = 5.0  #: between heartbeats
EXPIRY_SECONDS = 20.0  #: without a change of the heartbeat after which a lease is void
POLL_SECONDS = 0.5
GIVEN_BACK = "given-back.json"
LOST = "lost.json"


def boot_id() -> str:
    """Identifies the boot of this host and the container's process namespace."""
    try:
        namespace = os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - not a path
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()}/{namespace}"
    except OSError:
        return f"{psutil.boot_time():.0f}"


def take(
    store: Store,
    trial: str,
    most: int,
    *,
    now: float,
    goes_on: Callable[[str, int], bool] = lambda _trial, _attempt: False,
) -> AttemptStart | None:
    """A new attempt of the trial, waiting while another one lives; or the last one again, when only its holder has died.

    Args:
        most: attempts that may begin at all.
        now: UTC seconds since the epoch, for the record.
        goes_on: whether an attempt whose holder has died can be gone on with. Two processes that go on with the same one do no harm: there is one
            Job, and the first outcome wins.

    Returns:
        The attempt to make, or None when there is nothing to train: an attempt has an outcome, or all have been lost.
    """
    while True:
        numbers = layout.attempt_numbers(store, trial)
        if numbers and not _void(store, trial, numbers):
            return None
        if numbers and _open(store, trial, numbers[-1]) and goes_on(trial, numbers[-1]):
            return layout.read(store, AttemptStart, layout.attempt(trial, numbers[-1], "start.json"))
        if sum(not _given_back(store, trial, number) for number in numbers) >= most:
            return None
        start = AttemptStart(
            trial=trial,
            attempt=(numbers[-1] if numbers else 0) + 1,
            host=socket.gethostname(),
            boot=boot_id(),
            pid=os.getpid(),
            process_started=born(os.getpid()),
            started=now,
        )
        try:
            store.create(layout.attempt(trial, start.attempt, "start.json"), layout.encode(start))
        except AlreadyExists:
            continue
        return start


def _trained(store: Store, trial: str, numbers: Sequence[int]) -> bool:
    """Whether any of these attempts has an outcome: one that was taken for dead may have gone on."""
    keys = [layout.attempt(trial, number, "outcome.json") for number in numbers]
    return any(found is not None for found in layout.find_all(store, Outcome, keys))


def _void(store: Store, trial: str, numbers: Sequence[int]) -> bool:
    """True once the last of these attempts is known to be dead, False once one of them has an outcome; waits while it lives."""
    number = numbers[-1]
    start = layout.find(store, AttemptStart, layout.attempt(trial, number, "start.json"))
    beat, changed = None, time.monotonic()
    while not _trained(store, trial, numbers):
        if not _open(store, trial, number):
            return True
        here = start is not None and start.boot == boot_id()
        alive = lives(start.pid, start.process_started) if start is not None and here else None
        if alive is False:  # it may have written its outcome between our look and its end
            return not _trained(store, trial, numbers)
        if alive is None:
            seen = _beat(store, trial, number)
            if seen != beat:
                beat, changed = seen, time.monotonic()
            elif time.monotonic() - changed > EXPIRY_SECONDS:
                return True
        time.sleep(POLL_SECONDS)
    return False


def _beat(store: Store, trial: str, number: int) -> str | None:
    try:
        return store.get(layout.attempt(trial, number, "alive.json")).etag
    except NotFound:
        return None


@contextmanager
def beating(store: Store, start: AttemptStart) -> Iterator[None]:
    """The attempt shows that it lives, from a thread, for as long as the block runs: also while it fetches data and uploads models.

    A store that is away for a moment costs a beat, not the attempt.
    """
    key = layout.attempt(start.trial, start.attempt, "alive.json")
    over = threading.Event()

    def beat() -> None:
        number = 0
        while not over.is_set():
            number += 1
            with suppress(*STORE_AWAY):
                store.put(key, layout.encode(Heartbeat(attempt=start.attempt, beat=number)))
            over.wait(BEAT_SECONDS)

    thread = threading.Thread(target=beat, daemon=True, name=f"lease of {start.trial}")
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(BEAT_SECONDS)


def give_back(store: Store, start: AttemptStart) -> None:
    """Say that an attempt ended without training, so that it neither counts against the trial's attempts nor keeps anybody waiting."""
    layout.create(store, start, layout.attempt(start.trial, start.attempt, GIVEN_BACK))


def lose(store: Store, start: AttemptStart, error: AttemptLost | InputError, *, now: float) -> None:
    """Say that something outside ended the attempt, and what: it counts against the trial's attempts and keeps nobody waiting."""
    lost = error if isinstance(error, AttemptLost) else AttemptLost(str(error))
    loss = Loss(
        trial=start.trial,
        attempt=start.attempt,
        reason=sound(str(lost)),
        refused=isinstance(error, InputError),
        log_tail=lost.log_tail,
        started=start.started,
        ended=now,
        gpu_seconds=lost.gpu_seconds,
    )
    layout.create(store, loss, layout.attempt(start.trial, start.attempt, LOST))


def under_way(store: Store, trial: str) -> bool:
    """Whether an attempt has begun of which nobody knows that it was broken off. One that has ended may be being scored."""
    numbers = layout.attempt_numbers(store, trial)
    start = layout.find(store, AttemptStart, layout.attempt(trial, numbers[-1], "start.json")) if numbers else None
    if start is None:
        return False
    if _trained(store, trial, numbers):
        return True
    here = start.boot == boot_id()
    return _open(store, trial, start.attempt) and not (here and lives(start.pid, start.process_started) is False)


def _open(store: Store, trial: str, number: int) -> bool:
    """Whether nobody has said yet that the attempt is over."""
    lost = layout.find(store, Loss, layout.attempt(trial, number, LOST)) is not None
    return not lost and not _given_back(store, trial, number)


def _given_back(store: Store, trial: str, number: int) -> bool:
    return layout.find(store, AttemptStart, layout.attempt(trial, number, GIVEN_BACK)) is not None
