"""TensorBoard's event files, as a real writer makes them."""

from __future__ import annotations

import json
import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tensorboardX import SummaryWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.proto.tensor_pb2 import TensorProto
from tests.training.test_keeping import moved_when_entered
from tests.training.trials import run, shell, study

from tunewright.training import tensorboard
from tunewright.training.tensorboard import EventFiles, scalars


def lines(path: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def written(folder: Path, values: dict[int, float], tag: str = "accuracy") -> None:
    with SummaryWriter(str(folder)) as writer:
        for step, value in values.items():
            writer.add_scalar(tag, value, step)


def test_scalars_of_files_below_the_folder_become_a_stream(tmp_path: Path) -> None:
    written(tmp_path / "runs" / "a", {1: 0.5, 2: 0.75, 300: 0.875})
    with SummaryWriter(str(tmp_path / "runs" / "b")) as writer:
        writer.add_histogram("weights", np.arange(64.0), 1)
        writer.add_text("note", "words", 1)
        writer.add_scalar("val/loss", 0.25, 4)
    events = EventFiles(tmp_path, tmp_path / "metrics.jsonl")
    events.look()
    assert lines(tmp_path / "metrics.jsonl") == [
        {"step": 1, "accuracy": 0.5}, {"step": 2, "accuracy": 0.75}, {"step": 300, "accuracy": 0.875}, {"step": 4, "val/loss": 0.25}
    ]  # fmt: skip
    assert events.last == {"accuracy": 0.875, "val/loss": 0.25}


@pytest.mark.parametrize("folders", [("train", "val"), ("test", "train"), ("a", "b/c")])
@pytest.mark.parametrize("at_once", [True, False])
def test_a_tag_of_several_folders_is_a_metric_of_each_and_of_none_alone(
    tmp_path: Path, folders: tuple[str, str], at_once: bool
) -> None:
    events = EventFiles(tmp_path, tmp_path / "metrics.jsonl")
    for value, folder in enumerate(folders):
        written(tmp_path / folder, {1: value / 4, 2: value / 2})
        if not at_once:
            events.look()
    events.look()
    assert events.last == {f"{folder}/accuracy": value / 2 for value, folder in enumerate(folders)}
    assert lines(tmp_path / "metrics.jsonl")[-1] == {"step": 2, f"{folders[1]}/accuracy": 0.5}


def test_the_tag_of_the_folder_itself_is_the_metric_of_its_name(tmp_path: Path) -> None:
    written(tmp_path / "below", {1: 0.25})
    events = EventFiles(tmp_path, tmp_path / "metrics.jsonl")
    events.look()
    assert lines(tmp_path / "metrics.jsonl") == [{"step": 1, "accuracy": 0.25}]
    written(tmp_path, {1: 0.5})
    events.look()
    assert events.last == {"accuracy": 0.5, "below/accuracy": 0.25}


def test_a_record_is_read_once_and_only_when_it_is_whole(tmp_path: Path) -> None:
    written(tmp_path / "whole", {1: 0.5, 2: 0.75})
    (source,) = (tmp_path / "whole").iterdir()
    data, stream = source.read_bytes(), tmp_path / "s"
    (tmp_path / "live").mkdir()
    events = EventFiles(tmp_path / "live", stream)
    for end in (len(data) - 30, len(data) - 3, len(data), len(data)):
        (tmp_path / "live" / source.name).write_bytes(data[:end])
        events.look()
    assert lines(stream) == [{"step": 1, "accuracy": 0.5}, {"step": 2, "accuracy": 0.75}]


@pytest.mark.parametrize(
    "tensor",
    [
        TensorProto(dtype="DT_FLOAT", tensor_content=struct.pack("<f", 0.5)),
        TensorProto(dtype="DT_FLOAT", float_val=[0.5]),
        TensorProto(dtype="DT_DOUBLE", double_val=[0.5]),
    ],
)
def test_a_number_in_a_tensor_as_keras_writes_it_is_read(tensor: TensorProto) -> None:
    event = Event(step=7, summary=Summary(value=[Summary.Value(tag="loss", tensor=tensor)]))
    assert scalars(event.SerializeToString()) == (7, {"loss": 0.5})


def test_values_that_are_not_finite_are_told_and_not_streamed(tmp_path: Path) -> None:
    events = EventFiles(tmp_path, tmp_path / "metrics.jsonl")
    written(tmp_path, {1: 0.5, 2: float("nan")})
    events.look()
    assert lines(tmp_path / "metrics.jsonl") == [{"step": 1, "accuracy": 0.5}]
    assert events.last == {"accuracy": pytest.approx(float("nan"), nan_ok=True)}


@given(st.binary(max_size=200))
def test_bytes_that_are_no_event_say_nothing_and_break_nothing(data: bytes) -> None:
    scalars(data)


def test_a_trial_that_streams_itself_is_left_alone(tmp_path: Path) -> None:
    stream = tmp_path / "metrics.jsonl"
    events = EventFiles(tmp_path, stream)
    stream.write_text('{"step": 1, "accuracy": 0.1}\n')
    written(tmp_path, {1: 0.5})
    events.look()
    assert lines(stream) == [{"step": 1, "accuracy": 0.1}]


def test_a_folder_that_is_renamed_while_it_is_looked_through_is_read_at_the_next_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "output" / "a", {1: 0.5})
    written(tmp_path / "output" / "b", {2: 0.75}, "loss")
    moved_when_entered(monkeypatch, tmp_path / "output" / "b")
    events = EventFiles(tmp_path / "output", tmp_path / "s")
    events.look()
    assert lines(tmp_path / "s") == [{"step": 1, "accuracy": 0.5}]
    (tmp_path / "b moved").rename(tmp_path / "output" / "c")
    events.look()
    assert lines(tmp_path / "s") == [{"step": 1, "accuracy": 0.5}, {"step": 2, "loss": 0.75}]


