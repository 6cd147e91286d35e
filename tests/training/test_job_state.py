"""What a Job and its pod mean, from what API servers have answered."""

from __future__ import annotations

from typing import Any

import pytest

from tunewright.training.job_state import Ended, Lost, Refused, Running, Waiting, missing, told, view

JOB: dict[str, Any] = {"metadata": {"name": "trial"}, "spec": {}, "status": {}}
BEGAN, OVER = "2026-01-02T03:04:05Z", "2026-01-02T03:05:05Z"
SINCE = 1767323045.0
OUT = {"exitCode": 0, "reason": "Completed", "startedAt": BEGAN, "finishedAt": OVER}
LIVES = {"running": {"startedAt": BEGAN}}


def pod(
    trial: dict[str, Any] | None = None,
    save: dict[str, Any] | None = None,
    load: dict[str, Any] | None = None,
    deleted: bool = False,
    **status: Any,
) -> dict[str, Any]:
    containers = [
        {"name": name, "state": state} for name, state in (("save", save), ("trial", trial)) if state is not None
    ]
    inits = [{"name": "load", "state": load or {"terminated": OUT}}]
    metadata = {"name": "trial-x", **({"deletionTimestamp": OVER} if deleted else {})}
    return {
        "metadata": metadata,
        "status": {"containerStatuses": containers, "initContainerStatuses": inits, **status},
    }


def ended(code: int, **more: Any) -> dict[str, Any]:
    return {"terminated": {**OUT, "exitCode": code, "reason": "Error", **more}}


def waiting(reason: str, message: str) -> dict[str, Any]:
    return {"waiting": {"reason": reason, "message": message}}


def disrupted(reason: str, message: str) -> dict[str, Any]:
    return {"conditions": [{"type": "DisruptionTarget", "status": "True", "reason": reason, "message": message}]}


def test_a_trial_that_runs_is_timed_by_its_node():
    assert view(JOB, pod(LIVES, LIVES)) == Running(since=SINCE)


def test_an_exit_code_is_the_trials_own_and_is_known_before_everything_is_stored():
    seen = view(JOB, pod(ended(3), LIVES))
    assert seen == Ended(code=3, since=SINCE, until=SINCE + 60, saving=True)
    assert view(JOB, pod(ended(3), {"terminated": OUT})) == Ended(code=3, since=SINCE, until=SINCE + 60, saving=False)


@pytest.mark.parametrize(
    ("terminated", "words"),
    [
        (ended(137, reason="OOMKilled"), "OOMKilled); raise trial.limits.memory"),
        (ended(128, reason="StartError", message='exec: "train": not found'), "check trial.command"),
    ],
)
def test_what_the_kernel_and_the_container_runtime_say_is_the_trials_fault(terminated: dict[str, Any], words: str):
    seen = view(JOB, pod(terminated, LIVES))
    assert isinstance(seen, Ended)
    assert words in seen.reason


RUNC = "failed to create containerd task: OCI runtime create failed: runc create failed: unable to start container process: "


@pytest.mark.parametrize(
    "message",
    [
        f"{RUNC}error during container init: error running prestart hook #0: exit status 1, stderr: nvidia-container-cli: "
        "initialization error: nvml error: driver not loaded: unknown",
        f'{RUNC}error running createContainer hook #0: exec: "nvidia-ctk": executable file not found in $PATH',
        f"{RUNC}unable to apply cgroup configuration: failed to write 4242: no space left on device: unknown",
        "failed to start containerd task: context deadline exceeded",
    ],
)
def test_a_node_that_cannot_start_containers_is_the_platforms_fault(message: str):
    seen = view(JOB, pod(ended(128, reason="StartError", message=message), LIVES))
    assert isinstance(seen, Lost)
    assert seen.taken, "also of one node of many"
    assert message[:40] in seen.reason


@pytest.mark.parametrize(
    "message",
    [
        f'{RUNC}error during container init: exec: "train": executable file not found in $PATH: unknown',
        f"{RUNC}exec /app/train: exec format error",
        "executable file `train` not found in $PATH: No such file or directory",
        'error finding executable "train" in PATH [/usr/bin]: no such file or directory',
        f'{RUNC}chdir to cwd ("/src") set in config.json failed: no such file or directory',
    ],
)
def test_a_command_that_the_image_does_not_have_is_the_trials_fault(message: str):
    seen = view(JOB, pod(ended(128, reason="StartError", message=message), LIVES))
    assert isinstance(seen, Ended)
    assert "check trial.command" in seen.reason


def test_a_process_of_the_trial_that_took_too_much_memory_leaves_a_result_that_counts():
    seen = view(JOB, pod(ended(0, reason="OOMKilled"), LIVES))
    assert isinstance(seen, Ended)
    assert (seen.code, seen.reason) == (0, "")


