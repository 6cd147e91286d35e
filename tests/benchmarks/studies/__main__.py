"""``python -m tests.benchmarks.studies NAME``: one of the paper's four studies, from its runs to a table and a picture.

    python -m tests.benchmarks.studies order
    python -m tests.benchmarks.studies horizon --seeds 0 1 2 --tasks keel-banana mass-birthwt

Plays what is missing first, so kill it and it goes on. Writes ``results/study-<name>.json`` and the page beside it. "For ever" is a KL limit that
is never reached, with the preset's 200 updates after each fit; the paper's "after one fit" needs a setting that the agent does not have.
"""

from __future__ import annotations

import argparse
import json
import os

import altair as alt
import jinja2
from markupsafe import Markup
from rich.console import Console
from tests.benchmarks.contest import runs
from tests.benchmarks.contest.request import machine, release
from tests.benchmarks.contest.runner import run
from tests.benchmarks.contest.schedule import VARYING, requests
from tests.benchmarks.rivals.methods import METHODS
from tests.benchmarks.studies.study import STUDIES, Finding, Study, lost
from tests.benchmarks.tasks.listing import named
from tests.benchmarks.verdict import regret
from tests.benchmarks.verdict.__main__ import RESULTS, plain
from tests.benchmarks.verdict.field import Field, block, completed, present
from tests.benchmarks.verdict.figures import svg

from tunewright.report.pictures.picture import LIGHT

PAGE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Study: {{ name }}</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>body { font: 15px/1.5 system-ui, sans-serif; max-width: 55rem; margin: 2rem auto; padding: 0 1rem; }</style></head><body>
<h1>{{ question }}</h1><p>The paper: {{ reported }}</p><p>Rule: {{ rule }}</p><p><b>Here: {{ judgement }}</b>, on {{ tasks }} tasks ×
{{ seeds }} seeds × {{ trials }} trials, {{ kind }}.</p><ul>{% for line in words %}<li>{{ line }}</li>{% endfor %}</ul>{{ picture }}</body></html>
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", choices=list(STUDIES))
    parser.add_argument("--tasks", nargs="*", default=list(VARYING))
    parser.add_argument("--seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--kind", choices=["table", "real"], default="table")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--minutes", type=float, default=60 * 24)
    arguments = parser.parse_args()
    study = STUDIES[arguments.name]
    kind = {"kind": arguments.kind, "trials": study.trials}
    played = [*study.methods, *(["random"] if arguments.kind == "real" else [])]  # real regret is measured against it
    wanted = requests(named(arguments.tasks), played, arguments.seeds, **kind)
    run(wanted, arguments.workers, arguments.minutes)
    runs.commit({runs.name(request) for request in wanted})
    found = present(runs.read(runs.name(wanted[0])))
    chosen = completed(found)[lambda table: (table["trials"] == study.trials) & table["method"].isin(played)]
    field = block(chosen[chosen["seed"].isin(arguments.seeds)], arguments.tasks, study.methods)
    if field is None:
        raise SystemExit("no task has all runs of the study yet; let it play longer")
    write(study, field, study.judge(field), arguments.kind)


def write(study: Study, field: Field, finding: Finding, kind: str) -> None:
    """Print, draw and keep a finding."""
    seeds = field.curves["best"].shape[2]
    told = {
        "study": study.name,
        "judgement": finding.judgement,
        "words": finding.words,
        "tasks": len(field.tasks),
        "seeds": seeds,
        "kind": kind,
        "regret": {name: regret.interval(lost(field, name)) for name in field.methods},
        "versions": {name: release(METHODS[name], curves=kind == "real") for name in field.methods},
        "machine": machine(),
    }
    console = Console(width=160)
    console.print(f"\n[bold]{study.question}[/bold]\nThe paper: {study.reported}\nRule: {study.rule}")
    console.print(
        f"Here: [bold]{finding.judgement}[/bold], on {len(field.tasks)} tasks × {seeds} seeds × {study.trials} trials, {kind}."
    )
    for line in finding.words:
        console.print(f"  {line}", highlight=False)
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"study-{study.name}.json").write_text(json.dumps(plain(told), indent=1, allow_nan=False) + "\n")
    template = jinja2.Environment(autoescape=True).from_string(PAGE)
    about = {
        "name": study.name,
        "question": study.question,
        "reported": study.reported,
        "rule": study.rule,
        "trials": study.trials,
    }
    page = template.render(**about, **told, picture=Markup(svg(picture(field))))
    (RESULTS / f"study-{study.name}.html").write_text(page)


def picture(field: Field) -> alt.LayerChart:
    """Regret of every variant at the end with its interval."""
    lines = []
    for name in field.methods:
        mean, low, high = regret.interval(lost(field, name))
        lines.append({"variant": name, "regret": mean, "low": low, "high": high})
    base = alt.Chart(alt.Data(values=lines)).encode(y=alt.Y("variant:N", sort=field.methods, title=None))
    bars = base.mark_rule(strokeWidth=2, color=LIGHT.muted).encode(
        x=alt.X("low:Q", title="normalised regret at the end"), x2="high:Q"
    )
    dots = base.mark_point(filled=True, size=80, color=LIGHT.blue).encode(x="regret:Q")
    return alt.layer(bars, dots).properties(width=560, height=26 * len(lines))


if __name__ == "__main__":
    main()
