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
    """Draw the report of STUDY (its name or its file) as it stands now, finished or not."""
    from ..steps.report import report

    ledger = options.ledger_of(study, store)
    head, _ = ledger.head() if session is None else (None, None)
    chosen = session or (head.session if head else "")
    report(ledger, chosen)
    copy_page(ledger.store.address, chosen, output)
    click.echo(f"wrote {output}")


def copy_page(address: str, session: str, output: Path) -> None:
    """Copy a session's page from the store to a file."""
    from ..steps.ledger import Ledger
    from ..store import layout

    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_bytes(Ledger.at(address).store.get(layout.report(session)).data)
