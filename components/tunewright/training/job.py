"""Trials as Kubernetes Jobs: made once, watched, gone on with after the watching process has died.

A Job is named after its trial and attempt, so that however many processes run an attempt, there is one Job. It lives on when the watching
process dies or its node is drained, and the next one finds it by its name; it is deleted when the attempt's outcome is in the store, when the
session is ended, and by Kubernetes when the Workflow goes.
"""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from ..container import JobSettings
from ..errors import EXIT_TRANSIENT, AttemptLost, InputError, NotFound, StoreRefused, TransientError
from ..store import layout
from ..store.port import Store
from ..study import CommandTrial, Study
from ..trial import Saved
from .command import ERROR, METRICS
from .job_cluster import Absent, Cluster, Taken, own_namespace
from .job_log import Follower
from .job_manifest import ATTEMPT_LABEL, GRACE_SECONDS, SAVE_SECONDS, TRIAL, Site, job_name, manifest, selector
from .job_pod import ENDED, EVENTS, SAVED, box, study_at
from .job_site import own_pod_name, own_site
from .job_state import Ended, Lost, Object, Refused, Running, View, Waiting, disturbed, missing, ran, told, unmade, view
from .job_trainjob import NODE, runtime, train_job, view_nodes
from .local import LocalRunner
from .parameters import check_parameters
from .patience import patiently
from .runner import LOG, OUTPUT, STREAM, Finished, Job, Runner, State, StopTrial
from .stream import begun, kept
from .verdict import End, verdict

WORDS = logging.getLogger(__name__)
BEAT_SECONDS = 0.5
POLL_SECONDS = (0.5, 5.0)  #: between two looks at the API: of young trials and of old ones
STREAM_SECONDS = 2.0  #: between two looks at the stream
REFUSED_SECONDS = 60.0  #: that an image which its registry does not know is waited for
GONE_SECONDS = 45.0  #: that an ended pod may take to be gone
SKEW_SECONDS = 300.0  #: by which the clocks of two nodes may differ
MARK_SECONDS = 2.0  #: within which a node that ends a pod itself has marked it

T = TypeVar("T")


def runner_for(study: Study, address: str, *, scores: bool = False, folder: str | None = None) -> Runner:
    """Who runs the trials of a study where this process is.

    Args:
        study: as this session has it.
        address: of the study in its store.
        scores: who runs what scores their models.
        folder: where commands of this machine start.
    """
    on_cluster = "KUBERNETES_SERVICE_HOST" in os.environ and address.startswith("s3://")
    if on_cluster and study.as_jobs:
        cluster = Cluster(own_namespace())
        kind = JobRunner if scores or study.trial.job is None or study.trial.job.nodes == 1 else TrainJobRunner
        return kind(cluster=cluster, site=replace(own_site(cluster, address), scores=scores), pod=own_pod_name())
    return LocalRunner(folder=folder, keys=not address.startswith("s3://"))


