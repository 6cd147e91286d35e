"""A store in this process's memory, for tests and for trying things out."""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Iterator

from ..errors import AlreadyExists, Conflict, NotFound
from .layout import check_key
from .port import Entry, Stored


class MemoryStore:
    """Objects in a dictionary behind a lock."""

    address = "memory:"

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects: dict[str, tuple[bytes, float]] = {}

    def get(self, key: str) -> Stored:
        with self._lock:
            if check_key(key) not in self._objects:
                raise NotFound(key)
            data = self._objects[key][0]
        return Stored(data=data, etag=_etag(data))

    def create(self, key: str, data: bytes) -> str:
        with self._lock:
            if check_key(key) in self._objects:
                raise AlreadyExists(key)
            return self._write(key, data)

    def swap(self, key: str, data: bytes, etag: str) -> str:
        with self._lock:
            if check_key(key) not in self._objects or _etag(self._objects[key][0]) != etag:
                raise Conflict(key)
            return self._write(key, data)

    def put(self, key: str, data: bytes) -> str:
        with self._lock:
            return self._write(check_key(key), data)

    def _write(self, key: str, data: bytes) -> str:
        self._objects[key] = (bytes(data), time.time())
        return _etag(data)

    def list(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        with self._lock:
            found = [
                Entry(key=key, size=len(data), modified=modified)
                for key, (data, modified) in sorted(self._objects.items())
                if key.startswith(prefix) and key > after
            ]
        yield from found

    def delete(self, key: str) -> None:
        with self._lock:
            self._objects.pop(check_key(key), None)


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
