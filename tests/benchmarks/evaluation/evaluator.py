"""Real evaluations of a task under one seed: asked of what is kept first, computed and kept otherwise."""

from __future__ import annotations

from functools import cached_property, lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING

from tests.benchmarks.evaluation.kept import Kept, key
from tests.benchmarks.evaluation.trial import Answer, Question
from tests.benchmarks.tasks.listing import Task, named
from tests.benchmarks.tasks.prepared import digests

from tunewright.space import Configuration

if TYPE_CHECKING:
    from tests.benchmarks.evaluation.families import FamilyEvaluator
    from tests.benchmarks.evaluation.network import NetworkEvaluator
    from tests.benchmarks.evaluation.trees import TreeEvaluator

LIBRARY = {"xgboost": "xgboost", "cnn": "torch", "families": "scikit-learn"}  #: whose release changes answers


class Evaluator:
    """Answers questions about one task under one seed; data is loaded when something must be computed."""

    def __init__(self, task: Task, seed: int, kept: Kept | None = None) -> None:
        self.task, self.seed = task, seed
        self.kept = kept or Kept(task.name)
        self.versions = {LIBRARY[task.model]: version(LIBRARY[task.model])}

    def __call__(self, configuration: Configuration, replicate: int = 0) -> Answer:
        """The answer, and nothing is trained twice."""
        question = Question(task=self.task.name, seed=self.seed, configuration=configuration, replicate=replicate)
        name = key(question, digests()[self.task.data].content, self.versions)
        known = self.kept.get(name)
        if known is None:
            known = self._compute(question)
            self.kept.add(name, question, known, self.versions)
        return known

    @cached_property
    def _compute(self) -> TreeEvaluator | NetworkEvaluator | FamilyEvaluator:
        if self.task.model == "cnn":
            from tests.benchmarks.evaluation.network import NetworkEvaluator

            return NetworkEvaluator(self.task, self.seed)
        if self.task.model == "families":
            from tests.benchmarks.evaluation.families import FamilyEvaluator

            return FamilyEvaluator(self.task, self.seed)
        from tests.benchmarks.evaluation.trees import TreeEvaluator

        return TreeEvaluator(self.task, self.seed)


@lru_cache(maxsize=4)
def evaluator(task: str, seed: int) -> Evaluator:
    """The evaluator of a task by name; a process that works on few tasks loads each once."""
    return Evaluator(named([task])[0], seed)