@dataclass(frozen=True, kw_only=True)
class JobRunner:
    """Runs trials as Jobs of one namespace.

    It needs a part of the store, which other runners do not: what a trial leaves goes from its pod into the store and not through this process.
    """

    cluster: Cluster
    site: Site
    pod: str | None = None  #: this process's own, which tells a drained node from a cancelled session
    store: Store = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "store", study_at(self.site.address))

    def run(self, job: Job, beat: Callable[[], None]) -> Finished:
        """See `Runner.run`."""
        check_parameters(job.study)
        (job.directory / OUTPUT).mkdir(exist_ok=True)
        if self.site.scores:
            self._forget(job)
        watch = _Watch(self, job, beat)
        try:
            ended = watch.run()
        except StoreRefused:
            raise  # as when the store is away
        except (AttemptLost, InputError):
            self._clear(job)
            raise
        except TransientError:
            raise  # the Job goes on, and so does the next who waits for it
        except BaseException:
            if not self._moved():
                self._clear(job)
            raise
        return watch.finished(ended)

    @property
    def here(self) -> bool:
        """See `Runner.here`."""
        return False

    def goes_on(self, trial: str, attempt: int) -> bool:
        """See `Runner.goes_on`."""
        job = self.object(self.home, job_name(self.site, trial, attempt))
        return job is not None and not job["metadata"].get("deletionTimestamp")

    def discard(self, trial: str, *, own: bool = False) -> None:
        """See `Runner.discard`."""
        self._discard(selector(self.site, trial, own=own))

    def discard_attempt(self, job: Job) -> None:
        """Discard what was made for this attempt; a later one may be under way already, which another process waits for."""
        self._discard(f"{selector(self.site, job.trial)},{ATTEMPT_LABEL}={job.attempt}")

    @property
    def container(self) -> str:
        """Name of the trial's container."""
        return TRIAL

    @property
    def home(self) -> str:
        """Path of the objects that stand for attempts."""
        return self.cluster.jobs

    @property
    def paths(self) -> list[str]:
        """Paths of everything that is made for attempts."""
        return [self.home]

    def bodies(self, job: Job) -> list[tuple[str, dict[str, Any]]]:
        """Path and body of everything that is made for an attempt, in order."""
        return [(self.home, manifest(job, self.site))]

    def make(self, job: Job) -> None:
        """Make whatever of an attempt is not there."""
        for path, body in self.bodies(job):
            self._make(path, body)

    def look(self, job: Job) -> tuple[View, Object | None]:
        """Where an attempt stands, and the pod whose log tells of it."""
        there = self.object(self.home, job_name(self.site, job.trial, job.attempt))
        # a Job that is made again has the name and labels of the one before, whose pod may still be ending
        pods = [pod for pod in self.pods(job) if there is not None and _owns(there, pod)]
        newest = max(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]), default=None)
        return view(there, newest), newest

    def object(self, path: str, name: str) -> Object | None:
        """The object of this name."""
        try:
            return self.cluster.get(f"{path}/{name}")
        except Absent:
            return None

    def pods(self, job: Job) -> list[Object]:
        """The pods of an attempt."""
        wanted = f"{selector(self.site, job.trial)},{ATTEMPT_LABEL}={job.attempt}"
        return self.cluster.items(self.cluster.pods, labelSelector=wanted)

    def warnings(self, job: Job, pod: Object | None) -> list[Object]:
        """Events that warn of an attempt's pod, or of the Job that has not made one; the latest last."""
        name = self.maker(job) if pod is None else pod["metadata"]["name"]
        found = self.cluster.items(self.cluster.events, fieldSelector=f"type=Warning,involvedObject.name={name}")
        return sorted(found, key=lambda event: str(event.get("lastTimestamp") or event.get("eventTime")))

    def maker(self, job: Job) -> str:
        """Name of the Job that makes an attempt's pods."""
        return job_name(self.site, job.trial, job.attempt)

    def _make(self, path: str, body: dict[str, Any]) -> None:
        """Make an object, unless it is there. One that is being deleted is of an attempt that is over."""
        name = body["metadata"]["name"]
        end = time.monotonic() + GONE_SECONDS
        while True:
            with suppress(Taken):
                self.cluster.create(path, body)
            there = self.object(path, name)
            if there is not None and not there["metadata"].get("deletionTimestamp"):
                return
            if time.monotonic() > end:
                raise TransientError(f"{name} must be gone before it is made again, but is not; try again")
            time.sleep(BEAT_SECONDS)

    def _discard(self, labels: str) -> None:
        for path in self.paths:
            for made in self.cluster.items(path, labelSelector=labels):
                self.cluster.delete(f"{path}/{made['metadata']['name']}")

    def _forget(self, job: Job) -> None:
        """Empty the box of a Job that is gone. An attempt is trained by one Job, but its model may be scored by one after the other, and the
        next one would take the end of the last for its own."""
        if not self.goes_on(job.trial, job.attempt):
            for name in (ENDED, SAVED, METRICS):
                self.store.delete(box(job.trial, job.attempt, name, self.site.box))

    def _clear(self, job: Job) -> None:
        """Discard while an error passes through, which an API that is away must not hide. Whoever makes the next attempt discards again."""
        with suppress(InputError, TransientError):
            self.discard_attempt(job)

    def _moved(self) -> bool:
        """True when this process ends because its pod is taken from its node: then the Job goes on and the next process waits for it. A node under
        pressure, or one that is shut down, deletes no pod, but marks it while it ends it."""
        end = time.monotonic() + MARK_SECONDS
        while self.pod is not None:
            try:
                own = self.cluster.get(f"{self.cluster.pods}/{self.pod}")
            except (Absent, InputError, TransientError):
                return True
            if own["metadata"].get("deletionTimestamp") or disturbed(own):
                return True
            if time.monotonic() > end:
                return False
            time.sleep(BEAT_SECONDS)
        return False


