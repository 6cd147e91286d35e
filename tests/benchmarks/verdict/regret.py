"""How far from the best that is known, on a scale that tasks share: 0 is the best, 1 a random configuration (`Field.typical`).

Notation: ``T`` tasks, ``M`` methods, ``S`` seeds, ``R`` rounds.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap
from tests.benchmarks.verdict.field import Field

Array = npt.NDArray[np.float64]
GRID = 50  #: points of a curve over cost


def scale(field: Field) -> tuple[Array, Array]:
    """Best known value and distance from it to a random configuration, each ``(T, S)``; the distance is NaN where no configuration matters."""
    best = np.nanmax(field.curves["best"], axis=(1, 3))
    if field.kind == "table":
        best = np.broadcast_to(best.max(axis=1, keepdims=True), best.shape)
    distance = best - field.typical
    return best, np.where(distance > 1e-9, distance, np.nan)


def regret(field: Field) -> Array:
    """``(T, M, S, R)``: normalised regret of the incumbent after every round; NaN on tasks where no configuration matters."""
    best, distance = scale(field)
    return np.asarray((best[:, None, :, None] - field.curves["best"]) / distance[:, None, :, None])


def over_seeds(values: Array, axis: int = 2) -> Array:
    """Mean over seeds; those on which no configuration matters are left out, NaN where that is all of them."""
    known = ~np.isnan(values)
    total = np.where(known, values, 0.0).sum(axis=axis)
    return np.asarray(
        np.divide(total, known.sum(axis=axis), out=np.full(total.shape, np.nan), where=known.any(axis=axis))
    )


def over_cost(field: Field) -> tuple[Array, Array]:
    """Shares of the budget ``(G,)``, and normalised regret ``(T, M, G)`` when so much CPU time of training is spent.

    The budget is that of 100 median trials. Before the first round is paid, regret counts as that of the first round.
    """
    grid = np.linspace(0.04, 1.0, GRID)
    values, spent = regret(field), field.curves["cost"] / (100 * field.seconds[:, None, None, None])
    found = np.empty((*values.shape[:3], GRID))
    for place in np.ndindex(*values.shape[:3]):
        paid = np.searchsorted(spent[place], grid, side="right") - 1
        found[place] = values[place][np.maximum(paid, 0)]
    return grid, over_seeds(found)


def reached(field: Field, method: str) -> tuple[Array, Array]:
    """Trials and CPU seconds of training ``(T,)`` after which a method's mean is where the best rival ends; NaN where it never is."""
    means = field.curves["best"].mean(axis=2)
    others = [field.column(name) for name in field.rivals if name != method]
    target = means[:, others, -1].max(axis=1, initial=-np.inf)
    target = np.where(np.isfinite(target), target, np.nan)
    mine = means[:, field.column(method)]
    hit = mine >= target[:, None] - 1e-9
    first = hit.argmax(axis=1)
    there = hit.any(axis=1)
    cost = field.curves["cost"].mean(axis=2)[np.arange(len(first)), field.column(method), first]
    return np.where(there, 4.0 * (first + 1), np.nan), np.where(there, cost, np.nan)


def interval(values: Array, level: float = 0.95) -> tuple[float, float, float]:
    """Mean of ``values`` over tasks with a bootstrap interval; NaN is left out."""
    known = values[~np.isnan(values)]
    if len(known) < 2 or np.ptp(known) == 0:
        middle = float(known.mean()) if len(known) else float("nan")
        return middle, middle, middle
    found = bootstrap(
        (known,), np.mean, n_resamples=2000, confidence_level=level, rng=np.random.default_rng(0), method="percentile"
    )
    return float(known.mean()), float(found.confidence_interval.low), float(found.confidence_interval.high)
