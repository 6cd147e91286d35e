"""The incumbent over trials and over time."""

from __future__ import annotations

from typing import Any

import altair as alt

from ..tables import Tables
from .picture import (
    Palette,
    Picture,
    bad_end,
    beyond,
    layered,
    number_format,
    objective_axis,
    over,
    statuses,
    trial_tooltip,
    whole_ticks,
)

HEIGHT = 280


def over_trials(tables: Tables, palette: Palette) -> Picture:
    count = len(tables.facts.trials)
    x = alt.X(
        field="number", type="quantitative", title="trial",
        scale=alt.Scale(domain=[0, count + 1], nice=False), axis=alt.Axis(grid=False, tickMinStep=1, format="d", values=whole_ticks(1, count)),
    )  # fmt: skip
    layers = [*_sessions(tables), *_levels(tables, palette), *_points(tables, palette, x, "number", "incumbent")]
    return Picture(
        name="over-trials",
        title="Incumbent over trials",
        reading=f"Every mark is a trial; the line is the best value so far.{_legend(tables)}",
        chart=layered(
            *layers,
            height=HEIGHT,
            width=560,
            description=f"Best {tables.objective.metric} so far over {count} trials, and the value of each trial.",
        ),
        data=("trials", "sessions", "levels"),
        half=True,
    )


def over_time(tables: Tables, palette: Palette) -> Picture:
    longest = max((trial.elapsed or 0.0 for trial in tables.facts.trials), default=0.0) / tables.clock[1] * 1.02 or 1.0
    x = alt.X(
        field="elapsed", type="quantitative", title=f"{tables.clock[0]} of running",
        scale=alt.Scale(domain=[0, longest], nice=False), axis=alt.Axis(grid=False, format=number_format(0, longest)),
    )  # fmt: skip
    pauses = " Pauses between sessions are left out." if tables.facts.sessions > 1 else ""
    pauses += " A pause in which a session was broken off counts."
    layers = [*_levels(tables, palette), *_points(tables, palette, x, "elapsed", "incumbent_then")]
    return Picture(
        name="over-time",
        title="Incumbent over time",
        reading=f"The same trials at the moment they ended; the line is the best value known by then.{pauses}",
        chart=layered(
            *layers, height=HEIGHT, width=560, description=f"Best {tables.objective.metric} known over time."
        ),
        data=("trials", "levels"),
        half=True,
    )


def over_cost(tables: Tables, palette: Palette) -> Picture:
    spent = max((row["spent"] or 0.0 for row in tables.data["trials"]), default=0.0) * 1.02 or 1.0
    x = alt.X(
        field="spent", type="quantitative", title=f"{tables.purse[0]} spent on trials",
        scale=alt.Scale(domain=[0, spent], nice=False), axis=alt.Axis(grid=False, format=number_format(0, spent)),
    )  # fmt: skip
    layers = [*_levels(tables, palette), *_points(tables, palette, x, "spent", "incumbent_then")]
    return Picture(
        name="over-cost",
        title="Incumbent over cost",
        reading="The same trials by what all trials had cost when each ended, every attempt counted: compare searches of equal cost here.",
        chart=layered(
            *layers,
            height=HEIGHT,
            width=560,
            description=f"Best {tables.objective.metric} known over the cost of all trials.",
        ),
        data=("trials", "levels"),
        half=True,
    )


def _legend(tables: Tables) -> str:
    more = []
    if any(trial.result and trial.objective is None for trial in tables.facts.trials):
        more.append("Trials without a value stand at the edge where worse is.")
    if tables.data["sessions"]:
        more.append("A dotted upright begins a new session.")
    far = beyond(tables)
    if far:
        lie, stand = ("trial lies", "stands") if far == 1 else ("trials lie", "stand")
        more.append(f"{far} much worse {lie} beyond the axis and {stand} at its end.")
    return "".join(f" {sentence}" for sentence in more)


def _points(tables: Tables, palette: Palette, x: alt.X, column: str, line: str) -> list[alt.Chart]:
    look: dict[str, Any] = statuses(tables, palette)
    x_valid = f"isValid(datum.{column})"
    without = (
        over("trials")
        .transform_filter(f"!isValid(datum.objective) && datum.status !== 'PENDING' && {x_valid}")
        .mark_point(filled=True, size=42, opacity=0.9)
        .encode(x=x, y=bad_end(tables, HEIGHT), tooltip=trial_tooltip(tables, palette), **look)
    )
    step = (
        over("trials")
        .transform_filter(f"isValid(datum.{line}) && {x_valid}")
        .mark_line(interpolate="step-after", strokeWidth=2, color=palette.orange, clip=True)
        .encode(x=x, y=objective_axis(tables, line))
    )
    points = (
        over("trials")
        .transform_filter(f"isValid(datum.objective) && {x_valid}")
        .mark_point(filled=True, size=38)
        .encode(
            x=x, y=objective_axis(tables), tooltip=trial_tooltip(tables, palette),
            opacity=alt.condition("datum.improved", alt.value(1), alt.value(0.55)), **look,
        )
    )  # fmt: skip
    return [without, step, points]


def _sessions(tables: Tables) -> list[alt.Chart]:
    if not tables.data["sessions"]:
        return []
    return [
        over("sessions")
        .mark_rule(strokeDash=[1, 3])
        .encode(x=alt.X(field="begins", type="quantitative"), tooltip=[alt.Tooltip(field="session", type="nominal")])
    ]


def _levels(tables: Tables, palette: Palette) -> list[alt.Chart]:
    """Dashed lines at the goal and at the default configuration's value."""
    if not tables.data["levels"]:
        return []
    y = objective_axis(tables, "value")
    base = over("levels")
    return [
        base.mark_rule(strokeDash=[5, 4], opacity=0.8).encode(y=y),
        base.mark_text(align="right", dx=-4, dy=-6, color=palette.muted).encode(
            x=alt.value("width"), y=y, text=alt.Text(field="label", type="nominal")
        ),
    ]
