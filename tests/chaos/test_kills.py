"""A short campaign; `python -m tests.benchmarks.kills` runs a long one."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.chaos.kills import TRIALS, campaign


@pytest.mark.slow
@pytest.mark.timeout(1200)
# fork() of a test process under Python 3.12+
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fifty_kills_lose_no_trial_and_count_none_twice(tmp_path: Path) -> None:
    account = campaign(tmp_path, 50, per_study=25, seed=20)
    assert sum(account.kills.values()) >= 50
    assert account.kills["write"] > 0
    assert account.kills["loop"] > 0
    assert account.statuses["COMPLETE"] > 0.9 * TRIALS * account.studies
    assert sum(account.statuses.values()) == TRIALS * account.studies
    assert account.trainings <= TRIALS * account.studies + sum(account.kills.values()) * 8, (
        "finished trials were trained again"
    )
