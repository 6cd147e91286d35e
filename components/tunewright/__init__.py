"""Tunewright: hyperparameter optimisation by model-based reinforcement learning, as pipeline components.

>>> from tunewright import Study, tune            # doctest: +SKIP
>>> result = tune("study.yaml")                   # doctest: +SKIP
>>> result.best, result.objective                 # doctest: +SKIP
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .embedded.loop import StudyResult
    from .report.record import Belief, StudyHistory
    from .study import Study

__all__ = ["Study", "belief", "history", "tune"]

STORE_VARIABLE = "TUNEWRIGHT_STORE"  #: names the store where none is given
DEFAULT_STORE = "tunewright-store"


if not TYPE_CHECKING:  # a type checker that saw it would take any name for one of this module

    def __getattr__(name: str) -> Any:
        """`Study`, loaded when it is asked for: the command line answers without it."""
        if name == "Study":
            from .study import Study

            return Study
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def tune(
    study: Study | Mapping[str, Any] | str | PathLike[str],
    *,
    store: str | None = None,
    session: str | None = None,
    quiet: bool = False,
) -> StudyResult:
    """Run a study to its end on this machine, or go on with it: what ``tunewright run`` does.

    Args:
        study: a study, its content as a mapping, or the path of its file.
        store: a directory or ``s3://bucket/prefix``; None takes what ``TUNEWRIGHT_STORE`` names, else ``tunewright-store``.
        session: id of the session; None goes on with the latest one, ``new`` begins another.
        quiet: show no progress on standard error; warnings are logged.

    Raises:
        InputError: study, data or store are wrong (`StudyInvalid` carries every mistake).
        TransientError: the store went away; the same call goes on.
    """
    from .embedded.loop import run_study
    from .errors import InputError
    from .progress import Plain, Quiet
    from .study_file import load_study, placed, study_from
    from .training.parameters import parameter_mistakes

    base = Path.cwd()
    around: AbstractContextManager[None] = nullcontext()
    if isinstance(study, str | PathLike):
        file = Path(study)
        base, around = file.resolve().parent, placed(file)
        study = load_study(file, checks=[parameter_mistakes])
    elif isinstance(study, Mapping):
        study = study_from(study, checks=[parameter_mistakes])
    elif not hasattr(study, "search_space"):
        raise InputError(f"a study must be a Study, a mapping or the path of a file, got {type(study).__name__}")
    with around:
        return run_study(study, store=_store(store), session=session, base=base, progress=Quiet() if quiet else Plain())


def _store(address: str | None) -> str:
    return address or os.environ.get(STORE_VARIABLE) or DEFAULT_STORE


def history(study: str, *, store: str | None = None) -> StudyHistory:
    """Everything the study of this name has done, for the pictures of `tunewright.report.figures` in a notebook."""
    from .embedded.loop import address_of
    from .steps.ledger import Ledger
    from .steps.report import gather

    return gather(Ledger.at(address_of(_store(store), study)))


def belief(study: str, *, store: str | None = None) -> Belief | None:
    """What the reward model of the study of this name predicts, for `tunewright.report.figures.slices`; None while there is none.

    It answers NaN where most trials end alike: the model looks for what differs then.
    """
    from .embedded.loop import address_of
    from .steps import report
    from .steps.ledger import Ledger

    ledger = Ledger.at(address_of(_store(store), study))
    return report.belief(ledger, report.gather(ledger))