def test_a_pod_that_is_unready_while_its_containers_run_is_on_a_silent_node():
    unready = [{"type": "Ready", "status": "False"}]
    assert view(JOB, pod(LIVES, LIVES, conditions=unready)) == Running(since=SINCE, silent=True)
    assert view(JOB, pod(LIVES, {"terminated": OUT}, conditions=unready)) != Running(since=SINCE, silent=True)


@pytest.mark.parametrize("place", ["load", "save"])
def test_tunewrights_own_image_is_told_where_it_is_what_is_missing(place: str):
    states = {"load": {"terminated": OUT}, "save": LIVES, "trial": waiting("PodInitializing", "")}
    seen = view(JOB, pod(**{**states, place: waiting("ErrImagePull", "ghcr.io/t/trainer:1: denied")}))
    assert isinstance(seen, Waiting)
    assert seen.refused
    assert "tunewright's own image must be an image that nodes have" in seen.reason


@pytest.mark.parametrize(
    "message",
    [
        'Error creating: admission webhook "validate.kyverno.svc-fail" denied the request: require-team-label',
        'Error creating: pods "trial-" is forbidden: unable to validate against any security context constraint: []',
    ],
)
def test_a_pod_that_admission_denies_is_never_made(message: str):
    assert missing([{"message": message}]) is not None


LOW_ON_DISK = (
    "The node was low on resource: ephemeral-storage. Threshold quantity: 2Gi, available: 1Gi. "
    "Container trial was using 12Gi, request is 0, has larger consumption of ephemeral-storage. "
)


@pytest.mark.parametrize(
    ("job", "of", "words"),
    [
        (None, pod(LIVES), "its Job was deleted from outside"),
        ({**JOB, "metadata": {"deletionTimestamp": OVER}}, pod(LIVES), "its Job was deleted"),
        ({**JOB, "status": {"conditions": [{"type": "Failed", "status": "True", "message": "limit"}]}}, None, "its pod is gone: limit"),
        ({**JOB, "status": {"conditions": [{"type": "Complete", "status": "True"}]}}, None, "its pod is gone"),
        ({**JOB, "status": {"conditions": [{"type": "SuccessCriteriaMet", "status": "True"}]}}, None, "its pod is gone"),
        (JOB, pod(LIVES, LIVES, deleted=True), "its pod was deleted from outside"),
        (JOB, pod(LIVES, LIVES, **disrupted("EvictionByEvictionAPI", "Eviction API: evicting")), "EvictionByEvictionAPI: Eviction API"),
        (JOB, pod(ended(143), ended(143), **disrupted("PreemptionByScheduler", "preempting")), "PreemptionByScheduler"),
        (JOB, pod(LIVES, LIVES, **disrupted("DeletionByTaintManager", "node is unreachable"), deleted=True), "node is unreachable"),
        (JOB, pod(ended(137), ended(137), phase="Failed", reason="Evicted", message="The node was low on resource: memory."), "low on resource"),
        (JOB, pod(phase="Failed", reason="NodeShutdown", message="shutting down"), "NodeShutdown: shutting down"),
        (JOB, pod(ended(137), ended(137), phase="Failed", reason="Evicted", message=LOW_ON_DISK), "low on resource: ephemeral-storage"),
        (JOB, pod(ended(137, reason="ContainerStatusUnknown"), LIVES), "does not know what became of it"),
        (JOB, pod(ended(255, reason="Unknown"), ended(255, reason="Unknown"), phase="Failed"), "does not know what became of it"),
        (JOB, pod(LIVES, ended(137, reason="OOMKilled")), "stores its results ended too early: exit code 137 (OOMKilled)"),
        (JOB, pod(waiting("PodInitializing", ""), load=ended(75, message="no answer")), "its data could not be fetched: no answer"),
    ],
)  # fmt: skip
def test_what_the_platform_does_is_the_platforms_fault(job: Any, of: Any, words: str):
    seen = view(job, of)
    assert isinstance(seen, Lost)
    assert words in seen.reason


def test_a_trial_that_ended_well_before_its_node_was_drained_has_ended_well():
    assert isinstance(view(JOB, pod({"terminated": OUT}, LIVES, deleted=True)), Ended)


@pytest.mark.parametrize(
    "message",
    [
        'Usage of EmptyDir volume "shared" exceeds the limit "16Gi".',
        "Pod ephemeral local storage usage exceeds the total limit of containers 1Gi.",
        "Container trial exceeded its local ephemeral storage limit \"1Gi\".",
    ],
)  # fmt: skip
def test_a_trial_that_fills_the_disk_has_itself_to_blame(message: str):
    seen = view(JOB, pod(ended(137), ended(137), phase="Failed", reason="Evicted", message=message))
    assert isinstance(seen, Ended)
    assert seen.reason.startswith("disk must be enough")
    assert seen.saving is None


