from __future__ import annotations

import os
import resource
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tunewright.errors import (
    AlreadyExists,
    Conflict,
    InputError,
    NotFound,
    StoreRefused,
    StoreUnavailable,
)
from tunewright.store.directory import SCRATCH, DirectoryStore

PROCESSES = 16
RACES = 10
SIZE = 500_000

# Both scripts import once and fork, which a process with threads, such as this one, may not.
RACERS = """
import os, sys, time
from pathlib import Path
from tunewright.errors import AlreadyExists, Conflict
from tunewright.store.directory import DirectoryStore

root, processes, races = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
store = DirectoryStore(root)
etag = store.get("0/swap").etag

def race(mark):
    for number in range(races):
        time.sleep(0.002)  # on a busy machine one would be through before another begins
        for verb in ("create", "swap"):
            key = f"{number}/{verb}"
            try:
                store.create(key, mark) if verb == "create" else store.swap(key, mark, etag)
            except (AlreadyExists, Conflict):
                continue
            os.write(1, f"{key} {mark.decode()}\\n".encode())

wait, go = os.pipe()
children = []
for number in range(processes):
    child = os.fork()
    if not child:
        os.close(go)
        os.read(wait, 1)
        race(f"racer-{number}".encode())
        os._exit(0)
    children.append(child)
os.close(go)
sys.exit(any(os.waitpid(child, 0)[1] for child in children))
"""

KILLED = """
import itertools, os, signal, sys, time
from pathlib import Path
from tunewright.store.directory import DirectoryStore

root, size = Path(sys.argv[1]), int(sys.argv[2])
for pause_s in map(float, sys.argv[3:]):
    child = os.fork()
    if not child:
        store = DirectoryStore(root)
        etag = store.get("object").etag
        for turn in itertools.count():
            data = bytes([97 + turn % 26]) * size
            store.create(f"created/{os.getpid()}-{turn}", data)
            etag = store.swap("object", data, etag)
    time.sleep(pause_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
"""