def test_a_file_that_goes_before_it_is_read_takes_nothing_of_the_others_with_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "a", {1: 0.5})
    found = [*(tmp_path / "a").iterdir(), tmp_path / "gone"]
    monkeypatch.setattr(tensorboard, "files_below", lambda *_: found)
    EventFiles(tmp_path, tmp_path / "s").look()
    assert lines(tmp_path / "s") == [{"step": 1, "accuracy": 0.5}]


@pytest.mark.parametrize("pattern", [None, r"(?P<name>\w+)=(?P<value>\S+)"])
def test_a_trial_that_writes_nothing_but_event_files_is_measured_by_them(tmp_path: Path, pattern: str | None) -> None:
    source = """
import os
from tensorboardX import SummaryWriter
with SummaryWriter(os.path.join(os.environ["TUNEWRIGHT_OUTPUT"], "runs")) as writer:
    for step in range(3):
        writer.add_scalar("accuracy", step / 4, step)
"""
    path = tmp_path / "train.py"
    path.write_text(source)
    trial = {"kind": "command", "command": [sys.executable, str(path)], "stdout_pattern": pattern}
    finished = run(study(trial), tmp_path / "job")
    assert (finished.state, finished.metrics) == ("TRAINED", {"accuracy": 0.5}), finished.log_tail
    assert [line["step"] for line in lines(tmp_path / "job/metrics.jsonl")] == [0, 1, 2]


def test_a_training_that_diverged_has_failed_whatever_it_had_before(tmp_path: Path) -> None:
    source = """
import os
from tensorboardX import SummaryWriter
with SummaryWriter(os.environ["TUNEWRIGHT_OUTPUT"]) as writer:
    for step, value in enumerate((0.5, 0.9, float("nan"))):
        writer.add_scalar("accuracy", value, step)
"""
    (tmp_path / "train.py").write_text(source)
    trial = {"kind": "command", "command": [sys.executable, str(tmp_path / "train.py")]}
    finished = run(study(trial), tmp_path / "job")
    assert (finished.state, finished.metrics) == ("FAILED", {})
    assert "accuracy must be a finite number, got nan" in finished.reason


def test_event_files_that_cannot_be_looked_for_cost_a_trial_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look(_: EventFiles) -> None:
        raise FileNotFoundError("renamed meanwhile")

    monkeypatch.setattr(EventFiles, "look", look)
    finished = run(shell('sleep 1.2; echo "{{\\"accuracy\\": {x}}}" > "$TUNEWRIGHT_METRICS"'), tmp_path / "job")
    assert (finished.state, finished.metrics) == ("TRAINED", {"accuracy": 0.5}), finished.reason
