"""Ranks over tasks, and whether they differ by more than chance.

Notation: ``T`` tasks, ``M`` methods; ``means: (T, M)``, larger is better.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import friedmanchisquare, rankdata, wilcoxon

Array = npt.NDArray[np.float64]
LEVEL = 0.05
DIGITS = 6  #: means are compared to this many decimals: runs are committed in single precision, a row is far more


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One pair of methods over tasks."""

    first: str
    second: str
    p: float  #: Wilcoxon's signed-rank test, two-sided, zeros split as Pratt proposed
    holm: float  #: after Holm's correction for all comparisons of the family

    @property
    def significant(self) -> bool:
        return self.holm < LEVEL


def mean_ranks(means: Array) -> Array:
    """``(M,)``: 1 is best; equal means share their ranks."""
    return np.asarray(rankdata(-np.round(means, DIGITS), axis=1).mean(axis=0))


def friedman(means: Array) -> float:
    """p of the hypothesis that all methods are alike; 1 with fewer than three methods, or when nothing differs."""
    rounded = np.round(means, DIGITS)
    if rounded.shape[1] < 3 or len(rounded) < 2 or (rounded == rounded[:, :1]).all():
        return 1.0
    return float(friedmanchisquare(*rounded.T).pvalue)


def signed_rank(first: Array, second: Array) -> float:
    """p of Wilcoxon's test of two columns ``(T,)``; 1 when they are equal everywhere."""
    difference = np.round(first - second, DIGITS)
    if not difference.any():
        return 1.0
    return float(wilcoxon(difference, zero_method="pratt", method="approx").pvalue)


def holm(p: Array) -> Array:
    """Holm's step-down correction: the k-th smallest of n is multiplied by n - k + 1, never below the one before."""
    order = np.argsort(p, kind="stable")
    stepped = np.maximum.accumulate(p[order] * (len(p) - np.arange(len(p))))
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(stepped, 1.0)
    return corrected


def against(means: Array, methods: list[str], one: str, others: list[str]) -> list[Comparison]:
    """One method against each of others."""
    return _family(means, methods, [(one, other) for other in others if other != one])


def everybody(means: Array, methods: list[str]) -> list[Comparison]:
    """All pairs, which is a larger family."""
    return _family(means, methods, [(a, b) for place, a in enumerate(methods) for b in methods[place + 1 :]])


def _family(means: Array, methods: list[str], pairs: list[tuple[str, str]]) -> list[Comparison]:
    p = np.array([signed_rank(means[:, methods.index(a)], means[:, methods.index(b)]) for a, b in pairs])
    return [
        Comparison(first=a, second=b, p=float(raw), holm=float(corrected))
        for (a, b), raw, corrected in zip(pairs, p, holm(p), strict=True)
    ]


def cliques(means: Array, methods: list[str]) -> list[list[str]]:
    """Groups of neighbours in the order of ranks within which no pair differs; only those that no other group holds."""
    ordered = [methods[place] for place in np.argsort(mean_ranks(means), kind="stable")]
    apart = {frozenset((found.first, found.second)) for found in everybody(means, methods) if found.significant}
    groups: list[list[str]] = []
    for start in range(len(ordered)):
        end = start + 1
        while end < len(ordered) and not any(frozenset((ordered[end], other)) in apart for other in ordered[start:end]):
            end += 1
        group = ordered[start:end]
        if len(group) > 1 and not any(set(group) <= set(other) for other in groups):
            groups.append(group)
    return groups
