"""``python -m tunewright.steps NAME --argument value …``: what containers run.

Outputs are written as small files into ``--outputs``, named after the output. Exit codes: 0 also when the trial failed, 2 bad input,
75 worth a retry, 143 terminated.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

import click

from ..errors import EXIT_BUG, TunewrightError
from ..termination import Terminated, raise_on_signals
from .definition import STEPS, Step

DEFAULT_OUTPUTS = "/tmp/outputs"  # noqa: S108 - containers mount an emptyDir there


def text_of(value: Any) -> str:
    """An output as the text that pipelines carry: booleans and lists as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def write_outputs(directory: Path, values: dict[str, Any]) -> None:
    """One file for each output, replaced whole."""
    directory.mkdir(parents=True, exist_ok=True)
    for name, value in values.items():
        temporary = directory / f".{name}.{os.getpid()}"
        temporary.write_text(text_of(value))
        temporary.replace(directory / name)


def command(step: Step) -> click.Command:
    """The command line of a step, from its definition."""

    def call(outputs: Path, **arguments: Any) -> None:
        values = step.run(**{name: value for name, value in arguments.items() if value is not None})
        write_outputs(outputs, values)
        click.echo(json.dumps({"step": step.name, **values}))

    parameters: list[click.Parameter] = [
        click.Option(
            [i.flag, i.name.replace("-", "_")],
            required=not i.optional,
            callback=_integer if i.type == "integer" else None,
            help=i.description,
        )
        for i in step.inputs
    ]
    parameters.append(
        click.Option(
            ["--outputs"],
            type=click.Path(path_type=Path),
            default=DEFAULT_OUTPUTS,
            show_default=True,
            help="Directory for the outputs.",
        )
    )
    return click.Command(
        step.name,
        callback=call,
        params=parameters,
        short_help=step.summary,
        help=f"{step.description}\n\nRun again: {step.again}",
    )


def _integer(_context: click.Context, parameter: click.Parameter, value: str | None) -> int | None:
    """An integer; nothing for an empty text, which is how a pipeline passes a parameter that has no value."""
    if value in (None, "") and not parameter.required:
        return None
    try:
        return int(str(value))
    except ValueError:
        raise click.BadParameter(f"must be a whole number, got {value!r}") from None


def group() -> click.Group:
    """All steps as one command line."""
    return click.Group(
        "steps",
        help="The steps of the loop, as containers run them.",
        commands={step.name: command(step) for step in STEPS},
    )


def run(arguments: list[str]) -> int:
    """Run a step; returns the exit code."""
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    raise_on_signals()
    try:
        group().main(args=arguments, prog_name="python -m tunewright.steps", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except TunewrightError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201 - what a pod's log shows
        return error.exit_code
    except Terminated as end:
        print("terminated", file=sys.stderr)  # noqa: T201
        return end.exit_code
    except (KeyboardInterrupt, click.Abort):
        return 130
    except Exception:
        logging.exception("this is a defect of tunewright; please report it with the lines above")
        return EXIT_BUG
    return 0


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
