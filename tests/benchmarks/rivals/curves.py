"""Learning curves of the benchmark's trials, as the product's rule reads them (`tunewright.stopping.shorter`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tunewright.space import Space
from tunewright.stopping.shorter import Tried, shorter

from .port import Configuration

COUNTED = "n_estimators"  #: counts the steps of a curve, see `Study.counted`


class Curves:
    """What the trials of a run have shown, and the one that is worth following up. Of spaces without COUNTED nothing ever is."""

    def __init__(self, space: Space) -> None:
        self.space, self.tried = space, list[Tried]()

    def note(self, observed: Sequence[Mapping[str, Any]]) -> None:
        """Remember results, which have the fields of `port.Observed`."""
        self.tried += [_tried(len(self.tried) + place, result) for place, result in enumerate(observed)]

    def next(self) -> list[Configuration]:
        """At most one configuration."""
        found = shorter(self.space, COUNTED, self.tried) if COUNTED in self.space.parameters else None
        return [] if found is None else [dict(found.configuration)]


def _tried(number: int, result: Mapping[str, Any]) -> Tried:
    """A result with its curve, whose shares of the training become rounds."""
    whole = int(result["configuration"].get(COUNTED, 0))
    return Tried(
        trial=str(number),
        configuration=result["configuration"],
        curve=[(max(1, round(share * whole)), -loss) for share, loss in result.get("curve", ())],
        final=None if result["loss"] is None else -result["loss"],
    )
