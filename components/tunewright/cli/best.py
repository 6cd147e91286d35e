"""``tunewright best``: the best configuration, for people and for scripts."""

from __future__ import annotations

import json

import click

from . import options


@click.command()
@options.study_name
@options.store
@click.option(
    "--format",
    "format_",
    type=click.Choice(["json", "yaml", "flags"]),
    default="json",
    show_default=True,
    help="How to print it.",
)
@click.option("--only", is_flag=True, help="Just the configuration, without trial and objective (JSON and YAML).")
def command(study: str, store: str, format_: str, only: bool) -> int:
    """Print the best configuration of STUDY (its name or its file).

    \b
    eval "python train.py $(tunewright best my-study --format flags)"
    """
    from ..embedded.loop import result_of
    from ..report.configuration import as_flags, as_yaml

    ledger = options.ledger_of(study, store)
    record = ledger.record()
    result = result_of(ledger)
    if result.best is None:
        click.echo("no trial of the study has completed yet", err=True)
        return 1
    if format_ == "flags":
        click.echo(as_flags(result.best))
        return 0
    content = (
        {**result.best}
        if only
        else {
            "trial": result.best_trial,
            "metric": record.study.objective.metric,
            "objective": result.objective,
            "configuration": result.best,
        }
    )
    if format_ == "json":
        click.echo(json.dumps(content, indent=2))
    else:
        click.echo(as_yaml(content))
    return 0
