"""``tunewright validate``: every mistake of a study file at once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import STORE_AWAY
from . import options

if TYPE_CHECKING:
    from ..rules import Mistake


@click.command()
@options.study_file
def command(file: Path) -> None:
    """Check the study in FILE and its data. All mistakes are named at once, by line, field, value and remedy."""
    from ..study_file import load_study
    from ..training.data_check import READ, can_read, data_mistakes
    from ..training.parameters import parameter_mistakes

    unread = ""

    def data(raw: Mapping[str, Any], _: object) -> list[Mistake]:
        nonlocal unread
        try:
            return data_mistakes(raw, file.resolve().parent)
        except STORE_AWAY as error:
            unread = str(error)
            return []

    study = load_study(file, checks=[parameter_mistakes, data])
    if not unread and study.trial.kind in READ and not can_read():
        unread = "it can be read only where pandas is installed; pip install 'tunewright[trainer]'"
    conditional = sum(bool(parameter.when) for parameter in study.space.values())
    budget = study.budget
    click.echo(f"{file}: study {study.name!r} is valid{', but its data was not checked' if unread else ''}")
    if unread:
        click.echo(f"  data: {unread}")
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
