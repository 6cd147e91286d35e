"""The side that waits for a Job, with an API server and a store in memory: what is away for a moment, and what says no."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.training.clusters import FakeCluster, refusal
from tests.training.runner_contract import shell
from tests.training.test_job_manifest import SITE
from tests.training.test_job_state import LIVES, OUT, disrupted, ended, pod, waiting
from tests.training.test_job_trainjob import node
from tests.training.trials import TRIAL, job, study

from tunewright.errors import AttemptLost, InputError, StoreRefused, TransientError
from tunewright.store import layout
from tunewright.store.memory import MemoryStore
from tunewright.store.port import Stored
from tunewright.termination import Terminated
from tunewright.training import job as job_module
from tunewright.training import job_log, patience
from tunewright.training.job import JobRunner, TrainJobRunner
from tunewright.training.job_manifest import WORKFLOW_LABEL, job_name
from tunewright.training.job_pod import ENDED, SAVED, box
from tunewright.training.runner import Finished, StopTrial
from tunewright.trial import Saved

METRIC = b'{"accuracy": 0.5}'


class Refusing(MemoryStore):
    """A store that does not know its own users for so many requests."""

    left = 0

    def get(self, key: str) -> Stored:
        self.maybe()
        return super().get(key)

    def maybe(self) -> None:
        if self.left > 0:
            self.left -= 1
            raise StoreRefused("the server refused with InvalidAccessKeyId")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BEAT_SECONDS", "STREAM_SECONDS", "GONE_SECONDS", "MARK_SECONDS"):
        monkeypatch.setattr(job_module, name, 0.01)
    monkeypatch.setattr(job_module, "POLL_SECONDS", (0.03, 0.03))
    monkeypatch.setattr(patience, "PAUSE_SECONDS", 0.01)


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Refusing:
    made = Refusing()
    monkeypatch.setattr(job_module, "study_at", lambda _address: made)
    return made


@pytest.fixture
def cluster() -> FakeCluster:
    return FakeCluster()


def dated(of: dict[str, Any]) -> dict[str, Any]:
    return {**of, "metadata": {**of["metadata"], "creationTimestamp": "2026-01-02T03:04:05Z"}}


class Pods:
    """The pod of a trial that runs for so many looks and then has ended, with its results stored once that is told."""

    def __init__(self, store: MemoryStore, looks: int) -> None:
        self._store, self._left = store, looks

    def __call__(self) -> list[dict[str, Any]]:
        self._left -= 1
        if self._left > 0:
            lives = {"running": {"startedAt": datetime.now(UTC).isoformat()}}
            return [dated(pod(lives, lives))]
        if any(entry.key == box(TRIAL, 1, ENDED) for entry in self._store.list()):
            self._store.put(box(TRIAL, 1, "metrics.json"), METRIC)
            layout.create(self._store, Saved(trial=TRIAL, attempt=1), box(TRIAL, 1, SAVED))
        return [dated(pod({"terminated": OUT}, LIVES))]


def run(cluster: FakeCluster, place: Path, beat: Callable[[], None] = lambda: None, **trial: Any) -> Finished:
    return JobRunner(cluster=cluster, site=SITE).run(job(shell("true", **trial), place / "job"), beat)


def test_the_pod_of_the_job_before_says_nothing_of_one_that_is_made_again(
    cluster: FakeCluster, store: Refusing, tmp_path: Path
):
    old = dated(pod(LIVES, LIVES, deleted=True))
    old["metadata"]["ownerReferences"] = [{"kind": "Job", "uid": "before"}]
    made, looks = Pods(store, 2), iter(range(2))  # at which the new Job has no pod yet
    cluster.api.pods = lambda: [old] if next(looks, None) is not None else [old, *made()]
    assert run(cluster, tmp_path).state == "TRAINED"
    assert cluster.api.deleted == []


def test_a_store_that_refuses_for_a_moment_ends_no_job(cluster: FakeCluster, store: Refusing, tmp_path: Path):
    cluster.api.pods = Pods(store, 4)
    store.left = 5
    assert run(cluster, tmp_path).metrics == {"accuracy": 0.5}
    assert (store.left, cluster.api.deleted) == (0, [])


def test_a_store_that_goes_on_to_refuse_is_believed_and_the_job_goes_on(
    cluster: FakeCluster, store: Refusing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(patience, "AWAY_SECONDS", 0.1)
    cluster.api.pods = Pods(store, 1000)
    store.left = 1000
    with pytest.raises(StoreRefused):
        run(cluster, tmp_path)
    assert cluster.api.deleted == [], "the next process goes on with it"


def test_what_a_stopped_trial_has_reached_is_not_lost_to_a_store_that_refuses_for_a_moment(
    cluster: FakeCluster, store: Refusing, tmp_path: Path
):
    store.put(box(TRIAL, 1, "metrics.jsonl"), b'{"step": 1, "accuracy": 0.25}\n')
    cluster.api.pods = Pods(store, 1000)

    def beat() -> None:
        store.left = 3
        raise StopTrial("enough")

    finished = run(cluster, tmp_path, beat)
    assert (finished.state, finished.metrics) == ("STOPPED", {"accuracy": 0.25})


@pytest.mark.parametrize(
    "answer",
    [
        (500, 'failed calling webhook "mjob.kb.io": no endpoints available'),
        (429, "too many requests"),
        (403, "exceeded quota: jobs"),
    ],
)
def test_an_api_server_that_cannot_make_a_job_now_is_asked_again(
    cluster: FakeCluster, store: Refusing, tmp_path: Path, answer: tuple[int, str]
):
    cluster.api.answers = [refusal(*answer)] * 4
    cluster.api.pods = Pods(store, 1)
    assert run(cluster, tmp_path).state == "TRAINED"


def test_a_job_that_could_not_be_made_leaves_nothing_to_go_on_with(
    cluster: FakeCluster, store: Refusing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(patience, "AWAY_SECONDS", 0.1)
    cluster.api.answers = [refusal(500, "failed calling webhook")] * 1000
    with pytest.raises(TransientError, match="failed calling webhook"):
        run(cluster, tmp_path)
    assert not JobRunner(cluster=cluster, site=SITE).goes_on(TRIAL, 1)


UNKNOWN = waiting("ErrImagePull", 'failed to resolve reference "r/x:1": r/x:1: not found')
SILENT = waiting("ImagePullBackOff", 'Back-off pulling image "r/x:1"')
AWAY = waiting("ErrImagePull", 'failed to do request: Head "https://r": dial tcp: i/o timeout')


NO_NODE = [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes are available"}]


def views(cluster: FakeCluster, store: Refusing, monkeypatch: pytest.MonkeyPatch, *states: Any) -> None:
    """What is seen, ten seconds apart by the waiting side's clock, before the trial runs and ends."""
    now = [0.0]
    seen = [dated(pod(conditions=NO_NODE) if state is None else pod(state, LIVES)) for state in states]
    ends = Pods(store, 1)

    def sleep(seconds: float) -> None:
        now[0] += seconds

    monkeypatch.setattr(job_module, "time", SimpleNamespace(monotonic=lambda: now[0], sleep=sleep, time=time.time))
    monkeypatch.setattr(job_module, "POLL_SECONDS", (10.0, 10.0))
    monkeypatch.setattr(job_module, "BEAT_SECONDS", 10.0)
    cluster.api.pods = lambda: [seen.pop(0)] if seen else ends()


