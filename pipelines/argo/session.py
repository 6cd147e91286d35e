"""Sessions on Argo: submit one, make one every night, watch it, end it."""

from __future__ import annotations

import base64
import gzip
import json
import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from tunewright.errors import InputError, TransientError

from .namespace import Namespace, NameTakenError
from .pod import REFUSED
from .template import NAME
from .workflow import Options, cron_workflow, stamp, workflow

WORKFLOW_LABEL: Final = "workflows.argoproj.io/workflow"
TRAINER: Final = "trainer.kubeflow.org"
NO_OPTIONS: Final = Options()
TAKEN_SECONDS: Final = 60  #: after which a Workflow without a status is one that nobody will run
OVER: Final = ("Succeeded", "Failed", "Error")  #: phases of a Workflow that has ended


@dataclass(frozen=True, kw_only=True)
class Submitted:
    """A Workflow that runs a session."""

    name: str
    session: str
    before: str = ""  #: how far it was when it was submitted again, e.g. Failed; empty when it is new


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a Workflow is."""

    name: str
    study: str
    phase: str  #: Pending, Running, Succeeded, Failed or Error
    message: str  #: of the Workflow, or what a pod waits for
    started: str | None  #: UTC, as Kubernetes writes it
    finished: str | None
    rounds: int  #: that have begun
    trials: int  #: whose pods have ended
    running: tuple[str, ...]  #: steps whose pods run now, e.g. train

    @property
    def over(self) -> bool:
        return self.phase in OVER


def submit(
    text: str, *, namespace: Namespace, now: datetime, session: str | None = None, options: Options = NO_OPTIONS
) -> Submitted:
    """Run one session of a study.

    Args:
        text: the study file.
        namespace: where the WorkflowTemplate is installed.
        now: UTC; the session's id when none is given.
        session: its id. A session that has been submitted is not submitted again.

    Raises:
        StudyInvalid: the study breaks rules; no pod has started.
        InputError: its data is not where pods can read it, or the cluster refused.
        TransientError: the cluster did not answer.
    """
    session = session or stamp(now)
    document = workflow(text, session, options)
    name: str = document["metadata"]["name"]
    try:
        namespace.create(document)
    except TransientError as error:
        raise TransientError(f"{error} with --session {session}, which may have been submitted") from error
    except NameTakenError:
        found = namespace.get("workflow", name)
        there = _identity(found)
        if there != _identity(document):
            raise InputError(
                f"a session needs a Workflow of its own, but {name} runs session {there[1]!r} of {there[0]!r}; "
                "give another session id"
            ) from None
        return Submitted(name=name, session=session, before=progress(found).phase or "Pending")
    return Submitted(name=name, session=session)


def _identity(document: dict[str, Any]) -> tuple[str, str]:
    """Study and session of a Workflow."""
    given = {p["name"]: p.get("value", "") for p in document["spec"].get("arguments", {}).get("parameters", [])}
    return given.get("study", ""), given.get("session", "")


def schedule(
    text: str,
    *,
    namespace: Namespace,
    cron: str = "0 2 * * *",
    timezone: str = "UTC",
    options: Options = NO_OPTIONS,
) -> str:
    """Run a session at every time that ``cron`` names; returns the CronWorkflow's name, which is the study's.

    A study that has a schedule gets the new one instead. Raises as `submit`, and InputError where the name is taken by what is no study's schedule.
    """
    document = cron_workflow(text, cron, timezone, options)
    name: str = document["metadata"]["name"]
    _of_study(name, namespace)
    namespace.apply(document)
    return name


def unschedule(study: str, *, namespace: Namespace) -> None:
    """End the schedule of a study; sessions that run go on. Raises InputError when there is none."""
    _of_study(study, namespace)
    namespace.kubectl("delete", "cronworkflow", study, "--cascade=orphan")  # it owns its Workflows


def _of_study(name: str, namespace: Namespace) -> None:
    """Raises InputError when there is a CronWorkflow of this name which was not made for a study of it."""
    there = namespace.find("cronworkflow", name)
    if there is not None and there["metadata"].get("labels", {}).get(f"{NAME}/study") != name:
        raise InputError(
            f"the schedule of a study has its name, but CronWorkflow {name} was not made by `tunewright schedule`; rename the study"
        )


def sessions(study: str | None = None, *, namespace: Namespace) -> list[Progress]:
    """The Workflows of a study, or of all, oldest first."""
    selector = f"{NAME}/study={study}" if study else f"{NAME}/study"
    found = namespace.select("workflow", selector)
    return [progress(w) for w in sorted(found, key=lambda w: str(w["metadata"]["creationTimestamp"]))]


def status(name: str, *, namespace: Namespace) -> Progress:
    """How far a Workflow is. Raises InputError when there is none of this name."""
    return progress(namespace.get("workflow", name))


def progress(document: dict[str, Any]) -> Progress:
    """What a Workflow object tells."""
    state = document.get("status", {})
    nodes = _nodes(state)
    rounds = [
        node["templateName"] for node in nodes if node["type"] == "DAG" and node["templateName"].startswith("rounds-")
    ]
    last = "evaluate" if "rounds-separate" in rounds else "train"
    told = [(n["phase"], n["message"]) for n in nodes if n["type"] == "Pod" and n.get("message")]
    waiting = [message for phase, message in told if phase == "Pending"]
    over = [message for phase, message in told if phase in OVER and state.get("phase") != "Succeeded"]
    refused = filter(re.compile(REFUSED).search, over)
    return Progress(
        name=document["metadata"]["name"],
        study=document["metadata"].get("labels", {}).get(f"{NAME}/study", ""),
        phase=state.get("phase", "Pending"),
        message=next(refused, "") or state.get("message") or next(iter(waiting), "") or _untaken(document),
        started=state.get("startedAt"),
        finished=state.get("finishedAt"),
        rounds=len(rounds),
        trials=sum((n["type"], n["templateName"], n["phase"]) == ("Retry", last, "Succeeded") for n in nodes),
        running=tuple(sorted(n["templateName"] for n in nodes if n["type"] == "Pod" and n["phase"] == "Running")),
    )


def _untaken(document: dict[str, Any]) -> str:
    """What to say of a Workflow that no controller has taken up."""
    created = document["metadata"].get("creationTimestamp")
    if document.get("status") or created is None:
        return ""
    if (datetime.now(UTC) - datetime.fromisoformat(created)).total_seconds() < TAKEN_SECONDS:
        return ""
    return "no Argo controller has taken it up; one must watch this namespace, without an instance ID"


def _nodes(state: dict[str, Any]) -> list[dict[str, Any]]:
    """Argo packs the nodes of a large Workflow."""
    packed = state.get("compressedNodes")
    nodes = json.loads(gzip.decompress(base64.b64decode(packed))) if packed else state.get("nodes") or {}
    return list(nodes.values())


def logs_command(name: str, *, namespace: Namespace, step: str | None = None, follow: bool = False) -> list[str]:
    """The kubectl call that prints the logs of a Workflow's pods, each line with the name of its pod.

    One that has not started is named and passed over.
    Pods of steps that succeeded are gone after half a minute; what a trial printed is in the store.
    """
    component = f",app.kubernetes.io/component={step}" if step else ""
    selector = f"{WORKFLOW_LABEL}={name}{component}"
    more = ["--follow", "--max-log-requests=64"] if follow else []
    return namespace.command(
        "logs", "--selector", selector, "--container", "main", "--prefix", "--tail=-1", "--ignore-errors", *more
    )


def cancel(
    name: str, *, namespace: Namespace, wait_seconds: float = 120.0, sleep: Callable[[float], None] = time.sleep
) -> Progress:
    """End a Workflow: running pods are terminated, the report is written, and nothing of it runs any more on return.

    Raises:
        InputError: there is none of this name.
        TransientError: it has not ended within ``wait_seconds``.
    """
    # one that still waits for the study's mutex has nothing to report, and Argo lets go of it only when it is terminated
    waits = status(name, namespace=namespace).phase in ("", "Pending")
    stop = json.dumps({"spec": {"shutdown": "Terminate" if waits else "Stop"}})
    namespace.kubectl("patch", "workflow", name, "--type", "merge", "--patch", stop)
    for _ in range(max(1, int(wait_seconds))):
        with suppress(TransientError):  # the API server may be away for a moment
            current = status(name, namespace=namespace)
            if current.over and not current.running and not _live_pods(name, namespace):
                _delete_trials(name, namespace)
                return current
        sleep(1.0)
    raise TransientError(f"workflow {name} must end within {wait_seconds:.0f} s, but has not; ask for its status")


def _delete_trials(name: str, namespace: Namespace) -> None:
    """Those whose step was gone when it should have ended them, and whose pods may still be going."""
    kinds = "jobs"
    if TRAINER in namespace.kubectl("get", "--raw", "/apis"):
        kinds += f",trainjobs.{TRAINER},trainingruntimes.{TRAINER}"
    namespace.kubectl("delete", kinds, "--selector", f"{WORKFLOW_LABEL}={name}", "--cascade=foreground")


def _live_pods(name: str, namespace: Namespace) -> list[str]:
    pods = namespace.select("pods", f"{WORKFLOW_LABEL}={name}")
    return [pod["metadata"]["name"] for pod in pods if pod["status"]["phase"] in ("Pending", "Running")]
