"""Image arrays for the convolutional network. ``N`` images, ``C`` channels, ``H`` x ``W`` pixels, ``K`` classes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import DataInvalid
from ..study import Data
from .data import sklearn_name
from .table import encode_target, load_arrays

DIGITS_SCALE = 4


@dataclass(frozen=True, kw_only=True)
class Images:
    """What a network trains on."""

    x: npt.NDArray[np.float32]  #: (N, C, H, W)
    target: npt.NDArray[Any]  #: (N,) int64 class indices
    classes: list[str]  #: K labels


def load_images(data: Data) -> Images:
    """Read the study's images: an NPZ with ``x (N, H, W)`` or ``(N, C, H, W)`` and ``y (N,)``, or ``sklearn:digits``.

    scikit-learn's digits are counts over 4 x 4 blocks of 32 x 32 bitmaps; they are given back at that size, each count repeated,
    because the strides and kernels of the paper's space leave nothing of an image of 8 x 8.

    Raises:
        DataInvalid: unreadable, another shape, not numbers, not finite, a single class, or a regression is asked for.
    """
    import pandas as pd

    if data.task == "regression":
        raise DataInvalid("data.task: cnn does classification only, got regression; use auto or another trainer")
    x, y = _arrays(data)
    if x.ndim == 3:
        x = x[:, None]
    if x.ndim != 4 or 0 in x.shape:
        raise DataInvalid(f"data.source: x must be (N, H, W) or (N, C, H, W), got {x.shape}; reshape it")
    if x.shape[1] > x.shape[3] and x.shape[3] in (1, 3, 4):
        raise DataInvalid(f"data.source: channels must come before pixels (N, C, H, W), got {x.shape}; transpose it")
    if x.dtype.kind not in "biuf":
        raise DataInvalid(f"data.source: x must be numbers, got {x.dtype}; convert it")
    pixels = np.ascontiguousarray(x, dtype=np.float32)
    if not np.isfinite(pixels).all():
        raise DataInvalid("data.source: x must be finite, got NaN or infinity; clean it")
    target, classes = encode_target(pd.Series(y, name="y"), "classification")
    assert classes is not None  # noqa: S101 - a classification has classes
    return Images(x=pixels, target=target, classes=classes)


def _arrays(data: Data) -> tuple[npt.NDArray[Any], npt.NDArray[Any]]:
    name = sklearn_name(data)
    if name == "digits":
        from sklearn.datasets import load_digits

        digits = load_digits()
        return digits.images.repeat(DIGITS_SCALE, axis=1).repeat(DIGITS_SCALE, axis=2), digits.target
    if name is not None or not data.source.lower().endswith(".npz"):
        raise DataInvalid(
            f"data.source: cnn needs an .npz with x and y or sklearn:digits, got {data.source}; convert it"
        )
    return load_arrays(Path(data.source))
