"""The page in real Chromium: it draws, it is quiet, it loads nothing, it runs nobody's scripts but its own."""

from __future__ import annotations

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from tests.report import histories
from tests.report.browser import open_page, picture, with_script

from tunewright.report.page import render
from tunewright.report.record import StudyHistory
from tunewright.trial import Status

pytestmark = [pytest.mark.browser]

MINIMIZE = histories.study(objective={"metric": "log_loss", "direction": "minimize", "goal": 0.09})
STATES: dict[str, StudyHistory] = {
    "nothing planned": histories.history(rounds=0, finished=None),
    "nothing ended": histories.history(rounds=1, finished=None, statuses=[None] * 4),
    "all failed": histories.history(rounds=3, failed=True, statuses=[Status.FAILED, Status.LOST, Status.INFEASIBLE, Status.FAILED]),
    "one trial": histories.history(rounds=1, size=1),
    "a round half done": histories.history(rounds=1, finished=None, statuses=[Status.COMPLETE, Status.FAILED, None, Status.STOPPED]),
    "three nights, minimized": histories.history(MINIMIZE, rounds=12, sessions=3),
}  # fmt: skip


def wide_study() -> Any:
    """Twenty parameters, some with many long categories."""
    long = [f"a rather long name of a category, the {j}th of them" for j in range(12)]
    return histories.study(
        {
            f"parameter_with_a_long_name_{i}": {"type": "float", "low": 1e-5, "high": 1, "scale": "log"}
            if i % 3
            else {"type": "categorical", "choices": long}
            for i in range(20)
        }
    )


@pytest.mark.parametrize("state", STATES)
def test_a_page_in_any_state_draws_all_its_pictures_without_a_word_on_the_console(state: str, tmp_path: Path) -> None:
    html = render(STATES[state], None, generated=histories.BEGIN)
    opened = open_page(tmp_path, html)
    assert opened.errors == []
    assert opened.console == []
    assert opened.body["data-ready"] == "true"
    assert opened.drawn == {f"chart-{name}" for name in _data(html)["charts"]}


@pytest.mark.slow
def test_a_page_of_a_thousand_trials_of_twenty_parameters_draws_and_fits_into_three_megabytes(tmp_path: Path) -> None:
    study = wide_study()
    html = render(histories.history(study, rounds=80, size=13), histories.belief(study), generated=histories.BEGIN)
    assert len(_data(html)["trials"]["rows"]) == 1040
    assert len(html.encode()) <= 3_000_000
    opened = open_page(tmp_path, html)
    assert (opened.errors, opened.console) == ([], [])
    assert len(opened.drawn) == len(_data(html)["charts"])


def asked(folder: Path, html: str) -> set[str]:
    """Addresses that a page asks for over the network; Chromium's own requests have no origin."""
    log = folder / "net.json"
    open_page(folder, html, f"--log-net-log={log}")
    told = [event.get("params", {}) for event in json.loads(log.read_text())["events"]]
    own = "not an origin"
    return {
        str(each["url"])
        for each in told
        if str(each.get("url", "")).startswith("http") and each.get("initiator", own) != own
    }


def test_a_page_asks_the_network_for_nothing(tmp_path: Path) -> None:
    study = histories.study()
    html = render(histories.history(study), histories.belief(study), generated=histories.BEGIN)
    assert asked(tmp_path, html) == set()
    asking = with_script(html, "fetch('http://127.0.0.1:9/secret').catch(() => 0);")
    assert asked(tmp_path, asking) == {"http://127.0.0.1:9/secret"}


@pytest.mark.parametrize("width", [400, 1600])
def test_a_page_is_no_wider_than_its_window(width: int, tmp_path: Path) -> None:
    study = histories.study()
    html = render(histories.history(study, rounds=4), histories.belief(study), generated=histories.BEGIN)
    script = (
        "document.body.dataset.overflow = document.documentElement.scrollWidth - document.documentElement.clientWidth;"
    )
    opened = open_page(tmp_path, with_script(html, script), f"--window-size={width},3000")
    assert opened.body["data-overflow"] == "0"


