"""The pictures for notebooks are valid Vega-Lite, hold their rows, and can be drawn."""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import vl_convert
from tests.report import histories

from tunewright.report import figures
from tunewright.report.page import VEGA_LITE, render
from tunewright.report.pictures import draw
from tunewright.report.pictures.picture import DARK, LIGHT, PAGE, number_format
from tunewright.report.tables import build
from tunewright.space import Configuration
from tunewright.trial import Status

STUDY = histories.study()
HISTORY = histories.history(STUDY)


def charts() -> dict[str, Any]:
    single = {
        each.__name__: each(HISTORY)
        for each in (
            figures.incumbent_over_trials, figures.incumbent_over_time, figures.incumbent_over_cost, figures.learning_curves,
            figures.parallel_coordinates, figures.importance,
            figures.trust, figures.origins, figures.cost,
        )
    }  # fmt: skip
    slices = figures.slices(HISTORY, histories.belief(STUDY))
    return {**single, "learning_rate": slices["learning_rate"], "booster": slices["booster"]}


CHARTS = charts()


@pytest.mark.parametrize("name", CHARTS)
def test_a_picture_for_notebooks_is_valid_and_draws_by_itself(name: str) -> None:
    spec = CHARTS[name].to_dict(validate=True)
    svg = vl_convert.vegalite_to_svg(spec, vl_version=VEGA_LITE)
    assert svg.count("<path") > 3
    assert CHARTS[name]._repr_mimebundle_()


@pytest.mark.parametrize(
    "made", [histories.history(rounds=0), histories.history(rounds=1, size=1)], ids=["empty", "one trial"]
)
def test_a_history_with_too_little_to_show_still_gives_charts(made: histories.StudyHistory) -> None:
    for each in (
        figures.incumbent_over_trials,
        figures.parallel_coordinates,
        figures.importance,
        figures.trust,
        figures.cost,
    ):
        vl_convert.vegalite_to_svg(each(made).to_dict(validate=True), vl_version=VEGA_LITE)
    assert set(figures.slices(made)) == set(made.study.study.space)


def test_the_axis_of_learning_curves_is_that_of_the_curves_where_no_trial_has_a_value() -> None:
    study = histories.study(objective={"metric": "rmse", "direction": "minimize"})
    curve = [(step, 3000.0 / 2**step) for step in range(6)]
    for statuses in ([Status.FAILED], [Status.COMPLETE, Status.FAILED]):
        made = histories.history(study, rounds=1, size=len(statuses), statuses=statuses)
        results = [result and result.model_copy(update={"curve": curve}) for result in made.rounds[0].results]
        made = replace(made, rounds=[replace(made.rounds[0], results=results)])
        low, high = axis_of(figures.learning_curves(made))
        assert low <= curve[-1][1] < curve[3][1] <= high < curve[0][1]


def texts(chart: Any) -> list[str]:
    svg = vl_convert.vegalite_to_svg(chart.to_dict(validate=False), vl_version=VEGA_LITE)
    return re.findall(r">([^<>]+)</text>", svg)


def test_numbers_on_axes_are_written_in_full() -> None:
    space = {
        "steps": {"type": "int", "low": 0, "high": 10},
        "trees": {"type": "int", "low": 100, "high": 1000},
        "share": {"type": "float", "low": 0.0, "high": 0.1},
    }
    percent = histories.history(histories.study(space), statuses=[Status.COMPLETE] * 4)
    percent = histories.changed(percent, lambda _, result: {"objective": 100 * (result.objective or 0) - 20})
    drawn = figures.slices(percent)
    assert {"0", "10"} <= set(texts(drawn["steps"]))
    assert {"200", "1000"} <= set(texts(drawn["trees"]))
    assert {"0.02", "0.1"} <= {f"{float(text):g}" for text in texts(drawn["share"]) if text[0].isdigit()}
    for chart in (*drawn.values(), figures.incumbent_over_trials(percent), figures.incumbent_over_time(percent)):
        assert not [text for text in texts(chart) if re.match(r"^[\d.]+e", text)]
    assert [number_format(*ends) for ends in ((0, 1e-5), (-1e9, 0), (-1e5, 1))] == ["~g", "~g", "~r"], (
        "where that would be long"
    )


def test_curves_are_not_level_where_they_lie_beyond_the_axis() -> None:
    study = histories.study(objective={"metric": "rmse", "direction": "minimize"})
    made = histories.history(study, rounds=3, statuses=[Status.COMPLETE] * 4)
    made = histories.changed(
        made,
        lambda slot, result: {
            "curve": [(step, (result.objective or 0) + (30.0 if step < 3 else 0)) for step in range(1, 9)]
        },
    )
    low, high = axis_of(figures.learning_curves(made))
    assert high < 30
    lines, ends = figures.learning_curves(made).to_dict(validate=True)["layer"]
    assert lines["mark"]["clip"]
    assert {layer["encoding"]["y"]["scale"]["clamp"] for layer in (lines, ends)} == {False}
    assert ends["transform"][-1] == {
        "calculate": f"clamp(datum.value, {low!r}, {high!r})",
        "as": ends["encoding"]["y"]["field"],
    }


