"""The log of a trial's container: what breaks is read again, and what is not whole is known."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.training.clusters import FakeCluster
from tests.training.runner_contract import shell
from tests.training.trials import job

from tunewright.errors import InputError, TransientError, TunewrightError
from tunewright.training import job_log
from tunewright.training.job_cluster import Absent
from tunewright.training.job_log import Follower
from tunewright.training.runner import STREAM


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job_log, "PAUSE_SECONDS", 0.01)
    monkeypatch.setattr(job_log, "PATIENCE_SECONDS", 0.1)
    monkeypatch.setattr(job_log, "AWAY_SECONDS", 5.0)


class Logs(FakeCluster):
    """Answers each request for a log with the next of these texts, then with the last one; an error breaks off after the text."""

    def __init__(self, *answers: tuple[bytes, TunewrightError | None]) -> None:
        super().__init__()
        self._answers = list(answers)
        self.chunk = 2**16
        self.asked: list[str] = []

    def log(self, pod: str, container: str) -> Iterator[bytes]:
        self.asked.append(pod)
        text, error = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        yield from (text[i : i + self.chunk] for i in range(0, len(text), self.chunk))
        if error is not None:
            raise error


AWAY = TransientError("the Kubernetes API must answer")


def asked(logs: Logs, times: int) -> None:
    end = time.monotonic() + 5
    while len(logs.asked) < times:
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture
def follow(tmp_path: Path) -> Callable[[Logs], Follower]:
    def begin(logs: Logs) -> Follower:
        follower = Follower(logs, job(shell("true"), tmp_path / "job"), "trial")
        follower.follow("one")
        return follower

    return begin


@pytest.mark.parametrize("first", [(b"a\n", None), (b"a\n", AWAY)], ids=["like an end", "an error"])
def test_a_connection_that_breaks_while_the_trial_runs_is_made_again(
    follow: Callable[[Logs], Follower], first: tuple[bytes, TunewrightError | None]
):
    logs = Logs(first, (b"a\nb\n", None))
    follower = follow(logs)
    asked(logs, 1)
    assert follower.finish(whole=True).content() == b"a\nb\n"


def test_an_api_that_is_away_for_a_moment_costs_no_metric(follow: Callable[[Logs], Follower]):
    assert follow(Logs(*[(b"a\n", AWAY)] * 20, (b"a\nb\n", None))).finish(whole=True).content() == b"a\nb\n"


def test_a_log_that_is_not_whole_is_no_reason_to_blame_the_trial(
    follow: Callable[[Logs], Follower], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(job_log, "AWAY_SECONDS", 0.1)
    follower = follow(Logs((b"a\n", AWAY)))
    assert follower.finish().content() == b"a\n"
    with pytest.raises(TransientError, match="read to its end to find its metric, but: the Kubernetes API must answer"):
        follower.finish(whole=True)


def test_a_log_that_will_not_come_is_not_waited_for(follow: Callable[[Logs], Follower]):
    began = time.monotonic()
    with pytest.raises(TransientError, match="pods one not found"):
        follow(Logs((b"", Absent("pods one not found")))).finish(whole=True)
    assert time.monotonic() - began < 2


REFUSED = InputError("bind role tunewright-jobs")


def test_an_api_that_refuses_for_a_moment_costs_no_metric(follow: Callable[[Logs], Follower]):
    assert follow(Logs(*[(b"", REFUSED)] * 20, (b"a\n", None))).finish(whole=True).content() == b"a\n"


def test_an_api_that_goes_on_to_refuse_is_believed(follow: Callable[[Logs], Follower], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(job_log, "PAUSE_SECONDS", 0.1)
    monkeypatch.setattr(job_log, "AWAY_SECONDS", 0.25)
    with pytest.raises(InputError, match="bind role tunewright-jobs"):
        follow(Logs((b"", REFUSED))).finish(whole=True)


def test_a_refusal_is_forgotten_once_the_log_is_read(
    follow: Callable[[Logs], Follower], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(job_log, "AWAY_SECONDS", 0.3)
    over = threading.Event()

    def log(self: Logs, pod: str, container: str) -> Iterator[bytes]:
        self.asked.append(pod)
        if len(self.asked) == 1:
            raise REFUSED
        yield b"a\n"
        over.wait(10)

    monkeypatch.setattr(Logs, "log", log)
    logs = Logs((b"a\n", None))
    follower = follow(logs)
    asked(logs, 2)
    with pytest.raises(TransientError, match="it did not end in time"):
        follower.finish(whole=True)
    over.set()


def test_the_log_of_a_pod_that_tells_more_takes_the_place_of_the_first(follow: Callable[[Logs], Follower]):
    logs = Logs((b"I wait for the others\n", None))
    follower = follow(logs)
    asked(logs, 1)
    logs._answers = [(b"I crash\n", None)]
    follower.follow("two")
    follower.follow("two")
    assert follower.finish().content() == b"I crash\n"
    assert follower.last_lines() == "I crash"


def test_a_log_that_is_read_again_tells_its_stream_once(tmp_path: Path):
    printed = shell("true", stdout_pattern=r"(?P<step>\d+) (?P<name>\w+)=(?P<value>\d+)")
    logs = Logs((b"1 a=1\n2 a", AWAY), (b"1 a=1\n", None), (b"1 a=1\n2 a=2\n3 a=3\n", None))
    follower = Follower(logs, job(printed, tmp_path / "job"), "trial")
    follower.follow("one")
    asked(logs, 3)
    assert follower.finish(whole=True).content() == b"1 a=1\n2 a=2\n3 a=3\n"
    lines = (tmp_path / "job" / STREAM).read_text().splitlines()
    assert lines == ['{"step": 1.0, "a": 1.0}', '{"step": 2.0, "a": 2.0}', '{"step": 3.0, "a": 3.0}']


@pytest.mark.parametrize("chunk", [1, 3, 2**16])
def test_what_is_new_in_a_log_that_was_rotated_is_added(tmp_path: Path, chunk: int):
    printed = shell("true", stdout_pattern=r"(?P<step>\d+) (?P<name>\w+)=(?P<value>\d+)")
    first, rotated = b"1 a=1\nnoise\n2 a=1", b"1 b=2\n3 a=3\n"
    logs = Logs((first, AWAY), (rotated, AWAY), (rotated[:2], AWAY), (rotated + b"4 a=4\n", None))
    logs.chunk = chunk
    follower = Follower(logs, job(printed, tmp_path / "job"), "trial")
    follower.follow("one")
    asked(logs, 4)
    assert follower.finish(whole=True).content() == first + b"\n" + rotated + b"4 a=4\n"
    lines = (tmp_path / "job" / STREAM).read_text().splitlines()
    assert lines == [
        '{"step": 1.0, "a": 1.0}', '{"step": 1.0, "b": 2.0}', '{"step": 3.0, "a": 3.0}', '{"step": 4.0, "a": 4.0}'
    ]  # fmt: skip


def test_a_log_that_another_one_replaces_is_read_no_more(follow: Callable[[Logs], Follower]):
    logs = Logs((b"I wait\n", None))
    follower = follow(logs)
    asked(logs, 1)
    follower.follow("two")
    before = logs.asked.count("one")
    asked(logs, len(logs.asked) + 20)
    assert logs.asked.count("one") <= before + 1
