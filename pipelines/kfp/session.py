"""Sessions on Kubeflow Pipelines: submit one, make one every night, watch it, end it.

Thin over ``kfp.Client``. No Kubeflow server has been at hand where this was written: the pipelines are proved by running their containers
with the SDK's local runner, but these calls are only tested for what they ask the client to do.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from kfp import Client
from tunewright.errors import InputError, TransientError
from tunewright.store import layout
from tunewright.store.opening import split_bucket

from ..submission import check_cron, fitting, literal
from .compile import pipeline
from .loop import NAME
from .pods import Pods

STORE: Final = "s3://tunewright/studies"
RUN_LABEL: Final = "pipeline/runid"
RETRIED: Final = (408, 429, 500, 502, 503, 504)  #: HTTP answers worth another try
PODS: Final = Pods()


@dataclass(frozen=True, kw_only=True)
class Server:
    """A Kubeflow Pipelines server.

    Every verb raises InputError (it refused) and TransientError (it did not answer).
    """

    host: str | None = None  #: address of the API; None asks the kubeconfig or the pod
    namespace: str | None = None  #: the profile's; None on an installation for one user
    context: str | None = (
        None  #: of the kubeconfig, which says the host where none is given; None takes the current one
    )
    experiment: str = NAME  #: groups the runs in the user interface

    def client(self) -> Any:
        """A client that is logged in as the environment says. Its namespace is that of the API, not the profile's."""
        with _translated():
            return Client(host=self.host, namespace="kubeflow", kube_context=self.context)


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a run is."""

    id: str
    name: str
    phase: str  #: PENDING, RUNNING, SUCCEEDED, FAILED, CANCELING, CANCELED, SKIPPED
    message: str
    started: str | None
    finished: str | None


def submit(
    text: str,
    *,
    server: Server,
    now: datetime,
    session: str | None = None,
    store: str = STORE,
    pods: Pods = PODS,
    fused: bool = True,
) -> str:
    """Run one session of a study; returns the run's id.

    Args:
        text: the study file.
        server: where.
        now: UTC; the session's id when none is given.
        session: its id. Submitting a session again runs it again, which does nothing that has been done.
        store: address of the store, as pods reach it.
        pods: what the pods are given.
        fused: all that follows training in one container a round.

    Raises:
        StudyInvalid: the study breaks rules; no pod has started.
        InputError: its data is not where pods can read it, or the server refused.
        TransientError: the server did not answer.
    """
    study = fitting(text, in_json=True)
    split_bucket(store)  # pods reach no other
    session = layout.session_id(session or now.strftime("%Y%m%d%H%M%S"))
    layout.session(session)
    with _package(pods.of(study), fused) as package, _translated():
        run = server.client().create_run_from_pipeline_package(
            str(package),
            arguments={"study_text": literal(text, study), "store": store, "session": session},
            run_name=f"{study.name} {session}",
            experiment_name=server.experiment,
            namespace=server.namespace,
            enable_caching=False,
        )
    return _answered(run.run_id)


def schedule(
    text: str,
    *,
    server: Server,
    cron: str = "0 2 * * *",
    store: str = STORE,
    pods: Pods = PODS,
    fused: bool = True,
) -> str:
    """Run a session at every time (UTC) that ``cron`` names, never two at once and none to make up for a missed one.

    Returns the id of the recurring run. A study that has a schedule in the server's experiment gets the new one instead. A session has the id of
    its run: servers leave macros such as ``[[ScheduledTime]]`` in the parameters of compiled pipelines as they are. Raises as `submit`.
    """
    study = fitting(text, in_json=True)
    split_bucket(store)
    check_cron(cron)
    with _package(pods.of(study), fused, nightly=True) as package, _translated():
        client = server.client()
        experiment = client.create_experiment(server.experiment, namespace=server.namespace)
        old = _recurring(client, _answered(experiment.experiment_id), study.name)
        created = client.create_recurring_run(
            experiment_id=experiment.experiment_id,
            job_name=study.name,
            cron_expression=cron if cron.startswith("@") else f"0 {cron}",  # Kubeflow's begins with the second
            max_concurrency=1,
            no_catchup=True,
            params={"study_text": literal(text, study), "store": store},
            pipeline_package_path=str(package),
            enable_caching=False,
        )
        made = _answered(created.recurring_run_id)
        for recurring in old:
            client.delete_recurring_run(recurring.recurring_run_id)
    return made


def unschedule(study: str, *, server: Server) -> None:
    """End the schedule of a study; sessions that run go on. Raises InputError when there is none."""
    with _translated():
        client = server.client()
        # made where there is none: to look for it would not tell that from no answer at all
        experiment = client.create_experiment(server.experiment, namespace=server.namespace)
        found = _recurring(client, _answered(experiment.experiment_id), study)
        for recurring in found:
            client.delete_recurring_run(recurring.recurring_run_id)
    if not found:
        raise InputError(f"study {study!r} must have a schedule to end, but has none; see `status`")


def status(run: str, *, server: Server) -> Progress:
    """How far a run is. Raises InputError when there is none of this id."""
    with _translated():
        found = server.client().get_run(run)
    return Progress(
        id=_answered(found.run_id),
        name=found.display_name,
        phase=found.state or "PENDING",
        message=found.error.message if found.error else "",
        started=found.created_at.isoformat() if found.created_at else None,
        finished=found.finished_at.isoformat() if found.finished_at and found.finished_at.year > 1970 else None,
    )


def cancel(run: str, *, server: Server) -> None:
    """End a run: running pods are terminated. What they had done is in the store; the next session goes on from it.

    Raises InputError when there is none of this id.
    """
    status(run, server=server)
    with _translated():
        server.client().terminate_run(run)


def logs_command(run: str, *, server: Server, follow: bool = False) -> list[str]:
    """The kubectl call that prints the logs of a run's pods, each line with the name of its pod: the API has no logs.

    They are in the namespace that `submit` has chosen: without one of the server's, the user's own, and that of the API where there are no users.
    """
    namespace = server.namespace
    if namespace is None:
        client = server.client()
        with _translated():
            namespace = client.get_user_namespace()
    more = ["--follow", "--max-log-requests=64"] if follow else []
    selector = ["--selector", f"{RUN_LABEL}={run}", "--container", "main", "--prefix", "--tail=-1", "--ignore-errors"]
    context = ["--context", server.context] if server.context else []
    return ["kubectl", "--namespace", namespace or "kubeflow", *context, "logs", *selector, *more]


def _answered(id_: str | None) -> str:
    """An id that the server gave. Raises InputError where there is none: the SDK reads any page of HTML as an answer without content."""
    if not id_:
        raise InputError(
            "the host must answer as the API of Kubeflow Pipelines does, but its answer names nothing; "
            "give the address of the API, and log in if a login page is in front of it"
        )
    return str(id_)


def _recurring(client: Any, experiment: str, name: str) -> list[Any]:
    """The recurring runs of this name in an experiment, page after page."""
    found, token = [], ""
    while True:
        page = client.list_recurring_runs(page_token=token, page_size=100, experiment_id=experiment)
        found += [recurring for recurring in page.recurring_runs or [] if recurring.display_name == name]
        token = page.next_page_token or ""
        if not token:
            return found


@contextmanager
def _package(pods: Pods, fused: bool, *, nightly: bool = False) -> Iterator[Path]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"{NAME}.yaml"
        path.write_text(pipeline(pods, fused=fused, nightly=nightly))
        yield path


@contextmanager
def _translated() -> Iterator[None]:
    """The client's errors as ours; it also prints addresses, which is not for it to do."""
    from kfp_server_api import ApiException  # type: ignore[import-untyped]
    from urllib3.exceptions import HTTPError

    try:
        with redirect_stdout(io.StringIO()):
            yield
    except ApiException as error:
        message = f"the Kubeflow Pipelines server answered {error.status}: {error.reason}"
        raise (TransientError if error.status in RETRIED else InputError)(message) from error
    except (HTTPError, OSError) as error:
        raise TransientError(
            f"the Kubeflow Pipelines server must answer, but: {error}; check --host or KFP_HOST, then try again"
        ) from error
