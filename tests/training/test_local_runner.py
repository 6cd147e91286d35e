"""The contract of runners, kept by subprocesses."""

from __future__ import annotations

import pytest
from tests.training.runner_contract import CREDENTIALS, RunnerContract

from tunewright.training.local import LocalRunner
from tunewright.training.runner import Runner


class TestLocalRunner(RunnerContract):
    @pytest.fixture
    def runner(self, monkeypatch: pytest.MonkeyPatch) -> Runner:
        for name in CREDENTIALS:
            monkeypatch.setenv(name, "hush")
        return LocalRunner()
