"""A kill for want of memory is the trial's fault, one from outside the platform's. The kernel's count is the evidence.

Memory cannot be made to run out in a test without endangering what runs beside it: the count is written by the test instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.training.trials import run, script, shell

from tunewright.errors import AttemptLost
from tunewright.training import local
from tunewright.training.memory_kills import memory_kills


@pytest.mark.parametrize(
    ("groups", "file", "text"),
    [
        ("0::/\n", "memory.events", "low 0\noom 3\noom_kill 2\n"),
        ("0::/user.slice/run.scope\n", "user.slice/run.scope/memory.events", "oom_kill 2\n"),
        ("4:memory:/a/b\n0::/\n", "memory/a/b/memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 2\n"),
        ("4:memory:/docker/x\n", "memory/memory.oom_control", "oom_kill 2\n"),
    ],
)
def test_the_count_is_found_where_the_kernel_keeps_it(tmp_path: Path, groups: str, file: str, text: str) -> None:
    (tmp_path / "groups").write_text(groups)
    (tmp_path / "root" / file).parent.mkdir(parents=True)
    (tmp_path / "root" / file).write_text(text)
    assert memory_kills(tmp_path / "root", tmp_path / "groups") == 2


def test_where_nobody_counts_there_is_no_evidence(tmp_path: Path) -> None:
    assert memory_kills(tmp_path, tmp_path / "groups") is None
    (tmp_path / "groups").write_text("0::/\n")
    assert memory_kills(tmp_path, tmp_path / "groups") is None


def counts(monkeypatch: pytest.MonkeyPatch, *values: int | None) -> None:
    seen: Iterator[int | None] = iter(values)
    monkeypatch.setattr(local, "memory_kills", lambda: next(seen))


def test_a_trial_that_something_outside_has_killed_is_lost_not_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts(monkeypatch, 1, 1)
    with pytest.raises(AttemptLost, match="killed by SIGKILL from outside") as lost:
        run(shell("echo training; kill -KILL $$"), tmp_path / "job")
    assert lost.value.log_tail == "training"


@pytest.mark.parametrize("name", ["TERM", "INT", "HUP"])
def test_a_trial_that_was_asked_to_end_is_lost_whoever_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    counts(monkeypatch, None)
    with pytest.raises(AttemptLost, match=f"killed by SIG{name} from outside; it is tried again"):
        run(
            script(
                f"import os, signal; signal.signal(signal.SIG{name}, signal.SIG_DFL); os.kill(os.getpid(), signal.SIG{name})"
            ),
            tmp_path / "job",
        )


@pytest.mark.parametrize("values", [(1, 2), (None, None)])
def test_a_trial_that_the_kernel_ended_or_may_have_ended_for_memory_has_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: tuple[int | None, int | None]
) -> None:
    counts(monkeypatch, *values)
    finished = run(shell("kill -KILL $$"), tmp_path / "job")
    assert finished.state == "FAILED"
    assert finished.reason.startswith("killed by SIGKILL, which is how the kernel ends a process when memory runs out")
