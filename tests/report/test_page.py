"""What the page says, read from its HTML."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from html import unescape
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tests.report import histories

from tunewright.report import page
from tunewright.report.page import render
from tunewright.report.summary import verdict
from tunewright.report.tables import build
from tunewright.space import Configuration
from tunewright.trial import Status

MINIMIZE = histories.study(objective={"metric": "log_loss", "direction": "minimize", "goal": 0.01})


def text(html: str) -> str:
    """The words of a page without markup, styles and scripts."""
    html = re.sub(r"<(script|style)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def data(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def column(html: str, name: str) -> list[Any]:
    trials = data(html)["trials"]
    values = [row[trials["columns"].index(name)] for row in trials["rows"]]
    texts = trials["texts"].get(name)
    return values if texts is None else [None if value is None else texts[value] for value in values]


def test_metrics_that_are_not_shown_are_counted() -> None:
    made = histories.history(rounds=1, size=1)
    [result] = (result for result in made.rounds[0].results if result)
    many = result.model_copy(update={"metrics": {f"m{n:02d}": 0.5 for n in range(30)}})
    html = render(replace(made, rounds=[replace(made.rounds[0], results=[many])]), None, generated=histories.BEGIN)
    assert "and 18 more in its result" in data(html)["details"]["1"]["facts"]


def test_the_values_in_the_page_are_those_of_the_results() -> None:
    made = histories.history(rounds=10)
    html = render(made, None, generated=histories.BEGIN)
    results = [result for each in made.rounds for result in each.results if result]
    slots = [slot for each in made.rounds for slot in each.plan.slots]
    assert column(html, "trial") == [result.trial for result in results]
    assert column(html, "status") == [result.status.value for result in results]
    assert column(html, "objective") == [result.objective for result in results]
    assert column(html, "p_booster") == [slot.configuration["booster"] for slot in slots]
    assert column(html, "p_max_depth") == [slot.configuration.get("max_depth") for slot in slots]
    assert column(html, "p_learning_rate") == pytest.approx(
        [slot.configuration["learning_rate"] for slot in slots], rel=1e-5
    )


def test_the_verdict_names_value_trial_and_distance_from_the_default() -> None:
    made = histories.history(rounds=10)
    values = [
        r.objective for each in made.rounds for r in each.results if r and r.status is Status.COMPLETE and r.objective
    ]
    every = [r.objective if r and r.status is Status.COMPLETE else None for each in made.rounds for r in each.results]
    best, default = max(values), every[0] or 0.0
    sentence = f"Best accuracy {best:.6g}, in trial {every.index(best) + 1}: {best - default:.3g} ({(best - default) / default:.1%}) better than"
    assert f"{sentence} the default configuration's {default:.6g}." in text(
        render(made, None, generated=histories.BEGIN)
    )


def test_the_best_configuration_can_be_copied_with_all_its_digits() -> None:
    made = histories.history(rounds=10)
    html = render(made, None, generated=histories.BEGIN)
    results = [
        (r.objective or 0, s)
        for each in made.rounds
        for s, r in zip(each.plan.slots, each.results, strict=True)
        if r and r.status is Status.COMPLETE
    ]
    best = max(results, key=lambda item: item[0])[1].configuration
    block = re.search(r'<pre id="copy-1"[^>]*>(.*?)</pre>', html, re.DOTALL)
    assert block
    assert json.loads(unescape(block[1])) == best


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"finished": None}, "Session 2025-10-09T01-00 is still running; round 12 is open."),
        ({"finished": "the goal is reached"}, "Session 2025-10-09T01-00 ended: the goal is reached."),
        ({"finished": "9 of 10 failed", "failed": True}, "Session 2025-10-09T01-00 ended with an error: 9 of 10 failed."),
        ({"rounds": 0, "finished": None}, "No trial has been planned yet."),
        ({"rounds": 1, "finished": None, "statuses": [None] * 4}, "4 trials planned; none has ended yet."),
        ({"rounds": 2, "statuses": [Status.FAILED] * 4}, "No trial is complete: 8 failed."),
        ({"rounds": 1, "size": 1}, "in trial 1: the default configuration; no other trial is complete yet."),
        ({"rounds": 2, "size": 2}, "Nothing to tell yet: at least 10 trials with a value"),
        ({"champion": True}, "Champion: trial "),
        ({"sessions": 3}, "of 48 in 3 sessions"),
    ],
)  # fmt: skip
def test_the_page_says_how_things_stand(changes: dict[str, Any], said: str) -> None:
    assert said in text(render(histories.history(**changes), None, generated=histories.BEGIN))


@pytest.mark.parametrize(
    ("capped", "lucky", "told"),
    [
        (0.3, False, "28 of 40 complete trials end with exactly {} and none is better: either"),
        (0.3, True, "28 of 40 complete trials end with exactly {}: it may be that training does nothing"),
        (0.7, False, ""),
    ],
)
def test_a_plateau_is_told(capped: float, lucky: bool, told: str) -> None:
    """Values above a quantile become that quantile: seven or three of ten trials end alike; one may be better by chance."""
    made = histories.history(rounds=10, statuses=[Status.COMPLETE] * 4)
    values = [r.objective for each in made.rounds for r in each.results if r and r.objective]
    top = float(np.quantile(values, capped))
    chance = {min(values): top + 1.0} if lucky else {}
    ends = {value: chance.get(value, min(value, top)) for value in values}
    rounds = [
        replace(
            each,
            results=[r and r.model_copy(update={"objective": ends.get(r.objective or 0.0)}) for r in each.results],
        )
        for each in made.rounds
    ]
    page = text(render(replace(made, rounds=rounds), None, generated=histories.BEGIN))
    assert told.format(f"{top:.6g}") in page
    assert ("complete trials end with exactly" in page) == bool(told)


def test_a_session_that_found_nothing_better_says_so() -> None:
    made = histories.history(rounds=12, sessions=3)
    worse = histories.changed(made, lambda _, result: {"objective": 0.1} if result.round >= 8 else {})
    html = render(worse, None, generated=histories.BEGIN)
    assert "This session did not improve on 0.9" in text(html)
    assert "made the best value better" not in text(html)


def test_an_error_of_a_later_session_is_no_alarm_of_this_one() -> None:
    made = histories.history(rounds=4, failed=True, finished="half of the trials failed")
    later = replace(made, head=made.head.model_copy(update={"session": "2026-01-01T00-00"}))
    for history, alarm in ((made, True), (later, False)):
        assert verdict(history, build(history, None)).alarm == alarm


def test_a_metric_to_minimize_is_told_in_its_own_unit_and_direction() -> None:
    html = render(histories.history(MINIMIZE), histories.belief(MINIMIZE), generated=histories.BEGIN)
    assert "lower is better; goal 0.01" in text(html)
    assert all(value is None or value > 0 for value in column(html, "objective"))
    assert all(row["mean"] > 0 for row in data(html)["rows"]["belief"])


def test_failures_are_counted_by_their_reason_and_can_be_read_in_full() -> None:
    made = histories.history(rounds=3, statuses=[Status.COMPLETE, Status.FAILED, Status.FAILED, Status.LOST])
    html = render(made, None, generated=histories.BEGIN)
    assert "6 FAILED exit code 1: ValueError: Input contains NaN 2, 3, 6, 7, 10, 11" in text(html)
    assert data(html)["details"]["2"]["log"].startswith("Traceback (most recent call last):\n")


def test_what_was_refused_is_not_called_lost() -> None:
    made = histories.history(rounds=1, size=2, statuses=[Status.COMPLETE, Status.LOST])
    refused = histories.changed(made, lambda _, result: {"refused": result.status is Status.LOST})
    html = render(refused, None, generated=histories.BEGIN)
    assert "1 REFUSED lost 2" in text(html)


def test_the_same_history_gives_the_same_page() -> None:
    study = histories.study()
    pages = {render(histories.history(study), histories.belief(study), generated=histories.BEGIN) for _ in range(2)}
    assert len(pages) == 1


def test_a_study_of_many_nights_is_thinned_but_counted_whole() -> None:
    made = histories.history(rounds=400, size=10, sessions=20)
    html = render(made, None, generated=histories.BEGIN)
    shown = column(html, "number")
    assert len(html.encode()) <= page.MOST_BYTES
    assert f"{len(shown):,} of 4,000 trials are drawn and listed" in text(html)
    assert 1000 < len(shown) < 4000
    assert shown[-1] == 4000
    improved = column(html, "improved")
    incumbents = column(html, "incumbent")
    assert sum(improved) == len({value for value in incumbents if value is not None})


def test_logs_of_any_size_and_alphabet_leave_the_page_under_its_limit() -> None:
    made = histories.history(rounds=60, size=8, statuses=[Status.COMPLETE, *[Status.FAILED] * 7])
    loud = [
        type(each)(
            plan=each.plan,
            results=[r and r.model_copy(update={"log_tail": "<\U0001f525é" * 5000}) for r in each.results],
            surrogate=None,
        )
        for each in made.rounds
    ]
    made = type(made)(study=made.study, session=made.session, head=made.head, rounds=loud)
    html = render(made, None, generated=histories.BEGIN)
    assert len(html.encode()) <= page.MOST_BYTES
    assert "characters before are left out" in data(html)["details"]["2"]["log"]


def test_terminal_codes_and_lone_surrogates_do_not_reach_the_page() -> None:
    made = histories.history(rounds=1, size=2, statuses=[Status.COMPLETE, Status.FAILED])
    result = made.rounds[0].results[1]
    assert result
    noisy = result.model_copy(update={"log_tail": "\x1b[31mred\x1b[0m\n10%\r20%\rdone\x00 \ud800"})
    each = type(made.rounds[0])(plan=made.rounds[0].plan, results=[made.rounds[0].results[0], noisy])
    html = render(
        type(made)(study=made.study, session=made.session, head=made.head, rounds=[each]),
        None,
        generated=histories.BEGIN,
    )
    assert data(html)["details"]["2"]["log"] == "red\ndone\ufffd ?"


def test_the_page_holds_no_address_to_load_from() -> None:
    html = render(histories.history(), None, generated=histories.BEGIN)
    markup = re.sub(r"<(script|style)\b.*?</\1>", " ", html, flags=re.DOTALL)
    assert not re.search(r"\b(?:src|srcset|action)=|<link\b|href=\"(?!#)", markup)


def test_the_page_says_how_many_ranks_are_of_trials_that_were_stopped() -> None:
    made = histories.history(rounds=10, statuses=[Status.COMPLETE, Status.STOPPED, Status.COMPLETE, Status.COMPLETE])
    stopped = "10 trials of 40 were stopped early and ranked by what had been reached by then"
    assert stopped in text(render(made, None, generated=histories.BEGIN))
    whole = histories.history(rounds=10, statuses=[Status.COMPLETE] * 4)
    assert "ranked by what" not in text(render(whole, None, generated=histories.BEGIN))


def test_a_model_without_a_belief_is_told_from_no_model() -> None:
    def nothing(configurations: Sequence[Configuration]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        return np.full(len(configurations), np.nan), np.full(len(configurations), np.nan)

    made = histories.history()
    assert "most trials end alike, and the reward model is fitted" in text(render(made, nothing, generated=0.0))
    assert "There is no reward model yet" in text(render(made, None, generated=0.0))
