"""``tunewright schema``: for editors."""

from __future__ import annotations

from importlib.resources import files

import click


@click.command()
def command() -> None:
    """Print the JSON Schema of study files. Editors that read it complete and check what you type."""
    click.echo(files("tunewright").joinpath("schema", "study.schema.json").read_text(), nl=False)
