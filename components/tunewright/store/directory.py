"""A store in a directory: the embedded default, on a local disk or a shared one with hard links and ``flock``.

Create-once is a hard link of a finished file, which fails when the name is taken. Compare-and-swap holds a lock while
it compares and renames. Unfinished files live in a scratch folder whose name no key can have.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..errors import AlreadyExists, Conflict, InputError, NotFound, StoreRefused, StoreUnavailable, TunewrightError
from .layout import KEY, begins_keys, check_key
from .port import Entry, Stored

SCRATCH = ".tmp~"  #: no key holds a tilde
LOCK = "lock"
PLACE_ATTEMPTS = 10  #: a folder can be pruned by `delete` between its making and its use

_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_DENIED = {errno.EROFS, errno.EACCES, errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
_NOT_A_FOLDER = {errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ELOOP}


class DirectoryStore:
    """Objects as files under ``root``, made by the first write. A write is on disk when its verb returns."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.address = str(self.root)
        self._scratch = self.root / SCRATCH

    def get(self, key: str) -> Stored:
        path = self._path(key)
        with self._translated(key):
            try:
                data = _read(path)
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                raise NotFound(key) from None
        return Stored(data=data, etag=_etag(data))

    def create(self, key: str, data: bytes) -> str:
        path = self._path(key)
        with self._translated(key):
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            if path.exists():
                raise AlreadyExists(key)
            with self._temporary(data) as temporary:
                self._place(_link, temporary, path)
        return _etag(data)

    def swap(self, key: str, data: bytes, etag: str) -> str:
        path = self._path(key)
        with self._translated(key), self._temporary(data) as temporary:
            with self._locked():
                try:
                    current = _etag(_read(path))
                except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
                    raise Conflict(key) from None
                if current != etag:
                    raise Conflict(key)
                temporary.replace(path)
            _sync(path.parent)
        return _etag(data)

    def put(self, key: str, data: bytes) -> str:
        path = self._path(key)
        with self._translated(key), self._temporary(data) as temporary:
            self._place(self._replace, temporary, path)
        return _etag(data)

    def list(self, prefix: str = "", after: str = "") -> Iterator[Entry]:
        if not begins_keys(prefix):
            return
        folder, _, start = prefix.rpartition("/")
        with self._translated(prefix):
            if (self.root / folder).resolve().is_relative_to(self.root):
                yield from _walk(self.root / folder, f"{folder}/" if folder else "", start, after)

    def delete(self, key: str) -> None:
        path = self._path(key)
        with self._translated(key):
            if not path.is_file():
                return
            with self._locked():
                path.unlink(missing_ok=True)
        for folder in path.parents:
            if folder == self.root:
                break
            with suppress(OSError):  # not empty, or another process was quicker
                folder.rmdir()

    def stale_files(self, older_than_s: float, *, now: float | None = None) -> Sequence[Path]:
        """Scratch files that writers left when they died: those not written to for ``older_than_s`` seconds.

        Args:
            older_than_s: longer than the longest write may take.
            now: seconds since the epoch; the system's clock when None.
        """
        limit = (time.time() if now is None else now) - older_than_s
        with self._translated(SCRATCH):
            if not self._scratch.is_dir():
                return []
            return [path for path in sorted(self._scratch.iterdir()) if path.name != LOCK and _modified(path) < limit]

    def _path(self, key: str) -> Path:
        path = self.root / check_key(key)
        if not path.parent.resolve().is_relative_to(self.root):
            raise StoreRefused(
                f"{self.address}: folders of the store must not be links that lead out of it, "
                f"got {key}; replace the link by a folder"
            )
        return path

    @contextmanager
    def _temporary(self, data: bytes) -> Iterator[Path]:
        """A finished, synced scratch file, removed on leaving unless it was renamed."""
        _make_folder(self._scratch)
        path = self._scratch / f"{os.getpid()}-{secrets.token_hex(8)}"
        try:
            with path.open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            yield path
        finally:
            path.unlink(missing_ok=True)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Alone among all that swap, put or delete. The system frees the lock of a process that dies."""
        _make_folder(self._scratch)  # objects may have come here by a copy
        with (self._scratch / LOCK).open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)  # a forked child may hold the same open file

    def _replace(self, temporary: Path, path: Path) -> None:
        with self._locked():
            temporary.replace(path)

    def _place(self, move: Callable[[Path, Path], None], temporary: Path, path: Path) -> None:
        for _ in range(PLACE_ATTEMPTS):
            with suppress(FileNotFoundError):
                _make_folder(path.parent)
                move(temporary, path)
                _sync(path.parent)
                return
        raise StoreUnavailable(f"{path}: its folder vanished {PLACE_ATTEMPTS} times while writing; try again")

    @contextmanager
    def _translated(self, key: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _translate(error, f"{self.address}/{key}") from error


def _link(temporary: Path, path: Path) -> None:
    """Give the finished file its name. Raises AlreadyExists."""
    try:
        path.hardlink_to(temporary)
    except FileExistsError:
        # A network file system may answer a repeated request with "exists" although the first one made the link.
        if temporary.stat().st_nlink < 2:
            raise AlreadyExists(path.name) from None


def _read(path: Path) -> bytes:
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW)) as file:
        return file.read()


def _etag(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _walk(folder: Path, base: str, start: str, after: str) -> Iterator[Entry]:
    """Files below ``folder`` whose name begins with ``start``, those after ``after``, by key: ``a.b`` comes before ``a/b``."""
    try:
        with os.scandir(folder) as found:
            entries = {
                f"{entry.name}/" if entry.is_dir(follow_symlinks=False) else entry.name: entry for entry in found
            }
    except (FileNotFoundError, NotADirectoryError):
        return
    for name, entry in sorted(entries.items()):
        if not name.startswith(start) or not KEY.fullmatch(entry.name):
            continue  # the scratch folder and what other programs put here
        key = base + name
        if key <= after and not (key.endswith("/") and after.startswith(key)):
            continue
        if name.endswith("/"):
            yield from _walk(folder / entry.name, key, "", after)
        elif entry.is_file(follow_symlinks=False):
            with suppress(FileNotFoundError):  # deleted meanwhile
                status = entry.stat(follow_symlinks=False)
                yield Entry(key=key, size=status.st_size, modified=status.st_mtime)


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, so that it survives a power cut."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync(folder.parent)


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno != errno.EINVAL:  # a file system that cannot sync folders
            raise
    finally:
        os.close(descriptor)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return float("inf")


def _translate(error: OSError, where: str) -> TunewrightError:
    """The error of this tree for an error of the file system."""
    reason = error.strerror or type(error).__name__
    if error.errno in _NO_SPACE:
        return StoreUnavailable(f"{where}: no space left ({reason}); free space or raise the quota, then run again")
    if error.errno in _DENIED:
        return StoreRefused(f"{where}: must be writable, with hard links, got {reason}; fix owner, mode or mount")
    if error.errno in _NOT_A_FOLDER:
        return StoreRefused(f"{where}: a file, folder or link is in the way ({reason}); move it away")
    if error.errno == errno.ENAMETOOLONG:
        return InputError(f"{where}: the path is too long for the file system; use a shorter directory")
    return StoreUnavailable(f"{where}: the file system failed ({reason}); try again or use another disk")