def python(script: str, *arguments: object) -> str:
    """What the script printed; it must end well."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-c", script, *map(str, arguments)]
    return subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True, timeout=120).stdout


def scratch(root: Path) -> list[str]:
    return [path.name for path in (root / SCRATCH).iterdir() if path.name != "lock"]


def test_of_racing_processes_one_wins(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    for race in range(RACES):
        store.create(f"{race}/swap", b"before")
    won = [line.split() for line in python(RACERS, tmp_path, PROCESSES, RACES).splitlines()]
    assert sorted(key for key, _ in won) == sorted(
        f"{race}/{verb}" for race in range(RACES) for verb in ("create", "swap")
    )
    for key, mark in won:
        assert store.get(key).data.decode() == mark
    assert len({mark for _, mark in won}) > 1, "one process won everything, so nothing raced"


def test_a_writer_that_is_killed_leaves_whole_objects_and_no_lock(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    store.create("object", b"a" * SIZE)
    python(KILLED, tmp_path, SIZE, *(0.02 + 0.003 * turn for turn in range(10)))
    entries = list(store.list())
    assert len(entries) > 1
    for entry in entries:
        data = store.get(entry.key).data
        assert len(data) == SIZE
        assert data == data[:1] * SIZE
    store.swap("object", b"1", store.get("object").etag)


def test_what_a_killed_writer_left_is_stale_after_a_while(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    assert store.stale_files(60) == []
    store.create("head.json", b"1")
    store.put("head.json", b"2")
    left = tmp_path / SCRATCH / "123-abc"
    left.write_bytes(b"half")
    written = left.stat().st_mtime
    assert store.stale_files(60, now=written + 59) == []
    assert store.stale_files(60, now=written + 61) == [left]
    assert [entry.key for entry in store.list()] == ["head.json"]


@pytest.mark.parametrize("key", [SCRATCH, f"{SCRATCH}/lock", f"a/{SCRATCH}"])
def test_no_key_reaches_the_scratch_folder(tmp_path: Path, key: str) -> None:
    with pytest.raises(InputError):
        DirectoryStore(tmp_path).put(key, b"")


def test_nothing_is_left_in_scratch_by_writes_that_failed(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    etag = store.create("a", b"1")
    store.swap("a", b"2", etag)
    with pytest.raises(Conflict):
        store.swap("a", b"3", etag)
    with pytest.raises(AlreadyExists):
        store.create("a", b"4")
    with pytest.raises(StoreRefused):
        store.create("a/b", b"5")
    assert scratch(tmp_path) == []


def test_a_full_disk_is_worth_a_retry_and_loses_nothing(small_disk: Path) -> None:
    store = DirectoryStore(small_disk)
    etag = store.create("head.json", b"1")
    writes: list[Callable[[], str]] = [
        lambda: store.create("blob", b"x" * 2**21),
        lambda: store.swap("head.json", b"x" * 2**21, etag),
        lambda: store.put("head.json", b"x" * 2**21),
    ]
    for write in writes:
        with pytest.raises(StoreUnavailable, match=rf"{small_disk}/.*no space left .*; free space"):
            write()
    assert [entry.key for entry in store.list()] == ["head.json"]
    assert store.get("head.json").data == b"1"
    assert scratch(small_disk) == []
    store.swap("head.json", b"2", etag)


def test_a_file_size_limit_is_worth_a_retry_and_loses_nothing(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    etag = store.create("head.json", b"1")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2**20, hard))
    try:
        with pytest.raises(StoreUnavailable, match="no space left"):
            store.swap("head.json", b"x" * 2**21, etag)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert store.get("head.json").data == b"1"
    assert scratch(tmp_path) == []


def test_a_read_only_directory_is_read_and_refuses_writes(read_only_directory: Path) -> None:
    store = DirectoryStore(read_only_directory)
    etag = store.get("head.json").etag
    assert [entry.key for entry in store.list()] == ["head.json"]
    writes: list[Callable[[], object]] = [
        lambda: store.create("a", b""),
        lambda: store.swap("head.json", b"", etag),
        lambda: store.put("a", b""),
        lambda: store.delete("head.json"),
    ]
    for write in writes:
        with pytest.raises(
            StoreRefused, match=rf"{read_only_directory}/.* must be writable.*; fix owner, mode or mount"
        ):
            write()
    assert store.get("head.json").data == b"1"


def test_a_file_in_place_of_the_directory_is_refused(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("a file")
    with pytest.raises(StoreRefused, match="is in the way"):
        DirectoryStore(tmp_path / "store").create("a", b"")


def test_no_key_is_a_folder_of_another(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    store.create("a/b", b"1")
    for write in (store.create, store.put):
        with pytest.raises(StoreRefused, match="is in the way"):
            write("a", b"2")
        with pytest.raises(StoreRefused, match="is in the way"):
            write("a/b/c", b"2")
    store.delete("a")
    assert store.get("a/b").data == b"1"


def test_links_do_not_lead_out_of_the_store(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "store"
    for folder in (outside, root):
        folder.mkdir()
    (outside / "secret").write_text("secret")
    (root / "folder").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    store = DirectoryStore(root)
    verbs: list[Callable[[], object]] = [
        lambda: store.get("folder/secret"),
        lambda: store.create("folder/new", b""),
        lambda: store.put("folder/secret", b""),
        lambda: store.swap("folder/secret", b"", ""),
        lambda: store.delete("folder/secret"),
        lambda: store.get("file"),
    ]
    for verb in verbs:
        with pytest.raises(StoreRefused):
            verb()
    assert list(store.list()) == []
    assert list(store.list("folder/")) == []
    store.put("file", b"replaced")
    assert (outside / "secret").read_text() == "secret"
    assert [path.name for path in outside.iterdir()] == ["secret"]


def test_the_root_itself_may_be_a_link(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "store").symlink_to(tmp_path / "disk")
    DirectoryStore(tmp_path / "store").create("a/b", b"1")
    assert (tmp_path / "disk" / "a" / "b").read_bytes() == b"1"


def test_what_other_programs_put_there_is_not_listed(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    store.create("a", b"1")
    (tmp_path / "my notes.txt").write_text("")
    (tmp_path / "b~").write_text("")
    assert [entry.key for entry in store.list()] == ["a"]


def test_reading_makes_no_directory(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path / "deep" / "store")
    assert list(store.list()) == []
    with pytest.raises(NotFound):
        store.get("a")
    store.delete("a")
    assert list(tmp_path.iterdir()) == []
    store.put("a", b"1")
    assert store.get("a").data == b"1"


def test_deleting_leaves_no_empty_folders(tmp_path: Path) -> None:
    store = DirectoryStore(tmp_path)
    store.create("a/b/c", b"")
    store.create("a/d", b"")
    store.delete("a/b/c")
    assert sorted(path.name for path in (tmp_path / "a").iterdir()) == ["d"]
    store.delete("a/d")
    assert sorted(path.name for path in tmp_path.iterdir()) == [SCRATCH]


def test_others_may_read_what_the_umask_lets_them(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        DirectoryStore(tmp_path).create("a", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o644


def test_objects_that_came_by_a_copy_can_be_deleted(tmp_path: Path) -> None:
    (tmp_path / "head.json").write_bytes(b"1")
    DirectoryStore(tmp_path).delete("head.json")
    assert not (tmp_path / "head.json").exists()


def test_what_was_written_and_the_folders_that_hold_it_are_on_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: set[int] = set()
    real = os.fsync

    def fsync(descriptor: int) -> None:
        real(descriptor)
        synced.add(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", fsync)
    store = DirectoryStore(tmp_path / "store")
    etag = store.create("a/b/created", b"1")
    store.put("a/c/put", b"1")
    store.put("a/swapped", b"1")
    store.swap("a/swapped", b"2", store.get("a/swapped").etag)
    assert etag
    paths = [path for path in (tmp_path / "store").rglob("*") if ".tmp~" not in path.parts]
    kept = [tmp_path, tmp_path / "store", *paths]
    assert [str(path) for path in kept if path.stat().st_ino not in synced] == []
