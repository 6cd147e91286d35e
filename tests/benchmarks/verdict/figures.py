"""The pictures of the verdict, over values of `summary` and `regret`.

Colours are those of the product's report; a dash stands beside them so that nobody has to tell nine colours apart.
"""

from __future__ import annotations

from typing import Any

import altair as alt
import numpy as np
from tests.benchmarks.rivals.methods import ENTRANT, METHODS
from tests.benchmarks.verdict import regret
from tests.benchmarks.verdict.field import Field

from tunewright.report.pictures.picture import LIGHT, theme

COLOURS = [
    LIGHT.red,
    LIGHT.orange,
    LIGHT.purple,
    LIGHT.sky,
    LIGHT.grey,
    LIGHT.blue,
    LIGHT.green,
    "#7a5c00",
    "#444c52",
    "#c2185b",
    "#00838f",
    "#8e9b00",
    "#5d3a9b",
    "#a0522d",
    "#2f4f4f",
]
DASHES = [
    [1, 0],
    [6, 3],
    [2, 2],
    [8, 2, 2, 2],
    [1, 0],
    [1, 0],
    [1, 0],
    [6, 3],
    [2, 2],
    [8, 2, 2, 2],
    [4, 4],
    [1, 3],
    [3, 3],
    [6, 2],
    [5, 1],
]


def looks(methods: list[str]) -> dict[str, Any]:
    """Colour and dash of methods, the same in every picture."""
    names = list(METHODS)
    places = [divmod(names.index(name), len(COLOURS)) for name in methods]
    colours = [COLOURS[place] for _, place in places]
    # a colour that comes again has another dash
    dashes = [DASHES[(place + 7 * turn) % len(DASHES)] for turn, place in places]
    return {
        "color": alt.Color("method:N", title=None, scale=alt.Scale(domain=methods, range=colours)),
        "strokeDash": alt.StrokeDash("method:N", title=None, scale=alt.Scale(domain=methods, range=dashes)),
    }


def over_trials(field: Field, methods: list[str]) -> alt.Chart:
    """Mean normalised regret over trials, with a bootstrap interval over tasks."""
    values = regret.over_seeds(regret.regret(field))
    lines = [
        {"method": name, "x": 4 * (r + 1), **_interval(values[:, field.column(name), r])}
        for name in methods
        for r in range(values.shape[-1])
    ]
    return _regret_lines(lines, methods, "trials")


def over_cost(field: Field, methods: list[str]) -> alt.Chart:
    """The same over CPU time of training, in median trials."""
    grid, values = regret.over_cost(field)
    lines = [
        {"method": name, "x": float(100 * x), **_interval(values[:, field.column(name), g])}
        for name in methods
        for g, x in enumerate(grid)
    ]
    return _regret_lines(lines, methods, "CPU time of training, in median trials")


def _interval(values: np.ndarray) -> dict[str, float]:
    mean, low, high = regret.interval(values)
    return {"regret": round(mean, 4), "low": round(low, 4), "high": round(high, 4)}


def _regret_lines(lines: list[dict[str, Any]], methods: list[str], over: str) -> alt.Chart:
    line = alt.Chart(alt.Data(values=lines)).mark_line(strokeWidth=2)
    return line.encode(
        x=alt.X("x:Q", title=over),
        y=alt.Y("regret:Q", title="mean normalised regret", scale=alt.Scale(zero=True)),
        **looks(methods),
    ).properties(width=640, height=340)


def critical_difference(there: dict[str, Any]) -> alt.LayerChart:
    """Mean ranks on a line; a bar joins methods that Wilcoxon's tests with Holm's correction do not tell apart."""
    found = {name: row["rank"] for name, row in there["entrants"].items()}
    ordered = sorted(found, key=found.get)
    points = [{"method": name, "rank": round(found[name], 3), "row": row} for row, name in enumerate(ordered)]
    bars = [
        {
            "low": min(found[name] for name in group) - 0.02,
            "high": max(found[name] for name in group) + 0.02,
            "row": len(ordered) + place,
        }
        for place, group in enumerate(there["cliques"])
    ]
    x = alt.X("rank:Q", title="mean rank (1 is best)", scale=alt.Scale(zero=False, padding=20))
    y = alt.Y("row:O", axis=None)
    dots = alt.Chart(alt.Data(values=points)).encode(x=x, y=y)
    marks = dots.mark_point(filled=True, size=80).encode(color=looks(ordered)["color"].legend(None))
    names = dots.mark_text(align="left", dx=9).encode(text="method:N")
    joined = (
        alt.Chart(alt.Data(values=bars))
        .mark_rule(strokeWidth=5, color=LIGHT.muted)
        .encode(x=alt.X("low:Q"), x2="high:Q", y=y)
    )
    return alt.layer(joined, marks, names).properties(width=640, height=24 * (len(ordered) + len(bars)))


def heat_map(field: Field) -> alt.Chart:
    """Normalised regret at the end, a row a task: dark is lost; grey tasks are those on which no configuration matters."""
    values = regret.over_seeds(regret.regret(field)[..., -1])
    order = [
        field.tasks[place]
        for place in np.argsort(
            np.nan_to_num(values[:, field.column(ENTRANT)] if ENTRANT in field.methods else values[:, 0], nan=9)
        )
    ]
    cells = [
        {"task": task, "method": name, "regret": None if np.isnan(values[t, m]) else round(float(values[t, m]), 3)}
        for t, task in enumerate(field.tasks)
        for m, name in enumerate(field.methods)
    ]
    return (
        alt.Chart(alt.Data(values=cells))
        .mark_rect(stroke="white")
        .encode(
            x=alt.X("method:N", sort=field.methods, title=None, axis=alt.Axis(orient="top", labelAngle=-40)),
            y=alt.Y("task:N", sort=order, title=None, axis=alt.Axis(labelLimit=260)),
            color=alt.Color("regret:Q", title="regret", scale=alt.Scale(scheme="blues", domain=[0, 0.6], clamp=True)),
        )
        .properties(width=34 * len(field.methods), height=13 * len(field.tasks))
    )


def overhead(content: dict[str, Any]) -> alt.LayerChart:
    """CPU seconds of the methods themselves for each trial."""
    rows = [{"method": name, "seconds": max(value, 1e-5)} for name, value in content["overhead"].items()]
    base = alt.Chart(alt.Data(values=rows)).encode(
        x=alt.X("seconds:Q", title="CPU seconds of the method per trial", scale=alt.Scale(type="log")),
        y=alt.Y("method:N", sort="x", title=None),
    )
    dots = base.mark_point(filled=True, size=80, color=LIGHT.blue)
    words = base.mark_text(align="left", dx=9).encode(text=alt.Text("seconds:Q", format=".3~f"))
    return alt.layer(dots, words).properties(width=560, height=22 * len(rows))


def svg(chart: alt.Chart | alt.LayerChart) -> str:
    """A chart as SVG, which needs no script."""
    import vl_convert

    look = theme(LIGHT)
    look["legend"] = {**look["legend"], "symbolStrokeWidth": 2.5, "symbolSize": 240, "columns": 6}
    found: str = vl_convert.vegalite_to_svg(chart.properties(background="white").to_dict(), config=look)
    return found
