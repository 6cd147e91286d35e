"""The objects that start sessions: a Workflow for one, a CronWorkflow for one every night."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import available_timezones

from tunewright.container import JobSettings
from tunewright.errors import InputError
from tunewright.store import layout
from tunewright.store.opening import split_bucket
from tunewright.study import CommandTrial, Study

from ..submission import check_cron, fitting, literal, quantity, refuse_for_jobs, scoring_memory
from .pod import NO_QUEUE
from .template import DAY, NAME, Shape

SLACK: Final = 3600  #: seconds that a session may take besides its trials
MAX_NAME: Final = 63  #: of a Workflow, because it becomes a label of its pods
SCHEDULED: Final = "{{=sprig.dateInZone('2006-01-02-150405', sprig.toDate('2006-01-02T15:04:05Z07:00', workflow.scheduledTime), 'UTC')}}"
"""The session of a nightly run: its scheduled time, so that the same trigger twice is the same session."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """What a session is given besides its study; None leaves the WorkflowTemplate's own value."""

    store: str | None = None  #: address, s3://bucket/prefix
    shape: Shape | None = None  #: all that follows training as one pod a round, or as one each
    trial_cpu: str | None = None  #: Kubernetes quantity that the pods of one trial's steps request, e.g. 500m
    trial_memory: str | None = None  #: Kubernetes quantity that they request and may use, e.g. 4Gi
    trial_gpus: int | None = None  #: while it trains; of trials that run as Jobs the study says it
    deadline_seconds: int | None = None  #: the session is ended after this


def stamp(time: datetime) -> str:
    """A session's id from its time, as `SCHEDULED` makes it."""
    return time.astimezone(UTC).strftime("%Y-%m-%d-%H%M%S")


def workflow(text: str, session: str, options: Options) -> dict[str, Any]:
    """The Workflow of one session. Equal sessions have equal names, so that Kubernetes refuses the second."""
    layout.session(session)  # refuse a bad id before anything is created
    study = fitting(text)
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": workflow_name(study.name, session), "labels": labels(study.name)},
        "spec": _spec(study, text, session, options),
    }


def cron_workflow(text: str, cron: str, timezone: str, options: Options) -> dict[str, Any]:
    """The CronWorkflow of a study: one session at every scheduled time, none while another runs."""
    study = fitting(text)
    _check_times(cron, timezone)
    return {
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "CronWorkflow",
        "metadata": {"name": study.name, "labels": labels(study.name)},
        "spec": {
            "schedules": [cron],
            "suspend": False,  # also of one that was suspended, which applying would leave so
            "timezone": timezone,
            "concurrencyPolicy": "Forbid",
            # a trigger missed by less, because the controller was restarted, is made up for
            "startingDeadlineSeconds": 600,
            "successfulJobsHistoryLimit": 3,
            "failedJobsHistoryLimit": 7,
            "workflowMetadata": {"labels": labels(study.name)},
            "workflowSpec": _spec(study, text, SCHEDULED, options),
        },
    }


def _check_times(cron: str, timezone: str) -> None:
    """Raises InputError for what the controller would refuse after the object is there, where nobody looks."""
    check_cron(cron)
    known = available_timezones()  # none on a machine without a time zone database
    if known and timezone not in known:
        raise InputError(f"a time zone must have a name such as Europe/Berlin, got {timezone!r}")


def labels(study: str) -> dict[str, str]:
    """Labels of everything that belongs to a study."""
    return {"app.kubernetes.io/part-of": NAME, f"{NAME}/study": study}


def workflow_name(study: str, session: str) -> str:
    """A name that Kubernetes takes; long or unusual ids end in a digest. `submit` sees to it that it is not shared."""
    slug = re.sub(r"[^a-z0-9]+", "-", f"{study}-{session}".lower()).strip("-")
    if slug == f"{study}-{session}" and len(slug) <= MAX_NAME:
        return slug
    digest = hashlib.sha256(f"{study}/{session}".encode()).hexdigest()[:8]
    return f"{slug[: MAX_NAME - 9].rstrip('-')}-{digest}"


def _pods_of(study: Study, options: Options) -> dict[str, str | int | None]:
    """What the pods of a trial's steps are given. Of a trial that runs as a Job they only wait and write down, in no queue; the study says what
    the Job needs.

    Raises InputError for what would be given to the pods that wait instead.
    """
    if not study.as_jobs:
        return {"trial-cpu": options.trial_cpu, "trial-memory": options.trial_memory, "trial-gpus": options.trial_gpus}
    refuse_for_jobs(study, cpu=options.trial_cpu, memory=options.trial_memory, gpus=options.trial_gpus)
    memory = options.trial_memory or ("512Mi" if study.trial.kind == "command" else None)
    return {"trial-cpu": options.trial_cpu or "100m", "trial-memory": memory, "queue-label": NO_QUEUE}


def _spec(study: Study, text: str, session: str, options: Options) -> dict[str, Any]:
    for option, amount in (("trial-cpu", options.trial_cpu), ("trial-memory", options.trial_memory)):
        if amount is not None:
            quantity(option, amount)
    if options.store is not None:
        split_bucket(options.store)  # pods reach no other
    values = {
        "study": study.name,
        "study-text": literal(text, study),
        "session": session,
        "store": options.store,
        "shape": options.shape,
        **_pods_of(study, options),
        "advance-memory": scoring_memory(study, options.trial_memory),
    }
    given = [{"name": name, "value": str(value)} for name, value in values.items() if value is not None]
    spec: dict[str, Any] = {"workflowTemplateRef": {"name": NAME}, "arguments": {"parameters": given}}
    deadline = options.deadline_seconds or _longer_than_a_day(study)
    if deadline is not None:
        spec["activeDeadlineSeconds"] = deadline
    return spec


def _longer_than_a_day(study: Study) -> int | None:
    """The seconds that a session may take whose study allows more than the template's day; None for the others."""
    waits = (study.trial.job or JobSettings()).start if study.as_jobs else 0.0
    last = study.trial.limits.time + waits
    if isinstance(study.trial, CommandTrial) and study.trial.evaluate is not None:
        last += study.trial.evaluate.limits.time + waits
    allowed = math.ceil((study.budget.wall_time or 0.0) + last) + SLACK
    return allowed if allowed > DAY else None
