"""Which configurations a table holds: half of a low-discrepancy sequence, half drawn at random, and a few twice to see the noise.

The plan of a task is endless and always the same, so a table grows by going on.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.stats import qmc
from tests.benchmarks.evaluation.trial import space_of
from tests.benchmarks.tasks.listing import Task

from tunewright.space import Configuration

SEED = 0  #: of folds; a table is one objective function
REPEATED = 16  #: configurations that are trained again with other randomness of the trainer


@dataclass(frozen=True, kw_only=True, order=True)
class Point:
    """One line of a table."""

    index: int  #: of the configuration in the plan
    replicate: int = 0


def points(count: int) -> list[Point]:
    """The first ``count`` configurations, and the repetitions that belong to them."""
    repeated = [Point(index=index, replicate=1) for index in range(min(REPEATED, count // 4))]
    return [*(Point(index=index) for index in range(count)), *repeated]


def configurations(task: Task, indices: Iterable[int]) -> list[Configuration]:
    """Configurations of a plan: the even ones from a scrambled Sobol sequence, the odd ones from chance."""
    wanted = list(indices)
    space = space_of(task)
    seed = zlib.crc32(task.name.encode())
    sobol = qmc.Sobol(len(space), scramble=True, rng=np.random.default_rng([seed, 0]))
    spread = sobol.random(2 ** (max(wanted, default=0) // 2).bit_length())
    return [
        space.decode(np.random.default_rng([seed, index]).random(len(space)) if index % 2 else spread[index // 2])
        for index in wanted
    ]
