"""What every task of a pipeline needs of Kubernetes: the store's address and keys, a user, retries, a queue, a GPU."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, replace
from typing import Any, Final

from kfp import kubernetes
from tunewright.errors import InputError
from tunewright.steps.definition import HANDLES_JOBS, Step
from tunewright.study import Study
from tunewright.training.job_manifest import CA_CONFIG_MAP, CA_FOLDER
from tunewright.training.job_site import POD_VARIABLE, QUEUE_VARIABLE

from ..submission import SCORING, at_least_scoring, quantity, refuse_for_jobs, scoring_memory

STORE: Final = "tunewright-store"  #: name of the Secret and of the ConfigMap, both made by the installation
KEYS: Final = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
TOKEN: Final = "AWS_SESSION_TOKEN"  # noqa: S105 - its name
ADDRESS: Final = ("TUNEWRIGHT_S3_ENDPOINT", "TUNEWRIGHT_S3_REGION", "AWS_CA_BUNDLE")
AGENT_MEMORY: Final = "3Gi"  #: that a step of the agent may use
QUEUE: Final = "kueue.x-k8s.io/queue-name"
PAUSE: Final = "60s"  #: before every retry; growing ones have no cap here
FOR_EVER: Final = "31536000s"
"""Until when a task is tried again, counted from the start of its first pod: the server ends even a healthy pod then (Argo's maxDuration)."""
TAKEN: Final = {
    "cpu": re.compile(r"\d*\.?\d+m?"),
    "memory": re.compile(r"\d+(?:[EPTGMK]i?)?"),
}  #: quantities that the SDK takes


@dataclass(frozen=True, kw_only=True)
class Pods:
    """What differs from cluster to cluster; compiled into the pipeline."""

    queue: str = ""
    """Kueue's LocalQueue in which trials wait. Empty: none."""
    jobs: bool = False
    """Trials run as Jobs, which wait themselves: the pods that wait for them do not."""
    trial_cpu: str | None = None
    """CPU that a pod that trains requests. None: 1, and 100m where it waits for a Job that trains."""
    trial_memory: str | None = None
    """Memory that a pod that trains or scores requests and may use. None: 2Gi, and 512Mi where it waits for the Job of a command."""
    scoring_memory: str | None = None
    """Memory that a pod may use that scores models and holds the agent. None: 1Gi more than one that trains, at least 3Gi."""
    accelerator: str = ""
    """Resource that a trial is given, e.g. nvidia.com/gpu. Empty: none."""
    accelerators: int = 1
    """How many of it."""
    retries: int = 8
    """Other pods for a task that failed, each a minute after the last: long enough for a dead trainer's lease to run out. Kubeflow Pipelines
    cannot choose by exit code, so that bad input is tried again as well."""

    def __post_init__(self) -> None:
        if self.jobs and self.accelerator:  # it would be held by the pod that waits
            raise InputError(
                f"trials that run as Jobs say themselves what they need, got {self.accelerators} {self.accelerator} for the pods that wait "
                f"for them; write 'job: {{gpus: {self.accelerators}}}' below trial"
            )

    def of(self, study: Study) -> Pods:
        """The same for the trials of a study. Raises InputError for what would be given to the pods that wait instead."""
        if study.as_jobs:
            refuse_for_jobs(
                study,
                cpu=self.trial_cpu,
                memory=self.trial_memory,
                gpus=self.accelerators if self.accelerator else None,
            )
        retries = max(self.retries, study.trial.limits.attempts + 3)
        waits = study.as_jobs and study.trial.kind == "command"  # a built-in model is scored in the pod of the step
        memory = self.trial_memory or ("512Mi" if waits else None)
        scoring = self.scoring_memory or scoring_memory(study, self.trial_memory)
        return replace(self, jobs=study.as_jobs, retries=retries, trial_memory=memory, scoring_memory=scoring)

    def settle(self, task: Any, step: Step) -> Any:
        """Give a task of ``step`` all of this; returns the task."""
        task.set_caching_options(False)  # what a step does depends on the store, which the cache does not know
        task.set_retry(self.retries, backoff_duration=PAUSE, backoff_factor=1, backoff_max_duration=FOR_EVER)
        kubernetes.use_secret_as_env(task, STORE, {name: name for name in KEYS})
        kubernetes.use_secret_as_env(task, STORE, {TOKEN: TOKEN}, optional=True)
        kubernetes.use_config_map_as_env(task, STORE, {name: name for name in ADDRESS}, optional=True)
        kubernetes.use_config_map_as_volume(task, CA_CONFIG_MAP, CA_FOLDER, optional=True)
        # the image's user, or the one that the cluster assigns
        kubernetes.set_security_context(task, run_as_non_root=True)
        if step.name in HANDLES_JOBS:  # it finds itself by its name, and its Jobs go with the run
            kubernetes.use_field_path_as_env(task, POD_VARIABLE, "metadata.name")
            if self.queue:
                task.set_env_variable(QUEUE_VARIABLE, self.queue)
        self._resources(task, step)
        return task

    def _resources(self, task: Any, step: Step) -> None:
        """As on Argo: what a trial is given it requests; the agent's steps are small, and may grow."""
        has_trial = step.name in ("train", "evaluate", "search")
        memory = self.trial_memory or "2Gi"
        if not TAKEN["memory"].fullmatch(memory):
            memory = str(math.ceil(quantity("trial-memory", memory)))
        cpu = self.trial_cpu or ("100m" if self.jobs else "1") if has_trial else "100m"
        task.set_cpu_request(cpu if TAKEN["cpu"].fullmatch(cpu) else f"{math.ceil(quantity('trial-cpu', cpu) * 1000)}m")
        task.set_memory_request(memory if has_trial else "768Mi")
        task.set_memory_limit(memory if has_trial else self._most(step))
        if step.name in ("train", "search"):
            self._train(task)

    def _most(self, step: Step) -> str:
        """Memory that a step without a trial of its own may use."""
        if step.name not in ("advance", "report"):
            return AGENT_MEMORY
        return self.scoring_memory or (at_least_scoring(self.trial_memory) if self.trial_memory else SCORING)

    def _train(self, task: Any) -> None:
        if self.queue and not self.jobs:
            kubernetes.add_pod_label(task, QUEUE, self.queue)
        if self.accelerator:
            task.set_accelerator_type(self.accelerator).set_accelerator_limit(self.accelerators)
