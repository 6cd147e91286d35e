"""What is checked of a study before anything starts on a cluster, whichever runs it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from tunewright.errors import InputError
from tunewright.study import CommandTrial, Study
from tunewright.study_file import parse_study, quoted
from tunewright.training.parameters import parameter_mistakes

MAX_TEXT: Final = 96 * 1024  #: bytes of a study file: Linux takes 128 KiB as one argument of a process
SCORING: Final = "3Gi"  #: that a step may use which scores models and holds the agent, where a trial needs little

EVERY: Final = r"@(yearly|annually|monthly|weekly|daily|midnight|hourly|every (\d+h)?(\d+m)?(\d+s)?(?<! ))"
#: fields of a schedule with their least and largest value and the names of these
CRON: Final[list[tuple[str, int, int, Sequence[str]]]] = [
    ("minute", 0, 59, ()),
    ("hour", 0, 23, ()),
    ("day", 1, 31, ()),
    ("month", 1, 12, ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
    ("weekday", 0, 6, ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
]


def checked(text: str) -> Study:
    """The study, when its pods can run it.

    Raises:
        StudyInvalid: it breaks rules, of its trainer too.
        InputError: its data is a file of this machine.
    """
    study = parse_study(text, "study.yaml", checks=[parameter_mistakes])
    source = study.data.source if study.data else ""
    if source and not source.startswith(("s3://", "sklearn:")):
        raise InputError(f"data.source must be s3://bucket/key or sklearn:NAME on a cluster, got {source!r}; upload it")
    return study


def fitting(text: str, *, in_json: bool = False) -> Study:
    """The study, when it can be given to a pod as an argument, by some systems within JSON.

    Raises as `checked`, and InputError when it is too long.
    """
    study = checked(text)
    sent = literal(text, study)
    size = len((json.dumps(sent, ensure_ascii=False) if in_json else sent).encode())
    if size > MAX_TEXT:
        raise InputError(
            f"a study file must have at most {MAX_TEXT} bytes on a cluster, got {size} as it is sent; make it shorter"
        )
    return study


def check_cron(cron: str) -> None:
    """Raises InputError for a schedule that Argo or Kubeflow refuses only when it is there, where nobody looks.

    Both read it by Go's robfig/cron: five fields, weekdays 0 to 6 or by name, or a word such as @daily.
    """
    if re.fullmatch(EVERY, cron):
        return
    fields = cron.split()
    if len(fields) != len(CRON):
        raise InputError(
            f"a schedule must have five fields, minute to weekday, got {cron!r}; write it such as '0 2 * * *'"
        )
    for field, (what, low, high, names) in zip(fields, CRON, strict=True):
        for part in field.split(","):
            if not _is_time(part, low, high, names):
                raise InputError(
                    f"{what} of a schedule must be *, a number from {low} to {high}"
                    f"{f' or a name such as {names[1]}' if names else ''}, a range a-b or a step */n of them, got {part!r} in {cron!r}"
                )


def _is_time(part: str, low: int, high: int, names: Sequence[str]) -> bool:
    span, slash, step = part.partition("/")
    if slash and not (step.isdecimal() and int(step) > 0):
        return False
    if span in ("*", "?"):
        return True
    ends = [
        low + names.index(end) if end in names else int(end) if end.isdecimal() else -1
        for end in span.lower().split("-")
    ]
    return len(ends) <= 2 and low <= ends[0] <= ends[-1] <= high


def quantity(option: str, value: str) -> Decimal:
    """An option's value as Kubernetes reads it. Raises InputError when it is no quantity, or none above 0.

    Not by the client's own parser, which a machine that only submits does not have.
    """
    match = re.fullmatch(r"\+?(\d+\.?\d*|\.\d+)(?:([eE][+-]?\d{1,2})|([numkMGTPE])|([KMGTPE])i)?", value, re.ASCII)
    found = Decimal(0)
    if match:
        number, exponent, decimal, binary = match.groups()
        thousands = "num kMGTPE".index(decimal or " ") - 3
        found = (
            Decimal(number + (exponent or ""))
            * Decimal(1000) ** thousands
            * Decimal(1024) ** " KMGTPE".index(binary or " ")
        )
    if found <= 0:
        example = "500m" if option.endswith("cpu") else "4Gi"
        raise InputError(f"--{option} must be a Kubernetes quantity such as {example}, got {value!r}")
    return found


def refuse_for_jobs(study: Study, *, cpu: str | None, memory: str | None, gpus: int | None) -> None:
    """Raises InputError for what only the pods would get that wait for a trial's Job, which says itself what it needs.

    The model of a built-in trial is scored in such a pod, which may be given CPU and memory for it.
    """
    told: list[tuple[str, object, str]] = [("gpus", gpus or None, f"job: {{gpus: {gpus}}}")]
    if isinstance(study.trial, CommandTrial):
        told += [("memory", memory, f"limits: {{memory: {memory}}}")]
        told += [("cpu", cpu, f"job: {{cpu: {float(quantity('trial-cpu', cpu)):g}}}" if cpu else "")]
    for name, value, remedy in told:
        if value is not None:
            raise InputError(
                f"trials of {study.name} run as Jobs, which say themselves what they need, got --trial-{name} {value}; write '{remedy}' below trial"
            )


def scoring_memory(study: Study, trial_memory: str | None) -> str | None:
    """What a step may use that scores a model: at most what training it took, and 1 GiB for the agent; None where the default is enough.

    Args:
        study: of a built-in trial that runs as a Job it says itself what training takes.
        trial_memory: what a pod that trains is given otherwise, a Kubernetes quantity.

    Raises:
        InputError: it is no quantity.
    """
    if trial_memory is None:
        trial = study.trial
        if isinstance(trial, CommandTrial) or trial.job is None or trial.limits.memory is None:
            return None
        trial_memory = str(int(trial.limits.memory))
    return at_least_scoring(trial_memory)


def at_least_scoring(trial_memory: str) -> str:
    """The memory of a step that scores what was trained in so much. Raises InputError when it is no quantity."""
    trained, least = (int(quantity("trial-memory", memory)) // 2**20 for memory in (trial_memory, SCORING))
    return f"{max(trained + 1024, least)}Mi"


def literal(text: str, study: Study) -> str:
    """The text of a study that arrives as it left: Argo replaces ``{{…}}`` and Kubernetes ``$(…)`` and ``$$`` in arguments, also by a key of the
    store that the pod has in its environment.

    A file that holds such signs is sent as JSON, which is YAML too, with these signs escaped.
    """
    if "{{" not in text and "$" not in text:
        return text
    plain = quoted(study.model_dump(mode="json", exclude_unset=True))
    texts = re.compile(r'"(?:[^"\\]|\\.)*"')
    return texts.sub(lambda m: m[0].replace("$", "\\u0024").replace("{", "\\u007b").replace("}", "\\u007d"), plain)
