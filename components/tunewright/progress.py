"""What a run tells while it goes on: the port, and the ways that need no terminal."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from typing import IO, Any, Protocol

from .errors import TunewrightError
from .study import Study
from .trial import Head, Plan, PolicyRecord, Result, SessionRecord, SurrogateRecord, shown


class Progress(Protocol):
    """Listener of a run. Every verb returns at once."""

    def opened(self, study: Study, session: SessionRecord, results: list[Result]) -> None:
        """The session is claimed; ``results`` are those that the study has already."""

    def planned(self, plan: Plan) -> None:
        """A round begins."""

    def running(self, slots: list[int]) -> None:
        """These slots run now; told again and again."""

    def ended(self, slot: int, result: Result | None) -> None:
        """A trial has ended; None when it will be LOST."""

    def unfinished(self, slot: int, reason: str) -> None:
        """A trial could not be brought to a result: refused, or the platform is in the way."""

    def learnt(self, surrogate: SurrogateRecord, policy: PolicyRecord, head: Head) -> None:
        """The round is over."""

    def finished(self, head: Head, report: str) -> None:
        """The session is over; ``report`` is the address of its page."""

    def close(self) -> None:
        """No more will be told, for whatever reason."""


class Quiet:
    """Says nothing."""

    def opened(self, study: Study, session: SessionRecord, results: list[Result]) -> None: ...
    def planned(self, plan: Plan) -> None: ...
    def running(self, slots: list[int]) -> None: ...
    def ended(self, slot: int, result: Result | None) -> None: ...
    def unfinished(self, slot: int, reason: str) -> None: ...
    def learnt(self, surrogate: SurrogateRecord, policy: PolicyRecord, head: Head) -> None: ...
    def finished(self, head: Head, report: str) -> None: ...
    def close(self) -> None: ...


@dataclass
class Lines(Quiet):
    """One JSON object a line, for programs."""

    out: IO[str] = field(default_factory=lambda: sys.stdout)

    def _say(self, event: str, **values: Any) -> None:
        self.out.write(json.dumps({"event": event, **values}, sort_keys=False) + "\n")
        self.out.flush()

    def opened(self, study: Study, session: SessionRecord, results: list[Result]) -> None:
        self._say(
            "opened",
            study=study.name,
            session=session.id,
            epoch=session.epoch,
            round=session.first_round,
            results=len(results),
        )

    def planned(self, plan: Plan) -> None:
        slots = [
            {"trial": slot.trial, "configuration": slot.configuration, "origin": slot.origin} for slot in plan.slots
        ]
        self._say("planned", round=plan.round, slots=slots)

    def ended(self, slot: int, result: Result | None) -> None:
        if result is None:
            self._say("lost", slot=slot)
        else:
            self._say(
                "ended",
                slot=slot,
                trial=result.trial,
                status=result.status,
                objective=result.objective,
                reason=result.reason,
            )

    def unfinished(self, slot: int, reason: str) -> None:
        self._say("unfinished", slot=slot, reason=reason)

    def learnt(self, surrogate: SurrogateRecord, policy: PolicyRecord, head: Head) -> None:
        self._say(
            "learnt",
            round=surrogate.round,
            r2=surrogate.r2,
            predicted_updates=policy.predicted_updates,
            kl=policy.kl[-1] if policy.kl else None,
            horizon=policy.horizon,
            best=head.best.model_dump() if head.best else None,
        )

    def finished(self, head: Head, report: str) -> None:
        self._say(
            "finished",
            reason=head.finished,
            failed=head.failed,
            best=head.best.model_dump() if head.best else None,
            report=report,
        )

    def error(self, error: TunewrightError) -> None:
        """Why it cannot go on."""
        self._say("error", kind=type(error).__name__, message=str(error), code=error.exit_code)


@dataclass
class Plain(Quiet):
    """One line of text a trial, for logs."""

    out: IO[str] = field(default_factory=lambda: sys.stderr)
    metric: str = "objective"
    best: float | None = None
    maximize: bool = True
    done: int = 0
    total: int = 0

    def _say(self, text: str) -> None:
        self.out.write(text + "\n")
        self.out.flush()

    def opened(self, study: Study, session: SessionRecord, results: list[Result]) -> None:
        self.metric, self.maximize, self.total = (
            study.objective.metric,
            study.objective.direction == "maximize",
            session.budget.most_trials,
        )
        self.done = sum(result.round >= session.first_round for result in results)
        scores = [r.objective for r in results if r.status == "COMPLETE" and r.objective is not None]
        self.best = (max if self.maximize else min)(scores, default=None)
        past = f", {len(results)} trials so far" if results else ""
        self._say(
            f"{study.name}: session {session.id}, {self.total} trials, {session.budget.parallel_trials} at a time{past}"
        )

    def ended(self, slot: int, result: Result | None) -> None:
        self.done += 1
        count = f"[{self.done}/{self.total}]"
        if result is None:
            self._say(f"{count} slot {slot} LOST: it ended without a result")
        elif result.objective is None:
            self._say(f"{count} {result.trial} {result.status}: {result.reason}")
        else:
            sign = 1 if self.maximize else -1
            complete = result.status == "COMPLETE"
            better = complete and (self.best is None or sign * result.objective > sign * self.best)
            self.best = result.objective if better else self.best
            note = "  best so far" if better else "" if complete else f"  {result.status}"
            self._say(f"{count} {result.trial} {self.metric} {shown(result.objective)}{note}")

    def unfinished(self, slot: int, reason: str) -> None:
        self._say(f"slot {slot} unfinished: {reason}")

    def learnt(self, surrogate: SurrogateRecord, policy: PolicyRecord, head: Head) -> None:
        r2 = "-" if surrogate.r2 is None else f"{surrogate.r2:.2f}"
        self._say(
            f"round {surrogate.round}: surrogate R2 {r2}, {policy.predicted_updates} updates on predicted rewards ({policy.horizon})"
        )

    def finished(self, head: Head, report: str) -> None:
        self._say(f"finished: {head.finished}")
