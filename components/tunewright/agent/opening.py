"""The first trials: the space's defaults, then a space-filling design."""

from __future__ import annotations

import torch

from ..preset import AgentSettings
from .grid import Array, Grid, Seen

ATTEMPTS = 64  #: design points looked at for one that is wanted; constraints reject some


def opening(grid: Grid, settings: AgentSettings, tried: int, count: int, seen: Seen) -> tuple[Array, Array]:
    """Rows of the opening that are due now: the default ``(0 or 1, T)`` and design points ``(at most count, T)``.

    The design is one scrambled Sobol sequence per study, drawn from ``settings.seed``, walked from its beginning; what was tried is left
    out, so a lost trial comes again.

    Args:
        tried: results and trials under way.
    """
    default = grid.space.default()
    first = grid.encode([] if default is None else [default])
    due = min(count, settings.initial_trials + len(first) - tried)
    if not tried:
        due = max(due, min(count, len(first)))
    first = first[seen.new(first)][: max(due, 0)]
    wanted = due - len(first)
    if wanted <= 0:
        return first, grid.encode([])
    engine = torch.quasirandom.SobolEngine(len(grid), scramble=True, seed=settings.seed % 2**31)  # type: ignore[no-untyped-call]
    points = grid.snapped(engine.draw(ATTEMPTS * (tried + count), dtype=torch.float64).numpy())
    known = Seen(first)
    points = points[seen.new(points) & known.new(points)]
    return first, points[: ATTEMPTS * wanted][grid.feasible(points[: ATTEMPTS * wanted])][:wanted]
