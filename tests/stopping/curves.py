"""Peers for the tests of the stopping rules."""

from __future__ import annotations

from tunewright.stopping.curve import Curve, Peer


def straight(slope: float, steps: int, start: float = 0.0) -> list[tuple[int, float]]:
    """A curve that rises by the same at every step."""
    return [(step, start + slope * step) for step in range(1, steps + 1)]


def complete(trial: str, curve: Curve) -> Peer:
    return Peer(trial=trial, curve=curve, final=curve[-1][1])


def stopped(trial: str, curve: Curve) -> Peer:
    return Peer(trial=trial, curve=curve, stopped=True)
