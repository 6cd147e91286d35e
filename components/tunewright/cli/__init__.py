"""The command line. Every verb is a file; nothing heavy is imported before a verb needs it."""

from __future__ import annotations

import errno
import os
import sys
from contextlib import suppress
from importlib import import_module
from itertools import pairwise
from typing import Any

import click

from ..errors import EXIT_BUG, EXIT_INPUT, EXIT_TRANSIENT, InputError, TunewrightError
from ..parts import part_of
from ..termination import Terminated, leave, raise_on_signals

#: verb: one line of help, so that --help imports no verb
VERBS = {
    "init": "Write a commented study file for a table.",
    "validate": "Check a study file and say what it would do.",
    "run": "Run a study to its end on this machine, or go on with it.",
    "status": "Show where a study stands.",
    "best": "Print the best configuration as JSON, YAML or flags.",
    "list": "List the studies of a store.",
    "report": "Write the report page of a study to a file.",
    "doctor": "Check this machine and the store.",
    "gc": "Remove what no study needs any more; says first what.",
    "schema": "Print the JSON Schema of study files.",
    "step": "Run one step of the loop, as containers do.",
}
#: the same for what needs a cluster; verb: place of the command, one line of help
CLUSTER_VERBS = {
    "compile": ("compile_", "Print what submit or schedule would create."),
    "submit": ("submit", "Run one session of a study on Argo Workflows."),
    "schedule": ("schedule", "Run a session of a study every night."),
    "sessions": ("sessions", "Show the sessions on the cluster."),
    "logs": ("logs", "Print what the pods of a session say."),
    "cancel": ("cancel", "End a session on the cluster."),
}
CLUSTER_COMMANDS = "pipelines.commands"
EXIT_UNREAD = 141  #: as a program that SIGPIPE ends, by which shells tell it
NOT_WRITTEN = (errno.ENOSPC, errno.EDQUOT)  #: what writing to a full disk fails with


def cluster_commands() -> Any:
    """The module of the verbs that need a cluster. Raises InputError where another module has its name."""
    try:
        return import_module(CLUSTER_COMMANDS)
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("pipelines"):
            raise
        raise InputError(
            "the module pipelines must be tunewright's, but another one hides it where you are, or it is not installed; "
            "change the folder, or what PYTHONPATH names"
        ) from None


class _Lazy(click.Group):
    """A group whose commands are imported when they are called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*VERBS, *CLUSTER_VERBS]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        command: click.Command | None = None
        if cmd_name in VERBS:
            command = import_module(f".{cmd_name}", __name__).command
        elif cmd_name in CLUSTER_VERBS:
            command = getattr(cluster_commands(), CLUSTER_VERBS[cmd_name][0])
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([*VERBS.items()])
        with formatter.section("Commands for a cluster"):
            formatter.write_dl([(verb, help_) for verb, (_, help_) in CLUSTER_VERBS.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        if args and args[0] not in known and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], known, n=1)
            hint = f"; did you mean {near[0]!r}?" if near else f"; known are {', '.join(known)}"
            raise click.UsageError(f"no command {args[0]!r}{hint}", ctx)
        return super().resolve_command(ctx, args)


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="tunewright")
def command() -> None:
    """Tunewright: hyperparameter optimisation by model-based reinforcement learning.

    \b
    tunewright init table.csv > study.yaml     begin
    tunewright run study.yaml                  search; the same command goes on after a stop
    tunewright best study.yaml --format flags  use what was found

    State lies in a store: a directory (default ./tunewright-store) or s3://bucket/prefix, set by --store or TUNEWRIGHT_STORE.
    Exit codes: 0 ok, 1 the study failed, 2 bad input, 75 worth a retry, 130 interrupted, 141 nobody reads what it prints, 143 terminated.
    """


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the program; ends the process."""
    for name in ("stdout", "stderr"):  # None where the caller has closed it
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123 - as long as the process lives
    leave(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Run a command line; returns the exit code."""
    raise_on_signals()
    try:
        result: Any = command.main(args=arguments, prog_name="tunewright", standalone_mode=False)
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        return error.exit_code
    except TunewrightError as error:
        _complain(f"error: {error}")
        return error.exit_code
    except SystemExit as end:  # click's: shell completion, or 1 where nobody reads standard output any more
        return EXIT_UNREAD if end.code == 1 else int(end.code or 0)
    except (KeyboardInterrupt, click.Abort):
        _complain(f"interrupted; {_goes_on(arguments)}", colour=None)
        return 130
    except Terminated as end:
        _complain(f"terminated; {_goes_on(arguments)}", colour=None)
        return end.exit_code
    except Exception as error:
        if isinstance(error, OSError) and error.errno in NOT_WRITTEN:
            _complain(f"error: what is printed and written must find space, but: {error}; free some, then try again")
            return EXIT_TRANSIENT
        part = part_of(error.name) if isinstance(error, ModuleNotFoundError) else None
        if part is not None:
            needed = f"this needs tunewright[{part}], {error}; pip install 'tunewright[{part}]'"
            _complain(f"error: {needed}")
            return EXIT_INPUT
        import traceback

        _complain(f"{traceback.format_exc()}this is a defect of tunewright; please report it with the lines above")
        return EXIT_BUG
    return result if isinstance(result, int) else 0


def _complain(text: str, colour: str | None = "red") -> None:
    """Say on standard error; that it takes nothing any more changes no exit code."""
    with suppress(OSError):
        click.secho(text, fg=colour, err=True)


def _goes_on(arguments: list[str]) -> str:
    """What continues the work: `--session new` would begin another session, and so would `submit` without a name."""
    if arguments[:1] == ["submit"]:
        return "what was submitted runs on; `tunewright sessions` shows it"
    new = "--session=new" in arguments or ("--session", "new") in pairwise(arguments)
    return f"the same command {'without --session new ' if new else ''}goes on from here"
