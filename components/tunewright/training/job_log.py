"""The log of a trial's container, followed in a thread, so that its end is known even when the pod is gone."""

from __future__ import annotations

import threading

from ..errors import TunewrightError
from .job_cluster import Cluster
from .output import CappedLog
from .runner import Job
from .stream import printed_stream

PAUSE_SECONDS = 1.0
PATIENCE_SECONDS = 10.0  #: for the rest of the log after the container has ended


class Follower:
    """Follows one log. A connection that breaks begins again at the first byte."""

    def __init__(self, cluster: Cluster, job: Job, container: str) -> None:
        self._cluster = cluster
        self._job = job
        self._container = container
        self._log = CappedLog(job.study.trial.limits.log)
        self._over = threading.Event()
        self._thread: threading.Thread | None = None

    def follow(self, pod: str) -> None:
        """Begin, unless it has begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, args=(pod,), daemon=True, name=f"log of {pod}")
            self._thread.start()

    def last_lines(self) -> str:
        """The end of what has come up to now."""
        return self._log.last_lines()

    def finish(self) -> CappedLog:
        """The whole log of a container that has ended."""
        self._over.set()
        if self._thread is not None:
            self._thread.join(PATIENCE_SECONDS)
        return self._log

    def _run(self, pod: str) -> None:
        while True:
            ending = self._over.is_set()
            log, printed = CappedLog(self._job.study.trial.limits.log), printed_stream(self._job)
            try:
                for chunk in self._cluster.log(pod, self._container):
                    log.write(chunk)
                    if printed is not None:
                        printed.write(chunk)
                    if log.size >= self._log.size:
                        self._log = log
            except TunewrightError:
                pass
            if ending or self._over.wait(PAUSE_SECONDS):
                return
