"""What a Job and its pod, as the API shows them, mean for an attempt. No I/O: plain data in, one of five answers out.

=========================================================  =========================================================
what is seen                                               what it means
=========================================================  =========================================================
exit code, crash, NaN, missing metric, OOMKilled           the trial's own fault: FAILED, the agent learns
a command that its image does not have                     the same
more disk than the pod may use                             the same
longer than `limits.time`                                  the same
image name refused by its registry or by the kubelet       the study's fault, the same for every trial: InputError
something that `job` names is not there                    the same
`load` finds the data wrong                                the same
registry away, no node, no quota                           waited for up to `job.start`, then the platform's fault
a container that its node cannot start                     the platform's fault: another attempt
evicted, preempted, drained, node lost, Job or pod gone    the platform's fault: another attempt, LOST after the last
`save` cannot store what the trial left                    the same
suspended (in a queue of Kueue)                            waited for without limit
=========================================================  =========================================================
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from .job_manifest import LOAD, QUEUE_LABEL, SAVE, SHARED_VOLUME, TRIAL

Object: TypeAlias = dict[str, Any]

PLATFORM = {
    "Evicted", "NodeLost", "NodeShutdown", "Shutdown", "Terminated", "Preempting", "Preempted", "NodeAffinity", "UnexpectedAdmissionError",
    "OutOfcpu", "OutOfmemory", "OutOfpods", "OutOfephemeral-storage",
}  # fmt: skip
"""Reasons of pods that nodes and schedulers have ended."""
DISK = re.compile(r"exceed(s|ed) (the total limit of containers|its local ephemeral storage limit|the limit)")
REFUSED = re.compile(
    r"not found|manifest unknown|does not exist|unauthorized|denied|forbidden|no match for platform|invalid reference", re.IGNORECASE
)  # fmt: skip
"""What a registry says that will say the same again."""
BARE = re.compile(r'Back-off pulling image "[^"]*"')
MISSING = re.compile(
    r'(configmap|secret|persistentvolumeclaim|RuntimeClass) "[^"]*" not found|no PriorityClass with name|couldn\'t find key'
    r'|(minimum|maximum) \S+ usage per|failed quota: .*must specify|Pod "[^"]*" is invalid: |violates PodSecurity'
    r'|admission webhook "[^"]*" denied|unable to validate against any security context constraint'
)  # fmt: skip
"""What admission, scheduler and kubelet say of a pod that names what is not there, or asks for more than its namespace allows."""
COMMAND = re.compile(
    r'exec:? ["/]|executable file .*not found|error finding executable|the file \S+ was not found|chdir to cwd|exec format error'
)
HOOK = re.compile(r"\bhook\b")
"""What container runtimes say of a command that cannot be started, and of a program of their own that cannot."""
UNFIT = re.compile(r"runAsNonRoot|run as root|non-root policy|executable file")
"""What a kubelet says of an image that cannot run as it is asked to."""
UNKNOWN = ("ContainerStatusUnknown", "Unknown")
"""Reasons of containers whose end nobody has seen, such as before their node started again."""
NOT_STARTED = ("StartError", "ContainerCannotRun")
"""Reasons of containers that never ran."""
OVER = ("Failed", "SuccessCriteriaMet", "Complete")
"""Conditions of Jobs that have had their pod."""


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """The trial has not begun."""

    reason: str = ""
    queued: bool = False  #: in a queue of Kueue
    refused: bool = False  #: waiting will not help, unless somebody mends what ``reason`` names
    silent: bool = False  #: a pause between two tries, of which older kubelets do not repeat what the last one met
    mute: bool = False  #: only events tell why


@dataclass(frozen=True, kw_only=True)
class Running:
    """The trial runs."""

    since: float  #: UTC seconds, by the node's clock
    silent: bool = False  #: as far as is known: its node has not been heard of for a while


@dataclass(frozen=True, kw_only=True)
class Ended:
    """The trial's own process has ended, for reasons of its own."""

    code: int
    reason: str = ""  #: why, when it is not the exit code
    since: float = 0.0
    until: float = 0.0
    saving: bool | None = None  #: whether what it left is still being stored; None when it is gone with the pod


@dataclass(frozen=True, kw_only=True)
class Lost:
    """The platform has ended the attempt."""

    reason: str
    taken: bool = False  #: by a node or a scheduler, not perhaps because another pod of the trial has failed


@dataclass(frozen=True, kw_only=True)
class Refused:
    """The study is wrong in a way that every trial shares."""

    reason: str


View: TypeAlias = Waiting | Running | Ended | Lost | Refused


