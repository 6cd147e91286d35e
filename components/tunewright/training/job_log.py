"""The log of a trial's container, followed in a thread, so that its end is known even when the pod is gone."""

from __future__ import annotations

import threading
import time

from ..errors import InputError, TransientError, TunewrightError
from .job_cluster import Cluster
from .output import CappedLog
from .patience import AWAY_SECONDS
from .runner import Job
from .stream import printed_stream

PAUSE_SECONDS = 1.0
PATIENCE_SECONDS = 10.0  #: for the rest of the log after the container has ended, when it can be done without
FIRST_BYTES = 2**16  #: by which a file of the log is known again
LATE = TransientError("it did not end in time")


class Follower:
    """Follows the log of one pod, until another one tells more of the trial."""

    def __init__(self, cluster: Cluster, job: Job, container: str) -> None:
        self._cluster = cluster
        self._job = job
        self._container = container
        self._reading: _Reading | None = None

    def follow(self, pod: str) -> None:
        """Begin, unless it has begun."""
        if self._reading is None or self._reading.pod != pod:
            if self._reading is not None:
                self._reading.leave()
            self._reading = _Reading(self._cluster, self._job, self._container, pod)

    def last_lines(self) -> str:
        """The end of what has come up to now."""
        return self._reading.log.last_lines() if self._reading is not None else ""

    def finish(self, *, whole: bool = False) -> CappedLog:
        """The log of a container that has ended: as much of it as comes, or the whole.

        Raises:
            InputError: the API goes on to refuse to give the whole.
            TransientError: the whole did not come.
        """
        if self._reading is None:
            return CappedLog(self._job.study.trial.limits.log)
        lacks = self._reading.finish(AWAY_SECONDS if whole else PATIENCE_SECONDS)
        if whole and lacks is not None:
            if isinstance(lacks, InputError):
                raise lacks
            raise TransientError(f"the trial's log must be read to its end to find its metric, but: {lacks}; try again")
        return self._reading.log


class _Reading:
    """Reads a log in a thread. A connection that breaks begins again at the first byte.

    While the container runs, a connection that breaks looks like one that ends; so the log is whole when one that began later has ended.
    A kubelet gives the newest file of a long log alone: what begins otherwise than before is added to what has come.
    """

    def __init__(self, cluster: Cluster, job: Job, container: str, pod: str) -> None:
        self.pod = pod
        self.log = CappedLog(job.study.trial.limits.log)
        self._job = job
        self._first = b""  #: of the newest file
        self._size = 0  #: bytes of it that have come
        self._printed = printed_stream(job)
        self._cluster = cluster
        self._container = container
        self._lacks: TunewrightError | None = LATE
        self._left = False
        self._over = threading.Event()
        self._end = 0.0  #: when it gives up
        self._thread = threading.Thread(target=self._run, daemon=True, name=f"log of {pod}")
        self._thread.start()

    def leave(self) -> None:
        """Stop reading at what comes next."""
        self._left = True

    def finish(self, seconds: float) -> TunewrightError | None:
        """Wait for the rest; returns why it is not there."""
        self._end = time.monotonic() + seconds
        self._over.set()
        self._thread.join(seconds)
        return self._lacks

    def _run(self) -> None:
        while not self._left:
            ended = self._over.is_set()
            if isinstance(self._lacks, InputError):
                self._lacks = LATE  # who refused then may answer now
            try:
                self._read()
                if ended:
                    if self._printed is not None:
                        self._printed.end()
                    self._lacks = None
                    return
            except TunewrightError as error:
                self._lacks = error
                # an API server that restarts refuses its own users for a moment; a pod that is gone stays so
                again = isinstance(error, TransientError | InputError)
                if ended and not (again and time.monotonic() + PAUSE_SECONDS < self._end):
                    return
            if ended:
                time.sleep(PAUSE_SECONDS)
            else:
                self._over.wait(PAUSE_SECONDS)

    def _read(self) -> None:
        at = 0
        for chunk in self._cluster.log(self.pod, self._container):
            if self._left:
                return
            if chunk.startswith(self._first[at : at + len(chunk)]):
                new = chunk[max(0, self._size - at) :]
            else:
                new = self._first[:at] + chunk
                self._first, self._size = b"", 0
                self.log.write(b"\n")
                self._printed = printed_stream(self._job)  # without the line that broke off
            at += len(chunk)
            self._first += new[: FIRST_BYTES - len(self._first)]
            self._size = max(self._size, at)
            self.log.write(new)
            if self._printed is not None:
                self._printed.write(new)