@pytest.mark.parametrize(
    "states",
    [
        [*[None] * 20, UNKNOWN],  # the registry is told after the nodes were full for long
        [UNKNOWN] * 6,
        [*[UNKNOWN] * 5, AWAY, *[UNKNOWN] * 5],
    ],
)
def test_an_image_is_waited_for_from_its_first_refusal_on(
    cluster: FakeCluster, store: Refusing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, states: list[Any]
):
    views(cluster, store, monkeypatch, *states)
    assert run(cluster, tmp_path).state == "TRAINED"


@pytest.mark.parametrize("between", [UNKNOWN, SILENT])
def test_an_image_that_is_refused_for_long_is_the_studys_fault(
    cluster: FakeCluster, store: Refusing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, between: dict[str, Any]
):
    views(cluster, store, monkeypatch, None, UNKNOWN, *[between] * 10, UNKNOWN)
    with pytest.raises(InputError, match=r"not found; check trial\.image"):
        run(cluster, tmp_path)


NO_CLASS = 'Error creating: pods "trial-x" is forbidden: no PriorityClass with name low was found'
NO_MAP = 'MountVolume.SetUp failed for volume "volume-0" : configmap "words" not found'
NO_ROOM = (
    'Error creating: Pod "trial-x" is invalid: spec.containers[0]: must be less than or equal to cpu limit of 500m'
)
NO_LIMIT = 'Error creating: pods "trial-x" is forbidden: failed quota: all: must specify limits.cpu for: trial'
TOO_FREE = 'Error creating: pods "trial-x" is forbidden: violates PodSecurity "restricted:latest": hostPath volumes'
NOT_MADE = [
    pytest.param([], "FailedCreate", NO_ROOM, id="beyond the namespace's limit"),
    pytest.param([], "FailedCreate", NO_LIMIT, id="a limit that a quota wants"),
    pytest.param([], "FailedCreate", TOO_FREE, id="pod security"),
    pytest.param([], "FailedCreate", NO_CLASS, id="no priority class"),
    pytest.param([dated(pod(load=waiting("PodInitializing", "")))], "FailedMount", NO_MAP, id="no config map"),
]


