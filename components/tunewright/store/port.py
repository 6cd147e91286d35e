"""What a store must do. Six verbs; everything else is built on them.

One contract test (`tests/store/test_contract.py`) runs over every implementation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

MOST_BYTES: Final = 3 * 2**29
"""Of an object that is read: it is held whole by steps that have 2 GiB."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An object as read: its bytes and the tag to swap it by."""

    data: bytes
    etag: str


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An object as listed."""

    key: str
    size: int  #: bytes
    modified: float  #: UTC seconds since the epoch, by the store's clock


class Store(Protocol):
    """Whole objects under keys such as ``trials/ab12/result.json``.

    Keys are relative, of `layout.KEY` form; none is a folder of another. Writes are atomic: a reader sees all of an
    object or nothing, and a writer that dies leaves the old object or the new one.

    Every verb raises `StoreUnavailable` (worth a retry) and `StoreRefused` (it is not) besides what it names.
    """

    @property
    def address(self) -> str:
        """Where it is, as given to `open_store`; holds no secret."""
        ...

    def get(self, key: str) -> Stored:
        """Read one object. Raises NotFound."""
        ...

    def create(self, key: str, data: bytes) -> str:
        """Write an object that must not exist yet; returns its tag. Of any racing writers exactly one succeeds.

        Raises AlreadyExists.
        """
        ...

    def swap(self, key: str, data: bytes, etag: str) -> str:
        """Replace the object that has this tag; returns the new one. Of writers racing with a tag exactly one succeeds.

        Tags repeat for equal bytes, so racing writers must write different ones. Raises Conflict when the object has
        another tag or is gone.
        """
        ...

    def put(self, key: str, data: bytes) -> str:
        """Write an object whatever was there; returns its tag. Only for content-addressed blobs, logs, heartbeats."""
        ...

    def list(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        """Objects whose key starts with ``prefix`` and comes after ``after``, by key; reads ahead by pages at most."""
        ...

    def delete(self, key: str) -> None:
        """Remove an object; nothing happens when there is none."""
        ...
