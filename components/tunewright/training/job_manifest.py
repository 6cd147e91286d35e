"""The Kubernetes Job of one attempt, as plain data.

::

    load    init container, tunewright's image: parameters, files and data into the shared folder
    trial   the user's image, untouched: no tunewright, no token, no key to the store
    save    tunewright's image: the stream while the trial runs, then its model and metrics, into the store

``save`` stands beside the trial and not, as a native sidecar, around it: a sidecar is killed one grace period after the trial has ended, and a
grace period long enough for a large model would be given to a trial that ignores SIGTERM as well, at every cancellation and drained node.
So whoever waits for the Job tells ``save`` through the store that the trial has ended.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from ..container import SHARED, JobSettings, escaped, secret_of
from ..store import layout
from ..study import CommandTrial, Data, Limits
from .command import FILES, PARAMS, REQUEST, WORKER, user_command, variables
from .data import sklearn_name, suffix
from .runner import Job

USER: Final = 10001  #: of tunewright's images, and of a trial unless its study names another
DAY: Final = 86400
GRACE_SECONDS: Final = 10  #: between SIGTERM and SIGKILL
SAVE_SECONDS: Final = 3600  #: that storing what a trial left may take at most
MEMORY: Final = 2 * 2**30  #: bytes of a trial whose study sets no limit
SPACE: Final = (
    "16Gi"  #: that a trial may write into the shared folder, and as much beside it, unless its study says otherwise
)
SHARED_VOLUME: Final = "shared"
DISK: Final = "ephemeral-storage"
LOAD_VARIABLE: Final = "TUNEWRIGHT_LOAD"

TRIAL, LOAD, SAVE = "trial", "load", "save"  #: containers
TRIAL_LABEL: Final = "tunewright/trial"
STUDY_LABEL: Final = "tunewright/study-at"
ATTEMPT_LABEL: Final = "tunewright/attempt"
QUEUE_LABEL: Final = "kueue.x-k8s.io/queue-name"
WORKFLOW_LABEL: Final = "workflows.argoproj.io/workflow"

CA_CONFIG_MAP: Final = "tunewright-store-ca"
"""The ConfigMap with certificates of the store's own authority, where the installation has one."""
CA_FOLDER: Final = "/etc/tunewright/store-ca"
CA_VOLUME: Final = {"name": "store-ca", "configMap": {"name": CA_CONFIG_MAP, "optional": True}}
CA_MOUNT: Final = {"name": "store-ca", "mountPath": CA_FOLDER, "readOnly": True}
NO_SIDECAR: Final = {"sidecar.istio.io/inject": "false"}
"""In a mesh the first container would reach no store before the sidecar runs, and a sidecar would outlive the trial. A study may say otherwise."""
CONFINED: Final[Mapping[str, Any]] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}


@dataclass(frozen=True, kw_only=True)
class Site:
    """What the waiting side knows of its own place, and passes on."""

    namespace: str
    image: str  #: tunewright's own, for load and save
    address: str  #: of the study in the store
    environment: list[dict[str, Any]]  #: variables that lead to the store; keys by reference to a Secret
    owner: dict[str, Any] | None = None  #: the Job goes when this object goes
    labels: dict[str, str] = field(default_factory=dict)  #: of the Job, e.g. the Workflow it belongs to
    pull_secrets: list[str] = field(default_factory=list)  #: names of Secrets with which nodes pull its image
    scores: bool = False  #: Jobs that score a trial's model, not those that train it

    @property
    def study(self) -> str:
        """Tells studies in different places apart whose trials have the same ids, and what trains a trial from what scores it."""
        place = "/".join(filter(None, self.address.split("/")))  # however many slashes it was written with
        told = f"{place} scores" if self.scores else place
        return hashlib.sha256(told.encode()).hexdigest()[:8]

    @property
    def kind(self) -> str:
        """What its Jobs do with a trial."""
        return "score" if self.scores else "trial"

    @property
    def box(self) -> str:
        """Folder of an attempt in the store for what passes between a pod and who waits for it."""
        return layout.SCORE if self.scores else layout.POD


def job_name(site: Site, trial: str, attempt: int) -> str:
    """Equal for every process that runs this attempt, so that Kubernetes refuses the second Job."""
    return f"{site.kind}-{trial}-{attempt}-{site.study}"