def warned(
    cluster: FakeCluster, store: Refusing, monkeypatch: pytest.MonkeyPatch, pods: list[Any], times: int, **event: str
) -> None:
    """A pod that is not made in 300 s, of which an event tells at the first looks, and that then runs and ends."""
    views(cluster, store, monkeypatch)
    ends, looks = cluster.api.pods, iter(range(30))

    def seen() -> list[Any]:
        look = next(looks, None)
        if look is not None and look < times:
            cluster.api.objects[f"{cluster.events}/x"] = {**event, "metadata": {"resourceVersion": f"{look}"}}
        return pods if look is not None else ends()

    cluster.api.pods = seen


@pytest.mark.parametrize(("pods", "reason", "message"), NOT_MADE)
def test_what_a_study_names_and_the_cluster_does_not_have_is_the_studys_fault(
    cluster: FakeCluster,
    store: Refusing,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pods: list[Any],
    reason: str,
    message: str,
):
    warned(cluster, store, monkeypatch, pods, times=8, reason=reason, message=message)
    with pytest.raises(InputError, match=re.escape(f"{reason}: {message}; make what it names, or change trial.job")):
        run(cluster, tmp_path)
    assert len(cluster.api.deleted) == 1


@pytest.mark.parametrize(("pods", "reason", "message"), NOT_MADE)
def test_what_is_made_a_moment_later_is_waited_for(
    cluster: FakeCluster,
    store: Refusing,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    pods: list[Any],
    reason: str,
    message: str,
):
    warned(cluster, store, monkeypatch, pods, times=6, reason=reason, message=message)
    assert run(cluster, tmp_path).state == "TRAINED"


