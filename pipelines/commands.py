"""The verbs of the command line that need a cluster. Argo Workflows through kubectl; Kubeflow Pipelines through its own SDK."""

from __future__ import annotations

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from tunewright.cli.table import table
from tunewright.errors import InputError, TransientError
from tunewright.study_file import study_text

from .argo import session as argo
from .argo.compile import dump
from .argo.namespace import Namespace, no_kubectl
from .argo.workflow import Options, cron_workflow, stamp, workflow
from .submission import checked, quantity

_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
_session = click.option("--session", help="Id of the session; default is the time now. The same id again does nothing.")
_cron = click.option(
    "--cron", default="0 2 * * *", show_default=True, help="When a session begins: minute, hour, day, month, weekday."
)
_timezone = click.option(
    "--timezone", default="UTC", show_default=True, help="Time zone of --cron (Argo; Kubeflow Pipelines has UTC only)."
)


def _place(function: Callable[..., Any]) -> Callable[..., Any]:
    """Which cluster, and what runs there."""
    for option in (
        click.option(
            "--host",
            envvar="KFP_HOST",
            show_envvar=True,
            help="Address of Kubeflow Pipelines' API; default asks the kubeconfig.",
        ),
        click.option("--context", help="Context of the kubeconfig; default is the current one."),
        click.option(
            "--namespace",
            "-n",
            help="Where it runs; default is tunewright on Argo, the user's own on Kubeflow Pipelines.",
        ),
        click.option(
            "--backend",
            type=click.Choice(["argo", "kfp"]),
            default="argo",
            show_default=True,
            help="What runs the pipeline.",
        ),
    ):
        function = option(function)
    return function


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--deadline",
            "deadline_seconds",
            type=click.IntRange(60),
            help="Seconds after which the session is ended (Argo). Default: a day, or the study's wall_time and one trial if that is more.",
        ),
        click.option(
            "--trial-gpus",
            type=click.IntRange(0),
            help="GPUs of one trial while it trains. Of a Job the study says it: job.gpus.",
        ),
        click.option(
            "--trial-memory",
            help="Memory that one trial requests and may use, e.g. 4Gi; default 2Gi. Of a Job the study says it: limits.memory.",
        ),
        click.option(
            "--trial-cpu",
            help="CPU that one trial requests, e.g. 500m; default 1. Of a Job the study says it: job.cpu.",
        ),
        click.option(
            "--shape",
            type=click.Choice(["fused", "separate"]),
            help="All that follows training in one pod a round, or a pod each.",
        ),
        click.option("--store", help="Address of the store; default is the installation's."),
    ):
        function = option(function)
    return function


def _argo_only(**given: object) -> None:
    """Raises InputError for an option that Kubeflow Pipelines has no place for."""
    for name, value in given.items():
        if value is not None:
            raise InputError(
                f"--{name.removesuffix('_seconds').replace('_', '-')} is for --backend argo, got it with kfp; leave it out"
            )


def _told(*names: str) -> dict[str, object]:
    """Options that the user gave, because their defaults say nothing."""
    context = click.get_current_context()
    given = {name: context.get_parameter_source(name) is ParameterSource.COMMANDLINE for name in names}
    return {name: context.params[name] for name, told in given.items() if told}


def _namespace(name: str | None, context: str | None) -> Namespace:
    return Namespace(name=name or "tunewright", context=context)


def _server(host: str | None, namespace: str | None, context: str | None) -> Any:
    return _kfp().Server(host=host, namespace=namespace, context=context)


def _kfp() -> Any:
    try:
        return import_module("pipelines.kfp.session")
    except ModuleNotFoundError as error:
        raise InputError(
            f"--backend kfp needs the Kubeflow SDK, {error.name} is missing; pip install 'tunewright[kubeflow]'"
        ) from None