def _owns(job: Object, pod: Object) -> bool:
    owners = pod["metadata"].get("ownerReferences", [])
    return job["metadata"]["uid"] in [owner["uid"] for owner in owners]


class TrainJobRunner(JobRunner):
    """Runs trials over many nodes as TrainJobs of Kubeflow Trainer."""

    @property
    def container(self) -> str:
        """See `JobRunner.container`."""
        return NODE

    @property
    def home(self) -> str:
        """See `JobRunner.home`."""
        return self.cluster.trainer("trainjobs")

    def bodies(self, job: Job) -> list[tuple[str, dict[str, Any]]]:
        """See `JobRunner.bodies`."""
        return [
            (self.cluster.trainer("trainingruntimes"), runtime(job, self.site)),
            (self.home, train_job(job, self.site)),
        ]

    def maker(self, job: Job) -> str:
        """See `JobRunner.maker`."""
        return f"{super().maker(job)}-{NODE}-0"

    def look(self, job: Job) -> tuple[View, Object | None]:
        """See `JobRunner.look`."""
        return view_nodes(self.object(self.home, job_name(self.site, job.trial, job.attempt)), self.pods(job))

    @property
    def paths(self) -> list[str]:
        """See `JobRunner.paths`."""
        return [self.home, self.cluster.trainer("trainingruntimes")]


