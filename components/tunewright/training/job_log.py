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
            InputError: the API refuses to give the whole.
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
    """

    def __init__(self, cluster: Cluster, job: Job, container: str, pod: str) -> None:
        self.pod = pod
        self._limit = job.study.trial.limits.log
        self.log = CappedLog(self._limit)
        self._printed = printed_stream(job)
        self._cluster = cluster
        self._container = container
        self._lacks: TunewrightError | None = TransientError("it did not end in time")
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
            try:
                self._read()
                if ended:
                    self._lacks = None
                    return
            except TunewrightError as error:
                self._lacks = error
                if ended and (not isinstance(error, TransientError) or time.monotonic() > self._end):
                    return
            if ended:
                time.sleep(PAUSE_SECONDS)
            else:
                self._over.wait(PAUSE_SECONDS)

    def _read(self) -> None:
        log = CappedLog(self._limit)
        for chunk in self._cluster.log(self.pod, self._container):
            if self._left:
                return
            new = chunk[max(0, self.log.size - log.size) :]
            log.write(chunk)
            if self._printed is not None:
                self._printed.write(new)
            if log.size >= self.log.size:
                self.log = log