def _kfp_arguments(
    store: str | None,
    shape: str | None,
    trial_gpus: int | None,
    trial_cpu: str | None,
    trial_memory: str | None,
    **others: object,
) -> dict[str, Any]:
    _argo_only(**others)
    place: dict[str, Any] = {}
    if trial_cpu is not None:
        quantity("trial-cpu", trial_cpu)
        place["trial_cpu"] = trial_cpu
    if trial_memory is not None:
        quantity("trial-memory", trial_memory)
        place["trial_memory"] = trial_memory
    if trial_gpus:
        place |= {"accelerator": "nvidia.com/gpu", "accelerators": trial_gpus}
    pods = _kfp().Pods(**place) if place else None
    given = {"store": store, "pods": pods, "fused": None if shape is None else shape == "fused"}
    return {name: value for name, value in given.items() if value is not None}


@click.command("compile")
@_file
@_session
@click.option("--nightly", is_flag=True, help="A CronWorkflow instead of a Workflow (Argo).")
@_cron
@_timezone
@click.option(
    "--backend", type=click.Choice(["argo", "kfp"]), default="argo", show_default=True, help="What will run it."
)
@_options
def compile_(
    file: Path, session: str | None, nightly: bool, cron: str, timezone: str, backend: str, **options: Any
) -> None:
    """Print what would be created for the study in FILE, as YAML.

    For Argo: the Workflow of one session or the CronWorkflow of all nights. For Kubeflow Pipelines: the pipeline, whose inputs are the
    study file's text, the store and the session.
    """
    text = study_text(file)
    if backend == "kfp":
        kfp = _kfp()
        study = checked(text)
        _argo_only(session=session, store=options["store"], **_told("cron", "timezone"))
        arguments = _kfp_arguments(**options)
        pods = arguments.get("pods", kfp.PODS).of(study)
        click.echo(kfp.pipeline(pods, fused=arguments.get("fused", True), nightly=nightly), nl=False)
        return
    if nightly and session is not None:
        raise InputError("--session is for one session, got it with --nightly")
    for name in () if nightly else _told("cron", "timezone"):
        raise InputError(f"--{name} is for a schedule, got it without --nightly")
    if nightly:
        click.echo(dump(cron_workflow(text, cron, timezone, Options(**options))), nl=False)
    else:
        click.echo(dump(workflow(text, session or stamp(datetime.now(UTC)), Options(**options))), nl=False)


@click.command()
@_file
@_session
@_place
@_options
@click.option("--wait", is_flag=True, help="Stay until the session has ended; exit code 1 if it failed.")
def submit(
    file: Path,
    session: str | None,
    backend: str,
    namespace: str | None,
    context: str | None,
    host: str | None,
    wait: bool,
    **options: Any,
) -> int:
    """Run one session of the study in FILE. A bad study is refused here, before any pod starts."""
    text, now = study_text(file), datetime.now(UTC)
    if backend == "kfp":
        server = _server(host, namespace, context)
        run = _kfp().submit(text, server=server, now=now, session=session, **_kfp_arguments(**options))
        click.echo(f"run {run}")

        def ask() -> tuple[str, bool, bool]:
            phase = _kfp().status(run, server=server).phase
            return phase, phase in KFP_OVER, phase == "SUCCEEDED"
    else:
        place = _namespace(namespace, context)
        done = argo.submit(text, namespace=place, now=now, session=session, options=Options(**options))
        if done.before:
            ended = "; another --session goes on" if done.before in argo.OVER else ""
            click.echo(
                f"workflow {done.name} had been submitted before: session {done.session} is {done.before}{ended}"
            )
        else:
            click.echo(f"workflow {done.name} runs session {done.session}")

        def ask() -> tuple[str, bool, bool]:
            state = argo.status(done.name, namespace=place)
            line = f"{state.phase}: {state.rounds} rounds, {state.trials} trials, running {' '.join(state.running) or state.message or 'nothing'}"
            return line, state.over, state.phase == "Succeeded"

    return _follow(ask) if wait else 0


KFP_OVER = ("SUCCEEDED", "FAILED", "CANCELED", "SKIPPED")


