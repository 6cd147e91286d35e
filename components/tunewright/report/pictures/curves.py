"""Learning curves: how far every trial came, and where it was stopped."""

from __future__ import annotations

import altair as alt

from ..rows import curve_domain
from ..tables import Tables
from ..trials import PENDING
from .picture import Palette, Picture, layered, objective_axis, over, statuses

HEIGHT = 300
LONG = 50  #: ratio of the last to the first step above which steps are drawn on a logarithmic scale


def curves(tables: Tables, palette: Palette) -> Picture:
    rows = tables.data["curves"]
    first, last = min(row["step"] for row in rows), max(row["step"] for row in rows)
    scale = (
        alt.Scale(type="log", nice=False) if first > 0 and last / first >= LONG else alt.Scale(nice=False, zero=False)
    )
    x = alt.X(
        field="step",
        type="quantitative",
        title="step",
        scale=scale,
        axis=alt.Axis(grid=False, format="~s", tickMinStep=1),
    )
    low, high = curve_domain(rows, tables.facts.trials, tables.objective)
    y, end = (objective_axis(tables, name, ends=(low, high), clamp=False) for name in ("value", "end_at"))
    look = statuses(tables, palette, running=any(row["status"] == PENDING for row in rows))
    lines = (
        over("curves")
        .mark_line(strokeWidth=1.2, opacity=0.55, clip=True)
        .encode(x=x, y=y, color=look["color"], detail=alt.Detail(field="number", type="nominal"))
    )
    ends = (
        over("curves")
        .transform_filter("datum.end")
        .transform_calculate(end_at=f"clamp(datum.value, {low!r}, {high!r})")
        .mark_point(filled=True, size=44)
        .encode(x=x, y=end, tooltip=[
            alt.Tooltip(field="number", type="quantitative", title="trial"), alt.Tooltip(field="status", type="nominal"),
            alt.Tooltip(field="step", type="quantitative"),
            alt.Tooltip(field="value", type="quantitative", title=tables.objective.metric, format=".6~g"),
        ], **look)
    )  # fmt: skip
    return Picture(
        name="curves",
        title="Learning curves",
        reading="Every line is a trial; its mark is where it ended. A diamond was stopped early. Trials that still run have no mark.",
        chart=layered(
            lines,
            ends,
            height=HEIGHT,
            width=560,
            description=f"{tables.objective.metric} of the trials by step of training.",
        ),
        data=("curves",),
    )
