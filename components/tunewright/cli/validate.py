"""``tunewright validate``: every mistake of a study file at once."""

from __future__ import annotations

from pathlib import Path

import click

from . import options


@click.command()
@options.study_file
def command(file: Path) -> None:
    """Check the study in FILE, then its data. The file's mistakes are named by line, field, value and remedy, all of them at once."""
    from ..study_file import load_study
    from ..training.parameters import check_parameters

    study = load_study(file, checks=[check_parameters])
    if study.data is not None and not study.data.source.startswith("s3://"):
        from ..training.data import identify
        from ..training.evaluation import check_data

        check_data(study.model_copy(update={"data": identify(study.data, file.resolve().parent)}))
    conditional = sum(bool(parameter.when) for parameter in study.space.values())
    budget = study.budget
    click.echo(f"{file}: study {study.name!r} is valid")
    click.echo(
        f"  space: {len(study.space)} parameters, {conditional} conditional, {len(study.constraints)} constraints"
    )
    click.echo(f"  objective: {study.objective.direction} {study.objective.metric}")
    click.echo(f"  session: {budget.most_trials} trials, {budget.parallel_trials} at a time; trial: {study.trial.kind}")
    if budget.most_trials < budget.trials:
        click.echo(
            f"  of {budget.trials} trials asked for: a session has at most {budget.rounds} rounds of {budget.parallel_trials}; "
            "raise budget.parallel_trials, or run another session, which goes on"
        )
    click.echo(
        f"  first trial: {'the defaults' if study.search_space().default() else 'from the initial design (not every parameter has a default)'}"
    )