class _Watch:
    """One process waiting for one Job."""

    def __init__(self, runner: JobRunner, job: Job, beat: Callable[[], None]) -> None:
        self.runner = runner
        self.job = job
        self.log = Follower(runner.cluster, job, runner.container)
        self.saved: Saved | None = None
        self._beat = beat
        self._settings = job.study.trial.job or JobSettings()
        self._begun = self._waited = self._read = time.monotonic()
        self._refused: float | None = None  #: since when it is seen that waiting will not help
        self._version = ""  #: of the event that told so
        self._told = False
        self._storing: float | None = None  #: since when it is seen that what the trial left is being stored
        self._awaited = ""  #: for what, as it was last said
        self._since = self._until = 0.0  #: when the trial began and ended, by its node's clock
        self._running: float | None = None  #: since when it is seen to run
        self._offset: int | None = None  #: up to where the pod's stream is here; None before the first look
        self._events: dict[str, float] = {}

    def run(self) -> End:
        """Make the Job, unless it is there, and wait for the end of the trial.

        Raises:
            AttemptLost: the platform ended the attempt, or it did not begin in time.
            InputError: the study is wrong in a way that every trial shares.
            TransientError, StoreRefused: the API server or the store stayed away.
        """
        try:
            self._patiently(lambda: self.runner.make(self.job))
            self._begun = self._waited = time.monotonic()
            return self._until_ended()
        except StopTrial as stop:
            self._beat = lambda: None  # it would ask for the end again
            seen, _ = self._patiently(self._look)
            return self._until_ended() if isinstance(seen, Ended) else self._end("STOPPED", str(stop))

    def _until_ended(self) -> End:
        while True:
            ended = self._judge(self._patiently(self._look))
            if ended is not None:
                return ended
            age = time.monotonic() - self._begun
            pause = min(max(age / 50, POLL_SECONDS[0]), POLL_SECONDS[1])  # late by two hundredths at most
            end = time.monotonic() + pause
            while time.monotonic() < end:
                self._patiently(self._mirror_now_and_then)
                self._beat()
                time.sleep(min(BEAT_SECONDS, max(0.0, end - time.monotonic())))

    def _end(self, state: State, reason: str) -> End:
        """End the trial; what it has written up to now counts."""
        patiently(lambda: self.runner.discard_attempt(self.job))  # without a beat, which might ask for its end again
        end = time.monotonic() + GONE_SECONDS
        while patiently(lambda: self.runner.pods(self.job)) and time.monotonic() < end:
            time.sleep(BEAT_SECONDS)
        patiently(self._mirror_stream)
        return End(
            code=-15,
            log=self.log.finish(),
            events={},
            state=state,
            reason=reason,
            gpu_seconds=self._gpu_seconds(),
        )

    def finished(self, ended: End) -> Finished:
        """The verdict on a trial that has ended."""
        (self.job.directory / LOG).write_bytes(ended.log.content())
        return replace(
            verdict(self.job, ended),
            model=self.saved.model if self.saved is not None else {},
            left_out=tuple(self.saved.left_out) if self.saved is not None else (),
        )

    def _look(self) -> tuple[View, Object | None]:
        seen, pod = self.runner.look(self.job)
        since, until = ran(pod, self.runner.container)
        self._since, self._until = since or self._since, until or self._until
        if isinstance(seen, Waiting) and seen.mute:
            seen = self._told_of(seen, pod)
        return seen, pod

    def _told_of(self, seen: Waiting, pod: Object | None) -> Waiting:
        """What events tell of a pod that says nothing itself. One that was there at the last look is a pause between two tries."""
        event = missing(self.runner.warnings(self.job, pod))
        if event is None:
            return seen
        version = event["metadata"]["resourceVersion"]
        silent, self._version = version == self._version, version
        return unmade(told(event), silent=silent)

    def _gpu_seconds(self) -> float:
        """Of all nodes up to now; to wait for a node, an image or the data costs none."""
        seconds = (self._until or time.time()) - self._since if self._since else 0.0
        return max(0.0, seconds) * self._settings.gpus * self._settings.nodes

    def _lost(self, reason: str) -> AttemptLost:
        return AttemptLost(
            f"{reason}; it is tried again", log_tail=self.log.last_lines(), gpu_seconds=self._gpu_seconds()
        )

    def _judge(self, seen: tuple[View, Object | None]) -> End | None:
        state, pod = seen
        if isinstance(state, Refused):
            raise InputError(state.reason)
        if isinstance(state, Lost):
            raise self._lost(state.reason)
        if isinstance(state, Waiting):
            if state.queued and self._since:  # its next pod would begin from what this attempt began from
                raise self._lost("its pod was ended and its Job put back into its queue")
            self._wait(state, pod)
            return None
        assert pod is not None  # noqa: S101 - nothing runs or has ended without one
        self.log.follow(pod["metadata"]["name"])
        if isinstance(state, Running):
            now = time.monotonic()
            self._running = self._running or now
            if state.silent:  # whether it is over time, or lost, is known when its node is heard of, or given up
                return None
            return self._overtime(max(now - self._running, time.time() - state.since - SKEW_SECONDS))
        return self._ended(state, gone=bool(pod["metadata"].get("deletionTimestamp")))

    def _wait(self, state: Waiting, pod: Object | None) -> None:
        """Raises when it has waited long enough."""
        now = time.monotonic()
        if state.reason != self._awaited:
            self._awaited = state.reason
            WORDS.info("trial %s has not begun: %s", self.job.trial, state.reason)
        if state.queued:
            self._waited = now
        if state.refused:
            self._refused = now if self._refused is None else self._refused
            if now - self._refused > REFUSED_SECONDS:
                raise InputError(state.reason)
        elif not state.silent:
            self._refused = None
        if now - self._waited > self._settings.start:
            latest = self.runner.warnings(self.job, pod)[-1:]
            words = "".join(f" ({told(event)})" for event in latest)
            raise AttemptLost(
                f"it must begin to train within {self._settings.start:g} s, but {state.reason}{words}; "
                "free the nodes or raise trial.job.start"
            )

    def _overtime(self, seconds: float) -> End | None:
        most = self.job.study.trial.limits.time
        if seconds <= most:
            return None
        return self._end(
            "FAILED",
            f"time must be at most {most:g} s, got {seconds:.1f} s; raise trial.limits.time, under a new study name",
        )

    def _ended(self, state: Ended, *, gone: bool) -> End | None:
        """The end once everything is stored, None before. A node that died meanwhile says for ever that it is storing.

        Args:
            gone: whether the pod is being deleted.
        """
        if state.code == EXIT_TRANSIENT and not state.reason and not isinstance(self.job.study.trial, CommandTrial):
            raise self._lost("its node must have space for the files of trials, but its disk or quota is full")
        if state.saving is not None:
            self._tell(keep=state.code == 0 and not self.job.scores)
            self.saved = self._patiently(lambda: layout.find(self.runner.store, Saved, self._box(SAVED)))
            if self.saved is None:
                self._storing = self._storing or time.monotonic()
                patience = GRACE_SECONDS + GONE_SECONDS if gone else SAVE_SECONDS
                if not state.saving or time.monotonic() - self._storing > patience:
                    raise self._lost("what it left could not be stored")
                return None
            self._patiently(self._fetch)
        code = 128 - state.code if 128 < state.code < 160 else state.code  # by signal
        reason, most = state.reason, self.job.study.trial.limits.time
        late = 0.0 if code else POLL_SECONDS[1] + GRACE_SECONDS  # who watches sees it so late
        if not reason and 0 < state.since < state.until - most - late:
            reason = f"time must be at most {most:g} s, got {state.until - state.since:.1f} s; raise trial.limits.time, under a new study name"
        return End(
            code=code,
            log=self.log.finish(whole=not code and not reason and self._measured_by_log),
            events=self._events,
            state="FAILED" if reason else None,
            reason=reason,
            gpu_seconds=self._gpu_seconds(),
        )

    @property
    def _measured_by_log(self) -> bool:
        """Whether it may have printed its metric and written it nowhere else."""
        trial = self.job.study.trial
        printed = isinstance(trial, CommandTrial) and trial.stdout_pattern is not None
        return printed and not (self.job.directory / METRICS).is_file()

    def _tell(self, *, keep: bool) -> None:
        """Tell the pod that its trial has ended, and whether its model is worth keeping."""
        if not self._told:
            self._patiently(
                lambda: self.runner.store.put(self._box(ENDED), b'{"keep": %s}\n' % (b"true" if keep else b"false"))
            )
            self._told = True

    def _mirror_now_and_then(self) -> None:
        if time.monotonic() - self._read >= STREAM_SECONDS:
            self._mirror_stream()
            self._read = time.monotonic()

    def _mirror_stream(self) -> None:
        """Bring here by what the stream has grown. What is here stays: others are reading it, and it may begin with what is resumed."""
        data, path = self._get(STREAM), self.job.directory / STREAM
        if not data:
            self._offset = None
            return
        offset = begun(kept(path), data) if self._offset is None else self._offset
        if len(data) < offset:  # the program has begun its file again
            offset = 0
        grown = data[offset : data.rfind(b"\n") + 1]
        if grown:
            with path.open("ab") as stream:
                stream.write(grown)
        self._offset = offset + len(grown)

    def _fetch(self) -> None:
        """Bring what the trial has reported."""
        self._mirror_stream()
        for name in (METRICS, ERROR):
            if data := self._get(name):
                (self.job.directory / name).write_bytes(data)
        self._events = json.loads(self._get(EVENTS) or b"{}")

    def _get(self, name: str) -> bytes:
        """A small file of the trial; nothing when there is none."""
        try:
            return self.runner.store.get(self._box(name)).data
        except NotFound:
            return b""

    def _box(self, name: str) -> str:
        return box(self.job.trial, self.job.attempt, name, self.runner.site.box)

    def _patiently(self, act: Callable[[], T]) -> T:
        return patiently(act, self._beat)
