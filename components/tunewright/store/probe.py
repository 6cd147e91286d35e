"""Is a store as atomic as the study needs it to be? Some S3 servers accept conditional headers and ignore races."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ..errors import AlreadyExists, Conflict, NotFound, StoreMiss, StoreRefused
from .layout import Prefixed
from .opening import split_bucket
from .port import Store

WRITERS = 16
ROUNDS = 3

ACCESS_CHECKS = ("readable", "writable")
MISSES: dict[type[StoreMiss], str] = {
    NotFound: "what was written is not there",
    AlreadyExists: "a new key is said to be taken",
    Conflict: "what nobody has changed is said to have changed",
}


@dataclass(frozen=True, kw_only=True)
class Check:
    """One property of a store and whether it holds."""

    name: str
    ok: bool
    detail: str  #: what was seen


def probe(store: Store, writers: int = WRITERS, rounds: int = ROUNDS) -> list[Check]:
    """Try a store out below ``probe/`` and leave nothing there.

    The later checks are left out when the store cannot be read or written. A race that a store ignores is found out by
    chance: every round is one more.

    Args:
        store: the one to try.
        writers: threads that race in one round.
        rounds: races of each kind.

    Raises:
        StoreUnavailable: it did not answer.
    """
    place = Prefixed(store, f"probe/{secrets.token_hex(8)}")
    checks: list[Check] = []
    try:
        for name, look in _looks(place, writers, rounds).items():
            checks.append(_check(name, look))
            if name in ACCESS_CHECKS and not checks[-1].ok:
                return checks
    finally:
        if len(checks) > len(ACCESS_CHECKS):
            for entry in list(place.list()):
                place.delete(entry.key)
    return checks


def require_atomic(store: Store) -> None:
    """Raise StoreRefused, naming the check that failed and the remedy, unless the store passes its probe."""
    for check in probe(store):
        if not check.ok and check.name in ACCESS_CHECKS:
            raise StoreRefused(f"{store.address}: a store must be {check.name}: {check.detail}")
        if not check.ok:
            raise StoreRefused(
                f"{store.address}: a store must be atomic, its check {check.name!r} failed: {check.detail}; "
                "use MinIO or a directory, or make sure that only one process writes and say --single-writer"
            )


def ensure_bucket(address: str) -> bool:
    """Make the bucket of an ``s3://`` address when it is missing; True when it was made, False for any other store.

    Raises:
        InputError: not an address.
        StoreRefused: the credentials do not allow it.
        StoreUnavailable: no answer.
    """
    if not address.startswith("s3:"):
        return False
    from .s3 import S3Store

    return S3Store(split_bucket(address)[0]).make_bucket()


Seen = tuple[bool, str]  #: whether a property holds, and what was seen


def _looks(place: Prefixed, writers: int, rounds: int) -> dict[str, Callable[[], Seen]]:
    return {
        "readable": lambda: _absent(place),
        "writable": lambda: _read_back(place),
        "create-once": lambda: _races([_create_race(place, number, writers) for number in range(rounds)], writers),
        "swap": lambda: _races([_swap_race(place, number, writers) for number in range(rounds)], writers),
        "stale-tag": lambda: _stale(place),
        "list": lambda: _listed(place),
    }


def _check(name: str, look: Callable[[], Seen]) -> Check:
    try:
        ok, detail = look()
    except StoreRefused as error:
        ok, detail = False, str(error)
    except StoreMiss as error:
        ok, detail = False, f"{error}: {MISSES[type(error)]}"
    return Check(name=name, ok=ok, detail=detail)


def _absent(place: Prefixed) -> Seen:
    try:
        place.get("absent")
    except NotFound:
        return True, "an absent object is said to be absent"
    return False, "an absent object was read"


def _read_back(place: Prefixed) -> Seen:
    place.put("written", b"1")
    found = place.get("written").data
    return found == b"1", f"wrote {b'1'!r}, read {found[:20]!r}"


def _create_race(place: Prefixed, number: int, writers: int) -> int:
    key = f"create-{number}"
    return _winners(place, key, lambda data: place.create(key, data), writers)


def _swap_race(place: Prefixed, number: int, writers: int) -> int:
    key = f"swap-{number}"
    etag = place.create(key, b"before")
    return _winners(place, key, lambda data: place.swap(key, data, etag), writers)


def _winners(place: Prefixed, key: str, write: Callable[[bytes], str], writers: int) -> int:
    """How many of the racing threads were told they had won; 0 when the object is not that of the one who did."""
    start = threading.Barrier(writers)

    def run(data: bytes) -> bool:
        start.wait()
        try:
            write(data)
        except (AlreadyExists, Conflict):
            return False
        return True

    marks = [f"writer {number}".encode() for number in range(writers)]
    with ThreadPoolExecutor(writers) as pool:
        won = [mark for mark, first in zip(marks, pool.map(run, marks), strict=True) if first]
    return 0 if len(won) == 1 and place.get(key).data != won[0] else len(won)


def _races(winners: list[int], writers: int) -> Seen:
    counts = ", ".join(map(str, winners))
    return set(winners) == {1}, f"{writers} writers raced {len(winners)} times, one may win each time, {counts} did"


def _stale(place: Prefixed) -> Seen:
    old = place.create("stale", b"1")
    place.swap("stale", b"2", old)
    try:
        place.swap("stale", b"3", old)
    except Conflict:
        return True, "a swap by an old tag was refused"
    return False, "a swap by an old tag was accepted"


def _listed(place: Prefixed) -> Seen:
    place.put("listed/b", b"2")
    place.put("listed/a", b"1")
    found = [entry.key for entry in place.list("listed/")]
    return found == ["listed/a", "listed/b"], f"wrote listed/b and listed/a, listed {', '.join(found) or 'nothing'}"