def test_a_page_is_dark_for_those_who_prefer_it(tmp_path: Path) -> None:
    html = render(histories.history(rounds=4), None, generated=histories.BEGIN)
    light = picture(tmp_path, html, 800, 600)
    dark = picture(tmp_path, html, 800, 600, "--blink-settings=preferredColorScheme=0")
    assert (first_pixel(light), first_pixel(dark)) == ((255, 255, 255), (22, 25, 28))


def first_pixel(png: bytes) -> tuple[int, ...]:
    """Top left pixel of an image of 8-bit channels; no filter of PNG changes this one."""
    data, at = b"", 8
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        data += png[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    return tuple(zlib.decompressobj().decompress(data, 4)[1:4])


HOSTILE = (
    "</script><script>document.body.dataset.owned = 1</script>",
    "<!--<script>document.body.dataset.owned = 2</script>",
    "<img src=x onerror=\"document.body.dataset.owned = 3\">",
    "'\"><svg onload=document.body.dataset.owned=4>",
    "{{ 7 * 7 }}{% raw %}\u2028</style><style>body{display:none}</style>",
    "\" + (document.body.dataset.owned = 5) + \"",
    "]]></title><iframe srcdoc='<script>parent.document.body.dataset.owned=6</script>'>",
)  # fmt: skip


def hostile_history() -> StudyHistory:
    """Hostile text in every place where a user or a user's program may write."""
    space: dict[str, Any] = {
        "__proto__": {"type": "float", "low": 0.0, "high": 1.0, "default": 0.5},
        "kind": {"type": "categorical", "choices": list(HOSTILE), "default": HOSTILE[0]},
        "size": {
            "type": "ordinal",
            "choices": ["<b>", "<!--", "</script>"],
            "default": "<b>",
            "when": {"kind": list(HOSTILE[:4])},
        },
        "constructor": {"type": "int", "low": 1, "high": 9, "default": 3},
    }
    made = histories.history(
        histories.study(space, description=" ".join(HOSTILE)), rounds=8, finished=HOSTILE[0], champion=True,
        statuses=[Status.COMPLETE, Status.FAILED, Status.STOPPED, Status.COMPLETE],
    )  # fmt: skip
    rounds = []
    for index, each in enumerate(made.rounds):
        text = HOSTILE[index % len(HOSTILE)]
        results = [
            result and result.model_copy(update={"reason": text, "log_tail": text * 3, "metrics": {text: 1.0}})
            for result in each.results
        ]
        policy = each.policy and each.policy.model_copy(update={"horizon": text, "kl": [0.1, 0.5]})
        surrogate = each.surrogate and each.surrogate.model_copy(update={"model": text, "r2": 0.5})
        rounds.append(type(each)(plan=each.plan, results=results, surrogate=surrogate, policy=policy))
    return StudyHistory(study=made.study, session=made.session, head=made.head, rounds=rounds, champion=made.champion)


OPEN_ALL = """
document.querySelectorAll("details").forEach((one) => { one.open = true; });
for (let i = 0; i < document.querySelectorAll("#listing .expand").length; i += 1) document.querySelectorAll("#listing .expand")[i].click();
for (const mark of document.querySelectorAll(".chart svg path, .chart svg text")) {
  const at = mark.getBoundingClientRect();
  mark.dispatchEvent(new PointerEvent("pointermove", { clientX: at.x, clientY: at.y, bubbles: true }));
}
await new Promise((go) => setTimeout(go, 500));
document.body.dataset.opened = document.querySelectorAll("#listing pre").length;
"""


@pytest.mark.parametrize("guarded", [True, False], ids=["with its policy", "without its policy"])
def test_hostile_text_runs_no_script_wherever_it_stands(guarded: bool, tmp_path: Path) -> None:
    made = hostile_history()
    html = render(made, histories.belief(made.study.study), generated=histories.BEGIN)
    opened = open_page(tmp_path, html if guarded else with_script(html, OPEN_ALL))
    assert opened.errors == []
    assert "data-owned" not in opened.body
    assert opened.body["data-ready"] == "true"
    assert "<iframe" not in opened.dom[opened.dom.index("</script>") :].split('id="data"')[0]
    if not guarded:
        assert int(opened.body["data-opened"]) == 32


def test_the_policy_stops_a_script_that_is_not_the_pages_own(tmp_path: Path) -> None:
    html = render(histories.history(rounds=0), None, generated=histories.BEGIN)
    end = html.rindex("</body>")
    opened = open_page(tmp_path, f"{html[:end]}<script>document.body.dataset.owned = 1</script>{html[end:]}")
    assert "data-owned" not in opened.body
    assert opened.errors == ["blocked: script-src-elem"]


TABLE = """
const rows = () => [...document.querySelectorAll("#listing tbody tr:not(.detail)")];
const cells = (column) => rows().map((row) => row.cells[column].textContent);
const heads = [...document.querySelectorAll("#listing th button")];
const head = (name) => heads.find((one) => one.textContent === name);
const say = {};
say.all = rows().length;
head("accuracy").click(); say.best = cells(1)[0]; say.sorted = head("accuracy").parentElement.getAttribute("aria-sort");
head("accuracy").click(); say.worst = cells(1)[0];
const status = document.getElementById("status");
status.value = "FAILED"; status.dispatchEvent(new Event("change")); say.failed = rows().length;
rows()[0].querySelector(".expand").click(); say.log = document.querySelector("#listing pre").textContent;
status.value = ""; status.dispatchEvent(new Event("change"));
const find = document.getElementById("find");
const bins = head("bins").parentElement.cellIndex;
head("bins").click(); say.bins = [...new Set(cells(bins))].filter((one) => !isNaN(parseInt(one)));
find.value = "GBLINEAR"; find.dispatchEvent(new Event("input")); say.found = rows().length;
document.body.dataset.say = JSON.stringify(say);
"""


def test_the_table_sorts_filters_and_opens_a_failed_trials_log(tmp_path: Path) -> None:
    made = histories.history(rounds=10, statuses=[Status.COMPLETE, Status.COMPLETE, Status.FAILED, Status.COMPLETE])
    slots = [slot for each in made.rounds for slot in each.plan.slots]
    values = [result and result.objective for each in made.rounds for result in each.results]
    numbered = {number: value for number, value in enumerate(values, 1) if value is not None}
    opened = open_page(tmp_path, with_script(render(made, None, generated=histories.BEGIN), TABLE))
    said = json.loads(opened.body["data-say"])
    assert said == {
        "all": 40,
        "best": str(max(numbered, key=lambda number: numbered[number])),
        "worst": str(min(numbered, key=lambda number: numbered[number])),
        "sorted": "descending",
        "failed": 10,
        "log": 'Traceback (most recent call last):\n  File "train.py", line 41\nValueError: Input contains NaN',
        "bins": ["64", "128", "256", "512"],
        "found": sum(slot.configuration["booster"] == "gblinear" for slot in slots),
    }


BRUSH = """
const svg = document.querySelector("#chart-parallel svg");
svg.scrollIntoView({ behavior: "instant" });
await new Promise((go) => setTimeout(go, 300));
const box = svg.getBoundingClientRect();
const send = (kind, x, y) => (document.elementFromPoint(x, y) || svg).dispatchEvent(
  new PointerEvent(kind, { clientX: x, clientY: y, bubbles: true, buttons: 1, pointerId: 1 }));
const faint = () => [...svg.querySelectorAll(".mark-line path")].filter((one) => one.getAttribute("opacity") === "0.04").length;
const before = faint();
const axis = [...svg.querySelectorAll("text")].find((one) => one.textContent === "subsample").getBoundingClientRect();
const x = (axis.left + axis.right) / 2;
send("pointerdown", x - 20, box.top + 60);
for (let i = 1; i <= 10; i += 1) send("pointermove", x - 20 + 4 * i, box.top + 60 + 8 * i);
send("pointerup", x + 20, box.top + 140);
await new Promise((go) => setTimeout(go, 500));
document.body.dataset.say = JSON.stringify([before, faint()]);
"""


def test_a_box_over_a_parallel_axis_fades_the_lines_that_do_not_pass_it(tmp_path: Path) -> None:
    html = render(histories.history(), None, generated=histories.BEGIN)
    opened = open_page(tmp_path, with_script(html, BRUSH), "--window-size=1280,900")
    before, after = json.loads(opened.body["data-say"])
    assert before == 0
    assert 0 < after < 48


def _data(html: str) -> dict[str, Any]:
    start = html.index('<script type="application/json" id="data">') + len('<script type="application/json" id="data">')
    return dict(json.loads(html[start : html.index("</script>", start)]))