def selector(site: Site, trial: str, *, own: bool = False) -> str:
    """Selects the Jobs of all attempts of a trial; of ``own`` only those that the site's Workflow has made, where there is one."""
    labels = {TRIAL_LABEL: trial, STUDY_LABEL: site.study}
    if own and WORKFLOW_LABEL in site.labels:
        labels[WORKFLOW_LABEL] = site.labels[WORKFLOW_LABEL]
    return ",".join(f"{name}={value}" for name, value in labels.items())


def manifest(job: Job, site: Site) -> dict[str, Any]:
    """The Job. It makes one pod and never another: what comes after a lost pod is for the next attempt to decide."""
    settings, limits = job.study.trial.job or JobSettings(), job.study.trial.limits
    metadata: dict[str, Any] = {
        "name": job_name(site, job.trial, job.attempt),
        "labels": {
            **site.labels,
            **_labels(job, site),
            **({QUEUE_LABEL: settings.queue} if settings.queue is not None else {}),
        },
    }
    if site.owner is not None:
        metadata["ownerReferences"] = [site.owner]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": metadata,
        "spec": {
            "backoffLimit": 0,
            # for the case that nobody waits any more; who waits is exact
            "activeDeadlineSeconds": math.ceil(limits.time + settings.start) + SAVE_SECONDS,
            "ttlSecondsAfterFinished": DAY,
            "template": pod_template(job, site),
        },
    }


def pod_template(job: Job, site: Site) -> dict[str, Any]:
    """The pod template, with what the study lays over it."""
    settings, limits = job.study.trial.job or JobSettings(), job.study.trial.limits
    overlay = settings.pod.model_dump(mode="json", exclude_defaults=True)
    placement = overlay.get("spec", {})
    named = [entry["name"] for entry in placement.get("imagePullSecrets", [])]
    pulls = [{"name": name} for name in dict.fromkeys([*named, *site.pull_secrets])]
    user = {"runAsNonRoot": True, "runAsUser": USER, "runAsGroup": USER, "fsGroup": USER}
    named_user = settings.pod.spec.securityContext.runAsUser
    memory = str(limits.memory or MEMORY)
    return {
        "metadata": {
            "labels": {**NO_SIDECAR, **overlay.get("metadata", {}).get("labels", {}), **_labels(job, site)},
            "annotations": overlay.get("metadata", {}).get("annotations", {}),
        },
        "spec": {
            **placement,
            **({"imagePullSecrets": pulls} if pulls else {}),
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                **user,
                **placement.get("securityContext", {}),
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "initContainers": [
                _own(LOAD, site, {LOAD_VARIABLE: json.dumps(_to_load(job, site), ensure_ascii=False)}, [], named_user)
            ],
            "containers": [
                _own(SAVE, site, {}, _to_save(job, site), named_user),
                _trial(job, site, settings, limits),
            ],
            "volumes": [
                {"name": SHARED_VOLUME, "emptyDir": {"sizeLimit": _space(settings)}},
                {"name": "tmp", "emptyDir": {"sizeLimit": SPACE}},  # of load and save, whose root is read-only
                CA_VOLUME,
                {"name": "memory", "emptyDir": {"medium": "Memory", "sizeLimit": memory}},
                *_volumes(settings),
            ],
        },
    }


def _labels(job: Job, site: Site) -> dict[str, str]:
    return {
        "app.kubernetes.io/name": "tunewright-trial",
        "app.kubernetes.io/part-of": "tunewright",
        "app.kubernetes.io/component": site.kind,
        TRIAL_LABEL: job.trial,
        ATTEMPT_LABEL: str(job.attempt),
        STUDY_LABEL: site.study,
    }


def _own(
    name: str, site: Site, values: Mapping[str, str], arguments: list[str], user: int | None = None
) -> dict[str, Any]:
    """One of the two containers that may reach the store. What a trial has closed to others only its own user can store."""
    return {
        "name": name,
        "image": site.image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "tunewright.training.job_pod", name, *arguments],
        "env": [*site.environment, *_variables(values)],
        "resources": {
            "requests": {"cpu": "50m", "memory": "128Mi", DISK: "0"},
            "limits": {"memory": "2Gi", DISK: SPACE},  # a pod may use the sum, which holds the shared folder too
        },
        "securityContext": {**CONFINED, "readOnlyRootFilesystem": True, "runAsUser": user or USER, "runAsGroup": USER},
        "terminationMessagePolicy": "FallbackToLogsOnError",
        "volumeMounts": [{"name": SHARED_VOLUME, "mountPath": SHARED}, {"name": "tmp", "mountPath": "/tmp"}, CA_MOUNT],  # noqa: S108
    }


