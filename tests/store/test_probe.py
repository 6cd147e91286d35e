from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tunewright.errors import AlreadyExists, Conflict, NotFound, StoreRefused, StoreUnavailable
from tunewright.store import Entry, Store
from tunewright.store.directory import DirectoryStore
from tunewright.store.memory import MemoryStore
from tunewright.store.opening import open_store
from tunewright.store.probe import ensure_bucket, probe, require_atomic
from tunewright.store.s3 import S3Store

NAMES = ["readable", "writable", "create-once", "swap", "stale-tag", "list"]


class RacyStore(MemoryStore):
    """Looks first and writes a moment later, as servers do that check a condition and forget it."""

    address = "racy:"
    pause_s = 0.002

    def create(self, key: str, data: bytes) -> str:
        try:
            self.get(key)
        except NotFound:
            time.sleep(self.pause_s)
            return self.put(key, data)
        raise AlreadyExists(key)

    def swap(self, key: str, data: bytes, etag: str) -> str:
        try:
            if self.get(key).etag == etag:
                time.sleep(self.pause_s)
                return self.put(key, data)
        except NotFound:
            pass
        raise Conflict(key)


class RacyCreate(RacyStore):
    swap = MemoryStore.swap


class RacySwap(RacyStore):
    create = MemoryStore.create


class Heedless(MemoryStore):
    """Writes whatever the condition."""

    def create(self, key: str, data: bytes) -> str:
        return self.put(key, data)

    def swap(self, key: str, data: bytes, etag: str) -> str:
        return self.put(key, data)


class LastWins(MemoryStore):
    """Tells one writer that it won and keeps the bytes of another."""

    def create(self, key: str, data: bytes) -> str:
        try:
            return super().create(key, data)
        except AlreadyExists:
            self.put(key, data)
            raise


class Forgetful(MemoryStore):
    """Does not show what was just written."""

    def list(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        return iter(())


class Reluctant(MemoryStore):
    """No condition ever holds."""

    def swap(self, key: str, data: bytes, etag: str) -> str:
        raise Conflict(key)


class Down(MemoryStore):
    def create(self, key: str, data: bytes) -> str:
        raise StoreUnavailable(key)


def failed(store: Store) -> list[str]:
    return [check.name for check in probe(store) if not check.ok]


def sound_stores(tmp_path: Path) -> list[Store]:
    return [MemoryStore(), DirectoryStore(tmp_path / "store")]


def test_memory_and_directory_pass_and_are_left_as_they_were(tmp_path: Path) -> None:
    for store in sound_stores(tmp_path):
        store.create("head.json", b"1")
        assert [check.name for check in probe(store) if check.ok] == NAMES
        require_atomic(store)
        assert [entry.key for entry in store.list()] == ["head.json"]
    assert not (tmp_path / "store" / "probe").exists()


def test_minio_passes_and_is_left_as_it_was(s3_store: S3Store) -> None:
    assert failed(s3_store) == []
    require_atomic(open_store(f"{s3_store.address}/prefix"))
    assert list(s3_store.list()) == []


@pytest.mark.parametrize(
    ("store", "names"),
    [
        (RacyStore(), ["create-once", "swap"]),
        (RacyCreate(), ["create-once"]),
        (RacySwap(), ["swap"]),
        (Heedless(), ["create-once", "swap", "stale-tag"]),
        (LastWins(), ["create-once"]),
        (Forgetful(), ["list"]),
        (Reluctant(), ["swap", "stale-tag"]),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, MemoryStore) else "",
)
def test_a_store_that_ignores_races_is_found_out(store: Store, names: list[str]) -> None:
    assert failed(store) == names
    with pytest.raises(StoreRefused, match=rf"must be atomic, its check '{names[0]}' failed: .*--single-writer"):
        require_atomic(store)


def test_a_racy_store_is_found_out_even_when_it_is_quick() -> None:
    class Quick(RacyStore):
        pause_s = 0.0001

    assert sum(failed(Quick()) != [] for _ in range(10)) == 10


def test_a_race_says_how_many_won() -> None:
    (check,) = [check for check in probe(Heedless(), writers=16, rounds=2) if check.name == "create-once"]
    assert check.detail == "16 writers raced 2 times, one may win each time, 16, 16 did"


def test_a_store_that_does_not_answer_is_not_called_racy() -> None:
    with pytest.raises(StoreUnavailable):
        probe(Down())


def test_a_read_only_directory_is_named_so(read_only_directory: Path) -> None:
    store = DirectoryStore(read_only_directory)
    assert failed(store) == ["writable"]
    with pytest.raises(StoreRefused, match=r"must be writable") as caught:
        require_atomic(store)
    assert "single-writer" not in str(caught.value)


def test_a_missing_bucket_fails_the_first_check_and_is_made_on_demand(bucket: str) -> None:
    address = f"s3://{bucket}"
    store = open_store(f"{address}/prefix")
    assert failed(store) == ["readable"]
    with pytest.raises(StoreRefused, match="tunewright doctor --store s3://BUCKET --create-bucket"):
        require_atomic(store)
    assert ensure_bucket(f"{address}/prefix")
    assert not ensure_bucket(address)
    require_atomic(store)


def test_only_s3_needs_a_bucket(tmp_path: Path) -> None:
    assert not ensure_bucket(str(tmp_path / "store"))
    assert not (tmp_path / "store").exists()
