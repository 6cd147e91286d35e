"""How far the reward model was trusted, and where proposals came from."""

from __future__ import annotations

from typing import Literal

import altair as alt

from ..tables import Tables
from .picture import Palette, Picture, layered, over, whole_ticks

HEIGHT = 170
FEW_ROUNDS = 9  #: whose bars are kept slim


def _round_axis() -> alt.X:
    return alt.X(
        field="round",
        type="ordinal",
        title="round",
        axis=alt.Axis(labelAngle=0, labelOverlap=True, grid=False, ticks=False),
    )


def kl(tables: Tables, palette: Palette) -> Picture:
    numbers = [row["round"] for row in tables.data["trust"]]
    limit = tables.kl_limit
    top = max([limit * 1.25, *(min(row["kl"], 3 * limit) for row in tables.data["kl"])])
    ticks = whole_ticks(numbers[0], numbers[-1])
    x = alt.X(
        field="x", type="quantitative", title="round", axis=alt.Axis(grid=False, format="d", tickMinStep=1, values=ticks),
        scale=alt.Scale(domain=[min(numbers), max(numbers) + 1], nice=False),
    )  # fmt: skip
    y = alt.Y(
        field="kl",
        type="quantitative",
        title="KL divergence",
        scale=alt.Scale(domain=[0, top], clamp=True),
        axis=alt.Axis(tickCount=4),
    )
    told = [
        alt.Tooltip(field="round", type="quantitative"),
        alt.Tooltip(field="update", type="quantitative"),
        alt.Tooltip(field="kl", type="quantitative", title="KL", format=".3f"),
    ]
    base = over("kl")
    detail = alt.Detail(field="round", type="quantitative")
    beyond = alt.condition(f"datum.kl > {limit!r}", alt.value(palette.red), alt.value(palette.blue))
    return Picture(
        name="kl",
        title="Distance from the policy that the model was fitted for",
        reading=f"Each rise is one round's updates on predicted rewards; above the dashed limit of {limit:g} the model is no longer asked.",
        chart=layered(
            base.mark_line(strokeWidth=1.5, color=palette.blue).encode(x=x, y=y, detail=detail),
            base.mark_point(filled=True, size=16, opacity=1).encode(x=x, y=y, color=beyond, tooltip=told),
            *_limit(limit, palette, align="left"),
            height=HEIGHT, width=560, description=f"KL divergence after each update on predicted rewards, against the limit {limit:g}."),
        data=("kl",),
        half=True,
    )  # fmt: skip


def _limit(value: float, palette: Palette, *, align: Literal["left", "right"]) -> list[alt.Chart]:
    base = alt.Chart(alt.InlineData(values=[{"limit": value}]))
    level = alt.Y(field="limit", type="quantitative")
    return [
        base.mark_rule(strokeDash=[5, 4], color=palette.red).encode(y=level),
        base.mark_text(text="limit", align=align, dx=4 if align == "left" else -4, dy=-6, color=palette.red).encode(
            x=alt.value(0 if align == "left" else "width"), y=level
        ),
    ]