def _trial(job: Job, site: Site, settings: JobSettings, limits: Limits) -> dict[str, Any]:
    trial, place = job.study.trial, PurePosixPath(SHARED)
    values = dict(variables(place, job.seed))
    container: dict[str, Any] = {"name": TRIAL, "imagePullPolicy": "IfNotPresent"}
    if isinstance(trial, CommandTrial):
        command = user_command(job, trial, place, data_place(job.study.data))
        values = {**command.environment, **values}
        container |= {"image": trial.image or site.image, "command": [escaped(part) for part in command.arguments]}
        if trial.image is not None:
            del container["imagePullPolicy"]  # Kubernetes' own: what is called latest is pulled anew
        if trial.directory is not None:
            container["workingDir"] = trial.directory
    else:
        values["OMP_NUM_THREADS"] = str(trial.threads)
        container |= {"image": site.image, "command": ["python", *WORKER, str(place / REQUEST)]}
    if settings.pod.spec.securityContext.runAsUser is None:
        # the user is ours and unknown to the image, so it has no home and no name there, for which libraries ask
        for name, value in (("HOME", f"{SHARED}/home"), ("USER", "trial"), ("LOGNAME", "trial")):
            values.setdefault(name, value)
    return container | {
        "env": [
            *_variables(values),
            *({"name": name, "valueFrom": secret_of(source)} for name, source in settings.secrets.items()),
        ],
        "resources": _resources(settings, limits),
        "securityContext": CONFINED,
        "volumeMounts": [
            {"name": SHARED_VOLUME, "mountPath": SHARED},
            {"name": "memory", "mountPath": "/dev/shm"},  # noqa: S108 - libraries share arrays there; 64 MiB without
            *(
                {"name": f"volume-{i}", "mountPath": volume.path, "readOnly": volume.read_only}
                for i, volume in enumerate(settings.volumes)
            ),
        ],
    }


def _resources(settings: JobSettings, limits: Limits) -> dict[str, Any]:
    """A core and the disk may be shared, memory and GPUs may not."""
    most = {"memory": str(limits.memory or MEMORY)}
    if settings.gpus:
        most[settings.gpu_resource] = str(settings.gpus)
    cores = settings.cpu if settings.cpu is not None else 1.0
    requests = {"cpu": f"{math.ceil(cores * 1000)}m", DISK: str(settings.disk or 0), **most}
    return {"requests": requests, "limits": {DISK: _space(settings), **most}}


def _space(settings: JobSettings) -> str:
    return SPACE if settings.disk is None else str(settings.disk)


def _volumes(settings: JobSettings) -> list[dict[str, Any]]:
    return [
        {"name": f"volume-{i}", "persistentVolumeClaim": {"claimName": volume.claim, "readOnly": volume.read_only}}
        if volume.claim is not None
        else {"name": f"volume-{i}", "configMap": {"name": volume.config_map}}
        for i, volume in enumerate(settings.volumes)
    ]


def _variables(values: Mapping[str, str]) -> list[dict[str, Any]]:
    return [{"name": name, "value": escaped(value)} for name, value in values.items()]


def data_place(data: Data | None) -> str | None:
    """Where ``load`` puts the data: an object of a bucket becomes a file of the shared folder."""
    if data is None or sklearn_name(data) is not None:
        return data.source if data is not None else None
    return f"{SHARED}/data{suffix(data.source)}"


def _to_save(job: Job, site: Site) -> list[str]:
    place = {"study": site.address, "trial": job.trial, "attempt": str(job.attempt), "box": site.box}
    return [part for name, value in place.items() for part in (f"--{name}", value)]


def _to_load(job: Job, site: Site) -> dict[str, Any]:
    """What ``load`` is told: texts by file name, the data to fetch, and whose model or checkpoint; Linux takes no variable of 128 KiB."""
    trial, data = job.study.trial, job.study.data
    if isinstance(trial, CommandTrial):
        texts = {PARAMS: json.dumps(job.configuration)}
        texts |= {f"{FILES}/{name}": text for name, text in trial.files.items()}
    else:
        moved = None if data is None else data.model_copy(update={"source": data_place(data)})
        study = job.study.model_copy(update={"data": moved})
        request = {"study": study.model_dump(mode="json"), "configuration": job.configuration, "seed": job.seed}
        texts = {REQUEST: json.dumps(request)}
    return {
        "study": site.address,
        "texts": texts,
        "data": None if data is None else data.model_dump(mode="json"),
        "model": {"trial": job.trial, "attempt": job.attempt} if job.scores else None,
        "resumes": job.resumes and {"trial": job.resumes.trial, "attempt": job.resumes.attempt},
    }