def view(job: Object | None, pod: Object | None, name: str = TRIAL) -> View:
    """Where an attempt stands.

    Args:
        job: the Job; None when there is none (any more).
        pod: its newest pod, if there is one.
        name: of the trial's container.
    """
    if job is None or job["metadata"].get("deletionTimestamp"):
        return Lost(reason="its Job was deleted from outside")
    if pod is None:
        return _without_pod(job)
    trial = container(pod, name)
    ended = trial.get("terminated")
    outside = disturbed(pod, trial)
    deleted = bool(pod["metadata"].get("deletionTimestamp"))
    if ended is not None and (ended["exitCode"] == 0 or not (outside or deleted)):
        return _not_started(ended) or _ended(pod, ended)
    if DISK.search(outside):
        return _lowered(pod, name) or Ended(
            code=137, reason=f"disk must be enough, got: {outside}; write less, or raise trial.job.disk"
        )
    if outside or deleted:
        return Lost(reason=outside or "its pod was deleted from outside", taken=bool(outside))
    return _begun(pod, trial) or _not_begun(pod, trial)


def missing(warnings: list[Object]) -> Object | None:
    """The last of these events that says what a pod lacks, if one does."""
    return next((event for event in reversed(warnings) if MISSING.search(event.get("message") or "")), None)


def told(event: Object) -> str:
    """What an event says; the API demands neither of its parts."""
    return f"{event.get('reason') or ''}: {event.get('message') or ''}"


def unmade(words: str, *, silent: bool = False) -> Waiting:
    """A pod lacks something that its study names."""
    reason = f"its pod cannot be made: {words}; make what it names, or change trial.job or trial.limits"
    return Waiting(reason=reason, refused=not silent, silent=silent)


def _lowered(pod: Object, name: str) -> Refused | None:
    """That the cluster gave the trial's container less disk than was asked for, which the volume beside it still says."""
    spec = pod.get("spec", {})
    asked = next((v["emptyDir"].get("sizeLimit") for v in spec.get("volumes", []) if v["name"] == SHARED_VOLUME), None)
    container: Object = next((c for c in spec.get("containers", []) if c["name"] == name), {})
    given = container.get("resources", {}).get("limits", {}).get("ephemeral-storage")
    if None in (asked, given) or asked == given:
        return None
    return Refused(
        reason=f"the disk of a trial must be the {asked} that it asks for, but the cluster has made {given} of it; request what it needs with "
        "trial.job.disk"
    )


def _without_pod(job: Object) -> View:
    if job["spec"].get("suspend"):
        queue = job["metadata"].get("labels", {}).get(QUEUE_LABEL)
        words = (
            f"it waits in queue {queue}; `kubectl get localqueues,workloads` says for what"
            if queue
            else "it is suspended"
        )
        return Waiting(reason=words, queued=True)
    for condition in job.get("status", {}).get("conditions", []):
        if condition["type"] in OVER and condition["status"] == "True":
            words = condition.get("message") or condition.get("reason", "")
            return Lost(reason=f"its pod is gone: {words}".rstrip(": "))
    return Waiting(reason="it has no pod yet", mute=True)


def disturbed(pod: Object, trial: Object | None = None) -> str:
    """Why the platform has ended, or is ending, the pod; empty when it has not."""
    status = pod.get("status", {})
    for condition in status.get("conditions", []):
        if condition["type"] == "DisruptionTarget" and condition["status"] == "True":
            words = status.get("message") or condition.get("message") or ""
            return f"its pod was ended from outside: {condition.get('reason', '')}: {words}"
    if status.get("reason") in PLATFORM:
        return f"its pod was ended from outside: {status['reason']}: {status.get('message', '')}"
    if (trial or {}).get("terminated", {}).get("reason") in UNKNOWN:
        return "its node does not know what became of it"
    return ""


def _ended(pod: Object, ended: Object) -> Ended:
    saving = "terminated" not in container(pod, SAVE)
    return Ended(
        code=ended["exitCode"],
        reason=_reason(ended),
        since=_seconds(ended.get("startedAt")),
        until=_seconds(ended.get("finishedAt")),
        saving=saving,
    )


def _not_started(ended: Object) -> Lost | None:
    """A container that its node could not start, for reasons other than the command: a driver, a mount, a full disk."""
    words = ended.get("message") or ""
    if ended.get("reason") not in NOT_STARTED or (COMMAND.search(words) and not HOOK.search(words)):
        return None
    return Lost(reason=f"its node could not start its container: {_words(ended)}", taken=True)


