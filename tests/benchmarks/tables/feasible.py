"""Which configurations of the network leave nothing of the image: known without training, so known to tables too."""

from __future__ import annotations

import math

from tests.benchmarks.tasks.listing import Task
from tests.benchmarks.tasks.prepared import digests

from tunewright.errors import TrialInfeasible
from tunewright.space import Configuration
from tunewright.training.layout import plan

LAYERS = 2


def infeasible(task: Task, configuration: Configuration) -> str:
    """Why a configuration cannot be trained, empty when it can."""
    if task.model != "cnn":
        return ""
    data = digests()[task.name]
    side = math.isqrt(data.columns)
    try:
        plan(configuration, LAYERS, (1, side, side), data.classes)
    except TrialInfeasible as error:
        return str(error)
    return ""
