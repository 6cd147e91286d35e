"""Who wins a task, by a rule that was written before the runs were made.

A task is won by the best mean over seeds, and by every method within half a validation row of it, 1 / (2 n_valid). A strict win is one that
nobody shares. The share that the project claims counts ties as wins.

Notation: ``T`` tasks, ``M`` methods; ``means: (T, M)``, larger is better; ``rows: (T,)`` validation rows.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
EXACT = (
    1e-6  #: runs are committed in single precision, which puts a tie of half a row on either side; a row is far more
)


def width(rows: Array) -> Array:
    """``(T, 1)``: how far from the best mean still wins."""
    return (0.5 / rows + EXACT)[:, None]


def wins(means: Array, rows: Array) -> Mask:
    """``(T, M)``: who wins each task, ties included."""
    return np.asarray(means >= means.max(axis=1, keepdims=True) - width(rows))


def strict_wins(means: Array, rows: Array) -> Mask:
    """``(T, M)``: who wins alone."""
    won = wins(means, rows)
    return np.asarray(won & (won.sum(axis=1, keepdims=True) == 1))


def duels(means: Array, rows: Array) -> npt.NDArray[np.int64]:
    """``(M, M, 3)``: tasks that the first wins, ties and loses against the second."""
    decided = ahead(means, rows)
    return np.stack([(decided == outcome).sum(0) for outcome in (1, 0, -1)], axis=-1)


def ahead(means: Array, rows: Array) -> npt.NDArray[np.int64]:
    """``(T, M, M)``: 1 where the first is ahead of the second by more than the same width, -1 where it is behind, 0 for a tie."""
    by, apart = means[:, :, None] - means[:, None, :], width(rows)[:, :, None]
    return (by > apart).astype(np.int64) - (by < -apart)
