"""``tunewright init``: a commented study file for a table."""

from __future__ import annotations

import re
import shlex
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
    """Write a commented study for TABLE (CSV, TSV or Parquet) that tunes XGBoost on it. Its first line lets editors complete it."""
    from ..store.opening import check_name
    from ..training.draft import draft_study

    chosen = name or re.sub(r"[^a-z0-9]+", "-", _stem(table).lower()).strip("-")[:48].strip("-") or "study"
    check_name(chosen)
    if output is None:
        click.echo(draft_study(table, target, chosen), nl=False)
        return
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        text = draft_study(table, target, chosen, relative_to=output.parent)
        with output.open("x") as file:
            file.write(text)
    except FileExistsError:
        raise InputError(
            f"--output must name a new file, got {output} "
            + (
                "which exists; remove it or choose another"
                if output.exists()
                else f"below {output.parent}, which is no folder; choose another"
            )
        ) from None
    except OSError as error:
        raise InputError(
            f"--output must be a file that can be written, got {output} ({error.strerror}); choose another"
        ) from None
    click.echo(f"wrote {output}; next: tunewright run {shlex.quote(str(output))}", err=True)


def _stem(table: Path) -> str:
    return table.with_suffix("").stem if table.suffix.lower() == ".gz" else table.stem