def test_a_quota_that_is_used_up_is_waited_for(
    cluster: FakeCluster, store: Refusing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    full = 'Error creating: pods "trial-x" is forbidden: exceeded quota: all, requested: cpu=1, used: cpu=4, limited: cpu=4'
    warned(cluster, store, monkeypatch, [], times=30, reason="FailedCreate", message=full)
    assert run(cluster, tmp_path).state == "TRAINED"


PRINTED = r"(?P<name>\w+)=(?P<value>[0-9.]+)"


def test_a_metric_that_was_printed_is_looked_for_in_a_whole_log(
    cluster: FakeCluster, store: Refusing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def log(*_: str) -> Iterator[bytes]:
        yield b"accuracy=0.25\n"
        if away:
            raise TransientError("the Kubernetes API must answer")
        yield b"accuracy=0.75\n"

    away = True
    monkeypatch.setattr(cluster, "log", log)
    monkeypatch.setattr(job_log, "AWAY_SECONDS", 0.1)
    cluster.api.pods = lambda: [dated(pod({"terminated": OUT}, LIVES))]
    layout.create(store, Saved(trial=TRIAL, attempt=1), box(TRIAL, 1, SAVED))
    with pytest.raises(TransientError, match="the trial's log must be read to its end"):
        run(cluster, tmp_path, stdout_pattern=PRINTED)
    assert cluster.api.deleted == [], "the next process goes on with it"
    away = False
    assert run(cluster, tmp_path, stdout_pattern=PRINTED).metrics == {"accuracy": 0.75}


def test_the_log_that_is_kept_is_that_of_the_node_which_failed(
    cluster: FakeCluster, store: Refusing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    cluster.api.kinds |= {"trainjobs", "trainingruntimes"}
    lives = {"running": {"startedAt": datetime.now(UTC).isoformat()}}
    seen = [[node(0, lives), node(1, lives)], [node(0, lives, {"terminated": OUT}), node(1, ended(3))]]
    cluster.api.pods = lambda: seen.pop(0) if len(seen) > 1 else seen[0]
    monkeypatch.setattr(cluster, "log", lambda name, _: iter([f"I am {name}\n".encode()]))
    of = job(shell("true", job={"nodes": 2}), tmp_path / "job")
    finished = TrainJobRunner(cluster=cluster, site=SITE).run(of, lambda: None)
    assert (finished.state, finished.log_tail) == ("FAILED", "I am t-node-0-1")
    assert finished.reason.startswith("exit code 3 of node 1")


def test_a_job_that_is_put_back_into_its_queue_begins_again_as_another_attempt(
    cluster: FakeCluster, store: Refusing, tmp_path: Path
):
    made = Pods(store, 1000)

    def pods() -> list[dict[str, Any]]:
        jobs = [found for path, found in cluster.api.objects.items() if "/jobs/" in path]
        if looks.pop(0) if len(looks) > 1 else looks[0]:
            jobs[-1]["spec"]["suspend"] = False
            return made()
        jobs[-1]["spec"]["suspend"] = True  # Kueue has preempted it, and its pod was gone before the next look
        return []

    looks = [False, True, True, False]
    cluster.api.pods = pods
    with pytest.raises(AttemptLost, match="put back into its queue; it is tried again"):
        run(cluster, tmp_path)
    assert cluster.api.deleted, "its next pod would begin from the checkpoint from which this attempt began"


def test_a_trial_that_has_ended_is_stopped_too_late(cluster: FakeCluster, store: Refusing, tmp_path: Path):
    cluster.api.pods = Pods(store, 2)

    def beat() -> None:
        raise StopTrial("below the median")

    finished = run(cluster, tmp_path, beat)
    assert (finished.state, finished.metrics, cluster.api.deleted) == ("TRAINED", {"accuracy": 0.5}, [])


def test_gpus_are_counted_over_all_nodes_and_only_while_the_trial_runs(
    cluster: FakeCluster, store: Refusing, tmp_path: Path
):
    cluster.api.pods = Pods(store, 1)  # it ran for 60 s
    assert run(cluster, tmp_path, job={"gpus": 2, "nodes": 3}).gpu_seconds == 360.0


@pytest.mark.parametrize(
    "seen",
    [
        pod(ended(143), ended(143), **disrupted("PreemptionByScheduler", "preempting")),
        pod({"terminated": OUT}, {"terminated": OUT}),  # and nothing stored
    ],
)
def test_an_attempt_that_is_lost_has_held_its_gpus(
    cluster: FakeCluster, store: Refusing, tmp_path: Path, seen: dict[str, Any]
):
    cluster.api.pods = lambda: [dated(seen)]
    with pytest.raises(AttemptLost) as lost:
        run(cluster, tmp_path, job={"gpus": 2})
    assert lost.value.gpu_seconds == 120.0


def test_a_full_disk_under_a_built_in_trainer_is_the_platforms_fault(
    cluster: FakeCluster, store: Refusing, tmp_path: Path
):
    space = {"max_depth": {"type": "int", "low": 1, "high": 4}}
    trees = study({"kind": "xgboost", "job": {"gpus": 1}}, space=space, data={"source": "sklearn:iris"})
    cluster.api.pods = lambda: [dated(pod(ended(75), LIVES))]
    with pytest.raises(AttemptLost, match="its disk or quota is full; it is tried again") as lost:
        JobRunner(cluster=cluster, site=SITE).run(job(trees, tmp_path / "job"), lambda: None)
    assert lost.value.gpu_seconds == 60.0
    assert len(cluster.api.deleted) == 1


def test_the_exit_codes_of_a_command_are_its_own(cluster: FakeCluster, store: Refusing, tmp_path: Path):
    cluster.api.pods = lambda: [dated(pod(ended(75), LIVES))]
    layout.create(store, Saved(trial=TRIAL, attempt=1), box(TRIAL, 1, SAVED))
    finished = run(cluster, tmp_path)
    assert (finished.state, finished.reason) == ("FAILED", "exit code 75; the log says why")


def test_a_trial_that_is_stopped_has_held_its_gpu(cluster: FakeCluster, store: Refusing, tmp_path: Path):
    cluster.api.pods = Pods(store, 1000)

    def beat() -> None:
        raise StopTrial("enough")

    assert 0 < run(cluster, tmp_path, beat, job={"gpus": 1}).gpu_seconds < 30


def test_a_trial_that_never_began_has_held_no_gpu(
    cluster: FakeCluster, store: Refusing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    views(cluster, store, monkeypatch, *[None] * 300)
    with pytest.raises(AttemptLost) as lost:
        run(cluster, tmp_path, job={"gpus": 1, "start": 60})
    assert lost.value.gpu_seconds == 0


def test_an_api_that_is_away_does_not_hide_what_became_of_an_attempt(
    cluster: FakeCluster, store: Refusing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    cluster.api.pods = lambda: [dated(pod(ended(143), ended(143), **disrupted("PreemptionByScheduler", "preempting")))]

    def discard(*_: object) -> None:
        raise TransientError("the Kubernetes API must answer")

    monkeypatch.setattr(JobRunner, "discard_attempt", discard)
    with pytest.raises(AttemptLost, match="PreemptionByScheduler"):
        run(cluster, tmp_path)

    def beat() -> None:
        raise KeyboardInterrupt

    cluster.api.pods = Pods(store, 1000)
    with pytest.raises(KeyboardInterrupt):
        run(cluster, tmp_path, beat)


@pytest.mark.parametrize("kind", [JobRunner, TrainJobRunner])
def test_a_workflow_can_end_its_own_jobs_alone(
    cluster: FakeCluster, store: Refusing, tmp_path: Path, kind: type[JobRunner]
):
    cluster.api.kinds |= {"trainjobs", "trainingruntimes"}
    first, second = (
        kind(cluster=cluster, site=replace(SITE, labels={WORKFLOW_LABEL: name})) for name in ("night-1", "night-2")
    )
    second.make(job(shell("true"), tmp_path / "job"))
    made = set(cluster.api.objects)
    first.discard(TRIAL, own=True)
    assert set(cluster.api.objects) == made
    second.discard(TRIAL, own=True)
    assert (set(cluster.api.objects), set(cluster.api.deleted)) == (set(), made)
    second.make(job(shell("true"), tmp_path / "job"))
    first.discard(TRIAL)
    assert not cluster.api.objects


def test_where_there_is_no_workflow_all_jobs_are_ones_own(cluster: FakeCluster, store: Refusing, tmp_path: Path):
    runner = JobRunner(cluster=cluster, site=SITE)
    runner.make(job(shell("true"), tmp_path / "job"))
    runner.discard(TRIAL, own=True)
    assert not cluster.api.objects


def test_a_cluster_that_knows_no_train_jobs_is_told_so_by_whatever_is_asked_first(
    cluster: FakeCluster, store: Refusing, tmp_path: Path
):
    runner = TrainJobRunner(cluster=cluster, site=SITE)
    with pytest.raises(InputError, match=r"the cluster must know trainjobs to make one, .*install what serves them"):
        runner.discard(TRIAL)
    with pytest.raises(InputError, match="the cluster must know "):
        runner.run(job(shell("true", job={"nodes": 2}), tmp_path / "job"), lambda: None)
    assert not runner.goes_on(TRIAL, 1)


FORBIDDEN = refusal(
    403, 'pods is forbidden: User "system:serviceaccount:t:tunewright-jobs" cannot list resource "pods"'
)


def test_a_right_that_was_there_is_waited_for_and_one_that_never_was_is_told_at_once(
    cluster: FakeCluster, store: Refusing, tmp_path: Path
):
    made, looks = Pods(store, 4), iter(range(6))

    def restarting() -> list[dict[str, Any]]:
        if next(looks, 0) in (2, 3):  # the API server has not read its roles yet
            raise FORBIDDEN
        return made()

    cluster.api.pods = restarting
    assert run(cluster, tmp_path).state == "TRAINED"
    assert cluster.api.deleted == []

    def never() -> list[dict[str, Any]]:
        raise FORBIDDEN

    other = FakeCluster()
    other.api.pods = never
    (tmp_path / "other").mkdir()
    with pytest.raises(InputError, match="bind role tunewright-jobs"):
        run(other, tmp_path / "other")


def test_a_right_to_one_thing_is_no_right_to_another(cluster: FakeCluster):
    with cluster._translated("GET", f"{cluster.pods}/one"):
        pass
    with pytest.raises(TransientError), cluster._translated("GET", f"{cluster.pods}/other"):
        raise FORBIDDEN
    for other in (f"{cluster.pods}/one/log", cluster.pods, f"{cluster.jobs}/one"):
        with pytest.raises(InputError, match="bind role"), cluster._translated("GET", other):
            raise FORBIDDEN


@pytest.mark.parametrize(("deleted", "patience_name"), [(True, "GONE_SECONDS"), (False, "SAVE_SECONDS")])
def test_a_node_that_dies_while_results_are_stored_is_not_waited_for_without_end(
    cluster: FakeCluster,
    store: Refusing,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    deleted: bool,
    patience_name: str,
):
    for name in ("GRACE_SECONDS", "SAVE_SECONDS"):
        monkeypatch.setattr(job_module, name, 0.0 if name == "GRACE_SECONDS" else 60.0)
    monkeypatch.setattr(job_module, patience_name, 0.2)
    cluster.api.pods = lambda: [dated(pod({"terminated": OUT}, LIVES, deleted=deleted))]
    with pytest.raises(AttemptLost, match="what it left could not be stored"):
        run(cluster, tmp_path)


def test_who_comes_late_ends_no_later_attempt(cluster: FakeCluster, store: Refusing, tmp_path: Path):
    runner = JobRunner(cluster=cluster, site=SITE)
    later = replace(job(shell("true"), tmp_path / "later"), attempt=2)

    def overtaken() -> list[dict[str, Any]]:
        first = job_name(SITE, TRIAL, 1)
        cluster.api.objects.pop(f"{cluster.jobs}/{first}", None)  # it was given up while nobody could be asked
        runner.make(later)
        return []

    cluster.api.pods = overtaken
    with pytest.raises(AttemptLost, match="deleted from outside"):
        run(cluster, tmp_path)
    assert runner.goes_on(TRIAL, 2)


def test_a_trial_that_took_too_long_has_failed_whoever_watched(cluster: FakeCluster, store: Refusing, tmp_path: Path):
    looks: list[dict[str, Any]] = [
        {"terminated": {**OUT, "startedAt": "2026-01-02T03:00:00Z", "finishedAt": "2026-01-02T04:30:00Z"}}
    ]
    made = Pods(store, 1)
    cluster.api.pods = lambda: [dated(pod(looks[0], LIVES)) for _ in made()]
    finished = run(cluster, tmp_path)
    assert finished.state == "FAILED"
    assert "time must be at most 3600 s, got 5400.0 s" in finished.reason


def behind(seconds: float) -> dict[str, Any]:
    """A pod that has just begun, on a node whose clock is behind."""
    lives = {"running": {"startedAt": datetime.fromtimestamp(time.time() - seconds, UTC).isoformat()}}
    return dated(pod(lives, lives))


def test_clocks_need_not_agree_on_when_a_trial_began(cluster: FakeCluster, store: Refusing, tmp_path: Path):
    made, seen = Pods(store, 1), [behind(120)] * 3
    cluster.api.pods = lambda: [seen.pop()] if seen else made()
    finished = run(cluster, tmp_path, limits={"time": 90})
    assert (finished.state, cluster.api.deleted) == ("TRAINED", [])


@pytest.mark.parametrize(("begun", "most"), [(0.0, 0.2), (500.0, 90.0)])
def test_a_trial_that_runs_too_long_is_ended_also_by_who_comes_late(
    cluster: FakeCluster, store: Refusing, tmp_path: Path, begun: float, most: float
):
    cluster.api.pods = lambda: [behind(begun)] if not cluster.api.deleted else []
    finished = run(cluster, tmp_path, limits={"time": most})
    assert (finished.state, len(cluster.api.deleted)) == ("FAILED", 1)
    assert f"time must be at most {most:g} s" in finished.reason


def test_a_store_is_one_place_however_many_slashes_it_is_written_with():
    spelled = [replace(SITE, address=address).study for address in ("s3://b/p/x", "s3://b/p//x", "s3://b//p/x/")]
    assert len(set(spelled)) == 1
    assert replace(SITE, address="s3://b/p/y").study != spelled[0]


EVICTED = disrupted("TerminationByKubelet", "The node was low on resource: ephemeral-storage.")


@pytest.mark.parametrize(
    ("own", "goes_on"),
    [
        pytest.param([pod(LIVES)], False, id="cancelled"),
        pytest.param([pod(LIVES, deleted=True)], True, id="drained"),
        pytest.param([pod(LIVES, **EVICTED)], True, id="evicted"),
        pytest.param([pod(LIVES), pod(LIVES, **EVICTED)], True, id="evicted, marked a moment later"),
        pytest.param([], True, id="gone"),
    ],
)
def test_a_job_goes_on_when_the_node_ends_who_waits_for_it_and_not_when_people_do(
    cluster: FakeCluster,
    store: Refusing,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    own: list[dict[str, Any]],
    goes_on: bool,
) -> None:
    monkeypatch.setattr(job_module, "MARK_SECONDS", 0.1)
    cluster.api.pods = Pods(store, 1000)
    mine, get = f"{cluster.pods}/waiter", cluster.get

    def looked(path: str, **query: str) -> dict[str, Any]:
        if path == mine and own:
            cluster.api.objects[mine] = own.pop(0) if len(own) > 1 else own[0]
        return get(path, **query)

    monkeypatch.setattr(cluster, "get", looked)

    def beat() -> None:
        raise Terminated

    with pytest.raises(Terminated):
        JobRunner(cluster=cluster, site=SITE, pod="waiter").run(job(shell("true"), tmp_path / "job"), beat)
    assert JobRunner(cluster=cluster, site=SITE).goes_on(TRIAL, 1) == goes_on


def test_time_in_a_queue_does_not_count(cluster: FakeCluster, store: Refusing, tmp_path: Path) -> None:
    made, until = Pods(store, 3), time.monotonic() + 1.5

    def pods() -> list[dict[str, Any]]:
        jobs = [found for path, found in cluster.api.objects.items() if "/jobs/" in path]
        jobs[-1]["spec"]["suspend"] = time.monotonic() < until
        return [] if jobs[-1]["spec"]["suspend"] else made()

    cluster.api.pods = pods
    assert run(cluster, tmp_path, job={"start": "1s"}).state == "TRAINED"
