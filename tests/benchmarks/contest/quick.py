"""What ten minutes allow: six development tasks of different sizes and difficulty, methods that answer at once, one seed."""

from __future__ import annotations

from tests.benchmarks.rivals.methods import METHODS

QUICK_TASKS = ("keel-monk-2", "keel-banana", "mass-birthwt", "keel-yeast1", "ecdat-cracker", "keel-led7digit")
QUICK_METHODS = tuple(
    name for name, method in METHODS.items() if not (method.slow or method.partial or method.study or name == "paper")
)
QUICK_SEEDS = (0,)
