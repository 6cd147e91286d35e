"""Which parameters mattered, which values the good trials had, and what the reward model believes."""

from __future__ import annotations

from typing import Any

import altair as alt

from ...space import Parameter
from ..rows import ABSENT, GROUPS, cell, domain, numeric
from ..tables import Tables
from ..trials import scored
from .picture import Palette, Picture, bad_end, layered, number_format, objective_axis, over, statuses, trial_tooltip

SLICE_HEIGHT = 170
AXES_HEIGHT = 300
CROWD = 120  #: trials above which lines are drawn fainter


def parallel(tables: Tables, palette: Palette) -> Picture:
    last = len(tables.axes)
    lowest = ABSENT - 0.06 if any(tables.space.parameters[name].when for name in tables.axes) else -0.06
    x = alt.X(field="axis", type="quantitative", axis=None, scale=alt.Scale(domain=[-0.25, last + 0.45], nice=False))
    y = alt.Y(field="u", type="quantitative", axis=None, scale=alt.Scale(domain=[lowest, 1.16], nice=False))
    brush = alt.selection_interval(
        name="brush", encodings=["x", "y"], mark=alt.BrushConfig(fill=palette.orange, fillOpacity=0.15)
    )
    hover = alt.selection_point(name="hover", on="pointerover", clear="pointerout", fields=["number"], empty=False)
    folded = (
        over("trials")
        .transform_filter("isValid(datum.group)")
        .transform_fold([f"u_{i}" for i in range(last + 1)], as_=["key", "u"])
        .transform_calculate(axis="toNumber(substring(datum.key, 2))")
    )
    lines = [_lines(folded, group, x, y, tables, palette) for group in reversed(GROUPS)]
    pointed = (
        folded.mark_line(color=palette.ink)
        .encode(
            x=x, y=y, detail=alt.Detail(field="number", type="quantitative"), tooltip=trial_tooltip(tables, palette),
            opacity=alt.condition(hover, alt.value(1), alt.value(0.001)), strokeWidth=alt.condition(hover, alt.value(3), alt.value(9)),
        )
        .add_params(hover)
    )  # fmt: skip
    hidden = len(tables.space) - last
    most = f" The {last} most important of {len(tables.space)} parameters are drawn." if hidden else ""
    lines_drawn = sum(row["group"] is not None for row in tables.data["trials"])
    if lines_drawn < len(scored(tables.shown)):
        most += f" Of many trials, {lines_drawn} are drawn: the best quarter, and some of the others."
    return Picture(
        name="parallel",
        title="Which values the good trials had",
        reading="Every line is a trial, crossing each axis at its value; on the last axis up is better. "
        f"Point at a line to single it out, drag a box over an axis to keep the lines through it.{most}",
        chart=layered(
            *_frame(x, y, palette, brush), *lines, pointed, *_tick_labels(x, y, palette),
            height=AXES_HEIGHT, width=900,
            description=f"Parallel coordinates of {', '.join(tables.axes)} and {tables.objective.metric}.",
        ),
        data=("trials", "axes", "ticks"),
        least_width=92 * (last + 1),
    )  # fmt: skip


IN_BOX = "!isValid(brush) || !isValid(brush.axis) || !inrange(datum.axis, brush.axis) || inrange(datum.u, brush.u)"


def _lines(folded: alt.Chart, group: str, x: alt.X, y: alt.Y, tables: Tables, palette: Palette) -> alt.Chart:
    """The lines of one group. A line is kept while all its crossings inside the box's columns lie in the box."""
    looks = dict(
        zip(GROUPS, ((palette.blue, 0.95, 2.0), (palette.sky, 0.75, 1.3), (palette.grey, 0.3, 0.9)), strict=True)
    )
    _, opacity, width = looks[group]
    opacity = max(opacity * min((CROWD / len(tables.shown)) ** 0.5, 1.0), 0.08)
    lines: alt.Chart = (
        folded.transform_filter(alt.FieldEqualPredicate(field="group", equal=group))
        .transform_calculate(kept=f"({IN_BOX}) ? 1 : 0")
        .transform_joinaggregate(all_kept="min(kept)", groupby=["number"])
        .mark_line(strokeWidth=width)
        .encode(
            x=x, y=y, detail=alt.Detail(field="number", type="quantitative"),
            color=alt.Color(
                field="group", type="nominal", legend=alt.Legend(title=None, symbolType="stroke", symbolStrokeWidth=3),
                scale=alt.Scale(domain=list(GROUPS), range=[looks[name][0] for name in GROUPS]),
            ),
            opacity=alt.condition("datum.all_kept > 0", alt.value(opacity), alt.value(0.04)),
        )
    )  # fmt: skip
    return lines


