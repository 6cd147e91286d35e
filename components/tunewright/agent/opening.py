"""The first trials: the space's defaults, then a space-filling design."""

from __future__ import annotations

import numpy as np
import torch

from ..preset import AgentSettings
from .grid import Array, Grid, Seen
from .knowledge import POOL, Knowledge

INFORMED = 4  #: opening trials where something is known from other tasks: a portfolio that suits most of them
ATTEMPTS = 64  #: design points looked at for one trial; constraints reject some


def opening(
    grid: Grid, settings: AgentSettings, tried: int, count: int, seen: Seen, told: Knowledge | None
) -> tuple[Array, Array]:
    """Rows of the opening that are due now: the default ``(0 or 1, T)`` and design points ``(at most count, T)``.

    The design is one scrambled Sobol sequence per study, drawn from ``settings.seed``, walked from its beginning; what was tried is left
    out, so a lost trial comes again.

    Args:
        tried: results and trials under way.
    """
    default = grid.space.default()
    first = grid.encode([] if default is None else [default])
    wanted_in_all = settings.initial_trials if told is None else min(settings.initial_trials, INFORMED)
    due = min(count, wanted_in_all + len(first) - tried)
    if not tried:
        due = max(due, min(count, len(first)))
    first = first[seen.new(first)][: max(due, 0)]
    wanted = due - len(first)
    if wanted <= 0:
        return first, grid.encode([])
    engine = torch.quasirandom.SobolEngine(len(grid), scramble=True, seed=settings.seed % 2**31)  # type: ignore[no-untyped-call]
    points = grid.snapped(
        engine.draw(max(ATTEMPTS * (tried + count), POOL if told else 0), dtype=torch.float64).numpy()
    )
    if told is not None:
        points = _best_first(points, told, grid)
    known = Seen(first)
    points = points[seen.new(points) & known.new(points)]
    return first, points[grid.feasible(points)][:wanted]


def _best_first(points: Array, told: Knowledge, grid: Grid) -> Array:
    """Feasible points, those that other tasks speak for before the others; none where constraints leave so little that none was drawn."""
    points = points[grid.feasible(points)]
    if not len(points):
        return points
    chosen = told.portfolio(points, INFORMED)
    others = np.setdiff1d(np.arange(len(points)), chosen)
    return points[[*chosen, *others]]
