"""Files of a finished trial, put into the store."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..errors import InputError
from ..store import layout
from ..store.port import Store

MAX_FILE = 2**30  #: bytes; stores take whole objects


def keep_model(store: Store, trial: str, attempt: int, folder: Path) -> tuple[dict[str, str], list[str]]:
    """Store every file below a folder as the attempt's model.

    Returns:
        Relative name to SHA-256 of what is stored, and the names of what is not: names that no key can hold, files that are too large or cannot
        be read.
    """
    model, left_out = {}, []
    for path in _files(folder):
        name = path.relative_to(folder).as_posix()
        try:
            key = layout.attempt(trial, attempt, f"model/{name}")
            data = path.read_bytes() if path.stat().st_size <= MAX_FILE else None
        except (InputError, OSError):
            data = None
        if data is None:
            left_out.append(name)
            continue
        store.put(key, data)
        model[name] = hashlib.sha256(data).hexdigest()
    return model, left_out


def left_out_note(names: list[str]) -> str:
    """A sentence for people about files that are not kept; empty when there are none."""
    rule = "names must be of letters, digits and ._=@+-, at most 1 GiB each"
    return f"files were not kept, {rule}: {', '.join(names)}"[:2000] if names else ""


def _files(folder: Path) -> list[Path]:
    """Files below a folder, by name; links lead elsewhere and do not count."""
    return (
        [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
        if folder.is_dir()
        else []
    )
