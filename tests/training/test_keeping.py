"""Which files of a trial are found and kept, while the trial may still be moving them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from tests.training.trials import TRIAL

from tunewright.errors import ArtifactCorrupt
from tunewright.store import layout
from tunewright.store.layout import Prefixed
from tunewright.store.memory import MemoryStore
from tunewright.training import keeping
from tunewright.training.keeping import fetch_model, files_below, keep_model, read_below
from tunewright.trial import Saved

NO_TEXT = os.fsdecode(b"mod\xe8le.bin")  #: a name in Latin-1


def moved_when_entered(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """The folder is listed by its parent, and has another name when it is entered."""
    scan = os.scandir

    def entered(path: Any = ".") -> Any:
        if Path(path) == folder and folder.exists():
            folder.rename(folder.parent.parent / f"{folder.name} moved")
        return scan(path)

    monkeypatch.setattr(os, "scandir", entered)


def test_files_come_in_the_order_of_their_paths_and_links_do_not_count(tmp_path: Path) -> None:
    folder = tmp_path / "output"
    for name in ("b/2", "b/.1", "b.c", "a/deep/3", "c"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)
    (folder / "link").symlink_to(folder / "c")
    (folder / "linked").symlink_to(folder / "b", target_is_directory=True)
    os.mkfifo(folder / "pipe")
    names = [path.relative_to(folder).as_posix() for path in files_below(folder)]
    assert names == ["a/deep/3", "b/.1", "b/2", "b.c", "c"]
    assert files_below(folder, "*.c") == [folder / "b.c"]
    assert files_below(tmp_path / "none") == []


def test_a_folder_that_is_renamed_while_it_is_looked_through_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "output/epoch-1").mkdir(parents=True)
    (tmp_path / "output/epoch-1/weights").write_text("w")
    (tmp_path / "output/kept").write_text("k")
    moved_when_entered(monkeypatch, tmp_path / "output/epoch-1")
    store = MemoryStore()
    model, left_out = keep_model(store, TRIAL, 1, tmp_path / "output")
    assert (list(model), left_out) == (["kept"], [])


def test_a_name_that_is_too_long_below_the_studys_prefix_is_left_out(tmp_path: Path) -> None:
    short, long = (f"{'d' * 200}/{'e' * 200}/{'f' * count}" for count in (10, 60))
    for name in (short, long):
        (tmp_path / "output" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "output" / name).write_text("w")
    layout.attempt(TRIAL, 1, f"model/{long}")  # without the prefix it is a key
    model, left_out = keep_model(Prefixed(MemoryStore(), "p" * 40), TRIAL, 1, tmp_path / "output")
    assert (list(model), left_out) == ([short], [long])


@pytest.mark.parametrize("most", [0, keeping.MAX_FILE])
def test_a_name_that_is_no_text_is_told_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setattr(keeping, "MAX_FILE", most)
    (tmp_path / NO_TEXT).write_text("weights")
    store = MemoryStore()
    model, left_out = keep_model(store, TRIAL, 1, tmp_path)
    assert (model, left_out) == ({}, ["mod?le.bin"])
    layout.encode(Saved(trial=TRIAL, attempt=1, model=model, left_out=left_out))


def test_a_folder_that_a_trial_has_replaced_by_a_link_holds_nothing(tmp_path: Path) -> None:
    secret = tmp_path / "elsewhere"
    secret.mkdir()
    (secret / "environ").write_text("AWS_SECRET_ACCESS_KEY=x")
    output = tmp_path / "output"
    output.symlink_to(secret, target_is_directory=True)
    assert files_below(output) == []
    with pytest.raises(OSError, match="output"):
        read_below(output, "environ")


@pytest.mark.timeout(20)
@pytest.mark.parametrize("name", ["link", "folder/environ", "pipe", "place"])
def test_only_regular_files_that_no_link_leads_to_are_read(tmp_path: Path, name: str) -> None:
    secret, output = tmp_path / "elsewhere", tmp_path / "output"
    for made in (secret, output / "place"):
        made.mkdir(parents=True)
    (secret / "environ").write_text("AWS_SECRET_ACCESS_KEY=x")
    (output / "link").symlink_to(secret / "environ")
    (output / "folder").symlink_to(secret, target_is_directory=True)
    os.mkfifo(output / "pipe")  # which nobody ever writes to
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        with pytest.raises(OSError, match=r"link|folder|pipe|place"):
            read_below(output, name)
    assert len(list(Path("/proc/self/fd").iterdir())) == before, "it is asked every few seconds"


def test_a_file_that_is_too_large_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keeping, "MAX_FILE", 3)
    (tmp_path / "fits").write_bytes(b"123")
    (tmp_path / "grown").write_bytes(b"1234")
    store = MemoryStore()
    model, left_out = keep_model(store, TRIAL, 1, tmp_path)
    assert (list(model), left_out) == (["fits"], ["grown"])
    assert [entry.key.rsplit("/", 1)[1] for entry in store.list()] == ["fits"]


def test_a_model_whose_bytes_have_changed_is_not_handed_out(tmp_path: Path) -> None:
    (output := tmp_path / "output").mkdir()
    (output / "weights").write_bytes(b"as they were trained")
    store = MemoryStore()
    model, _ = keep_model(store, TRIAL, 1, output)
    fetch_model(store, TRIAL, 1, model, tmp_path / "found")
    assert (tmp_path / "found/weights").read_bytes() == b"as they were trained"
    store.put(layout.attempt(TRIAL, 1, "model/weights"), b"as somebody wanted them")
    with pytest.raises(ArtifactCorrupt):
        fetch_model(store, TRIAL, 1, model, tmp_path / "changed")
    assert not (tmp_path / "changed/weights").exists()
