"""Scalars in TensorBoard's event files, as a stream of metrics.

The format has been the same since 2015: records of ``length: u64, crc: u32, bytes, crc: u32``, each a protobuf message of which four fields
matter here. TensorBoard's own reader would bring grpc, protobuf, Markdown and a web server into every image of a trial for that.

::

    Event    step = 2 (varint), summary = 5
    Summary  value = 1, repeated
    Value    tag = 1, simple_value = 2 (float), tensor = 8
    Tensor   dtype = 1, tensor_content = 4, float_val = 5 (packed), double_val = 6 (packed)
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from contextlib import suppress
from io import SEEK_CUR
from pathlib import Path
from typing import BinaryIO, TypeAlias

from .keeping import files_below
from .reported import finite

Field: TypeAlias = tuple[int, int | bytes]  #: number, and a varint or the bytes of anything else

PATTERN = "events.out.tfevents.*"
MOST_FILES = 64
MAX_RECORD = 2**22  #: a larger one is no scalar (images, graphs) and is skipped unread
_FLOAT, _DOUBLE = 1, 2  #: TensorFlow's DataType


class EventFiles:
    """Event files anywhere below a folder; what they say goes to a stream. A trial that writes its stream itself is left alone.

    A tag is a metric of its name: that of the folder itself, or of the only folder below that has it. Where several have it, training and
    validation, nobody knows which one is meant, and each is ``FOLDER/TAG``.
    """

    def __init__(self, folder: Path, stream: Path) -> None:
        self._folder, self._stream = folder, stream
        self._tags: dict[str, dict[str, float]] = {}  #: the last value of every tag by folder
        self._offsets: dict[Path, int] = {}
        self._written = self._size()

    @property
    def last(self) -> dict[str, float]:
        """The last value of every metric, one that is not finite too: a training that diverged says so with it."""
        return {self._name(folder, tag): value for tag, found in self._tags.items() for folder, value in found.items()}

    def look(self) -> None:
        """Read the records that were completed since the last look."""
        lines = [
            json.dumps({"step": step, **values}) + "\n"
            for path in files_below(self._folder, PATTERN)[:MOST_FILES]
            for step, values in self._read(path)
        ]
        if lines and self._size() == self._written:
            with self._stream.open("a") as stream:
                stream.writelines(lines)
            self._written = self._size()

    def _size(self) -> int:
        return self._stream.stat().st_size if self._stream.is_file() else 0

    def _read(self, path: Path) -> Iterator[tuple[int, dict[str, float]]]:
        place = path.parent.relative_to(self._folder).as_posix()
        with suppress(OSError), path.open("rb") as file:  # it may be gone by now; what others say still counts
            file.seek(self._offsets.get(path, 0))
            for record in _records(file, path.stat().st_size):
                self._offsets[path] = file.tell()
                step, found = scalars(record)
                for tag, value in found.items():
                    self._tags.setdefault(tag, {})[place] = value
                values = finite({self._name(place, tag): value for tag, value in found.items()})
                if values:
                    yield step, values

    def _name(self, folder: str, tag: str) -> str:
        """The metric that a tag of a folder is, by what is known of the other folders."""
        return tag if folder == "." or len(self._tags[tag]) == 1 else f"{folder}/{tag}"


def _records(file: BinaryIO, end: int) -> Iterator[bytes]:
    """The whole records from here to ``end``; empty bytes for one that is too large."""
    while len(header := file.read(12)) == 12:
        (length,) = struct.unpack_from("<Q", header)
        if file.tell() + length + 4 > end:
            return
        record = file.read(length) if length <= MAX_RECORD else b""
        file.seek(4 + (0 if record else length), SEEK_CUR)
        yield record


def scalars(record: bytes) -> tuple[int, dict[str, float]]:
    """Step and scalars of one event; nothing of a record that is no event."""
    step, values = 0, {}
    try:
        for number, value in _fields(record):
            if number == 2 and isinstance(value, int):
                step = value
            elif number == 5 and isinstance(value, bytes):
                values.update(_summary(value))
    except (ValueError, IndexError, struct.error):
        return 0, {}
    return step, values


def _summary(data: bytes) -> dict[str, float]:
    found = {}
    for number, entry in _fields(data):
        if number == 1 and isinstance(entry, bytes):
            fields = dict(_fields(entry))
            tag, simple, tensor = fields.get(1), fields.get(2), fields.get(8)
            value = (
                _float(simple) if isinstance(simple, bytes) else _tensor(tensor) if isinstance(tensor, bytes) else None
            )
            if isinstance(tag, bytes) and value is not None:
                found[tag.decode("utf-8", errors="replace")] = value
    return found


def _tensor(data: bytes) -> float | None:
    """The number in a tensor of one."""
    fields = dict(_fields(data))
    kind = {_FLOAT: 4, _DOUBLE: 8}.get(fields.get(1))  # type: ignore[arg-type]
    content = fields.get(4) or fields.get(5) or fields.get(6)
    return _float(content) if isinstance(content, bytes) and len(content) == kind else None


def _float(data: bytes) -> float:
    return float(struct.unpack("<f" if len(data) == 4 else "<d", data)[0])


def _fields(data: bytes) -> Iterator[Field]:
    """Fields of a message. Raises ValueError, IndexError where it is none."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"a field's kind must be 0, 1, 2 or 5, got {kind}")
        if at + size > len(data):
            raise ValueError(f"a field must end within its message, got {size} bytes of {len(data) - at}")
        yield key >> 3, data[at : at + size]
        at += size


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
    raise ValueError("a number must have at most 10 bytes, got more")
