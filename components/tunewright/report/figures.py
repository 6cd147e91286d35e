"""The pictures of the report for notebooks: Altair charts that display themselves and hold their own rows.

::

    from tunewright.report import figures

    figures.incumbent_over_trials(history)
    figures.slices(history, belief)["learning_rate"]
"""

from __future__ import annotations

import altair as alt

from .pictures import agent, parameters, progress
from .pictures.picture import LIGHT, Chart, Picture, theme
from .record import Belief, StudyHistory
from .tables import Tables, build


def incumbent_over_trials(history: StudyHistory) -> Chart:
    """Every trial's value and the best so far, over trials."""
    tables = build(history, None)
    return _shown(progress.over_trials(tables, LIGHT), tables)


def incumbent_over_time(history: StudyHistory) -> Chart:
    """Every trial's value and the best so far, over time of running."""
    tables = build(history, None)
    return _shown(progress.over_time(tables, LIGHT), tables)


def parallel_coordinates(history: StudyHistory) -> Chart:
    """Every complete trial as a line over parallel axes; drag a box to keep the lines through it."""
    tables = build(history, None)
    return _shown(parameters.parallel(tables, LIGHT), tables)


def importance(history: StudyHistory) -> Chart:
    """Importance of each parameter with its uncertainty; empty when there are too few trials."""
    tables = build(history, None)
    return _shown(parameters.importance(tables, LIGHT), tables)


def slices(history: StudyHistory, belief: Belief | None = None) -> dict[str, Chart]:
    """By parameter: trials and the reward model's belief along it."""
    tables = build(history, belief)
    return {name: _shown(parameters.slice_(name, tables, LIGHT), tables) for name in tables.slice_names}


def trust(history: StudyHistory) -> alt.VConcatChart:
    """KL, held-out R² and updates of every round."""
    tables = build(history, None)
    return alt.vconcat(*(_shown(each(tables, LIGHT), tables) for each in (agent.kl, agent.r2, agent.updates)))


def origins(history: StudyHistory) -> Chart:
    """Trials of every round by the origin of their proposal."""
    tables = build(history, None)
    return _shown(agent.origins(tables, LIGHT), tables)


def cost(history: StudyHistory) -> Chart:
    """Seconds of every round."""
    tables = build(history, None)
    return _shown(agent.costs(tables, LIGHT), tables)


def _shown(picture: Picture, tables: Tables) -> Chart:
    chart = picture.chart.properties(title=picture.title, datasets={name: tables.data[name] for name in picture.data})
    shown: Chart = chart.configure(**theme(LIGHT))
    return shown