def test_a_cluster_that_lowers_the_disk_of_a_trial_is_not_the_trials_fault():
    words = "Pod ephemeral local storage usage exceeds the total limit of containers 20Mi."
    seen = pod(ended(137), ended(137), phase="Failed", reason="Evicted", message=words)

    def given(limit: str) -> Any:
        trial = {"name": "trial", "resources": {"limits": {"ephemeral-storage": limit}}}
        spec = {"containers": [trial], "volumes": [{"name": "shared", "emptyDir": {"sizeLimit": "16Gi"}}]}
        return view(JOB, {**seen, "spec": spec})

    assert isinstance(given("16Gi"), Ended)
    lowered = given("10Mi")
    assert isinstance(lowered, Refused)
    assert "16Gi that it asks for, but the cluster has made 10Mi of it" in lowered.reason


def test_data_that_does_not_fit_into_the_container_that_fetches_it_is_the_studys_fault():
    seen = view(JOB, pod(waiting("PodInitializing", ""), load=ended(137, reason="OOMKilled")))
    assert isinstance(seen, Refused)
    assert seen.reason.startswith("data must fit into the 2 GiB")


def test_wrong_data_is_the_studys_fault_in_the_words_of_the_container_that_found_it():
    load = ended(2, message="warning\ndata.sha256: must be abc, got def")
    assert view(JOB, pod(waiting("PodInitializing", ""), load=load)) == Refused(
        reason="data.sha256: must be abc, got def"
    )


@pytest.mark.parametrize(
    ("reason", "message", "refused"),
    [
        ("ErrImagePull", 'failed to resolve reference "r/x:1": r/x:1: not found', True),
        ("ImagePullBackOff", 'Back-off pulling image "r/x:1": pull access denied, repository does not exist', True),
        ("ErrImagePull", 'failed to do request: Head "https://r": dial tcp: i/o timeout', False),
        ("ErrImagePull", "unexpected status code 503 Service Unavailable", False),
        ("CreateContainerConfigError", 'configmap "words" not found', True),
        ("CreateContainerConfigError", "couldn't find key token in Secret tuning/hub", True),
        ("CreateContainerConfigError", "container has runAsNonRoot and image will run as root", True),
        ("CreateContainerConfigError", "container's runAsUser breaks non-root policy", True),
        ("CreateContainerError", "container create failed: executable file `train` not found in $PATH", True),
        ("CreateContainerError", 'failed to mount rootfs component: open "/var/lib/x": no such device', False),
        ("RunContainerError", "failed to create containerd task: no running task found: not found", False),
        ("ContainerCreating", "", False),
    ],
)
def test_what_a_registry_refuses_is_told_from_one_that_is_away(reason: str, message: str, refused: bool):
    seen = view(JOB, pod(waiting(reason, message), waiting("ContainerCreating", "")))
    assert isinstance(seen, Waiting)
    assert seen.refused is refused
    assert message in seen.reason


@pytest.mark.parametrize(
    ("message", "silent"),
    [('Back-off pulling image "r/x:1"', True), ('Back-off pulling image "r/x:1": ErrImagePull: i/o timeout', False)],
)
def test_a_kubelet_that_only_holds_back_says_nothing_new(message: str, silent: bool):
    seen = view(JOB, pod(waiting("ImagePullBackOff", message), waiting("ContainerCreating", "")))
    assert isinstance(seen, Waiting)
    assert (seen.silent, seen.refused) == (silent, False)


def test_an_image_that_no_node_may_pull_is_refused_at_once():
    seen = view(JOB, pod(waiting("ErrImageNeverPull", "Container image is not present with pull policy of Never")))
    assert isinstance(seen, Refused)


def test_the_scheduler_speaks_for_itself_and_a_queue_is_no_delay():
    condition = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes: taint"}
    seen = view(JOB, {"metadata": {}, "status": {"conditions": [condition]}})
    assert seen == Waiting(reason="no node takes its pod: 0/3 nodes: taint")
    absent = {**condition, "message": '0/3 nodes are available: persistentvolumeclaim "datasets" not found.'}
    seen = view(JOB, {"metadata": {}, "status": {"conditions": [absent]}})
    assert isinstance(seen, Waiting)
    assert seen.refused
    assert view({**JOB, "spec": {"suspend": True}}, None) == Waiting(reason="it is suspended", queued=True)
    queued = {
        "metadata": {"name": "trial", "labels": {"kueue.x-k8s.io/queue-name": "nigth"}},
        "spec": {"suspend": True},
    }
    seen = view(queued, None)
    assert isinstance(seen, Waiting)
    assert "in queue nigth; `kubectl get localqueues,workloads`" in seen.reason, (
        "Kueue says elsewhere that there is none"
    )
    assert view(JOB, None) == Waiting(reason="it has no pod yet", mute=True)


def test_events_need_not_say_anything():
    lacks = {"message": 'configmap "code" not found'}
    assert missing([lacks, {"reason": "Failed"}, {"message": None}]) is lacks
    assert (told(lacks), told({"reason": "Failed"})) == (': configmap "code" not found', "Failed: ")
