"""The convolutional network learns digits, streams its curve, and its weights load again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from tests.training.trials import run, study

from tunewright.errors import ArtifactCorrupt, DataInvalid, InputError, StudyInvalid
from tunewright.space import Configuration
from tunewright.study import Data, Study
from tunewright.training import checkpoint, cnn
from tunewright.training.evaluation import evaluate
from tunewright.training.images import load_images
from tunewright.training.runner import TrialFailed

SEARCHED: Configuration = {"batch_size": 64, "learning_rate": 0.005}
SPACE: dict[str, Any] = {
    "batch_size": {"type": "int", "low": 1, "high": 128},
    "learning_rate": {"type": "float", "low": 1e-4, "high": 1e30},
}
FIXED: dict[str, Any] = {
    "conv1_stride": 4, "conv1_kernel": 5, "conv1_channels": 8, "pool1_kernel": 2, "pool1_stride": 2, "pool1_type": "max",
    "fc1_nodes": 32,
}  # fmt: skip


def network_study(source: str = "sklearn:digits", *, fixed: dict[str, Any] | None = None, **fields: Any) -> Study:
    trial = {"kind": "cnn", "layers": 1, "epochs": 3, "fixed": {**FIXED, **(fixed or {})}}
    return study(trial, space=SPACE, data={"source": source, **fields})


def train(of: Study, directory: Path, configuration: Configuration = SEARCHED, seed: int = 3) -> dict[str, float]:
    (directory / "output").mkdir(parents=True)
    (directory / "checkpoint").mkdir()
    cnn.train(of, configuration, seed, directory / "output", directory / "metrics.jsonl", directory / "checkpoint")
    return evaluate(of, configuration, directory / "output", seed)


def test_it_learns_digits_far_above_chance_and_streams_its_curve(tmp_path: Path) -> None:
    scores = train(network_study(), tmp_path)
    lines = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert scores["accuracy"] > 0.8, "chance is 0.1"
    assert [line["step"] for line in lines] == [1, 2, 3]
    assert lines[-1]["train_loss"] < lines[0]["train_loss"]
    assert lines[-1]["accuracy"] == pytest.approx(scores["accuracy"]), "the weights that were saved are those scored"


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        train(network_study(validation={"folds": 2}), tmp_path / name, seed=seed)
    first, second, other = ((tmp_path / name / "output/fold-1.safetensors").read_bytes() for name in "abc")
    assert first == second
    assert first != other


def test_training_leaves_the_global_seed_alone(tmp_path: Path) -> None:
    torch.manual_seed(11)
    expected = torch.rand(3)
    torch.manual_seed(11)
    train(network_study(), tmp_path)
    assert torch.equal(torch.rand(3), expected)


def test_the_scored_part_is_not_trained_on(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 9, 9)), np.arange(60) % 3
    weights = []
    for name in "ab":
        of = network_study(str(tmp_path / f"{name}.npz"), fixed={"conv1_stride": 1})
        assert of.data is not None
        np.savez(of.data.source, x=x, y=y)
        train(of, tmp_path / name)
        weights.append((tmp_path / name / "output/fold-0.safetensors").read_bytes())
        (part,) = cnn.parts(of.data, y, ["0", "1", "2"])
        x[part.score] += 100.0
    assert weights[0] == weights[1]


def test_an_infeasible_layout_is_a_result_before_training(tmp_path: Path) -> None:
    finished = run(network_study(fixed={"pool1_kernel": 9}), tmp_path / "job", SEARCHED)
    assert finished.state == "INFEASIBLE", finished
    assert finished.reason.startswith("pool1: kernel must be at most the size of its input, got kernel 9 and size 8")
    assert not (tmp_path / "job/metrics.jsonl").exists(), "no epoch was run"


def test_a_loss_that_is_no_number_fails_the_trial(tmp_path: Path) -> None:
    with pytest.raises(TrialFailed, match=r"must be finite, got (nan|inf|NaN).*; lower learning_rate"):
        train(network_study(), tmp_path, {**SEARCHED, "learning_rate": 1e30})


def test_every_parameter_that_is_missing_or_unknown_is_named(tmp_path: Path) -> None:
    of = study(
        {"kind": "cnn", "layers": 1, "fixed": {"conv1_strides": 1}}, space=SPACE, data={"source": "sklearn:digits"}
    )
    with pytest.raises(StudyInvalid) as caught:
        run(of, tmp_path / "job", SEARCHED)
    messages = [str(problem) for problem in caught.value.problems]
    assert messages[0] == "trial.fixed.conv1_strides: cnn has no parameter conv1_strides; did you mean 'conv1_stride'?"
    assert len(messages) == 8
    assert messages[1].startswith("space: cnn with 1 layers needs conv1_stride, got none")


@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_damage_of_the_weights_is_found(tmp_path: Path, damage: str) -> None:
    train(network_study(), tmp_path)
    path = tmp_path / "output/fold-0.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content[:100] if damage == "cut" else content)
    if damage == "gone":
        path.unlink()
    with pytest.raises(ArtifactCorrupt, match="train the trial again"):
        evaluate(network_study(), SEARCHED, tmp_path / "output", 3)


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    layout = cnn.plan({**FIXED, **SEARCHED}, 1, (1, 32, 32), 10)
    path = tmp_path / "w.safetensors"
    save_file({name: tensor[:1].contiguous() for name, tensor in cnn.build(layout).state_dict().items()}, path)
    with pytest.raises(ArtifactCorrupt, match="must hold weights of this network"):
        cnn.load(path, layout)
    path.write_bytes(b"\x10\0\0\0\0\0\0\0 not safetensors")
    with pytest.raises(ArtifactCorrupt, match="must hold weights of this network"):
        cnn.load(path, layout)


def test_weights_are_plain_tensors(tmp_path: Path) -> None:
    train(network_study(), tmp_path)
    shapes = {name: tuple(tensor.shape) for name, tensor in load_file(tmp_path / "output/fold-0.safetensors").items()}
    assert shapes["0.weight"] == (8, 1, 5, 5)
    assert len(shapes) == 6


def test_another_objective_than_a_classification_s_is_refused(tmp_path: Path) -> None:
    of = study({"kind": "cnn", "layers": 1, "fixed": FIXED}, space=SPACE, objective={"metric": "rmse"},
               data={"source": "sklearn:digits"})  # fmt: skip
    with pytest.raises(InputError, match="for classification it must be one of accuracy"):
        train(of, tmp_path)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((4, 3)), r"x must be \(N, H, W\) or \(N, C, H, W\), got \(4, 3\)"),
        (np.zeros((4, 8, 8, 3)), r"channels must come before pixels \(N, C, H, W\), got \(4, 8, 8, 3\); transpose it"),
        (np.full((4, 8, 8), np.nan), "x must be finite, got NaN or infinity"),
        (np.full((4, 8, 8), "a"), "x must be numbers, got <U1"),
        (np.zeros((4, 8, 0)), r"got \(4, 1, 8, 0\)"),
    ],
)
def test_arrays_that_are_no_images_are_refused(tmp_path: Path, x: Any, message: str) -> None:
    np.savez(tmp_path / "t.npz", x=x, y=np.array([0, 1, 0, 1]))
    with pytest.raises(DataInvalid, match=message):
        load_images(Data(source=str(tmp_path / "t.npz")))


@pytest.mark.parametrize("source", ["sklearn:iris", "images.csv"])
def test_tables_are_no_images(source: str) -> None:
    with pytest.raises(DataInvalid, match=r"cnn needs an \.npz with x and y or sklearn:digits"):
        load_images(Data(source=source, target="y"))


def test_digits_are_given_at_the_size_of_their_bitmaps() -> None:
    images = load_images(Data(source="sklearn:digits"))
    assert images.x.shape == (1797, 1, 32, 32)
    assert (images.x[:, :, ::4, ::4].max(), len(images.classes)) == (16.0, 10)


def test_a_training_that_was_broken_off_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    of = network_study(validation={"folds": 2})
    train(of, tmp_path / "whole")
    write, epochs = checkpoint.write, []
    epoch = cnn._epoch

    def dies(*arguments: Any) -> None:
        write(*arguments)
        raise KeyboardInterrupt

    for name in ("output", "checkpoint"):
        (tmp_path / "broken" / name).mkdir(parents=True)
    place = tmp_path / "broken"
    for _ in range(2):
        with monkeypatch.context() as patched:
            patched.setattr(checkpoint, "SECONDS", 0.0)
            patched.setattr(checkpoint, "write", dies)
            with pytest.raises(KeyboardInterrupt):
                cnn.train(of, SEARCHED, 3, place / "output", place / "metrics.jsonl", place / "checkpoint")
    monkeypatch.setattr(cnn, "_epoch", lambda *arguments: (epochs.append(1), epoch(*arguments))[1])
    cnn.train(of, SEARCHED, 3, place / "output", place / "metrics.jsonl", place / "checkpoint")
    assert len(epochs) == 2, "one epoch of two folds was left"
    for fold in ("fold-0.safetensors", "fold-1.safetensors"):
        assert (place / "output" / fold).read_bytes() == (tmp_path / "whole/output" / fold).read_bytes()
    assert (place / "metrics.jsonl").read_text() == (tmp_path / "whole/metrics.jsonl").read_text()