def r2(tables: Tables, palette: Palette) -> Picture:
    known = [row["r2"] for row in tables.data["trust"] if row["r2"] is not None]
    limit = tables.r2_limit
    low = max(min([0.0, *known, *([] if limit is None else [limit])]), -1.0) - 0.08
    y = alt.Y(
        field="r2",
        type="quantitative",
        title="held-out R²",
        scale=alt.Scale(domain=[low, 1], clamp=True, nice=False),
        axis=alt.Axis(tickCount=5),
    )
    told = [
        alt.Tooltip(field="round", type="quantitative"),
        alt.Tooltip(field="r2", type="quantitative", title="held-out R²", format=".3f"),
        alt.Tooltip(field="observations", type="quantitative"),
        alt.Tooltip(field="model", type="nominal"),
        alt.Tooltip(field="horizon", type="nominal"),
    ]
    base = over("trust").transform_filter("isValid(datum.r2)")
    trusted = "true" if limit is None else f"datum.r2 >= {limit!r}"
    layers = [
        base.mark_line(strokeWidth=1.5, color=palette.blue).encode(x=_round_axis(), y=y),
        base.mark_point(filled=True, size=34, opacity=1).encode(
            x=_round_axis(),
            y=y,
            tooltip=told,
            color=alt.condition(trusted, alt.value(palette.blue), alt.value(palette.red)),
        ),
    ]
    asks = (
        "Nothing is asked of it in this study."
        if limit is None
        else f"A model at or above the dashed limit of {limit:g} may be used."
    )
    return Picture(
        name="r2",
        title="How well the model predicts trials it has not seen",
        reading=f"1 is perfect, 0 is no better than the mean. {asks}",
        chart=layered(
            *layers,
            *([] if limit is None else _limit(limit, palette, align="right")),
            height=HEIGHT,
            width=560,
            description="Held-out coefficient of determination of the reward model in every round.",
        ),
        data=("trust",),
        half=True,
    )


def updates(tables: Tables, palette: Palette) -> Picture:
    return Picture(
        name="updates",
        title="What the policy learnt from",
        reading="Updates of the policy in each round: on rewards that the model predicted, and on rewards of trials that ran.",
        chart=_stacked(
            tables, "updates", "updates", "rewards", {"predicted": palette.sky, "real": palette.blue}
        ).properties(description="Number of policy updates on predicted and on real rewards in every round."),
        data=("updates",),
        half=True,
    )


def origins(tables: Tables, palette: Palette) -> Picture:
    looks: dict[str, str] = {
        "default": palette.ink, "warm-start": palette.purple, "initial": palette.grey, "policy": palette.blue,
        "neighbour": palette.green, "random": palette.orange, "promotion": palette.sky, "curve": palette.red,
    }  # fmt: skip
    there: dict[str, str] = {str(facts.origin): looks[facts.origin] for facts in tables.facts.origins}
    return Picture(
        name="origins",
        title="Where the trials came from",
        reading="Trials of each round by who proposed them. An improvement, in the table, is a trial that became the incumbent.",
        chart=_stacked(tables, "origins", "trials", "origin", there).properties(
            description="Number of trials of every round by the origin of their proposal."
        ),
        data=("origins",),
        half=True,
    )


def costs(tables: Tables, palette: Palette) -> Picture:
    looks = {"training": palette.blue, "evaluation": palette.sky, "without a value": palette.red}
    return Picture(
        name="costs",
        title="Seconds of every round",
        reading="Time of all trials of a round added up. Red: trials that failed, were infeasible or were lost.",
        chart=_stacked(tables, "costs", "seconds", "kind", looks).properties(
            description="Seconds that the trials of every round took, by training, evaluation and trials without a value."
        ),
        data=("costs",),
    )


def _stacked(tables: Tables, data: str, amount: str, kind: str, looks: dict[str, str]) -> alt.Chart:
    few = len(tables.rounds) <= FEW_ROUNDS
    base = over(data)
    bars: alt.Chart = (
        (base.mark_bar(size=24) if few else base.mark_bar())
        .encode(
            x=_round_axis(),
            y=alt.Y(field=amount, type="quantitative", title=amount, stack="zero", axis=alt.Axis(tickCount=4, tickMinStep=1)),
            color=alt.Color(
                field=kind, type="nominal", legend=alt.Legend(title=None, symbolType="square"),
                scale=alt.Scale(domain=list(looks), range=list(looks.values())),
            ),
            tooltip=[
                alt.Tooltip(field="round", type="quantitative"), alt.Tooltip(field=kind, type="nominal"),
                alt.Tooltip(field=amount, type="quantitative", format=",.4~g"),
            ],
        )
        .properties(height=HEIGHT, width=560)
    )  # fmt: skip
    return bars
