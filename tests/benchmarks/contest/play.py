"""One run: the first round is given, then the method asks and is told until the budget is spent.

Notation: a trial is one line of ``trials``; its ``cost`` is what it added in CPU seconds, the way from the share it had before when it goes on.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from tests.benchmarks.contest.request import BATCH, INITIAL, Request, initial, problem
from tests.benchmarks.evaluation.trial import Answer, Score, space_of
from tests.benchmarks.rivals.curves import Curves
from tests.benchmarks.rivals.methods import METHODS
from tests.benchmarks.tasks.listing import named

from tunewright.space import Configuration

Ask = Callable[[Configuration], Answer]
MOST_TRIALS = 600  #: of one run under the budget of cost, so that a method that only tries the cheapest ends
MEASURES = ("accuracy", "log_loss", "held_out", "held_out_accuracy", "expected", "cost", "share")


class Player(Protocol):
    """What is needed of a `Client`."""

    def start(self, method: str, problem: dict[str, Any], settings: dict[str, Any] | None = None) -> None: ...
    def ask(self, count: int) -> tuple[list[dict[str, Any]], float]: ...
    def tell(self, observed: list[dict[str, Any]]) -> float: ...


@dataclass
class Record:
    """What a run leaves."""

    trials: dict[str, list[float | None]] = field(default_factory=lambda: {name: [] for name in MEASURES})
    optimiser: list[float] = field(default_factory=list)  #: CPU seconds of the method, a value a round
    rounds: list[int] = field(default_factory=list)  #: trials after each round

    @property
    def count(self) -> int:
        return len(self.trials["cost"])

    @property
    def cost(self) -> float:
        return sum(value or 0.0 for value in self.trials["cost"])


class Evaluated:
    """Answers as losses; remembers how far a configuration is trained."""

    def __init__(self, request: Request, ask: Ask, record: Record) -> None:
        self.request, self.ask, self.record = request, ask, record
        self.spent: dict[str, float] = {}

    def __call__(self, configuration: Configuration, share: float) -> dict[str, Any]:
        """What the method is told of a configuration after a share of its training: its loss, None when it is infeasible, and its curve.

        The curve of a table is not told: each of its points has noise of its own, so it does not say what shorter training gives.
        """
        answer = self.ask(configuration)
        score = at(answer, share)
        self._note(answer, score, share, self._cost(configuration, answer, score))
        if score is None:
            return {"loss": None}
        before = [each for each in answer.curve if each.share < score.share] if self.request.kind == "real" else []
        return {"loss": self._loss(score), "curve": [(each.share, self._loss(each)) for each in before]}

    def _loss(self, score: Score) -> float:
        return 1.0 - score.accuracy if self.request.objective == "accuracy" else score.log_loss

    def _held_out(self, answer: Answer) -> float | None:
        return answer.held_out_accuracy if self.request.objective == "accuracy" else answer.held_out_log_loss

    def _cost(self, configuration: Configuration, answer: Answer, score: Score | None) -> float:
        name = json.dumps(configuration, sort_keys=True)
        until = answer.seconds if score is None else score.seconds
        before = self.spent.get(name, 0.0)
        self.spent[name] = until
        return until - before if until > before else until  # what is asked again is trained anew

    def _note(self, answer: Answer, score: Score | None, share: float, cost: float) -> None:
        whole = score is not None and score.share == 1.0
        line = {
            "accuracy": score and score.accuracy,
            "log_loss": score and score.log_loss,
            "held_out": self._held_out(answer) if whole else None,
            "held_out_accuracy": answer.held_out_accuracy if whole else None,
            "expected": answer.expected if whole else None,
            "cost": cost,
            "share": share,
        }
        for name, value in line.items():
            self.record.trials[name].append(value)


def at(answer: Answer, share: float) -> Score | None:
    """The score at a share of the training, the nearest that was measured."""
    return min(answer.curve, key=lambda score: abs(score.share - share), default=None)


def play(
    request: Request, player: Player, ask: Ask, most_cost: float, settings: dict[str, Any] | None = None
) -> Record:
    """Run a method to the end of its budget: its trials, or ``most_cost`` CPU seconds of training."""
    record, task = Record(), named([request.task])[0]
    evaluated = Evaluated(request, ask, record)
    curves, follows = Curves(space_of(task)), METHODS[request.method].follows
    followed: list[dict[str, Any]] = []
    player.start(request.method, problem(request), settings)
    proposals = [{"configuration": given, "share": 1.0} for given in initial(task, request.seed)[:INITIAL]]
    seconds = 0.0
    while True:
        observed = [
            {**proposal, **evaluated(proposal["configuration"], proposal["share"])}
            for proposal in [*followed, *proposals]
        ]
        curves.note(observed)
        seconds += player.tell(observed[len(followed) :])
        if followed:
            seconds += player.tell(observed[: len(followed)])  # not asked for, like the initial ones
        record.optimiser.append(seconds)
        record.rounds.append(record.count)
        if spent(request, record, most_cost):
            return record
        followed = [{"configuration": found, "share": 1.0} for found in curves.next()] if follows else []
        proposals, seconds = player.ask(BATCH - len(followed))


def spent(request: Request, record: Record, most_cost: float) -> bool:
    """Whether the budget is used up."""
    if request.budget == "count":
        return record.count >= request.trials
    return record.cost >= most_cost or record.count >= MOST_TRIALS
