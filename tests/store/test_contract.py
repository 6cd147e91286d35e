"""What `tunewright.store.port` promises, over every implementation."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tunewright.errors import AlreadyExists, Conflict, InputError, NotFound
from tunewright.store import Store
from tunewright.store.directory import DirectoryStore
from tunewright.store.layout import Prefixed
from tunewright.store.memory import MemoryStore

WRITERS = 16


@pytest.fixture(
    params=[
        "memory",
        "directory",
        pytest.param("s3", marks=pytest.mark.s3),
        "memory-below-a-prefix",
    ]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Store:
    kind, _, prefixed = request.param.partition("-")
    found: Store
    if kind == "memory":
        found = MemoryStore()
    elif kind == "directory":
        found = DirectoryStore(tmp_path / "store")
    else:
        found = request.getfixturevalue("s3_store")
    return Prefixed(found, "some/study") if prefixed else found


def keys(store: Store, prefix: str = "") -> list[str]:
    return [entry.key for entry in store.list(prefix)]


def won(writes: list[Callable[[], str]]) -> list[int]:
    """Run all at once; the numbers of those that were told they had won."""
    start = threading.Barrier(len(writes))

    def run(write: Callable[[], str]) -> bool:
        start.wait()
        try:
            write()
        except (AlreadyExists, Conflict):
            return False
        return True

    with ThreadPoolExecutor(len(writes)) as pool:
        return [number for number, first in enumerate(pool.map(run, writes)) if first]


def test_what_is_created_is_read_back_with_its_tag(store: Store) -> None:
    etag = store.create("trials/a/result.json", b"one")
    stored = store.get("trials/a/result.json")
    assert (stored.data, stored.etag) == (b"one", etag)


def test_an_absent_object_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match="absent"):
        store.get("absent")
    with pytest.raises(NotFound):
        store.get("absent/deeper")


def test_a_folder_of_keys_is_no_object(store: Store) -> None:
    store.create("trials/a/result.json", b"one")
    with pytest.raises(NotFound):
        store.get("trials/a")


def test_creating_twice_fails_and_keeps_the_first(store: Store) -> None:
    store.create("plan.json", b"first")
    with pytest.raises(AlreadyExists, match=r"plan\.json"):
        store.create("plan.json", b"second")
    with pytest.raises(AlreadyExists):
        store.create("plan.json", b"first")
    assert store.get("plan.json").data == b"first"


def test_a_swap_needs_the_tag_that_is_there(store: Store) -> None:
    first = store.create("head.json", b"1")
    second = store.swap("head.json", b"2", first)
    with pytest.raises(Conflict, match=r"head\.json"):
        store.swap("head.json", b"3", first)
    assert store.get("head.json").data == b"2"
    assert store.get("head.json").etag == second != first


def test_a_swap_of_an_absent_object_conflicts_and_makes_none(store: Store) -> None:
    etag = store.create("other", b"1")
    with pytest.raises(Conflict):
        store.swap("head.json", b"1", etag)
    assert keys(store) == ["other"]


def test_a_put_replaces_whatever_was_there(store: Store) -> None:
    store.put("log.txt", b"1")
    etag = store.put("log.txt", b"22")
    assert store.get("log.txt").data == b"22"
    assert store.get("log.txt").etag == etag


def test_equal_bytes_have_equal_tags(store: Store) -> None:
    first = store.create("a", b"same")
    assert store.put("b", b"same") == first
    assert store.put("b", b"other") != first


def test_deleting_is_repeatable_and_lets_create_again(store: Store) -> None:
    store.create("a/b", b"1")
    store.delete("a/b")
    store.delete("a/b")
    store.delete("never/was")
    with pytest.raises(NotFound):
        store.get("a/b")
    assert keys(store) == []
    store.create("a/b", b"2")
    assert store.get("a/b").data == b"2"


def test_a_list_is_in_order_of_whole_keys(store: Store) -> None:
    names = ["a/b", "a.b", "a-b", "a0", "a/b.c/d", "B", "a/b-c", "rounds/00010/x", "rounds/00009/x", "rounds.json"]
    for name in names:
        store.put(name, name.encode())
    assert keys(store) == sorted(names)


def test_a_list_holds_what_begins_with_the_prefix(store: Store) -> None:
    for name in ("trials/a1/r", "trials/a2/r", "trials/b/r", "trials.json", "head.json"):
        store.put(name, b"")
    assert keys(store, "trials/") == ["trials/a1/r", "trials/a2/r", "trials/b/r"]
    assert keys(store, "trials/a") == ["trials/a1/r", "trials/a2/r"]
    assert keys(store, "trials") == ["trials.json", "trials/a1/r", "trials/a2/r", "trials/b/r"]
    assert keys(store, "trials/b/r") == ["trials/b/r"]
    assert keys(store, "trials/b/r/") == []
    assert keys(store, "nothing/here") == []
    assert keys(store, "../") == []


def test_an_empty_store_lists_nothing(store: Store) -> None:
    assert keys(store) == []


def test_a_list_says_size_and_time(store: Store) -> None:
    store.put("a", b"12345")
    (entry,) = store.list()
    assert (entry.key, entry.size) == ("a", 5)
    assert abs(entry.modified - time.time()) < 60


def test_a_list_of_more_than_a_thousand_is_whole(store: Store) -> None:
    names = [f"trials/{number:05d}/r" for number in range(1005)]
    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(lambda name: store.put(name, b"x"), names))
    assert keys(store) == names
    assert keys(store, "trials/0100") == names[1000:1005]


def test_a_list_may_begin_after_a_key(store: Store) -> None:
    names = ["a", "a-b", "a.b/c", "a/b", "a/b.c/d", "a/b/c", "a0", "b/c"]
    held = [*names[:3], *names[4:]]  # a folder cannot hold a file and a folder of one name
    for name in held[1:]:
        store.put(name, b"")
    for after in (*names, "a.", "a/", "a/b.c", "a/b/", "a/~", "c", "0", "b"):
        assert [entry.key for entry in store.list(after=after)] == [name for name in held[1:] if name > after], after
    assert [entry.key for entry in store.list("a/b", "a/b.c/d")] == ["a/b/c"]
    assert [entry.key for entry in store.list("a/b", "b")] == []


def test_an_object_may_be_empty(store: Store) -> None:
    etag = store.create("empty", b"")
    assert store.get("empty").data == b""
    assert [entry.size for entry in store.list()] == [0]
    store.swap("empty", b"full", etag)
    assert store.get("empty").data == b"full"


def test_an_object_may_have_twenty_megabytes(store: Store) -> None:
    data = bytes(range(256)) * (20 * 2**20 // 256)
    etag = store.create("blob", data)
    assert hashlib.sha256(store.get("blob").data).digest() == hashlib.sha256(data).digest()
    with pytest.raises(AlreadyExists):
        store.create("blob", data)
    store.swap("blob", data[::-1], etag)
    with pytest.raises(Conflict):
        store.swap("blob", data, etag)


def test_every_allowed_character_makes_the_round_trip(store: Store) -> None:
    key = "model/a=1+b@2_c-3.D/x..y/.hidden"
    store.create(key, b"1")
    assert store.get(key).data == b"1"
    assert keys(store, "model/a=1+") == [key]
    with pytest.raises(AlreadyExists):
        store.create(key, b"2")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "../x",
        "a/../x",
        "a/..",
        ".",
        "/etc/passwd",
        "a//b",
        "a/",
        "a b",
        "a\n",
        "ä",
        "a\0b",
        "a~b",
        "x" * 600,
        "x" * 256,
    ],
)
def test_a_key_that_is_none_is_refused_by_every_verb(store: Store, key: str) -> None:
    verbs: list[Callable[[], object]] = [
        lambda: store.get(key),
        lambda: store.create(key, b""),
        lambda: store.swap(key, b"", "tag"),
        lambda: store.put(key, b""),
        lambda: store.delete(key),
    ]
    for verb in verbs:
        with pytest.raises(InputError, match="a key must be"):
            verb()
    assert keys(store) == []


def test_of_many_racing_creators_one_wins(store: Store) -> None:
    for number in range(5):
        key = f"rounds/{number}/plan.json"
        marks = [f"writer {writer}".encode() for writer in range(WRITERS)]
        (winner,) = won([lambda key=key, mark=mark: store.create(key, mark) for mark in marks])
        assert store.get(key).data == marks[winner]


def test_of_many_racing_swaps_one_wins(store: Store) -> None:
    etag = store.create("head.json", b"0")
    for number in range(5):
        marks = [f"turn {number} writer {writer}".encode() for writer in range(WRITERS)]
        (winner,) = won([lambda mark=mark, etag=etag: store.swap("head.json", mark, etag) for mark in marks])
        stored = store.get("head.json")
        assert stored.data == marks[winner]
        etag = stored.etag


def test_no_increment_is_lost_when_all_retry_their_swap(store: Store) -> None:
    store.create("counter", b"0")

    def increment(writer: int) -> None:
        while True:
            stored = store.get("counter")
            count = int(stored.data.split()[0])
            try:
                store.swap("counter", f"{count + 1} by {writer}".encode(), stored.etag)
            except Conflict:
                continue
            return

    with ThreadPoolExecutor(WRITERS) as pool:
        list(pool.map(increment, range(WRITERS)))
    assert store.get("counter").data.split()[0] == str(WRITERS).encode()


def test_readers_see_whole_objects_while_they_are_replaced(store: Store) -> None:
    size = 200_000
    etag = store.create("object", b"a" * size)
    done = threading.Event()

    def write() -> None:
        tag = etag
        for turn in range(30):
            tag = store.swap("object", bytes([ord("a") + turn % 26]) * size, tag)
            store.put("blob", bytes([ord("a") + turn % 26]) * size)
        done.set()

    def read() -> int:
        reads = 0
        while not done.is_set():
            for entry in store.list():
                data = store.get(entry.key).data
                assert entry.size == len(data) == size
                assert data == data[:1] * size
                reads += 1
        return reads

    with ThreadPoolExecutor(4) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        try:
            pool.submit(write).result()
        finally:
            done.set()
        assert all(reader.result() > 0 for reader in readers)
