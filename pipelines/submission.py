"""What is checked of a study before anything starts on a cluster, whichever runs it."""

from __future__ import annotations

from decimal import Decimal

from tunewright.errors import InputError
from tunewright.study import Study
from tunewright.study_file import parse_study
from tunewright.training.parameters import parameter_mistakes


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


def bad_schedule(cron: str) -> InputError:
    """What is said of a schedule that is none; which are, differs between the systems."""
    return InputError(
        f"a schedule must have five fields, minute to weekday, got {cron!r}; write it such as '0 2 * * *'"
    )


def quantity(option: str, value: str) -> Decimal:
    """An option's value as Kubernetes reads it. Raises InputError when it is no quantity, or none above 0."""
    from kubernetes.utils.quantity import parse_quantity

    try:
        found: Decimal = parse_quantity(value)
    except ValueError:
        found = Decimal(0)
    if found <= 0:
        example = "500m" if option.endswith("cpu") else "4Gi"
        raise InputError(f"--{option} must be a Kubernetes quantity such as {example}, got {value!r}")
    return found