def _frame(x: alt.X, y: alt.Y, palette: Palette, brush: alt.Parameter) -> list[alt.Chart]:
    base = over("axes").transform_calculate(u="0", top="1", head="1.11")
    return [
        base.mark_rule(color=palette.line, strokeWidth=1.5).encode(x=x, y=y, y2=alt.Y2(field="top")).add_params(brush),
        base.mark_text(fontWeight=600, fontSize=11).encode(
            x=x, y=alt.Y(field="head", type="quantitative", axis=None), text=alt.Text(field="label", type="nominal"),
            tooltip=[alt.Tooltip(field="name", type="nominal", title="axis")],
        ),
    ]  # fmt: skip


def _tick_labels(x: alt.X, y: alt.Y, palette: Palette) -> list[alt.Chart]:
    text = alt.Text(field="label", type="nominal")
    base = over("ticks")
    style: dict[str, Any] = {"align": "left", "dx": 5, "fontSize": 10, "limit": 76}
    return [
        base.mark_text(**style, stroke=palette.paper, strokeWidth=3, strokeJoin="round").encode(x=x, y=y, text=text),
        base.mark_text(**style, color=palette.muted).encode(
            x=x, y=y, text=text, tooltip=[alt.Tooltip(field="label", type="nominal", title="value")]
        ),
    ]


def importance(tables: Tables, palette: Palette) -> Picture:
    count = len(tables.data["importance"])
    y = alt.Y(
        field="parameter",
        type="nominal",
        sort=None,
        title=None,
        axis=alt.Axis(labelLimit=200, ticks=False, labelColor=palette.ink),
    )
    told = [
        alt.Tooltip(field="parameter", type="nominal"),
        alt.Tooltip(field="share", type="quantitative", format=".0%"),
        alt.Tooltip(field="low", type="quantitative", format=".0%", title="10th percentile"),
        alt.Tooltip(field="high", type="quantitative", format=".0%", title="90th percentile"),
        alt.Tooltip(field="chance", type="quantitative", format=".0%", title="chance level"),
    ]
    base = over("importance")
    share = alt.X(
        field="share", type="quantitative", title="share of the importance", axis=alt.Axis(format=".0%", tickCount=5),
        scale=alt.Scale(domainMin=0, clamp=True), stack=None,  # which would be by name, and a parameter may be called constructor
    )  # fmt: skip
    bars = base.mark_bar(height=12, cornerRadiusEnd=2).encode(
        x=share, y=y, tooltip=told,
        color=alt.Color(
            field="reading", type="nominal", legend=alt.Legend(title=None, symbolType="square"),
            scale=alt.Scale(domain=["matters", "may be chance"], range=[palette.blue, palette.grey]),
        ),
    )  # fmt: skip
    doubt = base.mark_rule(color=palette.ink, strokeWidth=1.5).encode(
        x=alt.X(field="low", type="quantitative"), x2=alt.X2(field="high"), y=y
    )
    chance = base.mark_tick(color=palette.orange, thickness=3, height=20).encode(
        x=alt.X(field="chance", type="quantitative"), y=y
    )
    return Picture(
        name="importance",
        title="Which parameters mattered",
        reading="Bar: share of the importance. Thin line: 10th to 90th percentile over resampled trials, widened to reach the bar. "
        "Orange tick: what a parameter without influence reaches by chance; a bar that ends before it proves nothing.",
        chart=layered(
            bars,
            doubt,
            chance,
            height=max(26 * count, 60),
            width=640,
            description="Importance of each parameter with its uncertainty.",
        ),
        data=("importance",),
    )


def slice_(name: str, tables: Tables, palette: Palette) -> Picture:
    """Trials and the model's belief along one parameter."""
    parameter = tables.space.parameters[name]
    x = _value_axis(f"p_{name}", parameter)
    at = _value_axis("value", parameter)
    offset: dict[str, Any] = (
        {}
        if numeric(parameter)
        else {"xOffset": alt.XOffset(field="jitter", type="quantitative", scale=alt.Scale(domain=[-0.4, 1.4]))}
    )
    told = trial_tooltip(tables, palette)
    look = statuses(tables, palette)
    look = {"color": look["color"], "shape": look["shape"]}
    for channel in look.values():
        channel.legend = None
    trials = (
        over("trials")
        .transform_filter(f"isValid(datum['p_{name}'])")
        .transform_calculate(jitter="(datum.number * 0.618034) % 1")
    )
    without = (
        trials.transform_filter("!isValid(datum.objective) && datum.status !== 'PENDING'")
        .mark_point(filled=True, size=26, opacity=0.8)
        .encode(x=x, y=bad_end(tables, SLICE_HEIGHT), tooltip=told, **look, **offset)
    )
    age = alt.Scale(domain=[0, len(tables.facts.trials)], range=[0.25, 0.9])
    points = (
        trials.transform_filter("isValid(datum.objective)")
        .mark_point(filled=True, size=24)
        .encode(
            x=x, y=objective_axis(tables, ticks=4, title=tables.objective.metric), tooltip=told,
            opacity=alt.Opacity(field="number", type="quantitative", legend=None, scale=age),
            **look, **offset,
        )
    )  # fmt: skip
    ring = _centre(trials, x, name, tables, palette, **offset)
    layers = [*_belief(at, parameter, name, tables, palette), without, points, *ring]
    return Picture(
        name=f"slice-{tables.slice_names.index(name)}",
        title=name,
        reading=_through(name, tables),
        chart=layered(
            *layers, height=SLICE_HEIGHT, width=300,
            description=f"{tables.objective.metric} of the trials over {name}, and the belief of the reward model."
        ),
        data=("trials", "belief"),
    )  # fmt: skip


