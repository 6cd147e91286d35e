"""``python -m tunewright.steps NAME --argument value …``: what containers run.

Outputs are written into ``--outputs``, named after the output, and where ``--output NAME PATH`` says so. Exit codes: 0 also when the
trial failed, 2 bad input, 75 worth a retry, 143 terminated.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from ..errors import EXIT_BUG, TunewrightError, code_once_let_in
from ..store import layout
from ..termination import Terminated, leave, raise_on_signals
from .definition import COMMANDS, Step

DEFAULT_OUTPUTS = "/tmp/outputs"  # noqa: S108 - containers mount an emptyDir there


def text_of(value: Any) -> str:
    """An output as the text that pipelines carry: booleans and lists as JSON."""
    return value if isinstance(value, str) else json.dumps(value)


def write_outputs(paths: Mapping[str, Path], values: Mapping[str, Any]) -> None:
    """Write each output to its path, a file replaced whole; a mapping from file name to bytes becomes a folder."""
    for name, path in paths.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(values[name], Mapping):
            _write_folder(path, values[name])
            continue
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        temporary.write_text(text_of(values[name]))
        temporary.replace(path)


def _write_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def command(step: Step) -> click.Command:
    """The command line of a step, from its definition."""
    small = [output.name for output in step.outputs if not output.artifact]

    def call(outputs: Path, output: tuple[tuple[str, Path], ...], **arguments: Any) -> None:
        given = {name: value for name, value in arguments.items() if value is not None}
        if "session" in given:  # as a trigger names it, in every step
            given["session"] = layout.session_id(given["session"])
        values = step.run(**given)
        write_outputs({name: outputs / name for name in values} | dict(output), values)
        click.echo(json.dumps({"step": step.name, **{name: values[name] for name in small}}))

    parameters: list[click.Parameter] = [
        click.Option(
            [i.flag, i.variable],
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
    parameters.append(
        click.Option(
            ["--output"],
            type=(click.Choice([output.name for output in step.outputs]), click.Path(path_type=Path)),
            multiple=True,
            metavar="NAME PATH",
            help="Write this output to PATH instead, its folder made if need be; may be given again for another one.",
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
        commands={step.name: command(step) for step in COMMANDS},
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
        return error.exit_code if arguments[:1] == ["open"] else code_once_let_in(error)
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
    leave(run(sys.argv[1:]))
