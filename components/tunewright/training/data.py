"""Data files: where they are, and that they are the ones the study was created with."""

from __future__ import annotations

import hashlib
from pathlib import Path

from ..errors import DataInvalid, InputError
from ..store.opening import home_expanded
from ..study import Data

SKLEARN = ("breast_cancer", "diabetes", "digits", "iris", "wine")
_PREFIX = "sklearn:"


def sklearn_name(data: Data) -> str | None:
    """Name of one of scikit-learn's own sets, None when the source is a file. Raises DataInvalid for any other set."""
    if not data.source.startswith(_PREFIX):
        return None
    name = data.source.removeprefix(_PREFIX)
    if name not in SKLEARN:
        raise DataInvalid(
            f"data.source: scikit-learn's own sets are {', '.join(SKLEARN)}, got {name!r}; "
            "save other sets as CSV, Parquet or NPZ"
        )
    return name


def suffix(source: str) -> str:
    """What the name of a file ends with, such as ``.csv`` or ``.csv.gz``: it says how the file is read."""
    path = Path(source)
    return "".join(path.suffixes[-2:]) if path.suffix.lower() == ".gz" else path.suffix


def identify(data: Data, base: Path) -> Data:
    """The same data with a full path, relative ones resolved against ``base``, and the digest of its content.

    scikit-learn's own sets are identified by their name: they ship with the library and have not changed in years.

    Raises:
        DataInvalid: no such file, or it has another digest than ``data.sha256``.
    """
    source = data.source
    if sklearn_name(data) is None and not source.startswith("s3://"):
        source = str((base / _home_expanded(source)).resolve())
    digest = _digest(data, source)
    if data.sha256 not in (None, digest):
        raise DataInvalid(
            f"data.sha256: {source} must have digest {data.sha256}, got {digest}; "
            "restore the file or start a study under a new name"
        )
    return data.model_copy(update={"source": source, "sha256": digest})


def _home_expanded(source: str) -> Path:
    try:
        return home_expanded(source)
    except InputError as error:
        raise DataInvalid(f"data.source: {error}") from None


def local(data: Data, directory: Path) -> Data:
    """The data on this machine, checked; an object of a bucket is fetched into ``directory``.

    Raises:
        DataInvalid: no such file or object, or it has another digest than ``data.sha256``.
    """
    if data.source.startswith("s3://"):
        path = directory / f"data{suffix(data.source)}"
        path.write_bytes(_object(data.source))
        data = data.model_copy(update={"source": str(path)})
    if sklearn_name(data) is not None or Path(data.source).is_dir():  # a folder was checked when the study was created
        return data
    return identify(data, Path.cwd())


def _digest(data: Data, source: str) -> str:
    if sklearn_name(data) is not None:
        return hashlib.sha256(source.encode()).hexdigest()
    if source.startswith("s3://"):
        return hashlib.sha256(_object(source)).hexdigest()
    path = Path(source)
    try:
        if path.is_dir():
            return _directory_digest(path)
        if path.exists() and not path.is_file():
            raise DataInvalid(
                f"data.source: must be a file or a folder, got {source}, which is a device or a pipe; save it as a file"
            )
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise DataInvalid(
            f"data.source: must be a readable file, got {source} ({error.strerror}); "
            "check the path, which is relative to the study file"
        ) from error


def _directory_digest(directory: Path) -> str:
    """Digest over names and contents of all files below a directory, which only commands can use."""
    digest = hashlib.sha256()
    for path in sorted(path for path in directory.rglob("*") if path.is_file()):
        with path.open("rb") as file:
            digest.update(
                f"{path.relative_to(directory)}\0{hashlib.file_digest(file, 'sha256').hexdigest()}\n".encode()
            )
    return digest.hexdigest()


def _object(address: str) -> bytes:
    from ..errors import NotFound, ObjectTooLarge
    from ..store.opening import open_store

    location, _, key = address.rpartition("/")
    try:
        return open_store(location).get(key).data
    except NotFound:
        raise DataInvalid(
            f"data.source: must be an object of the bucket, got {address}, which is not there; check bucket and key"
        ) from None
    except ObjectTooLarge as error:
        raise DataInvalid(f"data.source: {error}, or mount it for a command of your own (trial.job.volumes)") from None
