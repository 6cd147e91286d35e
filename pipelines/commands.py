"""The verbs of the command line that need a cluster. Argo Workflows through kubectl; Kubeflow Pipelines through its own SDK."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from .argo import session as argo
from .argo.compile import dump
from .argo.namespace import Namespace
from .argo.workflow import Options, cron_workflow, stamp, workflow

_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_namespace = click.option(
    "--namespace", "-n", default="tunewright", show_default=True, help="Where Tunewright is installed."
)
_context = click.option("--context", help="Context of the kubeconfig; default is the current one.")
_session = click.option("--session", help="Id of the session; default is the time now. The same id again does nothing.")
_cron = click.option(
    "--cron", default="0 2 * * *", show_default=True, help="When a session begins: minute, hour, day, month, weekday."
)
_timezone = click.option("--timezone", default="UTC", show_default=True, help="Time zone of --cron.")


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--deadline", "deadline_seconds", type=click.IntRange(60), help="Seconds after which the session is ended."
        ),
        click.option("--trial-gpus", type=click.IntRange(0), help="GPUs of one trial while it trains."),
        click.option("--trial-memory", help="Memory that one trial requests and may use, e.g. 4Gi."),
        click.option("--trial-cpu", help="CPU that one trial requests, e.g. 500m."),
        click.option(
            "--shape",
            type=click.Choice(["fused", "separate"]),
            help="The agent's steps in one pod a round, or in one each.",
        ),
        click.option("--store", help="Address of the store; default is the installation's."),
    ):
        function = option(function)
    return function


@click.command("compile")
@_file
@_session
@click.option("--nightly", is_flag=True, help="A CronWorkflow instead of a Workflow.")
@_cron
@_timezone
@_options
def compile_(file: Path, session: str | None, nightly: bool, cron: str, timezone: str, **options: Any) -> None:
    """Print what `submit` or `schedule` would create for the study in FILE, as YAML for kubectl or a repository."""
    text = file.read_text()
    if nightly:
        document = cron_workflow(text, cron, timezone, Options(**options))
    else:
        document = workflow(text, session or stamp(datetime.now(UTC)), Options(**options))
    click.echo(dump(document), nl=False)


@click.command()
@_file
@_session
@_namespace
@_context
@_options
@click.option("--wait", is_flag=True, help="Stay until the session has ended; exit code 1 if it failed.")
def submit(file: Path, session: str | None, namespace: str, context: str | None, wait: bool, **options: Any) -> int:
    """Run one session of the study in FILE on Argo Workflows. A bad study is refused here, before any pod starts."""
    place = Namespace(name=namespace, context=context)
    done = argo.submit(
        file.read_text(), namespace=place, now=datetime.now(UTC), session=session, options=Options(**options)
    )
    click.echo(f"workflow {done.name} {'runs' if done.new else 'had been submitted before:'} session {done.session}")
    if not wait:
        click.echo(f"watch it with: tunewright sessions {done.name} -n {namespace}", err=True)
        return 0
    return _follow(done.name, place)


def _follow(name: str, place: Namespace) -> int:
    import time

    seen = ""
    while True:
        state = argo.status(name, namespace=place)
        line = f"{state.phase}: {state.rounds} rounds, {state.trials} trials{f', {chr(32).join(state.running)}' if state.running else ''}"
        if line != seen:
            click.echo(line)
            seen = line
        if state.over:
            return 0 if state.phase == "Succeeded" else 1
        time.sleep(2.0)


@click.command()
@_file
@_cron
@_timezone
@_namespace
@_context
@_options
@click.option("--remove", is_flag=True, help="End the schedule of the study in FILE instead.")
def schedule(
    file: Path, cron: str, timezone: str, namespace: str, context: str | None, remove: bool, **options: Any
) -> None:
    """Run a session of the study in FILE every night, each going on from all sessions before."""
    place = Namespace(name=namespace, context=context)
    text = file.read_text()
    if remove:
        from tunewright.study_file import parse_study

        name = parse_study(text, str(file)).name
        argo.unschedule(name, namespace=place)
        click.echo(f"study {name} is not scheduled any more")
        return
    name = argo.schedule(text, namespace=place, cron=cron, timezone=timezone, options=Options(**options))
    click.echo(f"study {name} is scheduled: {cron} ({timezone})")


@click.command()
@click.argument("name", required=False)
@_namespace
@_context
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def sessions(name: str | None, namespace: str, context: str | None, as_json: bool) -> None:
    """Show the sessions on the cluster: all, or the workflow NAME. `tunewright status` tells of the study itself."""
    place = Namespace(name=namespace, context=context)
    found = [argo.status(name, namespace=place)] if name else argo.sessions(namespace=place)
    rows = [{key: value for key, value in asdict(state).items() if key != "size"} for state in found]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        from tunewright.cli.table import table

        click.echo(table([{**row, "running": " ".join(row["running"])} for row in rows]))
    else:
        click.echo(f"no sessions in namespace {namespace}")


@click.command()
@click.argument("name")
@_namespace
@_context
@click.option("--step", help="Only of this step, e.g. train.")
@click.option("--follow", "-f", is_flag=True, help="Go on as long as pods run.")
def logs(name: str, namespace: str, context: str | None, step: str | None, follow: bool) -> int:
    """Print what the pods of the workflow NAME say. What a trial printed is in its result: `tunewright status`."""
    return subprocess.run(
        argo.logs_command(name, namespace=Namespace(name=namespace, context=context), step=step, follow=follow),
        check=False,
    ).returncode


@click.command()
@click.argument("name")
@_namespace
@_context
def cancel(name: str, namespace: str, context: str | None) -> None:
    """End the workflow NAME and wait until nothing of it runs. Finished trials are kept; the next session goes on."""
    state = argo.cancel(name, namespace=Namespace(name=namespace, context=context))
    click.echo(f"workflow {name} has ended: {state.phase}, {state.trials} trials are kept")
