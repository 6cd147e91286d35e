"""``python -m tunewright.schema`` prints the study's schema; ``--write`` renews the committed files, ``--check`` finds stale ones."""

from __future__ import annotations

import json
import sys

import click

from . import files, study_schema


@click.command()
@click.option("--write", is_flag=True, help="Renew the committed files.")
@click.option("--check", is_flag=True, help="End with 1 when a committed file is stale.")
def main(write: bool, check: bool) -> None:
    """Print the JSON Schema of a study file."""
    if not write and not check:
        click.echo(json.dumps(study_schema(), indent=2, ensure_ascii=False))
    for path, content in files().items() if write or check else ():
        fresh = path.is_file() and path.read_text(encoding="utf-8") == content
        if write and not fresh:
            path.write_text(content, encoding="utf-8")
            click.echo(f"wrote {path}")
        elif not fresh:
            click.echo(f"{path} is stale; run: python -m tunewright.schema --write", err=True)
            sys.exit(1)


if __name__ == "__main__":
    main()
