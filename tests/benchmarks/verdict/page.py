"""The verdict as one HTML page without scripts: tables, and pictures as SVG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from tests.benchmarks.rivals.methods import ENTRANT, METHODS
from tests.benchmarks.verdict import figures
from tests.benchmarks.verdict.field import Field
from tests.benchmarks.verdict.printed import words

HERE = Path(__file__).parent


def render(verdict: dict[str, Any], blocks: list[tuple[Field, dict[str, Any]]]) -> str:
    """The page of a verdict."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(HERE),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    sections = [
        {
            "content": content,
            "last": max(content["marks"], key=int),
            "words": words(content),
            "pictures": [(title, Markup(figures.svg(chart))) for title, chart in pictures(field, content)],
        }
        for field, content in blocks
    ]
    return environment.get_template("page.html").render(
        verdict=verdict, sections=sections, ours=ENTRANT, methods=METHODS
    )


def pictures(field: Field, content: dict[str, Any]) -> list[tuple[str, Any]]:
    """Title and chart, in the order of the page."""
    last = content["marks"][max(content["marks"], key=int)]
    return [
        ("Regret over trials", figures.over_trials(field, field.entrants)),
        ("Regret over CPU time of training", figures.over_cost(field, field.entrants)),
        *(
            [("Regret over trials, variants", figures.over_trials(field, field.variants))]
            if len(field.variants) > 1
            else []
        ),
        ("Critical differences at the end", figures.critical_difference(last)),
        ("What the methods themselves cost", figures.overhead(content)),
        ("Regret at the end, task by task", figures.heat_map(field)),
    ]
