"""A Kubeflow component from the definition of a step."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace
from typing import Any, Final

from kfp import components
from tunewright.steps.definition import Input, Step

from ..images import images

TYPES: Final = {
    "text": "String",
    "integer": "Integer",
    "number": "Float",
    "json": "List",
    "dataset": "Dataset",
    "model": "Model",
}


def component(step: Step, given: Collection[str] | None = None) -> Any:
    """The container component of a step: called within a pipeline with the step's inputs, it makes a task.

    Args:
        given: the variables that it is called with. Its optional inputs are then plain ones or none: servers up to 2.15 hand what stands for an
            optional one (IfPresent) to the program as it is.
    """
    if given is not None:
        known = [replace(i, optional=False) if _if_present(i) else i for i in step.inputs]
        step = replace(step, inputs=tuple(i for i in known if i.optional or i.variable in given))
    return components.load_component_from_text(json.dumps(specification(step)))


def _if_present(input_: Input) -> bool:
    """Whether an input is left out of the command where it is not given; a text is empty there."""
    return input_.optional and input_.type != "text"


def specification(step: Step) -> dict[str, Any]:
    """The component as the plain data that the SDK reads. Inputs and outputs may share a name here, as `advance` needs."""
    return {
        "name": step.name,
        "description": f"{step.summary}.",
        "inputs": [_input(i) for i in step.inputs],
        "outputs": [{"name": o.name, "type": TYPES[o.type], "description": o.description} for o in step.outputs],
        "implementation": {
            "container": {
                "image": images()[step.image],
                "command": ["python", "-m", "tunewright.steps", step.name],
                "args": [
                    *(part for i in step.inputs for part in _argument(i)),
                    *(part for o in step.outputs for part in ("--output", o.name, {"outputPath": o.name})),
                ],
            }
        },
    }


def _input(input_: Input) -> dict[str, Any]:
    plain = {"name": input_.variable, "type": TYPES[input_.type], "description": input_.description}
    if not input_.optional:
        return plain
    return {**plain, "optional": True} if _if_present(input_) else {**plain, "default": ""}


def _argument(input_: Input) -> list[Any]:
    argument = [input_.flag, {"inputValue": input_.variable}]
    if _if_present(input_):
        return [{"if": {"cond": {"isPresent": input_.variable}, "then": argument}}]
    return argument
