"""Arguments that several verbs share."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .. import DEFAULT_STORE, STORE_VARIABLE

if TYPE_CHECKING:
    from ..steps.ledger import Ledger

store = click.option(
    "--store",
    envvar=STORE_VARIABLE,
    default=DEFAULT_STORE,
    show_default=True,
    show_envvar=True,
    help="Where state lies: a directory or s3://bucket/prefix.",
)
study_file = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
study_name = click.argument("study")


def ledger_of(study: str, store: str) -> Ledger:
    """The documents of a study given by its name or its file. Raises InputError."""
    from ..embedded.loop import address_of
    from ..steps.ledger import Ledger

    return Ledger.at(address_of(store, name_of(study)))


def name_of(study: str) -> str:
    """The name of a study given by its name or by its file. Raises InputError.

    What could be a name is one, also where a file is called the same: ``./`` before it makes it a file.
    """
    from ..store.opening import check_name
    from ..study import NAME

    if study.endswith((".yaml", ".yml", ".json")) or (not re.fullmatch(NAME, study) and _is_file(study)):
        from ..study_file import load_study

        return load_study(Path(study)).name
    return check_name(study)


def _is_file(name: str) -> bool:
    try:
        return Path(name).is_file()
    except OSError:  # no name that this system's files can have
        return False
