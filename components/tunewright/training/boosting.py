"""Boosted trees of all folds, grown together round by round, so that their mean is one learning curve.

XGBoost keeps random state that no saved model holds. Here every round draws from (seed, round), and at fixed rounds the boosters are saved
and what samples their columns begins anew, in every training alike: one that was broken off there goes on to the same trees.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import xgboost
from xgboost.callback import EarlyStopping

from ..space import Value

FIRST_SAVED = 12  #: rounds before which a checkpoint saves nothing worth it
DENSITY = 8  #: a point of the curve is this part of its rounds after the one before: the best of many shows what shorter training gives
SAVED_EVERY = 5  #: points of the curve between two checkpoints; fewer than twice as many rounds


def curve_steps(rounds: int) -> list[int]:
    """Rounds after which the curve has a point: every one at first, then an eighth more each time, and the last. The same for all trials."""
    steps, step = [], 1
    while step < rounds:
        steps.append(step)
        step += max(1, step // DENSITY)
    return [*steps, rounds]


def saved_steps(rounds: int) -> list[int]:
    """Rounds after which a checkpoint can be made."""
    return [step for step in curve_steps(rounds)[:-1][::SAVED_EVERY] if step >= FIRST_SAVED]


@dataclass(kw_only=True)
class Fold:
    """One booster in training."""

    make: Callable[[], xgboost.DMatrix]  #: what it is trained on
    watched: xgboost.DMatrix | None  #: decides when to stop; None: never
    patience: int
    train: xgboost.DMatrix = field(init=False)
    booster: xgboost.Booster = field(init=False)
    metric: str = ""  #: watched
    history: list[float] = field(default_factory=list)  #: of it, a value a round
    over: bool = False
    best: bytes = b""  #: the booster after its best round, where trees cut off later would leave another one
    _rule: EarlyStopping = field(init=False, repr=False)
    _parameters: dict[str, Value] = field(init=False, repr=False)

    def begin(self, parameters: Mapping[str, Value], saved: bytes | None = None) -> None:
        """Start from nothing, or from a saved booster whose ``history`` was given back before."""
        self.train, self._parameters = self.make(), dict(parameters)
        self.booster = xgboost.Booster(self._parameters, [self.train])
        if saved is not None:
            self.booster.load_model(bytearray(saved))
            self._remind()
        if self.watched is not None:
            self._rule = EarlyStopping(rounds=self.patience)
            for number in range(len(self.history)):
                self._ask(number)

    def grow(self, first: int, last: int) -> None:
        """Rounds ``first`` to ``last``, the latter excluded, unless the watched part says stop."""
        for number in range(first, last):
            if self.over:
                return
            self.booster.update(self.train, number)
            if self.watched is not None:
                text = self.booster.eval_set([(self.watched, "watched")], number)
                self.metric, _, value = text.rsplit("\t", 1)[1].removeprefix("watched-").rpartition(":")
                self.history.append(float(value))
                self.over = self._ask(number)
                if self._parameters.get("booster") == "dart" and self.booster.best_iteration == number:
                    self.best = bytes(self.booster.save_raw("ubj"))  # later rounds weigh its trees anew

    def renew(self) -> None:
        """Build XGBoost's updaters anew, as loading a saved booster does, but keep the predictions that it would make again.

        Not those of `approx`: cuts that it has drawn from a sample of rows stay with the matrix.
        """
        if self._parameters.get("tree_method") == "approx":
            self.train = self.make()
        self.booster.load_config(self.booster.save_config())
        self._remind()

    def _remind(self) -> None:
        """A linear booster forgets its learning rate and penalties with its configuration."""
        if self._parameters.get("booster") == "gblinear":
            self.booster.set_param(self._parameters)

    def _ask(self, number: int) -> bool:
        """What XGBoost's own rule says after a round; it marks the best round in the booster."""
        return bool(
            self._rule.after_iteration(self.booster, number, {"watched": {self.metric: [self.history[number]]}})
        )

    def finished(self) -> xgboost.Booster:
        """The booster up to its best round."""
        if self.best:
            return xgboost.Booster(self._parameters, model_file=bytearray(self.best))
        return self.booster if self.watched is None else self.booster[: self.booster.best_iteration + 1]


def boost(
    folds: Sequence[Fold],
    parameters: Mapping[str, Value],
    rounds: int,
    *,
    saved: Mapping[str, bytes] | None,
    save: Callable[[Callable[[], dict[str, bytes]]], None],
) -> Iterator[int]:
    """Train all folds to their end; yields the number of rounds at every point of the curve.

    Args:
        parameters: XGBoost's.
        rounds: the most a fold may have.
        saved: what ``save`` was given in an earlier life.
        save: may keep a checkpoint; it is given what makes one.
    """
    begun = _begin(folds, parameters, saved)
    checkpoints = set(saved_steps(rounds))
    for step in (step for step in curve_steps(rounds) if step > begun):
        for fold in folds:
            fold.grow(begun, step)
        begun = step
        yield step
        if all(fold.over for fold in folds):
            return
        if step in checkpoints:
            save(partial(_state, folds, step))
            for fold in folds:
                fold.renew()


def _state(folds: Sequence[Fold], step: int) -> dict[str, bytes]:
    files = {f"fold-{number}.ubj": bytes(fold.booster.save_raw("ubj")) for number, fold in enumerate(folds)}
    files |= {f"best-{number}.ubj": fold.best for number, fold in enumerate(folds) if fold.best}
    told: dict[str, Any] = {"step": step, "folds": [[fold.metric, fold.history, fold.over] for fold in folds]}
    return files | {"state.json": json.dumps(told).encode()}


def _begin(folds: Sequence[Fold], parameters: Mapping[str, Value], saved: Mapping[str, bytes] | None) -> int:
    """Set all folds to a state; returns the rounds they have."""
    if saved is None:
        for fold in folds:
            fold.begin(parameters)
        return 0
    state = json.loads(saved["state.json"])
    for number, fold in enumerate(folds):
        fold.metric, fold.history, fold.over = state["folds"][number]
        fold.best = saved.get(f"best-{number}.ubj", b"")
        fold.begin(parameters, saved[f"fold-{number}.ubj"])
    return int(state["step"])
