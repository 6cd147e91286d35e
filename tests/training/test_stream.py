"""The stream of metrics: lines of a file, lines of the output, in pieces and with mistakes."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from tests.training.trials import run, shell

from tunewright.training.reported import match_output
from tunewright.training.stream import Growing, Printed, begun, joined, last_values, points


def test_points_are_read_as_they_come_and_a_line_counts_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    curve = Growing(path, "loss")
    assert not curve.look(), "no file yet"
    path.write_text('{"step": 1, "loss": 0.5}\n{"step": 2, "lo')
    assert curve.look()
    assert curve.points == {1: 0.5}
    assert not curve.look()
    with path.open("a") as file:
        file.write('ss": 0.25}\n')
    assert curve.look()
    assert curve.points == {1: 0.5, 2: 0.25}


def lines(steps: range) -> str:
    return "".join(f'{{"step": {step}, "loss": {1 / step:.3f}}}\n' for step in steps)


@pytest.mark.parametrize("until", [45, 200])  # shorter than before, and longer
def test_a_file_that_is_begun_again_is_read_from_its_beginning(tmp_path: Path, until: int) -> None:
    path = tmp_path / "metrics.jsonl"
    curve = Growing(path, "loss")
    path.write_text(lines(range(1, 41)))
    curve.look()
    path.write_text(lines(range(41, until)))
    assert curve.look()
    assert list(curve.points) == list(range(1, until))


def test_what_is_resumed_stays_in_front_of_a_file_that_is_begun_again() -> None:
    before, after = lines(range(1, 5)).encode(), lines(range(5, 7)).encode()
    assert joined(before, after) == joined(before, before + after) == before + after
    assert joined(b"", after) == after
    assert joined(before[:-1], after) == before + after


def test_a_lower_step_that_comes_later_stands_before_the_higher_one(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"step": 10, "accuracy": 0.9}\n')
    curve = Growing(path, "accuracy")
    assert curve.look()
    with path.open("a") as file:
        file.write('{"step": 5, "accuracy": 0.1}\n')
    assert curve.look()
    assert list(curve.points.items()) == [(5, 0.1), (10, 0.9)]
    assert not curve.look()


def test_of_a_step_that_comes_again_the_last_line_counts() -> None:
    assert points([b'{"step": 2, "a": 1}', b'{"step": 1, "a": 2}', b'{"step": 2, "a": 3}'], "a") == {1: 2.0, 2: 3.0}


def test_lines_that_break_a_rule_count_not() -> None:
    lines = [
        b"epoch 1", b"[1]", b'{"a": 1}', b'{"step": -1, "a": 1}', b'{"step": NaN, "a": 1}', b'{"step": "3", "a": 1}', b'{"step": true, "a": 1}',
        b'{"step": 1e300, "a": 1}', b'{"step": 4, "a": NaN}', b'{"step": 5, "a": "x"}', b"[" * 70_000, b'{"step": 6.0, "a": 1}',
    ]  # fmt: skip
    assert points(lines, "a") == {6: 1.0}


def test_last_values_are_of_every_metric_and_need_no_step(tmp_path: Path) -> None:
    path = tmp_path / "s"
    path.write_text('{"step": 1, "a": 1, "b": 2}\n{"a": 3}\nnonsense\n')
    assert last_values(path) == {"a": 3.0, "b": 2.0}
    assert last_values(tmp_path / "none") == {}


def test_what_is_printed_becomes_a_stream_line_by_line(tmp_path: Path) -> None:
    printed = Printed(r"epoch (?P<step>\d+) (?P<name>\w+)=(?P<value>\S+)", tmp_path / "s")
    for chunk in (b"epoch 1 acc=0.", b"5\nother\nepoch 2 acc=bad\nepoch 3", b" acc=0.75\n"):
        printed.write(chunk)
    lines = [json.loads(line) for line in (tmp_path / "s").read_text().splitlines()]
    assert lines == [{"step": 1.0, "acc": 0.5}, {"step": 3.0, "acc": 0.75}]


def test_colours_hide_nothing(tmp_path: Path) -> None:
    pattern = r"epoch (?P<step>\d+) (?P<name>acc) (?P<value>[0-9.]+)"
    line = b"\x1b[2K\repoch \x1b[1;36m1\x1b[0m acc \x1b[1;36m0.475\x1b[0m\n"
    printed = Printed(pattern, tmp_path / "s")
    printed.write(line)
    assert json.loads((tmp_path / "s").read_text()) == {"step": 1.0, "acc": 0.475}
    found = match_output(pattern, line)
    assert found is not None
    assert found.metrics == {"acc": 0.475}


def test_a_pattern_that_matches_nothing_is_the_reason(tmp_path: Path) -> None:
    finished = run(shell("echo done", stdout_pattern=r"(?P<name>acc) (?P<value>\d)"), tmp_path / "job")
    assert finished.state == "FAILED"
    assert "stdout_pattern '(?P<name>acc) (?P<value>\\\\d)' matches no line" in finished.reason


def test_the_last_line_that_is_printed_counts_without_its_end(tmp_path: Path) -> None:
    pattern = r"(?P<step>\d+): (?P<name>\w+) (?P<value>\S+)"
    run(shell('printf "1: accuracy 0.5\n2: accuracy 0.75"', stdout_pattern=pattern), tmp_path / "job")
    assert points((tmp_path / "job/metrics.jsonl").read_bytes().splitlines(), "accuracy") == {1: 0.5, 2: 0.75}


def test_a_pattern_with_steps_streams_what_a_trial_prints(tmp_path: Path) -> None:
    pattern = r"(?P<step>\d+): (?P<name>\w+) (?P<value>\S+)"
    finished = run(shell('printf "1: accuracy 0.5\\n2: accuracy 0.75\\n"', stdout_pattern=pattern), tmp_path / "job")
    assert (finished.state, finished.metrics) == ("TRAINED", {"accuracy": 0.75})
    assert points((tmp_path / "job/metrics.jsonl").read_bytes().splitlines(), "accuracy") == {1: 0.5, 2: 0.75}


@pytest.mark.parametrize(
    ("here", "whole", "count"),
    [
        (b"", b"a\nb\n", 0),
        (b"a\n", b"a\nb\n", 2),
        (b"before\na\nb\n", b"a\nb\nc\n", 4),
        (b"a\na\na\n", b"a\na\na\na\n", 6),
        (b"a\nx\n", b"a\nb\n", 0),
        (b"a\nb\n", b"", 0),
        (b"a\nb\n", b"a\n", 0),
    ],
)
def test_what_is_here_of_a_stream_is_not_brought_again(here: bytes, whole: bytes, count: int) -> None:
    assert begun(here, whole) == count


def test_many_empty_lines_cost_little() -> None:
    began = time.process_time()
    found = match_output(
        r"^\s*(?P<name>acc)\s*=\s*(?P<value>[\d.]+)", b"\n" * 200_000 + b"x\n" + b"  \n" * 100_000 + b"acc = 0.5\n"
    )
    assert found is not None
    assert found.metrics == {"acc": 0.5}
    assert time.process_time() - began < 10


def test_a_long_line_costs_little_and_a_carriage_return_ends_one(tmp_path: Path) -> None:
    pattern = r"(?P<name>\w+)=(?P<value>[\d.]+)"
    began = time.process_time()
    found = match_output(pattern, b"f" * 200_000 + b"\racc=0.5\r\nloss=2\n")
    assert found is not None
    assert found.metrics == {"acc": 0.5, "loss": 2.0}
    assert time.process_time() - began < 10, "the square of its length would be minutes"
    long = b'{"accuracy": 0.93, "predictions": [' + b"0.5, " * 20_000 + b'1], "loss": 2}'
    found = match_output(r'"(?P<name>\w+)": (?P<value>[\d.]+)', long)
    assert found is not None
    assert found.metrics == {"accuracy": 0.93, "loss": 2.0}, "both ends count"
    below = match_output(r"Results:\n(?P<name>\w+) (?P<value>\S+)", b"Results:\r\naccuracy 0.9\r\n")
    assert below is not None
    assert below.metrics == {"accuracy": 0.9}
    printed = Printed(rf"step (?P<step>\d+) {pattern}", tmp_path / "s")
    printed.write(b"f" * 70_000 + b"\rstep 1 acc=0.5\rstep 2 acc=0.6\n")
    printed.end()
    assert [json.loads(line)["step"] for line in (tmp_path / "s").read_text().splitlines()] == [1.0, 2.0]