def _reason(ended: Object) -> str:
    why = ended.get("reason")
    if why == "OOMKilled" and ended["exitCode"]:  # else it was a process of its own, without which it went on
        return "memory must be at most the trial's limit, and it took more (OOMKilled); raise trial.limits.memory, under a new study name"
    if why in NOT_STARTED:
        return f"the command must be one that the image has, got: {_words(ended)}; check trial.command"
    return ""


def _begun(pod: Object, trial: Object) -> View | None:
    """Something has happened in the pod, or None."""
    load, save = (container(pod, name).get("terminated") for name in (LOAD, SAVE))
    if load is not None and load["exitCode"] == 2:
        return Refused(reason=_words(load).splitlines()[-1])
    if load is not None and load.get("reason") == "OOMKilled":
        return Refused(
            reason="data must fit into the 2 GiB of the container that fetches it, got more; make it smaller or mount it (trial.job.volumes)"
        )
    if load is not None and load["exitCode"] != 0:
        return Lost(reason=f"its data could not be fetched: {_words(load)}")
    if save is not None:
        return Lost(reason=f"the container that stores its results ended too early: {_words(save)}")
    if "running" in trial:
        return Running(since=_seconds(trial["running"].get("startedAt")), silent=_unready(pod))
    status = pod.get("status", {})
    if status.get("phase") == "Failed":
        return Lost(reason=f"its pod failed: {status.get('reason', '')}: {status.get('message', '')}")
    return None


def _unready(pod: Object) -> bool:
    """What is said of the pods of a node that is silent; nothing else makes one unready whose containers are all said to run."""
    conditions = pod.get("status", {}).get("conditions", [])
    unready = any(c["type"] == "Ready" and c["status"] == "False" for c in conditions)
    return unready and "running" in container(pod, SAVE)


def _not_begun(pod: Object, trial: Object) -> View:
    for condition in pod.get("status", {}).get("conditions", []):
        if condition["type"] == "PodScheduled" and condition["status"] == "False":
            words = condition.get("message", "")
            return unmade(words) if MISSING.search(words) else Waiting(reason=f"no node takes its pod: {words}")
    for name in (LOAD, SAVE):  # of tunewright's own image, without which the trial's is not looked for
        own = container(pod, name).get("waiting", {})
        found = _no_image("tunewright's own image", own, "give nodes the image of the release that is installed")
        if found is not None:
            return found
    waiting = trial.get("waiting", {})
    found = _no_image("trial.image", waiting, "check trial.image and job.pod.spec.imagePullSecrets")
    if found is not None:
        return found
    why, words = waiting.get("reason", ""), waiting.get("message", "")
    if why in ("CreateContainerConfigError", "CreateContainerError", "RunContainerError"):
        if MISSING.search(words):
            return unmade(words)
        return Waiting(reason=f"its container cannot be made: {words}", refused=bool(UNFIT.search(words)))
    loads = container(pod, LOAD).keys() & {"running", "terminated"}
    return Waiting(reason="its pod is being prepared", mute=not loads)


def _no_image(what: str, waiting: Object, remedy: str) -> View | None:
    """That a container waits for its image, or None."""
    why, words = waiting.get("reason", ""), waiting.get("message", "")
    rule = f"{what} must be an image that nodes have or can pull, got: {words}"
    if why in ("InvalidImageName", "ErrImageNeverPull"):
        return Refused(reason=f"{rule}; check its name")
    if why in ("ErrImagePull", "ImagePullBackOff", "ImageInspectError", "RegistryUnavailable"):
        silent = BARE.fullmatch(words) is not None
        return Waiting(reason=f"{rule}; {remedy}", refused=bool(REFUSED.search(words)), silent=silent)
    return None


def container(pod: Object, name: str) -> Object:
    """State of a container: running, waiting or terminated; empty when there is none yet."""
    status = pod.get("status", {})
    for found in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        if found["name"] == name:
            state: Object = found.get("state", {})
            return state
    return {}


def ran(pod: Object | None, name: str) -> tuple[float, float]:
    """When a container began and ended, by its node's clock; 0 for what has not happened."""
    state = container(pod, name) if pod else {}
    told = state.get("terminated") or state.get("running") or {}
    return _seconds(told.get("startedAt")), _seconds(told.get("finishedAt"))


def _words(ended: Object) -> str:
    return (ended.get("message") or "").strip() or f"exit code {ended['exitCode']} ({ended.get('reason', '')})"


def _seconds(time: str | None) -> float:
    return datetime.fromisoformat(time).timestamp() if time else 0.0
