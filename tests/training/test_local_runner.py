"""The contract of runners, kept by subprocesses."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from tests.training.runner_contract import CREDENTIALS, RunnerContract
from tests.training.trials import TRIAL, job, shell

from tunewright.errors import AttemptLost
from tunewright.training.keeping import files_below
from tunewright.training.local import LocalRunner
from tunewright.training.runner import Runner
from tunewright.training.scratch import scratch
from tunewright.training.stream import Growing


class TestLocalRunner(RunnerContract):
    @pytest.fixture
    def runner(self, monkeypatch: pytest.MonkeyPatch) -> Runner:
        for name in CREDENTIALS:
            monkeypatch.setenv(name, "hush")
        return LocalRunner()


def test_a_guard_that_is_told_to_end_is_no_result_of_its_trial(tmp_path: Path) -> None:
    """As by ``pkill -f train.py``, whose word is in the guard's own command line."""

    def end_it() -> None:
        for child in psutil.Process().children():
            if any(argument.endswith("guard.py") for argument in child.cmdline()):
                child.terminate()

    with pytest.raises(AttemptLost, match="killed by SIGTERM from outside"):
        LocalRunner().run(job(shell("sleep 60"), tmp_path / "job"), end_it)


def test_ends_of_trials_are_seen_where_those_of_children_are_ignored(tmp_path: Path) -> None:
    source = """
import signal, sys
from pathlib import Path
from tests.training.trials import run, shell
signal.signal(signal.SIGCHLD, signal.SIG_IGN)
print(run(shell("echo '{{}}' > $TUNEWRIGHT_METRICS; exit 3", limits={"time": 20}), Path(sys.argv[1])).reason)
"""
    done = subprocess.run(
        [sys.executable, "-c", source, str(tmp_path / "job")], capture_output=True, text=True, check=True
    )
    assert "time must be" not in done.stdout


@pytest.mark.parametrize(
    "program",
    [
        'rm -r "$(dirname "$TUNEWRIGHT_OUTPUT")"',
        'mkdir "$(dirname "$TUNEWRIGHT_OUTPUT")/log.txt"',
        'ln -s /dev/full "$(dirname "$TUNEWRIGHT_OUTPUT")/log.txt"',
        'mkfifo "$TUNEWRIGHT_STREAM"',
    ],
)
def test_whatever_a_trial_makes_of_its_folder_is_its_own_failure(tmp_path: Path, program: str) -> None:
    of = shell(program + "; echo said", limits={"time": 20})
    with scratch(TRIAL) as folder:
        growing = Growing(folder / "metrics.jsonl", "accuracy")
        ended = LocalRunner().run(job(of, folder), lambda: None)
        assert not growing.look()
        assert (folder / "log.txt").read_text() == "said\n"
    assert (ended.state, ended.reason[:8]) == ("FAILED", "metric a")


def test_folders_in_folders_without_end_hinder_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    with scratch(TRIAL) as folder:
        place = os.open(folder, os.O_RDONLY)
        for _ in range(1300):
            os.mkdir("a", dir_fd=place)
            below = os.open("a", os.O_RDONLY, dir_fd=place)
            os.close(place)
            place = below
        os.close(place)
        (folder / "model").write_text("m")
        assert files_below(folder) == [folder / "model"]
    assert list(tmp_path.iterdir()) == []