def test_a_belief_beyond_the_axis_is_no_line_along_its_edge() -> None:
    def believe(configurations: Sequence[Configuration]) -> tuple[np.ndarray, np.ndarray]:
        far = np.array([float(each["subsample"]) > 0.8 for each in configurations])
        return np.where(far, 26.0, 0.95), np.full(len(configurations), 0.01)

    made = histories.history(STUDY, statuses=[Status.COMPLETE] * 4)
    chart = figures.slices(made, believe)["subsample"]
    high = axis_of(chart)[1]
    assert high < 2
    band, line = chart.to_dict(validate=True)["layer"][:2]
    assert line["mark"]["type"] == "line"
    assert f"{high!r}]) ? datum.mean : null" in str(line["transform"])
    assert line["encoding"]["y"]["field"] == line["transform"][-1]["as"] != band["encoding"]["y"]["field"]
    svg = vl_convert.vegalite_to_svg(chart.to_dict(validate=False), vl_version=VEGA_LITE)
    [path] = [one for one in re.findall(r'd="([^"]+)"[^>]*stroke-width="1.5"', svg) if one.count("L") > 5]
    points = [float(x) for x in re.findall(r"[ML]([\d.]+),", path)]
    assert max(points) < 210, "of 300 pixels, two thirds of the way"


def test_parameters_may_have_the_names_of_what_every_object_has() -> None:
    space = {name: {"type": "float", "low": 0.0, "high": 1.0} for name in ("constructor", "toString")}
    made = histories.history(histories.study(space), statuses=[Status.COMPLETE] * 4)
    svg = vl_convert.vegalite_to_svg(figures.importance(made).to_dict(validate=False), vl_version=VEGA_LITE)
    assert svg.count('aria-roledescription="bar"') == 2


@pytest.mark.parametrize(
    ("values", "groups"),
    [
        ([0.9] * 20, {0.9: "other"}),
        ([0.9] * 8 + [0.8] * 12, {0.9: "best 10%", 0.8: "other"}),
        ([0.9, *[0.8] * 9, *[0.7] * 10], {0.9: "best 10%", 0.8: "best 10%", 0.7: "other"}),
    ],
    ids=["all alike", "many best", "many second"],
)
def test_trials_that_tie_are_drawn_alike(values: list[float], groups: dict[float, str]) -> None:
    made, left = histories.history(rounds=5, statuses=[Status.COMPLETE] * 4), iter(values)
    rows = build(histories.changed(made, lambda *_: {"objective": next(left)}), None).data["trials"]
    assert {(row["objective"], row["group"]) for row in rows} == set(groups.items())


def test_curves_of_trials_that_run_have_a_colour() -> None:
    made = histories.history(rounds=2, size=2, statuses=[Status.COMPLETE, None])
    running = {slot.trial: [(1, 0.5), (2, 0.6)] for slot in made.rounds[1].plan.slots}
    made = replace(made, rounds=[made.rounds[0], replace(made.rounds[1], running=running)])
    text = str(figures.learning_curves(made).to_dict(validate=True))
    assert "'domain': ['COMPLETE', 'PENDING']" in text
    assert "PENDING" not in str(figures.learning_curves(histories.history(rounds=2)).to_dict()["layer"])


def test_the_ring_of_a_slice_lies_where_its_trial_does() -> None:
    chart = figures.slices(HISTORY, histories.belief(STUDY))["booster"].to_dict(validate=True)
    points, ring = chart["layer"][-2:]
    assert ring["encoding"]["xOffset"] == points["encoding"]["xOffset"]
    assert {"calculate": "(datum.number * 0.618034) % 1", "as": "jitter"} in ring["transform"]


def test_the_largest_number_as_a_penalty_is_drawn_at_the_end_of_an_axis_that_has_one() -> None:
    made = histories.history(rounds=1, size=4, statuses=[Status.COMPLETE] * 4)
    for worst in (-sys.float_info.max, sys.float_info.max):
        results = [*made.rounds[0].results[:3], made.rounds[0].results[3].model_copy(update={"objective": worst})]
        penalised = replace(made, rounds=[replace(made.rounds[0], results=results)])
        assert all(np.isfinite(axis_of(figures.incumbent_over_trials(penalised))))
        render(penalised, None, generated=histories.BEGIN)


def axis_of(chart: Any) -> list[float]:
    """Ends of the axis of the objective, the same in all layers."""
    layers = chart.to_dict(validate=True)["layer"]
    (ends,) = {
        tuple(layer["encoding"]["y"]["scale"]["domain"])
        for layer in layers
        if "domain" in str(layer["encoding"].get("y"))
    }
    return list(ends)


def test_pictures_differ_between_light_dark_and_page_in_their_colours_only() -> None:
    tables = build(HISTORY, None)
    drawn = [draw(tables, palette)["trust"][0].chart.to_dict(validate=False) for palette in (LIGHT, DARK)]
    texts = [
        str(one).replace(palette.blue, "B").replace(palette.red, "R")
        for one, palette in zip(drawn, (LIGHT, DARK), strict=True)
    ]
    assert texts[0] == texts[1]
    assert "var(--blue)" in str(draw(tables, PAGE)["trust"][0].chart.to_dict(validate=False))


def test_every_picture_of_a_page_says_what_it_shows() -> None:
    for pictures in draw(build(HISTORY, histories.belief(STUDY)), PAGE).values():
        for picture in pictures:
            assert picture.chart.to_dict(validate=False)["description"]
            assert picture.reading or picture.name.startswith("slice")
