"""A live display for terminals: progress, incumbent, running trials, how far the surrogate was used, time left."""

from __future__ import annotations

import time
from collections import Counter

from rich.console import Console, Group
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from .study import Study
from .trial import Head, Plan, PolicyRecord, Result, SessionRecord, Status, SurrogateRecord, shown

STYLES = {"COMPLETE": "green", "STOPPED": "cyan", "INFEASIBLE": "yellow", "FAILED": "red", "LOST": "magenta"}
SHOWN_RUNNING = 8


class Display:
    """Draws to standard error, so that standard output stays free for results."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._bar = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            BarColumn(bar_width=None),
            MofNCompleteColumn(),
            TextColumn("trials"),
            TimeElapsedColumn(),
            TextColumn("{task.fields[left]}"),
            console=self._console,
        )
        self._live = Live(console=self._console, refresh_per_second=4, transient=False)
        self._counts: Counter[str] = Counter()
        self._began = time.monotonic()
        self._before = 0
        self._incumbent = Text("no trial has completed yet", style="dim")
        self._trust = Text("reward model: not fitted yet", style="dim")
        self._running: dict[int, float] = {}
        self._plan: Plan | None = None
        self._best: float | None = None

    def opened(self, study: Study, session: SessionRecord, results: list[Result]) -> None:
        self._study = study
        done = sum(result.round >= session.first_round for result in results)
        self._before = done
        self._task = self._bar.add_task(
            f"[bold]{study.name}[/] session {session.id}", total=session.budget.most_trials, completed=done, left=""
        )
        for result in results:
            self._count(result)
        self._live.start()
        self._draw()

    def planned(self, plan: Plan) -> None:
        self._plan = plan
        self._bar.update(
            self._task, description=f"[bold]{self._study.name}[/] session {plan.session} round {plan.round}"
        )
        self._draw()

    def running(self, slots: list[int]) -> None:
        now = time.monotonic()
        self._running = {slot: self._running.get(slot, now) for slot in slots}
        self._draw()

    def ended(self, slot: int, result: Result | None) -> None:
        self._running.pop(slot, None)
        if result is None:
            self._counts["LOST"] += 1
            self._live.console.print(Text(f"slot {slot} is lost: it ended without a result", style=STYLES["LOST"]))
        else:
            self._count(result)
            if result.status in (Status.FAILED, Status.INFEASIBLE):
                self._live.console.print(
                    Text(f"trial {result.trial} {result.status}: {result.reason}", style=STYLES[result.status])
                )
        self._bar.advance(self._task)
        self._bar.update(self._task, left=self._left())
        self._draw()

    def unfinished(self, slot: int, reason: str) -> None:
        self._running.pop(slot, None)
        self._live.console.print(Text(f"slot {slot} unfinished: {reason}", style=STYLES["FAILED"]))
        self._draw()

    def learnt(self, surrogate: SurrogateRecord, policy: PolicyRecord, head: Head) -> None:
        r2 = "-" if surrogate.r2 is None else f"{surrogate.r2:.2f}"
        self._trust = Text(
            f"reward model: {surrogate.model}, held-out R2 {r2}; policy: {policy.predicted_updates} updates on predicted rewards, "
            f"{policy.real_updates} on real ones ({policy.horizon})"
        )
        self._draw()

    def finished(self, head: Head, report: str) -> None:
        self._running = {}
        self._bar.update(self._task, left="")
        self._draw()

    def close(self) -> None:
        self._live.stop()

    def _count(self, result: Result) -> None:
        self._counts[result.status.value] += 1
        if result.status is Status.COMPLETE and result.objective is not None:
            reward = self._study.objective.reward(result.objective)
            if self._best is None or reward > self._best:
                self._best = reward
                self._incumbent = Text(
                    f"best {self._study.objective.metric} {shown(result.objective)} (trial {result.trial}, round {result.round})",
                    style="bold green",
                )

    def _left(self) -> str:
        task = self._bar.tasks[0]
        done = task.completed - self._before
        if not done or task.total is None:
            return ""
        seconds = (time.monotonic() - self._began) / done * (task.total - task.completed)
        return f"about {seconds / 60:.0f} min left" if seconds >= 90 else f"about {seconds:.0f} s left"

    def _draw(self) -> None:
        counts = Text("  ").join(
            Text(f"{count} {status.lower()}", style=STYLES[status]) for status, count in self._counts.items()
        )
        self._live.update(Group(self._bar, counts, self._incumbent, self._trust, self._running_table()))

    def _running_table(self) -> Table:
        table = Table(box=None, show_header=False, padding=(0, 1))
        now = time.monotonic()
        for slot, since in list(self._running.items())[:SHOWN_RUNNING]:
            place = self._plan.slots[slot] if self._plan and slot < len(self._plan.slots) else None
            values = (
                "  ".join(f"{name}={_short(value)}" for name, value in place.configuration.items()) if place else ""
            )
            table.add_row(
                Text("running", style="blue"),
                place.trial if place else str(slot),
                f"{now - since:.0f} s",
                Text(values, style="dim", overflow="ellipsis", no_wrap=True),
            )
        return table


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
