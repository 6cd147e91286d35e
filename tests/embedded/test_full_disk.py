"""A full disk for temporary files stops the run with a clear error; nothing is lost, and the same call goes on once there is space."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from tests.steps.studies import shell_study

from tunewright.embedded import workers
from tunewright.embedded.loop import run_study
from tunewright.embedded.workers import Ended, Workers
from tunewright.errors import TransientError
from tunewright.steps.ledger import Ledger
from tunewright.study import Study
from tunewright.training.scratch import scratch
from tunewright.trial import Status


def boosted(**fields: Any) -> Study:
    return Study.model_validate(
        {
            "name": "full",
            "space": {"max_depth": {"type": "int", "low": 2, "high": 6}},
            "objective": {"metric": "accuracy"},
            "data": {"source": "sklearn:iris", "validation": {"holdout": 0.3}},
            "trial": {"kind": "xgboost", "fixed": {"n_estimators": 100}},
            "budget": {"trials": 2, "parallel_trials": 2},
            **fields,
        }
    )


@pytest.fixture
def impatient(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TMPDIR", str(small_disk))
    monkeypatch.setattr(workers, "BACKOFF_SECONDS", 0.01)
    monkeypatch.setattr(workers, "TRIES", 2)


def test_a_full_disk_costs_no_trial(small_disk: Path, tmp_path: Path, impatient: None) -> None:
    store = str(tmp_path / "store")
    (small_disk / "filler").write_bytes(bytes(950_000))  # what is left takes a beginning of a trial
    with pytest.raises(TransientError, match=rf"^{small_disk} must have space .* set TMPDIR .*, then run again$"):
        run_study(boosted(), store=store)
    ledger = Ledger.at(f"{store}/full")
    assert [entry.key for entry in ledger.store.list("trials/") if entry.key.endswith("/result.json")] == []
    (small_disk / "filler").unlink()
    found = run_study(boosted(), store=store)
    assert [result.status for result in found.trials] == [Status.COMPLETE] * 2
    for result in found.trials:
        assert {attempt.ended for attempt in result.cost.attempts} == {"GIVEN-BACK", "TRAINED"}


def test_one_trial_that_finds_no_space_stops_the_run_and_the_other_is_kept(
    small_disk: Path, tmp_path: Path, impatient: None
) -> None:
    greedy = f'[ {{x}} = 0.5 -o -e {tmp_path}/freed ] || {{{{ sleep 1; head -c 2000000 /dev/zero > "{{output}}/model"; echo on; }}}}'
    measure = 'echo "{{\\"score\\": {x}}}" > "$TUNEWRIGHT_METRICS"'
    study = shell_study(
        command=["sh", "-c", f"{greedy}; {measure}"], budget={"trials": 2, "parallel_trials": 2}, name="greedy"
    )
    store = str(tmp_path / "store")
    with pytest.raises(TransientError, match=rf"^{small_disk} must have space"):
        run_study(study, store=store)
    (tmp_path / "freed").touch()
    found = run_study(study, store=store)
    assert [result.status for result in found.trials] == [Status.COMPLETE] * 2
    assert [len(result.cost.attempts) for result in found.trials] == [1, 3]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_the_folder_and_the_remedy_are_named(code: int) -> None:
    with pytest.raises(TransientError, match=rf"^{tempfile.gettempdir()} must have space"), scratch("a1") as folder:
        raise OSError(code, os.strerror(code))
    assert not folder.exists()


def test_a_disk_that_is_full_to_the_last_byte_sends_no_trial_elsewhere(
    small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(small_disk))
    monkeypatch.setattr(tempfile, "tempdir", None)  # found anew
    (small_disk / "filler").write_bytes(bytes(shutil.disk_usage(small_disk).free))
    assert tempfile.gettempdir() != str(small_disk)
    with scratch("a1") as folder:
        assert folder.parent == small_disk
    with pytest.raises(TransientError, match=rf"^{small_disk} must have space"), scratch("a1") as folder:
        (folder / "request.json").write_text("{}")


def test_a_folder_that_takes_no_file_is_left_to_python(small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", None)  # found anew
    for asked in (small_disk / "missing", small_disk):
        monkeypatch.setenv("TMPDIR", str(asked))
        subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
        with scratch("a1") as folder:
            assert folder.parent == Path(tempfile.gettempdir()) != asked


def test_other_errors_of_a_file_system_pass() -> None:
    with pytest.raises(PermissionError), scratch("a1"):
        raise PermissionError(errno.EACCES, "denied")


def test_no_folder_at_all_that_takes_a_file_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> str:
        raise FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")

    monkeypatch.setattr(tempfile, "gettempdir", full)
    with pytest.raises(TransientError, match=r"found in \['/tmp'\]; free space or set TMPDIR"), scratch("a1"):
        pass


def test_a_lane_that_says_more_than_a_pipe_holds_is_not_held_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lane = tmp_path / "lane"
    lane.write_text(
        "#!/bin/sh\nread slot\nhead -c 1000000 /dev/zero >&2\necho last words >&2\necho 0\nread more\nexit 2\n"
    )
    lane.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(lane))
    with Workers("store/study", "one", 1, tmp_path) as lanes:
        assert [ended.code for ended in lanes.run(0, [0]) if ended] == [0]
        ends = [ended for ended in lanes.run(0, [0]) if ended]
    assert ends == [Ended(slot=0, code=2, message=ends[0].message)]
    assert ends[0].message.endswith("last words")


def test_what_a_killed_process_has_left_of_a_trial_goes_with_its_next_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    source = "import os\nfrom tunewright.training.scratch import scratch\nwith scratch('a1'): os.kill(os.getpid(), 9)"
    assert subprocess.run([sys.executable, "-c", source], check=False).returncode == -9
    (left,) = tmp_path.iterdir()
    inside = tmp_path / left.name.replace(f"-{Path('/proc/self/ns/pid').stat().st_ino}-", "-1-")
    inside.mkdir()  # of a container, where process ids are others
    with scratch("a2") as other, scratch("a1") as folder, scratch("a1") as beside:
        assert not left.exists()
        assert sorted(tmp_path.iterdir()) == sorted([inside, other, folder, beside]), "what lives is left alone"
    assert list(tmp_path.iterdir()) == [inside]
