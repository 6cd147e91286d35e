"""The paper's four studies: what it reports, what is played here, and by which rule the finding is replicated, partly or not.

The rules were written before the runs were made. Numbers are normalised regrets (0 best known, 1 median random) over tasks, means over seeds,
with bootstrap intervals over tasks; tests are Wilcoxon's on the tasks' means.

Notation: ``T`` tasks, ``R`` rounds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from tests.benchmarks.rivals.methods import DELTAS, ORDERS, OURS
from tests.benchmarks.verdict import ranks, regret
from tests.benchmarks.verdict.field import Field

Array = npt.NDArray[np.float64]
Judgement = Literal["replicated", "partly", "not replicated"]
LEVEL = 0.05


@dataclass(frozen=True, kw_only=True)
class Finding:
    """What a study found."""

    judgement: Judgement
    words: list[str]


@dataclass(frozen=True, kw_only=True)
class Study:
    """One study of the paper."""

    name: str
    question: str
    reported: str  #: by the paper
    rule: str  #: when the finding counts as replicated
    methods: tuple[str, ...]
    trials: int
    judge: Callable[[Field], Finding]


def lost(field: Field, method: str) -> Array:
    """Normalised regret at the end ``(T,)``."""
    return regret.over_seeds(regret.regret(field)[:, field.column(method), :, -1], axis=1)


def error(field: Field, method: str) -> Array:
    """Error at the end ``(T,)``."""
    return np.asarray(1.0 - field.best_at_end(method))


def told(values: Array, digits: int = 3) -> str:
    """A mean with its interval, in words."""
    mean, low, high = regret.interval(values)
    return f"{mean:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})"


def judged(*holds: bool) -> Judgement:
    """Replicated when everything holds, partly when something does."""
    return "replicated" if all(holds) else "partly" if any(holds) else "not replicated"


def gain(field: Field, method: str) -> Array:
    """How much better the trials of the last fifth of the rounds are than those of the first fifth, on the scale of regret ``(T,)``."""
    distance = regret.over_seeds(regret.scale(field)[1], axis=1)
    means = np.nanmean(field.curves["mean"][:, field.column(method)], axis=1)
    fifth = max(means.shape[1] // 5, 1)
    return np.asarray((np.nanmean(means[:, -fifth:], axis=1) - np.nanmean(means[:, 1 : 1 + fifth], axis=1)) / distance)


def one_step(field: Field) -> Finding:
    words, gains = [], {}
    for name in ("paper", "paper one-step", OURS, "one-step"):
        gains[name] = gain(field, name)
        words.append(f"{name}: trials improve by {told(gains[name])}, regret at the end {told(lost(field, name))}")
    learns = regret.interval(gains["paper"])[1] > 0
    one_does_not = regret.interval(gains["paper one-step"])[1] <= 0
    ahead = regret.interval(gains["paper"] - gains["paper one-step"])[1] > 0
    return Finding(judgement=judged(learns and ahead, one_does_not), words=words)


def order(field: Field) -> Finding:
    words, spreads = [], {}
    for kind in ("paper order", "order"):
        names = [f"{kind} {number}" for number in ORDERS]
        errors = np.stack([error(field, name) for name in names], axis=1)
        spreads[kind] = np.ptp(errors, axis=1)
        within = int((spreads[kind] <= 0.005).sum())
        p = ranks.friedman(-errors)
        words.append(
            f"{kind}: errors of three orders lie within 0.005 on {within} of {len(errors)} tasks, "
            f"{told(spreads[kind], 4)} apart on the mean; Friedman p = {p:.2g}"
        )
    paper = np.stack([error(field, f"paper order {number}") for number in ORDERS], axis=1)
    close = bool((spreads["paper order"] <= 0.005).all())
    return Finding(judgement=judged(close, ranks.friedman(-paper) > LEVEL), words=words)


def with_model(field: Field) -> Finding:
    words, holds = [], []
    for name, without in (("paper", "paper without model"), (OURS, "without model")):
        better = error(field, without) - error(field, name)
        p = ranks.signed_rank(error(field, without), error(field, name))
        faster = speed(field, name, without)
        known = faster[np.isfinite(faster)]
        middle = float(np.exp(np.log(known).mean())) if len(known) else float("nan")
        low = float(np.exp(regret.interval(np.log(known))[1])) if len(known) else float("nan")
        words.append(
            f"{name}: lower error with the model on {int((better > 1e-9).sum())}, higher on {int((better < -1e-9).sum())} of {len(better)} tasks, "
            f"{told(better, 4)} lower on the mean (p = {p:.2g}); it reaches what {without} ends with on {len(known)} tasks, "
            f"{middle:.2f} times faster there (at least {low:.2f}), in CPU seconds of training and method"
        )
        holds += [bool(p < LEVEL and better.mean() > 0), bool(len(known) > len(better) / 2 and low > 1)]
    return Finding(judgement=judged(*holds[:2]), words=words)


def speed(field: Field, name: str, without: str) -> Array:
    """By how much sooner a method is where another ends ``(T,)``, from means over seeds; NaN where it never is.

    Seconds of training and of the method together. The slower one's are those at which it first has what it ends with.
    """
    means = field.curves["best"].mean(axis=2)
    spent = (field.curves["cost"] + field.curves["optimiser"]).mean(axis=2)
    mine, other = field.column(name), field.column(without)
    target = means[:, other, -1] - 1e-9
    hit = means[:, mine] >= target[:, None]
    tasks = np.arange(len(target))
    first, before = hit.argmax(axis=1), (means[:, other] >= target[:, None]).argmax(axis=1)
    return np.where(hit.any(axis=1), spent[tasks, other, before] / spent[tasks, mine, first], np.nan)


def delta_name(delta: float) -> str:
    return "paper" if delta == 0.4 else f"paper delta {delta}"


def horizon(field: Field) -> Finding:
    deltas = sorted([*DELTAS, 0.4])
    regrets = {delta: lost(field, delta_name(delta)) for delta in deltas}
    words = [
        f"delta {delta}: regret {told(regrets[delta])}, {_seconds(field, delta_name(delta)):.1f} CPU s of the method"
        for delta in deltas
    ]
    for name in ("paper for ever", "paper without model", OURS, "for ever", "without model"):
        words.append(f"{name}: regret {told(lost(field, name))}, {_seconds(field, name):.1f} CPU s of the method")
    low = np.mean([regrets[delta] for delta in deltas if delta <= 0.4], axis=0)
    high = np.mean([regrets[delta] for delta in deltas if delta > 0.4], axis=0)
    rises = _worse(high, low)
    for_ever = _worse(lost(field, "paper for ever"), regrets[0.4])
    return Finding(judgement=judged(rises, for_ever), words=words)


def _worse(one: Array, other: Array) -> bool:
    known = ~np.isnan(one)
    return bool(one[known].mean() > other[known].mean() and ranks.signed_rank(one[known], other[known]) < LEVEL)


def _seconds(field: Field, name: str) -> float:
    return float(field.curves["optimiser"][:, field.column(name), :, -1].mean())


STUDIES = {
    study.name: study
    for study in (
        Study(
            name="one-step",
            question="Does an agent that draws the whole configuration at once learn as one that draws parameter after parameter does?",
            reported="The one-step agent did not learn within 300 episodes; the sequential one did.",
            rule="Replicated when the sequential agent's trials improve (interval above 0), by more than the one-step agent's, which do not.",
            methods=("paper", "paper one-step", OURS, "one-step"),
            trials=300,
            judge=one_step,
        ),
        Study(
            name="order",
            question="Does the order in which parameters are decided matter?",
            reported="Three random orders on 12 tasks end within 0.005 of each other.",
            rule="Replicated when three orders lie within 0.005 on every task and Friedman's test sees no difference.",
            methods=(*(f"paper order {number}" for number in ORDERS), *(f"order {number}" for number in ORDERS)),
            trials=100,
            judge=order,
        ),
        Study(
            name="model",
            question="What does the learnt reward model add?",
            reported="Lower error on 17 of 20 tasks, and 33.6 h against 69.0 h, 2.06 times faster.",
            rule="Replicated when the error is lower (Wilcoxon p < 0.05) and on more than half of the tasks reached sooner (interval above 1).",
            methods=("paper", "paper without model", OURS, "without model"),
            trials=100,
            judge=with_model,
        ),
        Study(
            name="horizon",
            question="Does it pay to control how far the reward model is used?",
            reported="The error stays the same up to delta = 0.4 and rises beyond; using the model for ever hurt on 7 of 8 tasks.",
            rule="Replicated when deltas above 0.4 are worse than those up to 0.4, and no limit is worse than 0.4 (Wilcoxon p < 0.05 each).",
            methods=(
                *(delta_name(delta) for delta in sorted([*DELTAS, 0.4])), "paper for ever", "paper without model", OURS, "for ever", "without model",
            ),
            trials=300,
            judge=horizon,
        ),
    )
}  # fmt: skip
