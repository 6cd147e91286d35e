"""The WorkflowTemplate: the graph of the loop. What runs in its pods is in `pod`.

::

    study ── open ─▶ propose or advance ─▶ rounds     rounds calls itself once a round, while there is more to do
    rounds ─ trial × slots ─▶ update-surrogate ─▶ update-policy ─▶ propose ─▶ rounds    shape: separate
    rounds ─ train × slots ─▶ advance ─▶ rounds                                         shape: fused
    trial ── train ─▶ evaluate

Values that are the same in every pod are workflow parameters, not inputs: a node of the Workflow's status repeats its
inputs, and a session has thousands of nodes. Argo ends a template that calls itself about 99 deep, which is why a
session has at most 80 rounds.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from tunewright.steps.definition import BY_NAME

from ..submission import SCORING
from . import pod

NAME: Final = "tunewright"
Shape = Literal["fused", "separate"]
TRIAL: Final[dict[Shape, str]] = {"fused": "train", "separate": "trial"}
"""What is run for every slot of a round."""
AGENT: Final[dict[Shape, tuple[str, ...]]] = {
    "fused": ("advance",),
    "separate": ("update-surrogate", "update-policy", "propose"),
}
"""What is run between two rounds of trials. The last of them proposes, and is also what opens the first round."""
STEPS: Final = ("open", "propose", "train", "evaluate", "update-surrogate", "update-policy", "advance", "report")

DAY: Final = 86400


def workflow_template() -> dict[str, Any]:
    """The WorkflowTemplate as plain data."""
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "WorkflowTemplate",
        "metadata": {
            "name": NAME,
            "labels": pod.LABELS,
            "annotations": {
                "workflows.argoproj.io/title": "Tune hyperparameters",
                "workflows.argoproj.io/description": "One session of a study.",
            },
        },
        "spec": {
            "entrypoint": "study",
            "onExit": "report",
            "arguments": {"parameters": _parameters()},
            # One session of a study at a time; one that runs elsewhere is fenced by the store.
            "synchronization": {"mutexes": [{"name": f"{NAME}-{{{{workflow.parameters.study}}}}"}]},
            "activeDeadlineSeconds": DAY,
            # Pods of finished steps go at once; those that failed stay to be looked at, until the Workflow goes.
            "podGC": {"strategy": "OnPodSuccess", "deleteDelayDuration": "30s"},
            "ttlStrategy": {"secondsAfterSuccess": 7 * DAY, "secondsAfterFailure": 14 * DAY},
            "workflowMetadata": {"labelsFrom": {f"{NAME}/study": {"expression": "workflow.parameters.study"}}},
            **pod.every_pod(),
            "templates": [_study(), *map(_rounds, AGENT), _trial(), *(pod.template(BY_NAME[name]) for name in STEPS)],
        },
    }


def _parameters() -> list[dict[str, Any]]:
    shapes = list(AGENT)
    return [
        {"name": "study", "description": "Name of the study, as study-text has it."},
        {"name": "study-text", "description": "The study file (YAML)."},
        {
            "name": "session",
            "value": "{{workflow.name}}",
            "description": "Id of the session. The same id again does nothing that was done.",
        },
        {"name": "store", "value": "s3://tunewright/studies", "description": "Address of the store."},
        {
            "name": "shape",
            "value": shapes[0],
            "enum": shapes,
            "description": "All that follows training as one pod a round (fused), or a pod for every model that is scored and three for the "
            "agent's steps (separate).",
        },
        {"name": "trial-cpu", "value": "1", "description": "CPU that one trial requests."},
        {"name": "trial-memory", "value": "2Gi", "description": "Memory that one trial requests and may use."},
        {"name": "trial-gpus", "value": "0", "description": "GPUs of one trial while it trains."},
        {
            "name": "advance-memory",
            "value": SCORING,
            "description": "Memory that advance and report may use: they score models.",
        },
        {"name": "queue", "value": "", "description": "Kueue's LocalQueue in which trials wait."},
        {
            "name": "queue-label",
            "value": pod.NO_QUEUE,
            "description": f"Label by which pods that train wait in it; {pod.NO_QUEUE} where trials run as Jobs, which wait themselves.",
        },
    ]


def _study() -> dict[str, Any]:
    tasks: list[dict[str, Any]] = [{"name": "open", "template": "open"}]
    for shape, steps in AGENT.items():
        # a fused step without a round only proposes
        first = steps[-1]
        chosen = f"{{{{workflow.parameters.shape}}}} == {shape}"
        tasks += [
            {"name": first, "template": first, "depends": "open", "when": chosen},
            _next(f"rounds-{shape}", shape, after=first),
        ]
    return {"name": "study", "dag": {"tasks": tasks}}


def _rounds(shape: Shape) -> dict[str, Any]:
    """One round, and the next one. A trial whose pods are lost for good ends nothing: it is sealed as LOST."""
    round_ = {"round": "{{inputs.parameters.round}}"}
    trial = TRIAL[shape]
    tasks: list[dict[str, Any]] = [
        {
            "name": trial,
            "template": trial,
            "withParam": "{{inputs.parameters.slots}}",
            "arguments": _arguments(**round_, slot="{{item}}"),
        }
    ]
    depends = " || ".join(f"{trial}.{phase}" for phase in ("Succeeded", "Failed", "Errored", "Skipped"))
    for name in AGENT[shape]:
        takes = any(input_.name == "round" for input_ in BY_NAME[name].inputs)
        arguments = {"arguments": _arguments(**round_)} if takes else {}
        tasks.append({"name": name, "template": name, "depends": depends, **arguments})
        depends = f"{name}.Succeeded"
    tasks.append(_next("next", shape, after=name))
    return {"name": f"rounds-{shape}", "inputs": _inputs("round", "slots"), "dag": {"tasks": tasks}}


def _next(name: str, shape: Shape, *, after: str) -> dict[str, Any]:
    outputs = f"tasks.{after}.outputs.parameters"
    return {
        "name": name,
        "template": f"rounds-{shape}",
        "depends": f"{after}.Succeeded",
        "when": f"{{{{{outputs}.done}}}} != true",
        "arguments": _arguments(round=f"{{{{{outputs}.round}}}}", slots=f"{{{{{outputs}.slots}}}}"),
    }


def _trial() -> dict[str, Any]:
    arguments = _arguments(round="{{inputs.parameters.round}}", slot="{{inputs.parameters.slot}}")
    train = {"name": "train", "template": "train", "arguments": arguments}
    evaluate = {"name": "evaluate", "template": "evaluate", "arguments": arguments, "depends": "train"}
    return {"name": "trial", "inputs": _inputs("round", "slot"), "dag": {"tasks": [train, evaluate]}}


def _inputs(*names: str) -> dict[str, Any]:
    return {"parameters": [{"name": name} for name in names]}


def _arguments(**values: str) -> dict[str, Any]:
    return {"parameters": [{"name": name, "value": value} for name, value in values.items()]}
