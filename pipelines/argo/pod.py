"""The pods of the loop: one template for each step, from its definition."""

from __future__ import annotations

import json
from typing import Any, Final

from tunewright.errors import EXIT_TERMINATED, EXIT_TRANSIENT
from tunewright.steps.definition import HANDLES_JOBS, Output, Step
from tunewright.study import MAX_ATTEMPTS
from tunewright.training.job_manifest import CA_MOUNT, CA_VOLUME
from tunewright.training.job_site import POD_VARIABLE, QUEUE_VARIABLE

from ..images import images

LABELS: Final = {"app.kubernetes.io/name": "tunewright", "app.kubernetes.io/part-of": "tunewright"}
STORE: Final = "tunewright-store"
"""The ConfigMap that says where the store is, and the Secret with the keys to it; the installation makes both."""

CA: Final = "AWS_CA_BUNDLE"
"""Key of the ConfigMap that an S3 with a certificate of a private authority needs: a file in the folder of `CA_MOUNT`."""

TOKEN: Final = "AWS_SESSION_TOKEN"  # noqa: S105 - its name
"""Key of the Secret that passing keys need beside them."""

SAME_IN_EVERY_POD: Final = {
    "store": "{{workflow.parameters.store}}",
    "study": "{{workflow.parameters.store}}/{{workflow.parameters.study}}",
    "study-text": "{{workflow.parameters.study-text}}",
    "session": "{{workflow.parameters.session}}",
}
CARRIED: Final = ("round", "slots", "done")
"""The outputs that the graph reads; a node's status would repeat the others for nothing."""

QUEUED: Final = {"{{workflow.parameters.queue-label}}": "{{workflow.parameters.queue}}"}
NO_QUEUE: Final = "tunewright/queue"
"""The label of a pod that waits in no queue: Kueue refuses its own without a value, so that it is the label which changes."""

LOST: Final = (-1, 0, 64, EXIT_TRANSIENT, 137, EXIT_TERMINATED, 255)
"""Exit codes of failed nodes that are worth another pod: none (the pod was lost), 0 (it was lost after its step had ended well), Argo's executor
failed, transient, killed, terminated, unknown (its node has started again)."""

FINAL: Final = (
    "violates PodSecurity|ValidatingAdmissionPolicy .* denied|unable to validate against any security context constraint"
    "|failed quota: .*must specify|usage per|is invalid: "
)
"""What the cluster says of a pod that it will not have, however often it is asked; the exit code of such a node is that of a lost one."""

DENIED: Final = "admission webhook .* denied"  #: final too, unless the webhook could not ask somebody else for a moment
PATIENCE: Final = 3  #: times that a webhook is asked again
REFUSED: Final = f"{FINAL}|{DENIED}"

TMP: Final = "/tmp"  # noqa: S108 - an emptyDir of the pod

# What Pod Security "restricted" asks for, of Argo's own containers too.
CONFINED: Final = {
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "readOnlyRootFilesystem": True,
}
_EXECUTOR: Final = {
    "securityContext": CONFINED,
    "resources": {"requests": {"cpu": "10m", "memory": "32Mi"}, "limits": {"memory": "512Mi"}},
}


def every_pod() -> dict[str, Any]:
    """What the Workflow says once for all of its pods."""
    executors = {"initContainers": [{"name": "init", **_EXECUTOR}], "containers": [{"name": "wait", **_EXECUTOR}]}
    return {
        "podMetadata": {"labels": LABELS},
        # The steps talk to the store and not to Kubernetes: only those that handle Jobs, and Argo's wait container, are given a token.
        "serviceAccountName": "tunewright-step",
        "automountServiceAccountToken": False,
        "executor": {"serviceAccountName": "tunewright-executor"},
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "podSpecPatch": json.dumps(executors),
        "volumes": [{"name": "tmp", "emptyDir": {"sizeLimit": "16Gi"}}, CA_VOLUME],
    }


