"""In which order the policy decides parameters: parents always before children."""

from __future__ import annotations

from ..preset import AgentSettings
from . import streams
from .grid import Grid


def order(grid: Grid, settings: AgentSettings) -> list[int]:
    """Columns in the order of decision.

    ``random`` is drawn once per study from ``settings.seed`` and then stays (paper: three random orders, each fixed for a whole run).
    """
    declared = list(range(len(grid)))
    if settings.order == "declared":
        return declared
    rng = streams.rng(settings.seed, "order")
    decided: list[int] = []
    waiting = [declared[index] for index in rng.permutation(len(declared))]
    while waiting:
        ready = next(t for t in waiting if all(parent in decided for parent, _ in grid.conditions[t]))
        decided.append(ready)
        waiting.remove(ready)
    return decided
