"""``tunewright report``: the page of a study."""

from __future__ import annotations

from pathlib import Path

import click

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
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(page, encoding="utf-8")
    click.echo(f"wrote {output}")


def copy_page(address: str, session: str, output: Path) -> None:
    """Copy a session's page from the store to a file."""
    from ..steps.ledger import Ledger
    from ..store import layout

    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(Ledger.at(address).store.get(layout.report(session)).data)
