"""When a trial may be stopped before its end: the rules that a session can have, and their settings.

A rule looks at the objective's metric in the streams of the trials (``{"step": 3, "accuracy": 0.8}``). A step is whatever the trial
counts: boosting rounds and epochs for the built-in trainers.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from .space import Model


class NoStopping(Model):
    """Every trial runs to its end."""

    rule: Literal["none"] = "none"


class MedianStopping(Model):
    """Stop a trial whose best value so far is worse than the median of the others' at the same step."""

    rule: Literal["median"]
    min_steps: int = Field(default=1, ge=1)
    """No trial is stopped before this step."""
    min_trials: int = Field(default=5, ge=2)
    """Other trials that must have come as far."""


class HalvingStopping(Model):
    """Asynchronous successive halving: at steps min_steps, eta min_steps, eta² min_steps, … only the best 1/eta of a step goes on.

    A stopped trial that later belongs to the best of its step is promoted: a new trial goes on from its checkpoint.
    """

    rule: Literal["asha"]
    min_steps: int = Field(default=1, ge=1)
    """The first step at which trials are compared."""
    eta: int = Field(default=3, ge=2, le=16)
    """One trial in so many goes on; 3 is Hyperband's usual choice."""


class CurveStopping(Model):
    """Stop a trial when a reward model of learning curves, fitted to the complete trials, gives it next to no chance to become the best."""

    rule: Literal["curve"]
    min_steps: int = Field(default=1, ge=1)
    """No trial is stopped before this step."""
    min_trials: int = Field(default=8, ge=4)
    """Complete trials that went beyond the step; the model is fitted to them."""
    chance: float = Field(default=0.05, gt=0, lt=0.5)
    """A trial is stopped when its chance to beat the best complete trial is below this."""


Stopping: TypeAlias = Annotated[
    NoStopping | MedianStopping | HalvingStopping | CurveStopping, Field(discriminator="rule")
]
