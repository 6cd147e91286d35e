"""The device is chosen by what is asked for and what is there; no GPU is needed to test it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.training.trials import job, shell

from tunewright.errors import InputError
from tunewright.training.device import choose, cuda_devices, note
from tunewright.training.local import LocalRunner
from tunewright.training.runner import GPU, StopTrial


@pytest.mark.parametrize(
    ("requested", "built", "devices", "expected"),
    [
        ("auto", True, 1, "cuda"),
        ("auto", True, 0, "cpu"),
        ("auto", False, 1, "cpu"),
        ("cpu", True, 8, "cpu"),
        ("cuda", True, 1, "cuda"),
    ],
)
def test_the_device_follows_what_is_there(requested: str, built: bool, devices: int, expected: str) -> None:
    assert choose(requested, built=built, devices=lambda: devices) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("built", "devices", "found"), [(True, 0, "no GPU"), (False, 1, "a build without CUDA or for a newer driver")]
)
def test_cuda_that_cannot_be_had_is_refused(built: bool, devices: int, found: str) -> None:
    with pytest.raises(
        InputError, match=rf"cuda needs a GPU and a library built for it, got {found}; use device: auto"
    ):
        choose("cuda", built=built, devices=lambda: devices)


def test_counting_gpus_asks_the_driver_as_torch_does() -> None:
    torch = pytest.importorskip("torch")
    assert cuda_devices() == torch.cuda.device_count()


def test_word_is_left_that_a_gpu_is_used_and_none_otherwise(tmp_path: Path) -> None:
    note("cpu", tmp_path / "output")
    assert not (tmp_path / GPU).exists()
    note("cuda", tmp_path / "output")
    assert (tmp_path / GPU).exists()


def test_a_stopped_trial_of_a_gpu_says_so(tmp_path: Path) -> None:
    def beat() -> None:
        raise StopTrial("enough")

    made = job(shell("sleep 300"), tmp_path / "job")
    (made.directory / GPU).touch()
    finished = LocalRunner().run(made, beat)
    assert finished.state == "STOPPED"
    assert finished.gpu_seconds > 0