def template(step: Step) -> dict[str, Any]:
    """The template of a step: a container whose arguments are its inputs and whose small files are its outputs."""
    made: dict[str, Any] = {
        "name": step.name,
        "metadata": {
            "labels": {"app.kubernetes.io/component": step.name, **(QUEUED if step.name == "train" else {})},
            "annotations": {"tunewright/summary": step.summary},
        },
    }
    own = [input_ for input_ in step.inputs if input_.name not in SAME_IN_EVERY_POD]
    if own:
        made["inputs"] = {"parameters": [{"name": i.name, **({"value": ""} if i.optional else {})} for i in own]}
    carried = [output for output in step.outputs if output.name in CARRIED and step.name != "open"]
    if carried:
        made["outputs"] = {"parameters": [_output(output) for output in carried]}
    made["retryStrategy"] = _retry()
    made["container"] = _container(step)
    if step.name in HANDLES_JOBS:
        made |= {"serviceAccountName": "tunewright-jobs", "automountServiceAccountToken": True}
    if step.name in _PATCHED:
        patch = json.dumps({"containers": [{"name": "main", "resources": _PATCHED[step.name]}]})
        made["podSpecPatch"] = patch.replace(json.dumps(_GPUS), _GPUS)
    return made


def _output(output: Output) -> dict[str, Any]:
    return {"name": output.name, "valueFrom": {"path": f"{TMP}/outputs/{output.name}", "default": output.default}}


def _container(step: Step) -> dict[str, Any]:
    values = {i.name: SAME_IN_EVERY_POD.get(i.name, f"{{{{inputs.parameters.{i.name}}}}}") for i in step.inputs}
    return {
        "image": images()[step.image],
        "imagePullPolicy": "IfNotPresent",
        "command": ["python", "-m", "tunewright.steps", step.name],
        "args": [*(f"{i.flag}={values[i.name]}" for i in step.inputs), f"--outputs={TMP}/outputs"],
        "env": _environment(step),
        "resources": {"requests": {"cpu": "100m", "memory": "768Mi"}, "limits": {"memory": "2Gi"}},
        "securityContext": CONFINED,
        "volumeMounts": [{"name": "tmp", "mountPath": TMP}, CA_MOUNT],
    }


def _environment(step: Step) -> list[dict[str, Any]]:
    settings = [("configMapKeyRef", name, True) for name in ("TUNEWRIGHT_S3_ENDPOINT", "TUNEWRIGHT_S3_REGION", CA)]
    keys = [("secretKeyRef", name, False) for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")]
    stored = [
        {"name": name, "valueFrom": {kind: {"name": STORE, "key": name, **({"optional": True} if optional else {})}}}
        for kind, name, optional in [*settings, *keys, ("secretKeyRef", TOKEN, True)]
    ]
    if step.name in HANDLES_JOBS:
        stored.append({"name": POD_VARIABLE, "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}})
        stored.append({"name": QUEUE_VARIABLE, "value": "{{workflow.parameters.queue}}"})
    if step.name in ("train", "evaluate", "report"):
        return stored
    # the agent's matrices are small: more threads only wait for each other
    return [*stored, {"name": "OMP_NUM_THREADS", "value": "1"}]


def _trial_resources(**more: str) -> dict[str, Any]:
    limits = {"memory": "{{workflow.parameters.trial-memory}}", **more}
    return {"requests": {"cpu": "{{workflow.parameters.trial-cpu}}", **limits}, "limits": limits}


_GPUS: Final = '{{=workflow.parameters["trial-gpus"] == "0" ? "null" : workflow.parameters["trial-gpus"]}}'
"""Of none the pod does not speak: who names a resource, were it 0 of it, is let onto the nodes that are kept for it (ExtendedResourceToleration)."""
_SCORES: Final = {"limits": {"memory": "{{workflow.parameters.advance-memory}}"}}
_PATCHED: Final = {
    "train": _trial_resources(**{"nvidia.com/gpu": _GPUS}),
    "evaluate": _trial_resources(),
    "advance": _SCORES,
    "report": _SCORES,
}
"""Resources that are parameters: a quantity in the template itself cannot be one, but in a patch it can."""


def _retry() -> dict[str, Any]:
    """Another pod when the platform failed, for every attempt that a trial may lose and some for the step's own pods; never for bad input."""
    codes = ", ".join(str(code) for code in LOST)
    return {
        "limit": MAX_ATTEMPTS + 10,
        "retryPolicy": "Always",
        "expression": f'asInt(lastRetry.exitCode) in [{codes}] and not (lastRetry.message matches "{FINAL}") '
        f'and not (asInt(retries) >= {PATIENCE} and lastRetry.message matches "{DENIED}")',
        "backoff": {"duration": "2s", "factor": 2, "cap": "60s"},
    }
