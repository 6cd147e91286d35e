"""A lane of the embedded loop, in this process."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.steps.studies import shell_study

from tunewright.embedded.__main__ import run
from tunewright.embedded.loop import run_study
from tunewright.steps.ledger import Ledger
from tunewright.steps.open import open_session
from tunewright.steps.propose import propose
from tunewright.store.opening import open_store, study_store
from tunewright.training import job
from tunewright.training.local import LocalRunner
from tunewright.training.runner import Runner
from tunewright.trial import Status


def test_a_lane_imports_nothing_from_the_users_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "queue.py").write_text("raise SystemExit('this is mine')")
    (tmp_path / "psutil.py").write_text("raise SystemExit('this is mine')")
    found = run_study(shell_study(), store="store", session="one")
    assert [result.status for result in found.trials] == [Status.COMPLETE] * 6


def test_a_lane_asks_who_runs_trials_here_and_who_scores_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def runner_for(study: Any, address: str, *, scores: bool = False, folder: str | None = None) -> Runner:
        asked.append((study.name, address, scores, folder))
        return LocalRunner(folder=folder)

    store, study = str(tmp_path / "store"), shell_study()
    open_session(store, study, "one", base=tmp_path, now=0.0)
    ledger = Ledger(study_store(open_store(store), study.name))
    propose(ledger, "one")
    monkeypatch.setattr(job, "runner_for", runner_for)
    monkeypatch.setattr(sys, "stdin", io.StringIO("0 0\n0 1\n"))
    out = os.dup(1)
    try:
        assert run(f"{store}/{study.name}", "one", str(tmp_path)) == 0
    finally:
        os.dup2(out, 1)
        os.close(out)
    assert asked == [("toy", f"{store}/toy", scores, str(tmp_path)) for scores in (False, True)]
    plan = ledger.plan(0)
    assert plan is not None
    assert all(ledger.results(plan))
