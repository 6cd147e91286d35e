"""``tunewright init``: a commented study file for a table."""

from __future__ import annotations

import re
from pathlib import Path

import click

from ..errors import InputError


@click.command()
@click.argument("table", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--target", help="Column to predict. Default: one named target, label, class or y, else the last.")
@click.option("--name", help="Name of the study. Default: the table's.")
@click.option(
    "--output",
    "-o",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File to write; must not exist. Default: standard output.",
)
def command(table: Path, target: str | None, name: str | None, output: Path | None) -> None:
    """Write a commented study for TABLE (CSV or Parquet) that tunes XGBoost on it."""
    from ..training.draft import draft_study

    chosen = name or re.sub(r"[^a-z0-9]+", "-", table.stem.lower()).strip("-")[:48].strip("-") or "study"
    text = draft_study(table, target, chosen)
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        with output.open("x") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(
            f"--output must name a new file, got {output} which exists; remove it or choose another"
        ) from None
    click.echo(f"wrote {output}; next: tunewright run {output}", err=True)