def _follow(ask: Callable[[], tuple[str, bool, bool]]) -> int:
    """Print every change until it is over; a cluster that does not answer is asked again, for as long as it takes."""
    seen = ""
    while True:
        try:
            line, over, good = ask()
        except TransientError as error:
            line, over, good = f"no answer, asked again: {error}", False, False
        if line != seen:
            click.echo(line)
            seen = line
        if over:
            return 0 if good else 1
        time.sleep(2.0)


@click.command()
@_file
@_cron
@_timezone
@_place
@_options
@click.option("--remove", is_flag=True, help="End the schedule of the study in FILE instead.")
def schedule(
    file: Path,
    cron: str,
    timezone: str,
    backend: str,
    namespace: str | None,
    context: str | None,
    host: str | None,
    remove: bool,
    **options: Any,
) -> None:
    """Run a session of the study in FILE every night, each going on from all sessions before."""
    text = study_text(file)
    name = checked(text).name
    if backend == "kfp":
        server = _server(host, namespace, context)
        _argo_only(**_told("timezone"))
        if remove:
            _kfp().unschedule(name, server=server)
        else:
            _kfp().schedule(text, server=server, cron=cron, **_kfp_arguments(**options))
    elif remove:
        argo.unschedule(name, namespace=_namespace(namespace, context))
    else:
        argo.schedule(
            text, namespace=_namespace(namespace, context), cron=cron, timezone=timezone, options=Options(**options)
        )
    click.echo(f"study {name} is {'not scheduled any more' if remove else f'scheduled: {cron}'}")


@click.command()
@click.argument("name", required=False)
@_place
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def sessions(
    name: str | None, backend: str, namespace: str | None, context: str | None, host: str | None, as_json: bool
) -> None:
    """Show the sessions on the cluster: all (Argo), or the one whose workflow or run is NAME.

    `tunewright status` tells of the study itself, from its store.
    """
    if backend == "kfp":
        if name is None:
            raise InputError(
                "--backend kfp needs the id of a run, got none; submit printed it, and the user interface lists all"
            )
        found: list[Any] = [_kfp().status(name, server=_server(host, namespace, context))]
    else:
        place = _namespace(namespace, context)
        found = [argo.status(name, namespace=place)] if name else argo.sessions(namespace=place)
    rows = [asdict(state) for state in found]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
    elif rows:
        click.echo(table([_short(row) for row in rows]))
    else:
        click.echo("no sessions")


def _short(row: dict[str, Any]) -> dict[str, Any]:
    """What fits on a line; --json has the rest. A Workflow's name begins with its study's."""
    shown: dict[str, Any] = {k: row[k] for k in ("id", "name", "phase", "started", "rounds", "trials") if k in row}
    running = Counter(row.get("running", ()))
    return {**shown, "": ", ".join(f"{count} {step}" for step, count in running.items()) or row["message"]}


@click.command()
@click.argument("name")
@_place
@click.option("--step", help="Only of this step, e.g. train (Argo).")
@click.option("--follow", "-f", is_flag=True, help="Go on as long as pods run.")
def logs(
    name: str,
    backend: str,
    namespace: str | None,
    context: str | None,
    host: str | None,
    step: str | None,
    follow: bool,
) -> int:
    """Print what the pods of the workflow or run NAME say. What a trial printed is in the store: trials/ID/attempts/N/log.txt."""
    if backend == "kfp":
        _argo_only(step=step)
        call: list[str] = _kfp().logs_command(name, server=_server(host, namespace, context), follow=follow)
    else:
        call = argo.logs_command(name, namespace=_namespace(namespace, context), step=step, follow=follow)
    try:
        return subprocess.run(call, check=False).returncode
    except FileNotFoundError:
        raise no_kubectl() from None


@click.command()
@click.argument("name")
@_place
def cancel(name: str, backend: str, namespace: str | None, context: str | None, host: str | None) -> None:
    """End the workflow or run NAME. Finished trials are kept; the next session goes on."""
    if backend == "kfp":
        _kfp().cancel(name, server=_server(host, namespace, context))
        click.echo(f"run {name} is being ended")
    else:
        state = argo.cancel(name, namespace=_namespace(namespace, context))
        click.echo(f"workflow {name} has ended: {state.phase}, {state.trials} trials are kept")
