"""What happens beside a running attempt: its stream and checkpoints go to the store, and the session's rule is asked whether it goes on.

All of it is done by a thread of its own, so that no limit waits for the store. A store that is away for a moment costs a look.
"""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from pathlib import Path

from ..early import NoStopping, Stopping
from ..errors import STORE_AWAY, TunewrightError
from ..stopping.curve import Curve, Peer
from ..stopping.verbs import verdict
from ..store import layout
from ..store.port import Store
from ..study import Objective
from ..training.checkpoints import CheckpointKeeper
from ..training.runner import CHECKPOINT, STREAM, Job, StopTrial
from ..training.stream import Growing, kept
from ..trial import AttemptStart
from .peers import Peers, rewards

LOG = logging.getLogger(__name__)
LOOK_SECONDS = 0.1  #: between two looks at the attempt's own files
KEEP_SECONDS = 5.0  #: between two writes of the same thing to the store, at least
GROWTH = 1 / 16  #: share by which a stream must have grown to be written again before `PATIENCE_SECONDS`
PATIENCE_SECONDS = 60.0
PEERS_SECONDS = 5.0  #: between two looks at the other trials, at least
PEER_SECONDS = 0.1  #: the same for each of them, so that wide rounds do not drown the store


class Rule:
    """The session's rule, asked about one attempt."""

    def __init__(self, settings: Stopping, objective: Objective, peers: Peers, since: int) -> None:
        self._settings, self._objective, self._peers, self._since = settings, objective, peers, since
        self._known: list[Peer] = []
        self._next = 0.0

    def ask(self, curve: Curve) -> str | None:
        """Why the trial should end now, None when it should go on. Raises StoreUnavailable."""
        if isinstance(self._settings, NoStopping) or not curve or curve[-1][0] <= self._since:
            return None
        if time.monotonic() >= self._next:
            self._known = self._peers.look()
            self._next = time.monotonic() + max(PEERS_SECONDS, PEER_SECONDS * len(self._known))
        reason = verdict(self._settings, rewards(self._objective, curve), self._since, self._known)
        self._since = curve[-1][0]
        return reason


class Watch:
    """Use it around a run, and its `beat` as the run's."""

    def __init__(self, store: Store, start: AttemptStart, job: Job, rule: Rule) -> None:
        self._curve = Growing(job.directory / STREAM, job.study.objective.metric)
        self._rule = rule
        self._keepers = (
            _StreamKeeper(store, start, job.directory / STREAM),
            CheckpointKeeper(store, start.trial, start.attempt, job.directory / CHECKPOINT),
        )
        self._reason: str | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"watch over {start.trial}")

    def __enter__(self) -> Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._keep(ended=True)

    def beat(self) -> None:
        """Raises StopTrial when the rule has said so."""
        if self._reason is not None:
            raise StopTrial(self._reason)

    def _run(self) -> None:
        due = time.monotonic() + KEEP_SECONDS
        while not self._over.wait(LOOK_SECONDS):
            if self._curve.look() and self._reason is None:
                self._ask()
            if time.monotonic() >= due:
                self._keep(ended=False)
                due = time.monotonic() + KEEP_SECONDS

    def _ask(self) -> None:
        try:
            self._reason = self._rule.ask(list(self._curve.points.items()))
        except TunewrightError as error:
            LOG.warning("the stopping rule could not be asked: %s", error)

    def _keep(self, *, ended: bool) -> None:
        for keeper in self._keepers:
            with suppress(*STORE_AWAY):
                keeper.look(ended=ended)


class _StreamKeeper:
    """Keeps the stream of an attempt in the store while it grows."""

    def __init__(self, store: Store, start: AttemptStart, path: Path) -> None:
        self._store, self._path = store, path
        self._key = layout.attempt(start.trial, start.attempt, STREAM)
        self._stored, self._when = 0, 0.0

    def look(self, *, ended: bool) -> None:
        size = self._path.stat().st_size if self._path.is_file() else 0
        grown, waited = size - self._stored, time.monotonic() - self._when
        if grown > 0 and (ended or grown >= self._stored * GROWTH or waited >= PATIENCE_SECONDS):
            self._store.put(self._key, kept(self._path))
            self._stored, self._when = size, time.monotonic()
