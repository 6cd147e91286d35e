"""What the page shows, already loaded: the report itself reads no store and no clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..space import Configuration
from ..trial import Champion, Head, Plan, PolicyRecord, Result, SessionRecord, StudyRecord, SurrogateRecord

Belief: TypeAlias = Callable[[Sequence[Configuration]], tuple[npt.NDArray[np.floating], npt.NDArray[np.floating]]]
"""The surrogate's mean and standard deviation ``(B,)``, ``(B,)`` of B configurations, in reward units: larger is better."""


@dataclass(frozen=True, kw_only=True)
class RoundHistory:
    """One round as far as it has come."""

    plan: Plan
    results: Sequence[Result | None]
    """One per slot of the plan, in order, the end of its log with what did not complete; None while there is none."""
    running: Mapping[str, Sequence[tuple[int, float]]] = field(default_factory=dict)
    """By trial: curve of the objective's metric of those that have no result yet."""
    surrogate: SurrogateRecord | None = None
    policy: PolicyRecord | None = None


@dataclass(frozen=True, kw_only=True)
class StudyHistory:
    """A study up to now, seen from one of its sessions."""

    study: StudyRecord
    session: SessionRecord
    head: Head
    rounds: Sequence[RoundHistory]  #: all rounds of the study, of all sessions, in order
    taken_over: bool = False  #: whether the session's first round is one that a session before it had planned
    #: first rounds of later sessions, of which one may be what this session had planned and not ended
    given_up: frozenset[int] = frozenset()
    champion: Champion | None = None
    began: Mapping[str, float] = field(default_factory=dict)  #: UTC seconds at which each session was opened, by its id
