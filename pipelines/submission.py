"""What is checked of a study before anything starts on a cluster, whichever runs it."""

from __future__ import annotations

from tunewright.errors import InputError
from tunewright.study import Study
from tunewright.study_file import parse_study
from tunewright.training.parameters import check_parameters


def checked(text: str) -> Study:
    """The study, when its pods can run it.

    Raises:
        StudyInvalid: it breaks rules, of its trainer too.
        InputError: its data is a file of this machine.
    """
    study = parse_study(text, "study.yaml", checks=[check_parameters])
    source = study.data.source if study.data else ""
    if source and not source.startswith(("s3://", "sklearn:")):
        raise InputError(f"data.source must be s3://bucket/key or sklearn:NAME on a cluster, got {source!r}; upload it")
    return study
