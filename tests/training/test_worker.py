"""The process of a built-in trainer on a disk that takes no more bytes."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.training.test_cnn import SEARCHED, network_study
from tests.training.test_xgboost import SMALL, xgboost_study
from tests.training.trials import job

from tunewright.errors import TransientError
from tunewright.space import Configuration
from tunewright.study import Study
from tunewright.training import local
from tunewright.training.local import LocalRunner

TREES, NETWORK = (xgboost_study(), SMALL), (network_study(), SEARCHED)


@pytest.mark.parametrize(
    ("trainer", "name"),
    [
        (TREES, "metrics.jsonl"),
        (TREES, "metrics.json"),
        (TREES, "output/fold-0.ubj"),
        (NETWORK, "output/fold-0.safetensors"),
        (NETWORK, "output/model.json"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_full_disk_is_no_result_whatever_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trainer: tuple[Study, Configuration], name: str
) -> None:
    of = job(trainer[0], tmp_path / "job", trainer[1])
    make = Path.mkdir

    def mkdir(path: Path, *arguments: object, **named: object) -> None:
        make(path, *arguments, **named)
        if path == of.directory / "output":
            (of.directory / name).symlink_to("/dev/full")

    monkeypatch.setattr(Path, "mkdir", mkdir)
    with pytest.raises(TransientError, match=rf"^{tmp_path} must have space for the files of trials"):
        LocalRunner().run(of, lambda: None)


def test_packages_that_are_installed_are_not_named_to_the_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is named comes before the standard library, and a package of the same folder may be called as a part of that is: typing, enum34."""
    monkeypatch.delenv("PYTHONPATH", raising=False)
    of = job(TREES[0], tmp_path / "job", TREES[1])
    packages = str(Path(local.__file__).parents[2])
    monkeypatch.setattr(local, "_INSTALLED", False)
    assert local._worker_command(of).environment["PYTHONPATH"] == packages
    monkeypatch.setattr(local, "_INSTALLED", True)
    assert local._worker_command(of).environment["PYTHONPATH"] == ""
    monkeypatch.setenv("PYTHONPATH", "/of/the/user")
    assert local._worker_command(of).environment["PYTHONPATH"] == "/of/the/user"
