"""Limits of a trial, and that nothing of it outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import psutil
import pytest
from tests.training.trials import TRIAL, job, marked, run, script, shell, study

from tunewright.errors import AttemptLost
from tunewright.training import local, processes
from tunewright.training.local import LocalRunner, reap
from tunewright.training.processes import MARKER
from tunewright.training.runner import StopTrial

DAEMON = """
import os, sys, time
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        os.environ.clear()
        os.execv(sys.executable, [sys.executable, "-S", "-c", "import time; time.sleep(300)", {word!r}])
    os._exit(0)
os.wait()
time.sleep({seconds})
"""


def test_a_trial_that_hangs_is_ended_at_its_time_limit(tmp_path: Path) -> None:
    begun = time.monotonic()
    finished = run(shell("echo begun; sleep 300", limits={"time": 1}), tmp_path / "job")
    assert finished.state == "FAILED"
    assert finished.reason.startswith("time must be at most 1 s, got 1.")
    assert finished.reason.endswith("raise trial.limits.time, under a new study name")
    assert finished.log_tail == "begun"
    assert time.monotonic() - begun < 10


def test_what_a_program_had_printed_when_it_was_ended_is_its_log(tmp_path: Path) -> None:
    path = tmp_path / "t.py"
    path.write_text("import time\nprint('begun')\nprint('accuracy=0.5')\ntime.sleep(60)\n")
    trial = {"kind": "command", "command": [sys.executable, str(path)], "limits": {"time": 5}}
    finished = run(study(trial), tmp_path / "job")
    assert (finished.state, finished.log_tail) == ("FAILED", "begun\naccuracy=0.5")


@pytest.mark.parametrize("ending", ["\\n", "\\r\\n"])
def test_a_pattern_of_whole_lines_finds_them_among_others(tmp_path: Path, ending: str) -> None:
    command = ["printf", f"begun{ending}accuracy=0.5{ending}over{ending}"]
    pattern = r"^(?P<name>\w+)=(?P<value>[\d.]+)$"
    trial = {"kind": "command", "command": command, "stdout_pattern": pattern}
    assert run(study(trial), tmp_path / "job").metrics == {"accuracy": 0.5}


def test_a_match_without_a_name_is_no_metric(tmp_path: Path) -> None:
    pattern = r"Epoch (?P<step>\d+)|(?P<name>accuracy): (?P<value>[\d.]+)"
    command = ["printf", "Epoch 1\\naccuracy: 0.5\\nEpoch 2\\n"]
    trial = {"kind": "command", "command": command, "stdout_pattern": pattern}
    assert run(study(trial), tmp_path / "job").metrics == {"accuracy": 0.5}


def test_a_trial_that_ignores_sigterm_and_closes_its_output_is_ended_all_the_same(tmp_path: Path) -> None:
    source = "import os, signal, time; signal.signal(15, signal.SIG_IGN); os.close(1); os.close(2); time.sleep(300)"
    finished = run(script(source, limits={"time": 0.6}), tmp_path / "job")
    assert finished.reason.startswith("time must be at most 0.6 s")


def test_memory_that_processes_share_counts_once(tmp_path: Path) -> None:
    source = """
import os, time
x = bytearray(60_000_000)
x[::4096] = b"1" * len(x[::4096])
children = []
for _ in range(6):
    child = os.fork()
    if child == 0:
        time.sleep(60)
    children.append(child)
time.sleep(3)
for child in children:
    os.kill(child, 9)
