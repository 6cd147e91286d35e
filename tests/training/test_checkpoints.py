"""Checkpoints in the store: whole or not at all, the newest only, and never outside of their folder."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from tunewright.errors import StoreRefused
from tunewright.store import layout, port, s3
from tunewright.store.memory import MemoryStore
from tunewright.store.s3 import S3Store
from tunewright.training import checkpoints
from tunewright.training.checkpoints import CheckpointKeeper, latest, restore
from tunewright.trial import AttemptStart, Checkpoint

TRIAL = "0123456789abcdef"


def start(attempt: int = 1) -> AttemptStart:
    return AttemptStart(trial=TRIAL, attempt=attempt, host="h", boot="b", pid=1, process_started=0.0, started=0.0)


def begun(store: MemoryStore, attempt: int = 1) -> AttemptStart:
    store.create(layout.attempt(TRIAL, attempt, "start.json"), layout.encode(start(attempt)))
    return start(attempt)


def keeper_of(store: MemoryStore, folder: Path, attempt: int = 1) -> CheckpointKeeper:
    begun(store, attempt)
    return CheckpointKeeper(store, TRIAL, attempt, folder)


def files(store: MemoryStore, attempt: int = 1) -> list[bytes]:
    return sorted(store.get(entry.key).data for entry in store.list(f"{layout.attempts(TRIAL)}{attempt}/checkpoint/"))


def restored(store: MemoryStore, folder: Path) -> dict[str, bytes]:
    found = latest(store, TRIAL)
    assert found is not None
    assert restore(store, found.trial, found.attempt, folder)
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_what_changes_is_kept_once_it_is_at_rest(tmp_path: Path) -> None:
    store, folder = MemoryStore(), tmp_path / "checkpoint"
    folder.mkdir()
    keeper = keeper_of(store, folder)
    keeper.look(ended=False)
    assert latest(store, TRIAL) is None, "nothing there"
    (folder / "a").write_bytes(b"half")
    keeper.look(ended=False)
    (folder / "a").write_bytes(b"half and half")
    keeper.look(ended=False)
    assert latest(store, TRIAL) is None, "it is still being written"
    keeper.look(ended=False)
    assert files(store) == [b"half and half"]


def test_what_changes_at_every_look_is_kept_all_the_same(tmp_path: Path) -> None:
    store, folder = MemoryStore(), tmp_path / "checkpoint"
    folder.mkdir()
    keeper = keeper_of(store, folder)
    for step in (b"1", b"2"):
        (folder / "a").write_bytes(step)
        os.utime(folder / "a", (0, time.time() - checkpoints.REST_SECONDS))
        keeper.look(ended=False)
        assert files(store) == [step]


@pytest.mark.parametrize("renamed", [True, False])
def test_what_a_quick_trial_renames_into_place_needs_no_rest(tmp_path: Path, renamed: bool) -> None:
    store, folder = MemoryStore(), tmp_path / "checkpoint"
    folder.mkdir()
    keeper = keeper_of(store, folder)
    (folder / "a").write_bytes(b"0")
    (folder / "b").write_bytes(b"never changes")
    keeper.look(ended=False)
    for step in (b"1", b"2"):
        if renamed:
            (tmp_path / step.decode()).write_bytes(step)
            (tmp_path / step.decode()).replace(folder / "a")
        else:
            (folder / "a").write_bytes(step)
            os.utime(folder / "a", (0, time.time() + 1))  # it has just been written, however long this took
        keeper.look(ended=False)
        assert files(store) == ([step, b"never changes"] if renamed else [])


def test_what_changes_while_it_is_being_kept_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    keeper = keeper_of(store, tmp_path)
    (tmp_path / "a").write_bytes(b"1")
    keeper.look(ended=True)
    (tmp_path / "a").write_bytes(b"22")
    put = store.put

    def meanwhile(key: str, data: bytes) -> str:
        (tmp_path / "a").write_bytes(b"333")
        return put(key, data)

    with monkeypatch.context() as patched:
        patched.setattr(store, "put", meanwhile)
        keeper.look(ended=True)
    found = latest(store, TRIAL)
    assert found is not None
    assert found.size == 1
    keeper.look(ended=True)
    assert files(store) == [b"333"], "what was left over is gone"


def test_the_end_of_the_trial_is_rest(tmp_path: Path) -> None:
    store = MemoryStore()
    keeper = keeper_of(store, tmp_path)
    (tmp_path / "a").write_bytes(b"last")
    keeper.look(ended=True)
    assert files(store) == [b"last"]


def test_only_the_newest_is_kept_and_it_comes_back_with_its_folders(tmp_path: Path) -> None:
    store, folder = MemoryStore(), tmp_path / "checkpoint"
    (folder / "deep").mkdir(parents=True)
    keeper = keeper_of(store, folder)
    for content in (b"1", b"2", b"3"):
        (folder / "deep" / "state of it.pt").write_bytes(content)
        (folder / ".checkpoint.zip").write_bytes(b"temporary")
        keeper.look(ended=True)
    assert files(store) == [b"3"]
    assert restored(store, tmp_path / "new") == {"deep/state of it.pt": b"3"}


def test_files_that_begin_with_a_dot_belong_to_it(tmp_path: Path) -> None:
    store, folder = MemoryStore(), tmp_path / "checkpoint"
    (folder / "step3").mkdir(parents=True)
    keeper = keeper_of(store, folder)
    (folder / "step3" / ".metadata").write_bytes(b"of torch.distributed.checkpoint")
    (folder / "step3" / "__0_0.distcp").write_bytes(b"weights")
    keeper.look(ended=True)
    assert set(restored(store, tmp_path / "new")) == {"step3/.metadata", "step3/__0_0.distcp"}


def test_a_file_that_grows_while_it_is_read_is_not_kept_and_not_read_to_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, asked = MemoryStore(), []
    keeper = keeper_of(store, tmp_path)
    (tmp_path / "a").write_bytes(b"12345")

    def read(folder: Path, name: str, most: int) -> bytes:
        asked.append(most)
        return b"x" * most

    monkeypatch.setattr(checkpoints, "read_below", read)
    assert not keeper.look(ended=True)
    assert asked == [6]
    assert latest(store, TRIAL) is None


def test_a_file_whose_name_is_no_text_is_left_out(tmp_path: Path) -> None:
    store = MemoryStore()
    keeper = keeper_of(store, tmp_path / "c")
    (tmp_path / "c").mkdir()
    (tmp_path / "c" / os.fsdecode(b"mod\xe8le")).write_bytes(b"1")
    keeper.look(ended=True)
    assert latest(store, TRIAL) is None
    (tmp_path / "c" / "modèle").write_bytes(b"2")
    keeper.look(ended=True)
    assert restored(store, tmp_path / "new") == {"modèle": b"2"}


def test_what_was_resumed_is_not_kept_again_until_it_changes(tmp_path: Path) -> None:
    store = MemoryStore()
    (tmp_path / "a").write_bytes(b"resumed")
    keeper_of(store, tmp_path).look(ended=True)
    assert files(store) == []


def test_the_newest_of_any_attempt_counts(tmp_path: Path) -> None:
    store = MemoryStore()
    for attempt in (1, 2):
        (tmp_path / str(attempt)).mkdir()
        keeper = keeper_of(store, tmp_path / str(attempt), attempt)
        (tmp_path / str(attempt) / "a").write_bytes(str(attempt).encode())
        keeper.look(ended=True)
    begun(store, 3)
    assert restored(store, tmp_path / "new") == {"a": b"2"}


def test_a_damaged_or_missing_file_means_to_begin_anew(tmp_path: Path) -> None:
    store = MemoryStore()
    keeper = keeper_of(store, tmp_path / "c")
    (tmp_path / "c").mkdir()
    for name in "ab":
        (tmp_path / "c" / name).write_bytes(name.encode())
    keeper.look(ended=True)
    found = latest(store, TRIAL)
    assert found is not None
    new = tmp_path / "new"
    new.mkdir(mode=0o2775)
    key = layout.attempt(TRIAL, 1, f"checkpoint/{found.files['b']}")
    store.put(key, b"other")
    assert not restore(store, TRIAL, 1, new)
    store.delete(key)
    assert not restore(store, TRIAL, 1, new)
    store.put(layout.attempt(TRIAL, 1, "checkpoint.json"), b"{}")
    assert not restore(store, TRIAL, 1, new)
    assert list(new.iterdir()) == [], "the folder is the trial's; not even the file that is sound"


def test_a_store_that_refuses_for_a_moment_costs_no_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    keeper = keeper_of(store, tmp_path)
    (tmp_path / "a").write_bytes(b"1")
    keeper.look(ended=True)

    def refuse(_: str) -> None:
        raise StoreRefused("InvalidAccessKeyId")

    monkeypatch.setattr(store, "get", refuse)
    with pytest.raises(StoreRefused):
        restore(store, TRIAL, 1, tmp_path / "new")


@pytest.mark.parametrize("name", ["../a", "/a", "b/../../a", ""])
def test_a_name_that_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    store = MemoryStore()
    digest = "0" * 64
    found = Checkpoint(trial=TRIAL, attempt=1, files={name: digest}, size=1)
    layout.create(store, found, layout.attempt(TRIAL, 1, "checkpoint.json"))
    assert not restore(store, TRIAL, 1, tmp_path / "new")
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_that_is_too_large_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "MOST_BYTES", 3)
    store = MemoryStore()
    keeper = keeper_of(store, tmp_path)
    (tmp_path / "a").write_bytes(b"four")
    keeper.look(ended=True)
    assert latest(store, TRIAL) is None


def test_a_checkpoint_with_a_file_that_could_not_be_read_again_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(port, "MOST_BYTES", 3)
    store = MemoryStore()
    keeper = keeper_of(store, tmp_path)
    (tmp_path / "a").write_bytes(b"four")
    keeper.look(ended=True)
    assert latest(store, TRIAL) is None


def test_a_checkpoint_that_is_too_large_to_be_read_begins_the_trial_anew(
    tmp_path: Path, s3_store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    s3_store.create(layout.attempt(TRIAL, 1, "start.json"), layout.encode(start()))
    keeper = CheckpointKeeper(s3_store, TRIAL, 1, tmp_path)
    (tmp_path / "a").write_bytes(b"1" * 4096)
    keeper.look(ended=True)
    monkeypatch.setattr(s3, "MOST_BYTES", 4095)
    assert not restore(s3_store, TRIAL, 1, tmp_path / "new")


def test_it_is_the_same_in_a_bucket(tmp_path: Path, s3_store: S3Store) -> None:
    s3_store.create(layout.attempt(TRIAL, 1, "start.json"), layout.encode(start()))
    keeper = CheckpointKeeper(s3_store, TRIAL, 1, tmp_path)
    for content in (b"1", b"2"):
        (tmp_path / "a").write_bytes(content)
        keeper.look(ended=True)
    assert len(list(s3_store.list(f"{layout.attempts(TRIAL)}1/checkpoint/"))) == 1
    found = latest(s3_store, TRIAL)
    assert found is not None
    assert restore(s3_store, TRIAL, 1, tmp_path / "new")
    assert (tmp_path / "new" / "a").read_bytes() == b"2"


@pytest.mark.parametrize("damaged", [b"{", b'{"kind": "checkpoint", "schema_version": 99}'])
def test_a_checkpoint_that_cannot_be_read_costs_only_itself(tmp_path: Path, damaged: bytes) -> None:
    store = MemoryStore()
    keeper = keeper_of(store, tmp_path)
    tmp_path.joinpath("model").write_bytes(b"one")
    for _ in range(2):
        keeper.look(ended=False)
    whole = latest(store, TRIAL)
    assert whole is not None
    begun(store, 2)
    store.put(layout.attempt(TRIAL, 2, "checkpoint.json"), damaged)
    assert latest(store, TRIAL) == whole


def test_the_newest_of_many_files_is_still_the_newest_when_they_come_back(tmp_path: Path) -> None:
    store, folder = MemoryStore(), tmp_path / "kept"
    folder.mkdir()
    keeper = keeper_of(store, folder)
    for epoch, name in enumerate(("epoch_8", "epoch_9", "epoch_10")):
        (folder / name).write_text(name)
        os.utime(folder / name, (1e9 + epoch, 1e9 + epoch))
    assert keeper.look(ended=True)
    restored(store, tmp_path / "back")
    assert max((tmp_path / "back").iterdir(), key=os.path.getmtime).name == "epoch_10"
    assert (tmp_path / "back" / "epoch_9").stat().st_mtime == 1e9 + 1


def test_folders_that_come_back_are_as_new_as_what_is_in_them(tmp_path: Path) -> None:
    store, folder = MemoryStore(), tmp_path / "kept"
    keeper = keeper_of(store, folder)
    for epoch, name in enumerate(("checkpoint-900", "checkpoint-1000")):
        (folder / name).mkdir(parents=True)
        (folder / name / "weights").write_text(name)
        os.utime(folder / name / "weights", (1e9 + epoch, 1e9 + epoch))
    assert keeper.look(ended=True)
    restored(store, tmp_path / "back")
    for when in (os.path.getmtime, os.path.getctime):
        assert max((tmp_path / "back").glob("*/weights"), key=when).parent.name == "checkpoint-1000"
    assert max((tmp_path / "back").iterdir(), key=os.path.getmtime).name == "checkpoint-1000"
