"""The pictures of the report for notebooks: Altair charts that display themselves and hold their own rows.

::

    from tunewright.report import figures

    history, belief = tunewright.history("churn"), tunewright.belief("churn")
    figures.incumbent_over_trials(history)
    figures.slices(history, belief)["learning_rate"]

A history with too little to show gives a chart that says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

import altair as alt

from .pictures import draw
from .pictures.picture import LIGHT, Chart, Picture, theme
from .record import Belief, StudyHistory
from .tables import Tables, build

Figure: TypeAlias = Chart | alt.VConcatChart


def incumbent_over_trials(history: StudyHistory) -> Figure:
    """Every trial's value and the best so far, over trials."""
    return _section(history, "progress", "over-trials")


def incumbent_over_time(history: StudyHistory) -> Figure:
    """Every trial's value and the best so far, over time of running."""
    return _section(history, "progress", "over-time")


def incumbent_over_cost(history: StudyHistory) -> Figure:
    """Every trial's value and the best so far, over what all trials cost: the view of equal cost."""
    return _section(history, "progress", "over-cost")


def learning_curves(history: StudyHistory) -> Figure:
    """The objective's metric of every trial over the steps of its training; stopped trials are marked."""
    return _section(history, "curves")


def parallel_coordinates(history: StudyHistory) -> Figure:
    """Every complete trial as a line over parallel axes; drag a box to keep the lines through it."""
    return _section(history, "parameters", "parallel")


def importance(history: StudyHistory) -> Figure:
    """Importance of each parameter with its uncertainty."""
    return _section(history, "importance", "importance")


def slices(history: StudyHistory, belief: Belief | None = None) -> dict[str, Figure]:
    """By parameter: trials and the reward model's belief along it; of more than twelve parameters the most important ones are drawn."""
    tables = build(history, belief)
    drawn = {picture.title: [picture] for picture in draw(tables, LIGHT)["slices"]}
    return {name: _shown(drawn.get(name, []), tables) for name in dict.fromkeys([*drawn, *tables.space.names])}


def trust(history: StudyHistory) -> Figure:
    """KL, held-out R² and updates of every round."""
    return _section(history, "trust")


def origins(history: StudyHistory) -> Figure:
    """Trials of every round by the origin of their proposal."""
    return _section(history, "origins")


def cost(history: StudyHistory) -> Figure:
    """Seconds of every round."""
    return _section(history, "cost")


def _section(history: StudyHistory, section: str, name: str = "") -> Figure:
    tables = build(history, None)
    return _shown([picture for picture in draw(tables, LIGHT)[section] if name in ("", picture.name)], tables)


def _shown(pictures: Sequence[Picture], tables: Tables) -> Figure:
    """One chart, or several below each other, with their rows and theme."""
    charts = [picture.chart.properties(title=picture.title) for picture in pictures]
    if not charts:
        charts = [
            alt.Chart(alt.InlineData(values=[{}])).mark_text(
                text="Nothing to draw here: too few trials, none that has this, or a parameter that matters less.",
                fontSize=13,
            )
        ]
    whole = charts[0] if len(charts) == 1 else alt.vconcat(*charts)
    datasets = {name: tables.data[name] for picture in pictures for name in picture.data}
    shown: Figure = whole.properties(datasets=datasets) if datasets else whole
    return shown.configure(**theme(LIGHT))  # type: ignore[no-any-return]