open(os.environ["TUNEWRIGHT_METRICS"], "w").write('{"accuracy": 0.5}')
"""
    finished = run(script(source, limits={"memory": "250MB"}), tmp_path / "job")
    assert (finished.state, finished.reason) == ("TRAINED", "")


def test_a_trial_that_takes_too_much_memory_is_ended(tmp_path: Path) -> None:
    source = "import time; x = bytearray(200_000_000); x[::4096] = b'1' * len(x[::4096]); time.sleep(60)"
    finished = run(script(source, limits={"memory": "100MB"}), tmp_path / "job")
    assert finished.state == "FAILED"
    assert finished.reason.startswith("memory must be at most 100000000 bytes, got ")
    assert finished.reason.endswith("raise trial.limits.memory, under a new study name")


def test_memory_counts_the_children_of_a_trial(tmp_path: Path) -> None:
    child = "import time; x = b'1' * 60_000_000; time.sleep(60)"
    source = f"import subprocess, sys; [subprocess.Popen([sys.executable, '-S', '-c', {child!r}]) for _ in '12'];"
    finished = run(script(source + "import time; time.sleep(60)", limits={"memory": "110MB"}), tmp_path / "job")
    assert finished.reason.startswith("memory must be at most 110000000 bytes")


def test_a_hundred_megabytes_of_output_fill_neither_memory_nor_disk(tmp_path: Path) -> None:
    source = "import os; os.write(1, b'first line\\n'); block = b'x' * 99 + b'\\n'\n"
    source += "for _ in range(1000): os.write(1, block * 1000)\nos.write(1, b'last line\\n')"
    before = psutil.Process().memory_info().rss
    finished = run(script(source, limits={"log": "100KB"}), tmp_path / "job")
    kept = (tmp_path / "job/log.txt").read_bytes()
    assert psutil.Process().memory_info().rss - before < 50_000_000
    assert len(kept) < 100_100
    assert kept.startswith(b"first line\n")
    assert kept.endswith(b"last line\n")
    assert b"\n... 99900021 bytes left out ...\n" in kept, "100,000,021 bytes were written"
    assert finished.log_tail.endswith("last line")


@pytest.mark.parametrize("ends", ["by itself", "at its limit"])
def test_a_daemon_that_left_the_session_and_cleared_its_environment_does_not_outlive_the_trial(
    tmp_path: Path, ends: str
) -> None:
    word = f"daemon-{os.getpid()}-{ends.replace(' ', '-')}"
    source = DAEMON.format(word=word, seconds=0 if ends == "by itself" else 300)
    run(script(source, limits={"time": 2}), tmp_path / "job")
    assert marked(word) == []


def test_an_exception_while_the_trial_runs_ends_it_and_passes_through(tmp_path: Path) -> None:
    word = f"interrupted-{os.getpid()}"

    def beat() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        LocalRunner(beat_seconds=0.3).run(
            job(shell(f"sleep 300 & exec sh -c 'sleep 300' {word}"), tmp_path / "job"), beat
        )
    assert marked(word) == []


def test_a_trial_can_be_stopped_on_purpose_and_keeps_what_it_reached(tmp_path: Path) -> None:
    line = '{{\\"step\\": %d, \\"accuracy\\": 0.%d}}'
    source = f'for i in 1 2 3; do printf "{line}\\n" $i $i >> "$TUNEWRIGHT_STREAM"; done; sleep 300'

    def beat() -> None:
        raise StopTrial("below the median at step 3")

    finished = LocalRunner(beat_seconds=0.3).run(job(shell(source), tmp_path / "job"), beat)
    assert (finished.state, finished.reason) == ("STOPPED", "below the median at step 3")
    assert finished.metrics == {"accuracy": 0.3}


@pytest.mark.parametrize(("then", "state"), [("exit 0", "TRAINED"), ("sleep 300", "STOPPED")])
def test_a_trial_that_has_ended_is_stopped_too_late(tmp_path: Path, then: str, state: str) -> None:
    def beat() -> None:
        time.sleep(1.5)  # meanwhile one of them ends
        raise StopTrial("below the median")

    source = f'sleep 0.5; echo "{{{{\\"accuracy\\": 0.9}}}}" > "$TUNEWRIGHT_METRICS"; {then}'
    finished = LocalRunner(beat_seconds=0.1).run(job(shell(source), tmp_path / "job"), beat)
    assert finished.state == state, finished.reason
    assert finished.metrics == ({"accuracy": 0.9} if state == "TRAINED" else {})


def test_beats_come_while_a_trial_runs(tmp_path: Path) -> None:
    beats = [time.monotonic()]
    LocalRunner(beat_seconds=0.4).run(job(shell("sleep 1"), tmp_path / "job"), lambda: beats.append(time.monotonic()))
    assert len(beats) >= 3
    assert min(after - before for before, after in pairwise(beats)) >= 0.4


LAUNCHER = """
import sys
sys.path[:0] = {paths!r}
from pathlib import Path
from tests.training.trials import job, script
from tunewright.training.local import LocalRunner
LocalRunner(beat_seconds=0.3).run(job(script({source!r}), Path({directory!r})), lambda: None)
"""


def launch(source: str, directory: Path, word: str) -> subprocess.Popen[bytes]:
    """A launcher of its own, once its trial is seen running."""
    paths = [str(Path(__file__).parents[2]), str(Path(__file__).parents[2] / "components")]
    code = LAUNCHER.format(paths=paths, source=source, directory=str(directory))
    launcher = subprocess.Popen([sys.executable, "-c", code])
    deadline = time.monotonic() + 60
    while not marked(word):
        assert time.monotonic() < deadline, "the trial must begin"
        assert launcher.poll() is None, "the launcher must live"
        time.sleep(0.05)
    return launcher


def gone(word: str) -> bool:
    deadline = time.monotonic() + 10
    while marked(word) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not marked(word)


def test_when_the_launcher_is_killed_everything_dies_even_daemons(tmp_path: Path) -> None:
    word = f"killed-{os.getpid()}"
    launcher = launch(DAEMON.format(word=word, seconds=300), tmp_path / "job", word)
    launcher.kill()
    launcher.wait()
    assert gone(word)


def test_left_overs_of_an_attempt_whose_guard_was_killed_too_are_reaped(tmp_path: Path) -> None:
    word = f"reaped-{os.getpid()}"
    source = DAEMON.format(word=word, seconds=300).replace("os.environ.clear()", "pass")
    launcher = launch(source, tmp_path / "job", word)
    guard = psutil.Process(launcher.pid).children()[0]
    for process in (launcher, guard):
        process.send_signal(signal.SIGSTOP)  # neither may react to the death of the other
    guard.kill()
    launcher.kill()
    launcher.wait()
    assert marked(word), "the daemon outlives a guard that was killed"
    assert reap("f" * 16) == 0
    assert reap(TRIAL) >= 1
    assert gone(word)


def test_a_runner_cleans_up_when_only_the_guard_was_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    word = f"unguarded-{os.getpid()}"
    source = DAEMON.format(word=word, seconds=300).replace("os.environ.clear()", "pass")

    def beat() -> None:
        for child in psutil.Process().children():
            if any(argument.endswith("guard.py") for argument in child.cmdline()):
                child.kill()

    monkeypatch.setattr(local, "memory_kills", lambda: 0)
    with pytest.raises(AttemptLost, match="killed by SIGKILL from outside"):
        LocalRunner(beat_seconds=0.3).run(job(script(source), tmp_path / "job"), beat)
    assert gone(word)


def test_reaping_spares_the_process_that_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; from tunewright.training.local import reap; print(reap('{TRIAL}'))"
    )
    env = {**os.environ, MARKER: f"{TRIAL}/1/1@0.0/0"}
    answer = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == "0"


def test_the_same_trial_of_another_launcher_on_this_host_is_left_alone(tmp_path: Path) -> None:
    word = f"other-{os.getpid()}"
    source = DAEMON.format(word=word, seconds=300).replace("os.environ.clear()", "pass")
    launcher = launch(source, tmp_path / "job", word)
    run(shell("true"), tmp_path / "same trial, same attempt")
    assert reap(TRIAL) == 0
    assert marked(word)
    launcher.kill()
    launcher.wait()
    assert gone(word)


def test_a_containers_memory_is_a_trials_limit_where_the_study_sets_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "container_memory", lambda: 100_000_000)
    finished = run(script("x = bytearray(300_000_000)\nimport time; time.sleep(60)"), tmp_path / "job")
    assert finished.state == "FAILED"
    assert finished.reason.endswith("give the container of a trial more")
