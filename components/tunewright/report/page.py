"""The page: one HTML file that loads nothing.

Safety rests on three things: jinja2 escapes all text; data for scripts travels as JSON in which ``<``, ``>``, ``&`` and ``'`` are
escaped; and the page's Content-Security-Policy runs only the scripts whose digests it lists, without eval, and connects nowhere
(Vega's expressions are interpreted).
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

import altair
import jinja2
import vl_convert
from markupsafe import Markup

from ..parameter import OrdinalParameter
from . import sections, summary, words
from .configuration import text_of
from .pictures import draw
from .pictures.picture import PAGE, Picture, theme
from .record import Belief, StudyHistory
from .rows import Row, numeric
from .tables import Tables, build

TEMPLATES = Path(__file__).parent / "templates"
MOST_DETAIL = 4000  #: characters of one log tail
MOST_METRICS = 12  #: of one trial
MOST_BYTES = 3_000_000
DETAIL_BUDGET = 500_000  #: characters of all log tails and reasons
VEGA_LITE = ".".join(altair.SCHEMA_VERSION.removeprefix("v").split(".")[:2])  #: the release that Altair writes


def render(history: StudyHistory, belief: Belief | None, *, generated: float) -> str:
    """The HTML of a history, at most `MOST_BYTES`; the same history gives the same text.

    Args:
        history: what is shown.
        belief: the reward model, None when there is none.
        generated: UTC seconds since the epoch, printed in the footer.
    """
    html = b""
    for shrink in (1.0, 0.5, 0.25, 0.1, 0.02):  # a long study is thinned before it comes here; long texts show only now
        # users' text may hold lone surrogates
        html = _render(history, belief, generated, shrink).encode("utf-8", "replace")
        if len(html) <= MOST_BYTES:
            break
    return html.decode()


def _render(history: StudyHistory, belief: Belief | None, generated: float, shrink: float) -> str:
    tables = build(history, belief, shrink=shrink)
    parts = sections.sections(history, tables)
    drawn = draw(tables, PAGE)
    pictures = {part.id: drawn.get(part.id, []) for part in parts}
    scripts = _scripts()
    return _template().render(
        policy=_policy(scripts),
        scripts=scripts,
        style=Markup((TEMPLATES / "page.css").read_text(encoding="utf-8")),  # noqa: S704 - this package's own file
        version=version("tunewright"),
        study=history.study.study,
        digest=history.study.digest,
        session=history.session,
        generated=words.moment(generated),
        verdict=summary.verdict(history, tables),
        tiles=summary.tiles(tables),
        best=summary.best(tables),
        sections=[{**vars(part), "pictures": [_figure(picture) for picture in pictures[part.id]]} for part in parts],
        data=_data(tables, [picture for some in pictures.values() for picture in some], int(DETAIL_BUDGET * shrink)),
    )


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.policies["json.dumps_kwargs"] = {"separators": (",", ":"), "ensure_ascii": False, "allow_nan": False}
    return environment.get_template("page.html")


@cache
def _scripts() -> dict[str, Markup]:
    texts = {name: (TEMPLATES / f"{name}.js").read_text(encoding="utf-8") for name in ("guard", "page")}
    texts["vega"] = vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;", VEGA_LITE)
    return {name: Markup(text) for name, text in texts.items()}  # noqa: S704 - scripts of this package and of Vega


def _policy(scripts: dict[str, Markup]) -> str:
    digests = (base64.b64encode(hashlib.sha256(str(text).encode()).digest()).decode() for text in scripts.values())
    allowed = " ".join(f"'sha256-{digest}'" for digest in digests)
    return f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


def _figure(picture: Picture) -> dict[str, Any]:
    return {**vars(picture), "height": picture.chart.height}


def _data(tables: Tables, pictures: list[Picture], detail: int) -> dict[str, Any]:
    """Everything the scripts read."""
    used = {name for picture in pictures for name in picture.data} - {"trials"}
    return {
        "trials": _packed(tables.data["trials"]),
        "rows": {name: tables.data[name] for name in sorted(used)},
        "charts": {picture.name: picture.chart.to_dict(validate=False) for picture in pictures},
        "theme": theme(PAGE),
        "table": _columns(tables),
        "details": _details(tables, detail),
        "best": tables.facts.best.number if tables.facts.best else None,
        "maximize": tables.objective.direction == "maximize",
    }


def _packed(rows: list[Row]) -> dict[str, Any]:
    """Rows as lists in the order of ``columns``; where texts repeat, their position in ``texts`` of the column."""
    columns = list(dict.fromkeys(name for row in rows for name in row))
    texts: dict[str, dict[str, int]] = {}
    for name in columns:
        values = [row.get(name) for row in rows]
        if name != "trial" and any(isinstance(value, str) for value in values):
            texts[name] = {
                text: index for index, text in enumerate(dict.fromkeys(v for v in values if isinstance(v, str)))
            }
    packed = [
        [texts[name][row[name]] if name in texts and row.get(name) is not None else row.get(name) for name in columns]
        for row in rows
    ]
    return {"columns": columns, "texts": {name: list(known) for name, known in texts.items()}, "rows": packed}


def _columns(tables: Tables) -> list[Row]:
    first = [
        ("number", "trial", True), ("round", "round", True), ("status", "status", False),
        ("objective", tables.objective.metric, True), ("origin", "origin", False), ("seconds", "seconds", True),
    ]  # fmt: skip
    given = [(f"p_{name}", name, numeric(parameter)) for name, parameter in tables.space]
    orders = {
        f"p_{name}": [text_of(p, choice) for choice in p.choices]
        for name, p in tables.space
        if isinstance(p, OrdinalParameter)
    }
    return [
        {"field": field, "title": title, "number": number, **({"order": orders[field]} if field in orders else {})}
        for field, title, number in [*first, *given]
    ]


def _details(tables: Tables, budget: int) -> dict[str, Row]:
    """Reason, metrics and end of the log by trial number; logs are cut to keep the page small."""
    told = [trial for trial in tables.shown if trial.result]
    speaking = sum(bool(trial.result and (trial.result.log_tail or trial.result.reason)) for trial in told)
    most = min(MOST_DETAIL, budget // max(speaking, 1))
    details = {}
    for trial in told:
        result = trial.result
        if result is None:
            continue
        facts = [f"{name} {words.metric(value)}" for name, value in sorted(result.metrics.items())[:MOST_METRICS]]
        more = len(result.metrics) - MOST_METRICS
        facts += [f"and {more} more in its result"] if more > 0 else []
        facts.append(f"ended {words.moment(result.ended)}")
        facts += [f"attempt {result.attempt}"] if result.attempt > 1 else []
        log = words.plain_text(result.log_tail)
        details[str(trial.number)] = {
            "reason": _short(words.plain_text(result.reason), most // 2),
            "log": log if len(log) <= most else f"… {len(log) - most} characters before are left out\n{log[-most:]}",
            "facts": facts,
        }
    return details


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]} …"
