"""The pictures for notebooks are valid Vega-Lite, hold their rows, and can be drawn."""

from __future__ import annotations

from typing import Any

import pytest
import vl_convert
from tests.report import histories

from tunewright.report import figures
from tunewright.report.page import VEGA_LITE
from tunewright.report.pictures import draw
from tunewright.report.pictures.picture import DARK, LIGHT, PAGE
from tunewright.report.tables import build

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
    assert figures.slices(made) == {}


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
