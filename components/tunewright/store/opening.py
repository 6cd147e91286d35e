"""From an address to a store.

::

    ./studies, /data/studies, file:///data/studies    a directory
    s3://bucket, s3://bucket/prefix                    MinIO or S3; endpoint and credentials come from the environment
    memory:                                            this process only
    <any of these>/<study name>                        one study
"""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from ..errors import InputError
from ..study import NAME
from .directory import DirectoryStore
from .layout import Prefixed
from .memory import MemoryStore
from .port import Store

BUCKET = re.compile(r"(?!.*(?:\.\.|\.-|-\.))(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
"""Of labels joined by dots, none of which begins or ends with a hyphen; no IPv4 address."""

_MEMORY = MemoryStore()


def open_store(address: str) -> Store:
    """The store at an address; no request is made yet. ``memory:`` is the same store all over this process.

    Raises:
        InputError: not an address.
        StoreRefused: no credentials.
    """
    if address == "memory:":
        return _MEMORY
    if address.startswith("s3:"):
        bucket, prefix = split_bucket(address)
        from .s3 import S3Store

        store = S3Store(bucket)
        return Prefixed(store, prefix) if prefix else store
    return DirectoryStore(_directory(address))


def split_bucket(address: str) -> tuple[str, str]:
    """Bucket and prefix (may be empty) of an ``s3://`` address. Raises InputError."""
    bucket, _, prefix = address.removeprefix("s3://").partition("/")
    if address.startswith("s3://") and "@" in bucket:  # never repeat what may be a password
        raise InputError("a store address must hold no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
    if not address.startswith("s3://") or not BUCKET.fullmatch(bucket):
        raise InputError(
            f"a store address must be s3://bucket or s3://bucket/prefix with a bucket of 3 to 63 lower-case letters, "
            f"digits, hyphens and single dots, no hyphen beside a dot and no IP address, got {address[:80]!r}; write it so"
        )
    return bucket, prefix.strip("/")


def _directory(address: str) -> Path:
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]*):", address)
    path = address
    if scheme and scheme[1] == "file":
        try:
            parts = urlsplit(address)
            path = unquote(parts.path) if parts.netloc in ("", "localhost") else ""
        except ValueError:
            path = ""
    elif scheme and (address.startswith(f"{scheme[0]}//") or scheme[1] == "memory"):
        raise InputError(
            f"a store address must be a directory, file:///path, s3://bucket/prefix or memory:, got one of scheme "
            f"{scheme[0]!r}; use one of these"
        )
    if not path or "\0" in path:
        raise InputError(
            f"a store address must name a directory, got {address[:80]!r}; use a path such as ./studies or file:///data"
        )
    return home_expanded(path)


def home_expanded(path: str) -> Path:
    """A path with ``~`` and ``~user`` replaced. Raises InputError when there is no such user."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise InputError(
            f"a path that begins with ~name must name a user of this machine, got {path[:80]!r}; write it in full, or ./~name for what is "
            "called so"
        ) from None


def split_study(address: str) -> tuple[str, str]:
    """Store address and study name of ``<store address>/<study name>``; a bare name lies in the working directory.

    Raises:
        InputError: there is no name, or it is not one.
    """
    store, slash, name = address.rstrip("/").rpartition("/")
    if store in ("s3:/", "s3:"):
        raise InputError(f"a study address must be s3://bucket/.../study-name, got {address[:80]!r}; add the name")
    return store or ("/" if slash else "."), check_name(name)


def study_store(store: Store, name: str) -> Prefixed:
    """The part of a store that belongs to one study. Raises InputError."""
    return Prefixed(store, check_name(name))


def check_name(name: str) -> str:
    """The study name itself. Raises InputError."""
    if not re.fullmatch(NAME, name):
        raise InputError(
            f"a study name must be lower-case letters, digits and hyphens, at most 48, got {name[:80]!r}; rename it"
        )
    return name
