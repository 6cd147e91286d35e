"""Files of trials, read without following links and put into the store.

A trial may live on beside the process that reads: what was a file a moment ago can be a link to that process's own secrets now.
"""

from __future__ import annotations

import fnmatch
import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from ..errors import InputError, StoreRefused
from ..store import layout
from ..store.port import Store

MOST_FOLDERS = 255  #: one in another; no key has more
MAX_FILE = 2**30  #: bytes; stores take whole objects


def keep_model(store: Store, trial: str, attempt: int, folder: Path) -> tuple[dict[str, str], list[str]]:
    """Store every file below a folder as the attempt's model.

    Returns:
        Relative name to SHA-256 of what is stored, and the names of what is not: names that no key can hold, files that are too large or cannot
        be read.
    """
    model, left_out = {}, []
    for path in files_below(folder):
        name = path.relative_to(folder).as_posix()
        digest = _keep(store, trial, attempt, folder, name)
        if digest is None:
            left_out.append(_readable(name))
        else:
            model[name] = digest
    return model, left_out


def _keep(store: Store, trial: str, attempt: int, folder: Path, name: str) -> str | None:
    """Store one file; its SHA-256, None when it cannot be kept.

    Its bytes are gone before the next is read: two large ones are too much for the container that stores them.
    """
    try:
        key = layout.attempt(trial, attempt, f"model/{name}")
        data = read_below(folder, name, MAX_FILE + 1)
        if len(data) > MAX_FILE:
            return None
        store.put(key, data)  # below its prefix the key may be too long for the store
    except StoreRefused:
        raise
    except (InputError, OSError):
        return None
    return hashlib.sha256(data).hexdigest()


def _readable(name: str) -> str:
    """The name of a file as text that can be stored, ``?`` for bytes that are not UTF-8."""
    return name.encode("utf-8", "replace").decode()


def fetch_model(store: Store, trial: str, attempt: int, model: Mapping[str, str], folder: Path) -> None:
    """Bring what `keep_model` stored into a folder.

    Args:
        model: SHA-256 of its files by relative name.

    Raises:
        ArtifactCorrupt: bytes differ from what training wrote.
        NotFound: a file is gone.
    """
    for name, digest in model.items():
        data = layout.get_verified(store, layout.attempt(trial, attempt, f"model/{name}"), digest)  # no key, no name
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def left_out_note(names: list[str]) -> str:
    """A sentence for people about files that are not kept; empty when there are none."""
    rule = "names must be of letters, digits and ._=@+-, at most 1 GiB each"
    return f"files were not kept, {rule}: {', '.join(names)}"[:2000] if names else ""


def read_below(folder: Path, name: str, most: int = -1) -> bytes:
    """The first ``most`` bytes of a regular file below a folder; all with -1.

    Raises:
        OSError: it is no regular file, or the folder or a part of its name is a link: a trial could lead to what others may read.
    """
    *parents, last = PurePosixPath(name).parts
    place = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        for parent in parents:
            below = os.open(parent, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=place)
            os.close(place)
            place = below
        handle = os.open(last, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=place)
    finally:
        os.close(place)
    with os.fdopen(regular(handle, name), "rb") as file:
        return file.read(most)


def regular(handle: int, name: str | Path) -> int:
    """The descriptor, when it is a regular file's, whose reader never waits. Else it is closed; raises OSError."""
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)  # which opening it as a file would not do for a folder
        raise OSError(f"{name} must be a regular file")
    return handle


def files_below(folder: Path, pattern: str = "*") -> list[Path]:
    """Files below a folder whose own names fit a pattern, in order; links lead elsewhere and do not count, the folder itself included.

    What goes while it is looked for is not there: a trial may rename its folders meanwhile, which `Path.rglob` takes for an error.
    """
    if folder.is_symlink():
        return []
    found, left = list[Path](), [(folder, 0)]
    while left:  # and not `os.walk`, which needs a frame of the interpreter for every folder of a path
        place, depth = left.pop()
        try:
            with os.scandir(place) as entries:
                inside = list(entries)
        except OSError:
            continue
        found += [Path(entry.path) for entry in inside if fnmatch.fnmatch(entry.name, pattern)]
        if depth < MOST_FOLDERS:
            left += [(Path(entry.path), depth + 1) for entry in inside if entry.is_dir(follow_symlinks=False)]
    return [path for path in sorted(found) if _is_file(path)]


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False