def _through(name: str, tables: Tables) -> str:
    centre = tables.slices.through.get(name)
    best = tables.facts.best
    if centre is None or best is None or centre.number == best.number:
        return ""
    return f"Not active in the best trial; the slice runs through trial {centre.number}."


def _centre(trials: alt.Chart, x: alt.X, name: str, tables: Tables, palette: Palette, **offset: Any) -> list[alt.Chart]:
    """A ring around the trial that the slice runs through."""
    trial = tables.slices.through.get(name)
    if trial is None:
        return []
    return [
        trials.transform_filter(f"datum.number === {trial.number}")
        .mark_point(filled=False, size=130, strokeWidth=2, color=palette.orange)
        .encode(x=x, y=objective_axis(tables, ticks=4, title=tables.objective.metric), **offset)
    ]


def _belief(x: alt.X, parameter: Parameter, name: str, tables: Tables, palette: Palette) -> list[alt.Chart]:
    if not any(point.parameter == name for point in tables.slices.points):
        return []
    ends = domain(tables.facts.trials, tables.objective)
    base = (
        over("belief")
        .transform_filter(f"datum.slice === {tables.slice_names.index(name)}")
        .transform_calculate(within=f"inrange(datum.mean, [{ends[0]!r}, {ends[1]!r}]) ? datum.mean : null")
    )
    title = tables.objective.metric
    low, mean = (
        objective_axis(tables, "low", ticks=4, title=title),
        objective_axis(tables, "within", ticks=4, title=title),
    )
    told = [
        alt.Tooltip(field="value", type="nominal", title=name),
        alt.Tooltip(field="mean", type="quantitative", title="belief", format=".5~g"),
        alt.Tooltip(field="low", type="quantitative", title="one deviation below", format=".5~g"),
        alt.Tooltip(field="high", type="quantitative", title="one deviation above", format=".5~g"),
    ]
    if numeric(parameter):
        return [
            base.mark_area(color=palette.sky, opacity=0.3).encode(x=x, y=low, y2=alt.Y2(field="high"), tooltip=told),
            base.mark_line(color=palette.ink, strokeWidth=1.5).encode(x=x, y=mean),
        ]
    width = max(min(200 // (parameter.cardinality or 1), 40), 4)
    return [
        base.mark_rule(color=palette.sky, opacity=0.3, strokeWidth=width).encode(
            x=x, y=low, y2=alt.Y2(field="high"), tooltip=told
        ),
        base.mark_rule(color=palette.ink, strokeWidth=width, yOffset=-0.75, y2Offset=0.75).encode(
            x=x, y=mean, y2=alt.Y2(field="within"), tooltip=told
        ),
    ]


def _value_axis(field: str, parameter: Parameter) -> alt.X:
    if numeric(parameter):
        low, high = parameter.low, parameter.high
        log = parameter.scale == "log"
        scale = (
            alt.Scale(type="log", domain=[low, high], nice=False)
            if log
            else alt.Scale(domain=[low, high], nice=False, zero=False)
        )
        form = ("~e" if low < 1e-3 else "~g") if log else number_format(low, high)
        axis = alt.Axis(
            grid=False, tickCount=4, labelOverlap=True, labelSeparation=8, format=form, labelFlush=True, ticks=not log
        )
        return alt.X(field=field, type="quantitative", title=None, scale=scale, axis=axis)
    count = parameter.cardinality or 0
    labels = [cell(parameter, parameter.value((i + 0.5) / count)) for i in range(count)]
    few = len(labels) <= 4 and all(len(str(text)) <= 8 for text in labels)
    axis = alt.Axis(labelAngle=0 if few else -35, labelLimit=84, labelOverlap=len(labels) > 12)
    return alt.X(field=field, type="nominal", title=None, sort=None, scale=alt.Scale(domain=labels), axis=axis)
