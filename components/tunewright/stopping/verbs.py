"""The rule of a session's settings."""

from __future__ import annotations

from collections.abc import Sequence

from ..early import CurveStopping, HalvingStopping, MedianStopping, Stopping
from . import extrapolation, halving, median
from .curve import Curve, Peer


def verdict(settings: Stopping, own: Curve, since: int, peers: Sequence[Peer]) -> str | None:
    """Why a trial should end now, None when it should go on.

    Args:
        settings: the session's.
        own: rewards of the trial up to now.
        since: last step at which the rule was asked about it, or from which it was resumed.
        peers: the other trials of the study.
    """
    if not own or own[-1][0] <= since:
        return None
    if isinstance(settings, MedianStopping):
        return median.verdict(settings, own, peers)
    if isinstance(settings, HalvingStopping):
        return halving.verdict(settings, own, since, peers)
    if isinstance(settings, CurveStopping):
        return extrapolation.verdict(settings, own, peers)
    return None


def promotions(settings: Stopping, peers: Sequence[Peer]) -> list[str]:
    """Stopped trials that deserve to go on after all, the most deserving first."""
    return halving.promotions(settings, peers) if isinstance(settings, HalvingStopping) else []
