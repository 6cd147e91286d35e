"""What a picture is, its colours, and the axes that several of them share.

Colours are Okabe and Ito's, told apart by people with any colour vision; a second cue (shape, dash, position) always stands beside them.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, TypeAlias

import altair as alt

from ...study import Objective
from ...trial import Status
from ..rows import domain
from ..tables import Tables
from ..trials import PENDING

Chart: TypeAlias = alt.Chart | alt.LayerChart


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours as CSS understands them."""

    ink: str = "#1d2327"
    muted: str = "#667078"
    line: str = "#dfe3e6"
    paper: str = "#ffffff"
    blue: str = "#0072b2"
    sky: str = "#56b4e9"
    green: str = "#009e73"
    orange: str = "#e69f00"
    red: str = "#d55e00"
    purple: str = "#b0609a"
    grey: str = "#8a9299"


LIGHT = Palette()
DARK = Palette(
    ink="#e8eaec", muted="#9aa4ac", line="#353c42", paper="#1b2024", blue="#4aa8e0", sky="#9ad2f5", green="#2fc49a",
    orange="#f0b93a", red="#f2853a", purple="#d88fc3", grey="#848d94",
)  # fmt: skip
PAGE = Palette(**{each.name: f"var(--{each.name})" for each in fields(Palette)})
"""Colours that the page's style sheet decides, so that pictures follow light, dark and print without being drawn again."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One chart over named rows of `Tables.data`."""

    name: str  #: identifier, unique on a page
    title: str
    reading: str  #: one line: how to read it
    chart: Chart
    data: tuple[str, ...]  #: names of the rows it uses
    least_width: int = 0  #: pixels; narrower screens scroll it
    half: bool = False  #: two stand side by side on a wide screen


def over(name: str) -> alt.Chart:
    """A chart over named rows."""
    return alt.Chart(alt.NamedData(name=name))


def layered(*layers: alt.Chart, height: int, width: int, description: str) -> alt.LayerChart:
    """Charts on top of each other, the first at the bottom. ``width`` counts in notebooks; a page fills its column."""
    return alt.LayerChart(layer=layers, height=height, width=width, description=description)


def theme(palette: Palette) -> dict[str, Any]:
    """Vega-Lite's configuration: quiet axes, no frame."""
    text = {
        "labelColor": palette.muted,
        "titleColor": palette.ink,
        "labelFontSize": 11,
        "titleFontSize": 12,
        "titleFontWeight": 500,
    }
    return {
        "background": "transparent",
        "font": "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif",
        "view": {"stroke": None},
        "axis": {
            **text, "gridColor": palette.line, "domain": False, "tickColor": palette.line, "titlePadding": 8, "labelPadding": 5,
            "labelLimit": 130, "titleLimit": 260,
        },
        "legend": {
            **text, "labelColor": palette.ink, "titleFontWeight": 400, "titleColor": palette.muted, "orient": "top", "direction": "horizontal",
            "titleOrient": "left", "symbolStrokeWidth": 0, "offset": 6, "labelLimit": 160, "symbolOpacity": 1,
        },
        "text": {"color": palette.ink, "fontSize": 11},
        "rule": {"color": palette.muted},
        "point": {"strokeWidth": 0},
    }  # fmt: skip


def statuses(tables: Tables, palette: Palette, *, running: bool = False) -> dict[str, Any]:
    """Colour and shape of the statuses that occur, as keyword arguments of an encoding.

    Args:
        running: whether trials are drawn that have none yet.
    """
    looks = {
        Status.COMPLETE: (palette.blue, "circle"),
        Status.STOPPED: (palette.green, "diamond"),
        Status.FAILED: (palette.red, "cross"),
        Status.INFEASIBLE: (palette.purple, "triangle-up"),
        Status.LOST: (palette.grey, "square"),
    }
    there = [status for status in looks if status.value in tables.facts.counts] or [Status.COMPLETE]
    colours, shapes = ([looks[status][part] for status in there] for part in (0, 1))
    names = [status.value for status in there]
    if running:
        names, colours, shapes = [*names, PENDING], [*colours, palette.muted], [*shapes, "circle"]
    legend = alt.Legend(title=None) if len(names) > 1 else None
    return {
        "color": alt.Color(
            field="status",
            type="nominal",
            legend=legend,
            scale=alt.Scale(domain=names, range=colours),
        ),
        "shape": alt.Shape(
            field="status",
            type="nominal",
            legend=legend,
            scale=alt.Scale(domain=names, range=shapes),
        ),
    }


def objective_title(objective: Objective) -> str:
    better = "higher" if objective.direction == "maximize" else "lower"
    return f"{objective.metric} ({better} is better)"


def objective_axis(tables: Tables, field_: str = "objective", **more: Any) -> alt.Y:
    """The objective upwards; values beyond the ends, of `domain` if none are given, are drawn there, unless ``clamp`` is False."""
    low, high = more.pop("ends", None) or domain(tables.facts.trials, tables.objective)
    return alt.Y(
        field=field_, type="quantitative", title=more.pop("title", objective_title(tables.objective)),
        scale=alt.Scale(domain=[low, high], nice=False, zero=False, clamp=more.pop("clamp", True)),
        axis=alt.Axis(tickCount=more.pop("ticks", 6), format=number_format(low, high)), **more,
    )  # fmt: skip


def number_format(low: float, high: float) -> str:
    """How the numbers of a linear axis are written: in full, unless they would be long."""
    return "~r" if 1e-3 <= max(abs(low), abs(high)) < 1e6 else "~g"


def whole_ticks(low: int, high: int) -> Any:
    """Ticks of an axis of whole numbers that is so short that Vega would put some at halves; else Vega's own."""
    return list(range(low, high + 1)) if high - low < 5 else alt.Undefined


def beyond(tables: Tables) -> int:
    """Trials whose value lies beyond the end of the objective's axis."""
    low, high = domain(tables.facts.trials, tables.objective)
    return sum(trial.objective is not None and not low <= trial.objective <= high for trial in tables.facts.trials)


def bad_end(tables: Tables, height: int) -> Any:
    """Where trials without a value are drawn: the end of the objective's axis that is worse."""
    return alt.value(height - 3 if tables.objective.direction == "maximize" else 3)


def trial_tooltip(tables: Tables, palette: Palette) -> list[alt.Tooltip]:
    """What a trial says when pointed at. On a page only its number: the script knows the rest, and pages of many trials stay quick."""
    if palette is PAGE:
        return [alt.Tooltip(field="number", type="quantitative", title="trial")]
    told = [
        alt.Tooltip(field="number", type="quantitative", title="trial"),
        alt.Tooltip(field="status", type="nominal"),
        alt.Tooltip(field="objective", type="quantitative", title=tables.objective.metric, format=".6~g"),
        alt.Tooltip(field="round", type="quantitative"),
        alt.Tooltip(field="origin", type="nominal"),
        alt.Tooltip(field="seconds", type="quantitative", format=",.1f"),
    ]
    return told + [alt.Tooltip(field=f"p_{name}", type="nominal", title=name) for name in tables.slice_names]
