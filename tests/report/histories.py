"""Histories of made-up studies from real documents: a small quadratic world with failures, conditions and several sessions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from tunewright.report.record import Belief, RoundHistory, StudyHistory
from tunewright.space import Configuration, Space
from tunewright.study import Study
from tunewright.trial import (
    Champion,
    Cost,
    Head,
    Origin,
    Plan,
    PolicyRecord,
    Result,
    SessionRecord,
    Slot,
    Status,
    StudyRecord,
    SurrogateRecord,
    trial_id,
)

DIGEST = "d" * 64
BEGIN = 1_760_000_000.0
SPACE: dict[str, Any] = {
    "booster": {"type": "categorical", "choices": ["gbtree", "gblinear", "dart"], "default": "gbtree"},
    "learning_rate": {"type": "float", "low": 1e-3, "high": 0.5, "scale": "log", "default": 0.3},
    "max_depth": {"type": "int", "low": 2, "high": 12, "default": 6, "when": {"booster": ["gbtree", "dart"]}},
    "rate_drop": {"type": "float", "low": 0.0, "high": 0.5, "default": 0.1, "when": {"booster": "dart"}},
    "subsample": {"type": "float", "low": 0.4, "high": 1.0, "default": 1.0},
    "n_estimators": {"type": "int", "low": 20, "high": 800, "scale": "log", "default": 100},
    "balanced": {"type": "bool", "default": False},
    "bins": {"type": "ordinal", "choices": [64, 128, 256, 512], "default": 256},
}


def study(space: dict[str, Any] | None = None, **fields: Any) -> Study:
    return Study.model_validate(
        {
            "name": "breast-cancer",
            "description": "Boosted trees on the Wisconsin breast cancer data; three folds.",
            "space": space or SPACE,
            "objective": {"metric": "accuracy", "direction": "maximize"},
            "trial": {"kind": "command", "command": ["train", "{params}"]},
            **fields,
        }
    )


def reward(space: Space, configuration: Configuration) -> float:
    """A smooth bowl over the unit cube: the first two parameters matter most."""
    u = space.encode(configuration)
    weight = np.array([0.5**t for t in range(len(u))])
    return float(-np.nansum(weight * (u - 0.62) ** 2))


def value(study_: Study, configuration: Configuration, noise: float = 0.0) -> float:
    score = 0.97 + 0.25 * reward(study_.search_space(), configuration) + noise
    return score if study_.objective.direction == "maximize" else 1.05 - score


def belief(study_: Study) -> Belief:
    """A model that knows the truth, and doubts more far from the middle."""
    space = study_.search_space()

    def believe(configurations: Sequence[Configuration]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        mean = np.array([study_.objective.reward(value(study_, c)) for c in configurations])
        std = np.array([0.004 + 0.03 * float(np.nanmean(np.abs(space.encode(c) - 0.6))) for c in configurations])
        return mean, std

    return believe


def _status(rng: np.random.Generator) -> Status:
    statuses = (Status.COMPLETE, Status.FAILED, Status.INFEASIBLE, Status.STOPPED, Status.LOST)
    return statuses[int(rng.choice(5, p=[0.88, 0.05, 0.02, 0.04, 0.01]))]


def _result(study_: Study, plan: Plan, index: int, status: Status, rng: np.random.Generator, started: float) -> Result:
    slot = plan.slots[index]
    seconds = float(rng.gamma(4, 8))
    objective = None
    if status in (Status.COMPLETE, Status.STOPPED):
        objective = value(study_, slot.configuration, float(rng.normal(0, 0.003)))
    failed = status is Status.FAILED
    return Result(
        trial=slot.trial, round=plan.round, slot=index, status=status, objective=objective,
        metrics={} if objective is None else {study_.objective.metric: objective, "log_loss": 1.2 - 0.9 * abs(objective)},
        reason="exit code 1: ValueError: Input contains NaN" if failed else "" if objective else status.value.lower(),
        log_tail="Traceback (most recent call last):\n  File \"train.py\", line 41\nValueError: Input contains NaN" if failed else "",
        curve=[] if objective is None else [(step, objective - 0.1 / step) for step in range(1, 6)],
        attempt=1, cost=Cost(train_seconds=seconds, evaluate_seconds=seconds / 10),
        started=0.0 if status is Status.LOST else started, ended=0.0 if status is Status.LOST else started + seconds * 1.1,
    )  # fmt: skip


def _round(
    study_: Study,
    number: int,
    session: str,
    size: int,
    rng: np.random.Generator,
    started: float,
    statuses: Sequence[Status | None] | None,
) -> RoundHistory:
    space = study_.search_space()
    default = space.default()
    slots = []
    for index in range(size):
        first = number == 0 and index == 0 and default is not None
        origin: Origin = (
            "default"
            if first
            else "initial"
            if number < 3
            else ("policy", "neighbour", "random")[int(rng.choice(3, p=[0.5, 0.35, 0.15]))]
        )  # type: ignore[assignment]
        shrink = 1 / (1 + 0.12 * number) if origin in ("policy", "neighbour") else 1.0
        u = 0.62 + (rng.random(len(space)) - 0.62) * shrink
        slots.append(
            Slot(
                trial=trial_id(DIGEST, number, index),
                configuration=default if first and default else space.decode(u),
                origin=origin,
            )
        )
    plan = Plan(round=number, session=session, generation=number, seed=1, slots=slots)
    chosen = statuses or [Status.COMPLETE if number == index == 0 else _status(rng) for index in range(size)]
    results = [
        None if status is None else _result(study_, plan, i, status, rng, started) for i, status in enumerate(chosen)
    ]
    learnt = number >= 2 and all(results)
    steps = int(rng.integers(3, 12))
    kl = [round(0.44 * ((i + 1) / steps) ** 1.4, 4) for i in range(steps)] if learnt and number >= 3 else []
    surrogate = SurrogateRecord(
        round=number, model="gp", blob=None, fitted=learnt, observations=size * (number + 1),
        r2=0.82 - 1.1 * math.exp(-number / 3) if learnt else None
    )  # fmt: skip
    policy = PolicyRecord(
        round=number, blob="0" * 64, real_updates=4, predicted_updates=len(kl), kl=kl,
        horizon=f"kl {kl[-1]:.2f} > 0.4" if kl else "no surrogate yet"
    )  # fmt: skip
    ended = all(results)
    return RoundHistory(
        plan=plan, results=results, surrogate=surrogate if ended else None, policy=policy if ended else None
    )


def history(
    study_: Study | None = None,
    *,
    rounds: int = 12,
    size: int = 4,
    sessions: int = 1,
    seed: int = 0,
    finished: str | None = "all 48 trials of the budget are spent",
    failed: bool = False,
    statuses: Sequence[Status | None] | None = None,
    champion: bool = False,
) -> StudyHistory:
    """A study of ``rounds`` rounds over ``sessions`` nights. ``statuses`` forces those of every round's slots."""
    made = study_ or study()
    rng = np.random.default_rng(seed)
    names = [f"2025-10-{9 + n:02d}T01-00" for n in range(sessions)]
    per = max(math.ceil(rounds / sessions), 1)
    played = [
        _round(made, r, names[r // per], size, rng, BEGIN + (r // per) * 86400 + 5 + (r % per) * 60, statuses)
        for r in range(rounds)
    ]
    current = sessions - 1
    first = current * per
    best: tuple[Slot, Result] | None = None
    for round_ in played:
        for slot, result in zip(round_.plan.slots, round_.results, strict=True):
            if result and result.status is Status.COMPLETE and result.objective is not None:
                sign = 1 if made.objective.direction == "maximize" else -1
                if best is None or sign * result.objective > sign * (best[1].objective or 0):
                    best = slot, result
    crowned = None
    if champion and best:
        crowned = Champion(
            trial=best[0].trial, session=names[-1], round=best[1].round, configuration=best[0].configuration,
            objective=best[1].objective or 0.0, model={}, generation=1,
        )  # fmt: skip
    return StudyHistory(
        study=StudyRecord(digest=DIGEST, study=made, created=BEGIN),
        session=SessionRecord(
            id=names[-1], epoch=sessions, first_round=first, started=BEGIN + current * 86400, budget=made.budget, seed=0, agent=made.agent,
            goal=made.objective.goal,
        ),
        head=Head(epoch=sessions, session=names[-1], generation=1, writer="test", round=rounds, finished=finished, failed=failed),
        rounds=played,
        champion=crowned,
    )  # fmt: skip


def changed(made: StudyHistory, change: Callable[[Slot, Result], dict[str, Any]]) -> StudyHistory:
    """The history with other results of its trials."""
    return replace(
        made,
        rounds=[
            replace(round_, results=[
                result and result.model_copy(update=change(slot, result))
                for slot, result in zip(round_.plan.slots, round_.results, strict=True)
            ])
            for round_ in made.rounds
        ],
    )  # fmt: skip
