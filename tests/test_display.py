"""The live display, drawn into a recording terminal."""

from __future__ import annotations

import io
import time

from rich.console import Console
from tests.steps.studies import shell_study

from tunewright.display import Display
from tunewright.trial import Best, Head, Plan, PolicyRecord, Result, SessionRecord, Slot, Status, SurrogateRecord

TRIAL = "0123456789abcdef"


def test_it_shows_progress_incumbent_trust_and_failures_and_escapes_what_users_wrote() -> None:
    study = shell_study()
    console = Console(file=io.StringIO(), force_terminal=True, width=140, color_system=None)
    display = Display(console)
    session = SessionRecord(
        id="one", epoch=1, first_round=0, started=0.0, budget=study.budget, seed=0, agent=study.agent
    )
    slots = [
        Slot(trial=TRIAL, configuration={"x": 0.25}, origin="policy"),
        Slot(trial=TRIAL[::-1], configuration={"x": 0.5}, origin="random"),
    ]
    display.opened(study, session, [])
    display.planned(Plan(round=0, session="one", generation=0, seed=0, slots=slots))
    display.running([0, 1])
    time.sleep(0.5)  # the display draws itself four times a second
    display.ended(0, Result(trial=TRIAL, round=0, slot=0, status=Status.COMPLETE, objective=0.25))
    display.ended(1, Result(trial=TRIAL[::-1], round=0, slot=1, status=Status.FAILED, reason="[bold]oops[/nothing]"))
    display.unfinished(2, "data.target: must be a column")
    head = Head(
        epoch=1,
        session="one",
        generation=1,
        writer="w",
        round=1,
        best=Best(trial=TRIAL, objective=0.25),
        finished="done",
    )
    display.learnt(
        SurrogateRecord(round=0, model="gp", blob=None, fitted=True, observations=2, r2=0.5),
        PolicyRecord(round=0, blob="0" * 64, real_updates=4, predicted_updates=7, kl=[0.1], horizon="kl 0.41 > 0.4"),
        head,
    )
    display.finished(head, "report.html")
    display.close()
    text = console.file.getvalue()  # type: ignore[attr-defined]
    for shown in (
        "2/6",
        "best score 0.25",
        "x=0.25",
        "held-out R2 0.50",
        "7 updates on predicted rewards",
        "kl 0.41 > 0.4",
        "1 complete",
        "1 failed",
        "[bold]oops[/nothing]",
        "slot 2 unfinished: data.target: must be a column",
    ):
        assert shown in text, shown
    assert "lost" not in text


def test_closing_before_the_session_was_opened_is_harmless() -> None:
    Display(Console(file=io.StringIO())).close()
