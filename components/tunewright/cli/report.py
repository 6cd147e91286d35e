"""``tunewright report``: the page of a study."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from ..errors import InputError
from . import options


@click.command()
@options.study_name
@options.store
@click.option("--session", help="Seen from this session; default is the latest.")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    default="report.html",
    show_default=True,
    help="File to write.",
)
def command(study: str, store: str, session: str | None, output: Path) -> None:
    """Draw the report of STUDY (its name or its file) as it stands now, finished or not. The store is only read."""
    from ..steps.report import draw

    ledger = options.ledger_of(study, store)
    page = draw(ledger, session or ledger.head()[0].session)
    _write(output, page.encode())
    click.echo(f"wrote {output}")


def copy_page(address: str, session: str, output: Path) -> None:
    """Copy a session's page from the store to a file."""
    from ..steps.ledger import Ledger
    from ..store import layout

    _write(output, Ledger.at(address).store.get(layout.report(session)).data)


def check_output(output: Path) -> None:
    """Refuse a file that cannot be written before hours of work end at it. Raises InputError."""
    with _refusing(output), tempfile.TemporaryFile(dir=_folder(output)):
        pass


def _write(output: Path, page: bytes) -> None:
    with _refusing(output):
        _folder(output)
        output.write_bytes(page)


def _folder(output: Path) -> Path:
    output.parent.mkdir(parents=True, exist_ok=True)
    return output.parent


@contextmanager
def _refusing(output: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"the page must go to a file that can be written, got {output} ({error.strerror}); choose another"
        ) from None
