"""A trial over many nodes, as a TrainJob of Kubeflow Trainer 2.1 (``trainer.kubeflow.org/v1alpha1``). Plain data, no I/O.

A TrainJob takes its pods from a TrainingRuntime, and can change but few parts of them. So every attempt brings a runtime of its own, which holds
the pod of `job_manifest`: ``load``, the trial (whose container Trainer wants to be called ``node``) and ``save``. All pods have the shared
folder, each its own; the results of the first one count. Trainer gives each pod torchrun's variables (``PET_NNODES``, ``PET_MASTER_ADDR`` …).

No controller of Trainer was at hand where this was written: objects and states are held against its real CRDs.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..container import JobSettings
from .job_manifest import QUEUE_LABEL, SAVE, TRIAL, Site, manifest
from .job_state import Ended, Lost, Object, Refused, Running, View, container, view
from .runner import Job

API = "trainer.kubeflow.org/v1alpha1"
NODE = "node"  #: what Trainer calls the training container and the set of its pods
INDEX = "batch.kubernetes.io/job-completion-index"


def runtime(job: Job, site: Site) -> dict[str, Any]:
    """The TrainingRuntime of an attempt."""
    made = manifest(job, site)
    spec = made["spec"]
    pod = spec["template"]
    containers = [{**c, "name": NODE} if c["name"] == TRIAL else c for c in pod["spec"]["containers"]]
    nodes = {
        "name": NODE,
        "template": {
            "metadata": {"labels": {"trainer.kubeflow.org/trainjob-ancestor-step": "trainer"}},
            "spec": {
                "backoffLimit": 0,
                "activeDeadlineSeconds": spec["activeDeadlineSeconds"],
                "template": {**pod, "spec": {**pod["spec"], "containers": containers}},
            },
        },
    }
    labels = {name: value for name, value in made["metadata"]["labels"].items() if name != QUEUE_LABEL}
    return {
        "apiVersion": API,
        "kind": "TrainingRuntime",
        "metadata": {**made["metadata"], "labels": {**labels, "trainer.kubeflow.org/framework": "torch"}},
        "spec": {
            "mlPolicy": {"numNodes": _nodes(job), "torch": {"numProcPerNode": "auto"}},
            # without ttlSecondsAfterFinished: Trainer 2.1 makes a JobSet that is gone again, and trains once more
            "template": {"spec": {"failurePolicy": {"maxRestarts": 0}, "replicatedJobs": [nodes]}},
        },
    }


def train_job(job: Job, site: Site) -> dict[str, Any]:
    """The TrainJob of an attempt, of the same name as its runtime and its Job would have."""
    metadata = manifest(job, site)["metadata"]
    return {
        "apiVersion": API,
        "kind": "TrainJob",
        "metadata": metadata,
        "spec": {
            "runtimeRef": {"apiGroup": "trainer.kubeflow.org", "kind": "TrainingRuntime", "name": metadata["name"]},
            "trainer": {"numNodes": _nodes(job)},
        },
    }


def view_nodes(train: Object | None, pods: list[Object]) -> tuple[View, Object | None]:
    """Where an attempt stands, and the pod whose log tells of it: the first node's, or that of the node which ended it.

    When one node goes, the others fail for want of it, and when one fails, the others are deleted. So a node that was taken away comes before
    every exit code, and of these one that is explained before the first.
    """
    if (refused := _condition(train, "Failed")) and refused.get("reason") == "TrainingRuntimeNotSupported":
        return Refused(reason=f"the TrainJob's runtime must be supported, got: {refused.get('message', '')}"), None
    leader = next((pod for pod in pods if pod["metadata"].get("labels", {}).get(INDEX, "0") == "0"), None)
    as_job = _as_job(train)
    seen = [(view(as_job, pod, NODE), pod) for pod in pods]
    for state, pod in seen:
        if isinstance(state, Lost) and state.taken:
            return state, pod
    failed = [(state, pod) for state, pod in seen if isinstance(state, Ended) and (state.code or state.reason)]
    if failed:
        state, pod = min(failed, key=lambda node: (not node[0].reason, node[0].until))
        return _of_node(state, pod, leader), pod
    for state, pod in seen:
        if isinstance(state, Lost | Refused):
            return state, pod
    own = view(as_job, leader, NODE)
    others = [state for state, pod in seen if pod is not leader]
    if isinstance(own, Ended) and not all(isinstance(state, Ended) for state in others):
        return Running(since=own.since), leader  # it waits for the others
    if isinstance(own, Running) and any(isinstance(state, Running) and state.silent for state in others):
        return replace(own, silent=True), leader
    return own, leader


def _of_node(state: Ended, pod: Object, leader: Object | None) -> Ended:
    """The end of one node is that of the trial; what is stored, the first one stores."""
    saving = True if leader is not None and "running" in container(leader, SAVE) else None
    index = pod["metadata"].get("labels", {}).get(INDEX, "0")
    reason = state.reason or f"exit code {state.code} of node {index}; the log says why"
    return replace(state, saving=saving if index != "0" else state.saving, reason=reason)


def _as_job(train: Object | None) -> Object | None:
    """A TrainJob in the words of a Job."""
    if train is None:
        return None
    suspended = bool(train["spec"].get("suspend")) or _condition(train, "Suspended") is not None
    return {**train, "spec": {"suspend": suspended}}


def _condition(train: Object | None, kind: str) -> Object | None:
    """A condition of a TrainJob that holds."""
    for condition in (train or {}).get("status", {}).get("conditions", []):
        if condition["type"] == kind and condition["status"] == "True":
            found: Object = condition
            return found
    return None


def _nodes(job: Job) -> int:
    return (job.study.trial.job or JobSettings()).nodes
