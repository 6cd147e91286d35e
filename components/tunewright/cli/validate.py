"""``tunewright validate``: every mistake of a study file at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ..errors import STORE_AWAY
from . import options

if TYPE_CHECKING:
    from ..parameter import Parameter
    from ..rules import Mistake

MAGNITUDES = 1000  #: ratio of bounds from which a linear scale is seldom meant


@click.command()
@options.study_file
def command(file: Path) -> None:
    """Check the study in FILE and its data. All mistakes are named at once, by line, field, value and remedy."""
    from ..agent.grid import Grid
    from ..study_file import load_study
    from ..training.data_check import READ, can_read, data_mistakes
    from ..training.parameters import parameter_mistakes

    unread = ""
    of_data: list[str] = []

    def data(raw: Mapping[str, Any], _: object) -> list[Mistake]:
        nonlocal unread
        try:
            return data_mistakes(raw, file.resolve().parent, of_data)
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
    for advice in (*_advice(study.space), *of_data):
        click.echo(f"  advice: {advice}")
    click.echo(f"  objective: {study.objective.direction} {study.objective.metric}")
    click.echo(f"  session: {budget.most_trials} trials, {budget.parallel_trials} at a time; trial: {study.trial.kind}")
    if budget.most_trials < budget.trials:
        click.echo(
            f"  of {budget.trials} trials asked for: a session has at most {budget.rounds} rounds of {budget.parallel_trials}; "
            "raise budget.parallel_trials, or run another session, which goes on"
        )
    most = Grid(study.search_space()).size
    if most is not None and most < budget.most_trials:
        click.echo(
            f"  at most {most} of them: the space has no more configurations, and the session ends when all have been tried"
        )
    click.echo(
        f"  first trial: {'the defaults' if study.search_space().default() else 'from the initial design (not every parameter has a default)'}"
    )


def _advice(space: Mapping[str, Parameter]) -> Iterator[str]:
    """What is valid and seldom meant: a number of many magnitudes that is searched as if only the largest counted."""
    from ..parameter import FloatParameter, IntParameter

    for name, parameter in space.items():
        if not isinstance(parameter, FloatParameter | IntParameter) or parameter.scale == "log":
            continue
        low, high = parameter.low, parameter.high
        if low > 0 and high / low >= MAGNITUDES:
            tenth = low + 0.1 * (high - low)
            yield (
                f"space.{name} goes from {low:g} to {high:g} on a linear scale, so 9 of 10 values lie above {tenth:.2g}; "
                "if all magnitudes matter, write scale: log"
            )
