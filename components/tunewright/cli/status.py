"""``tunewright status``: where a study stands."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import click

from . import cluster_commands, options

if TYPE_CHECKING:
    from ..report.record import StudyHistory
    from ..steps.ledger import Ledger
    from ..trial import Cost, Loss

LAST = 5  #: failures shown, and lines of their logs


@click.command()
@options.study_name
@options.store
@click.option(
    "--backend",
    type=click.Choice(["argo", "kfp"]),
    help="Ask the cluster, not the store: STUDY is then a workflow or run, and `tunewright sessions` has more options.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(study: str, store: str, backend: str | None, as_json: bool) -> None:
    """Show session, round, counts, the incumbent, and the latest failures of STUDY with the end of their logs."""
    if backend is not None:
        asked = [study, "--backend", backend, *(["--json"] if as_json else [])]
        cluster_commands().sessions.main(asked, standalone_mode=False)
        return
    from ..trial import shown

    state = describe(options.ledger_of(study, store))
    if as_json:
        click.echo(json.dumps(state, indent=2))
        return
    click.echo(f"study {state['study']} ({state['address']})")
    open_ = f", round {state['round']}" if state["state"] == "open" else ""
    click.echo(f"session {state['session']}, epoch {state['epoch']}: {state['state']}{open_}")
    click.echo(
        f"this session: {state['session_trials']} of {state['budget']} trials, {_counts(state['session_counts'])}"
    )
    if state["counts"] != state["session_counts"]:
        click.echo(f"all sessions: {_counts(state['counts'])}")
    if state["best"]:
        click.echo(f"best {state['metric']}: {shown(state['best']['objective'])} (trial {state['best']['trial']})")
    if state["surrogate"]:
        surrogate = state["surrogate"]
        r2 = "-" if surrogate["r2"] is None else f"{surrogate['r2']:.2f}"
        click.echo(
            f"surrogate {surrogate['model']}: held-out R2 {r2} on {surrogate['observations']} observations; {surrogate['horizon']}"
        )
    for trial in state["running"]:
        click.echo(f"running: trial {trial['trial']}, step {trial['step']}, {state['metric']} {shown(trial['value'])}")
    click.echo(_cost(state["cost"]))
    for failure in state["failures"]:
        word = "REFUSED" if failure["refused"] else failure["status"]
        _tell(f"trial {failure['trial']} (round {failure['round']}) {word}: {failure['reason']}", failure["log_tail"])
    for trial in state["broken_off"]:
        reached = f" at step {trial['step']}" if trial["step"] is not None else ""
        click.echo(f"broken off: trial {trial['trial']}{reached}; who goes on with the study tries it again")
    for loss in state["unfinished"][:LAST]:
        word = "was refused" if loss["refused"] else "was lost"
        _tell(
            f"trial {loss['trial']} has no result yet, attempt {loss['attempt']} {word}: {loss['reason']}",
            loss["log_tail"],
        )


def _tell(text: str, log: str) -> None:
    click.echo(f"\n{text}")
    for line in log.splitlines()[-LAST:]:
        click.echo(f"    {line}")


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {status.lower()}" for status, count in counts.items()) or "none has ended"


def _unfinished(ledger: Ledger, trials: Iterable[str]) -> list[Loss]:
    """Why these trials have no result, as far as their latest attempts have left word."""
    from ..steps.lease import LOST
    from ..store import layout
    from ..trial import Loss

    keys = []
    for trial in trials:
        if numbers := layout.attempt_numbers(ledger.store, trial):
            # what has a model to score is not trained again
            scored = layout.scores_lost(ledger.store, trial)
            keys.append(scored[-1] if scored else layout.attempt(trial, numbers[-1], LOST))
    return [loss for loss in layout.find_all(ledger.store, Loss, keys) if loss is not None]


def _cost(cost: dict[str, Any]) -> str:
    gpu = f", {cost['gpu_seconds']:.0f} s on GPUs" if cost["gpu_seconds"] else ""
    evaluating = f"{cost['evaluate_seconds']:.0f} s evaluating"
    lost = (
        f"; {cost['lost_seconds']:.0f} s in {cost['lost_attempts']} attempts that were cut short"
        if cost["lost_attempts"]
        else ""
    )
    return f"cost of all sessions: {cost['train_seconds']:.0f} s training in {cost['attempts']} attempts{gpu}, {evaluating}{lost}"


def _open_trials(ledger: Ledger, history: StudyHistory) -> dict[str, bool]:
    """Trials of the open round that have no result, and whether they are under way."""
    from ..steps.lease import under_way

    rounds = history.rounds[history.head.round :]
    pairs = [pair for round_ in rounds for pair in zip(round_.plan.slots, round_.results, strict=True)]
    return {slot.trial: under_way(ledger.store, slot.trial) for slot, result in pairs if result is None}


def _broken_off(ledger: Ledger, trials: Iterable[str], metric: str) -> list[dict[str, Any]]:
    """Those of these trials that have begun."""
    from ..steps.peers import latest_stream
    from ..store import layout

    begun = [trial for trial in trials if layout.attempt_numbers(ledger.store, trial)]
    return [{"trial": trial, "step": max(latest_stream(ledger.store, trial, metric), default=None)} for trial in begun]


def _open_costs(ledger: Ledger, trials: Mapping[str, bool]) -> list[Cost]:
    """Of these trials, up to now. Who still trains is not lost."""
    from ..steps.costs import cost_of

    costs = []
    for trial, lives in trials.items():
        cost = cost_of(ledger.store, trial)
        if lives and cost.attempts and cost.attempts[-1].ended == "LOST":
            last = cost.attempts[-1].model_copy(update={"ended": "TRAINED"})
            cost = cost.model_copy(update={"attempts": [*cost.attempts[:-1], last]})
        costs.append(cost)
    return costs


def _costs(costs: list[Cost]) -> dict[str, Any]:
    """What all trials of the study have cost, every attempt counted."""
    attempts = [attempt for cost in costs for attempt in cost.attempts]
    lost = [attempt for attempt in attempts if attempt.ended in ("LOST", "GIVEN-BACK")]
    return {
        "train_seconds": sum(cost.train_seconds for cost in costs),
        "evaluate_seconds": sum(cost.evaluate_seconds for cost in costs),
        "gpu_seconds": sum(cost.gpu_seconds for cost in costs),
        "attempts": len(attempts),
        "lost_attempts": len(lost),
        "lost_seconds": sum(attempt.seconds for attempt in lost),
    }


def describe(ledger: Ledger) -> dict[str, Any]:
    """Where the study stands, as plain data."""
    from ..steps.report import gather

    history = gather(ledger)
    head, session = history.head, history.session
    results = [result for round_ in history.rounds for result in round_.results if result is not None]
    mine = [result for result in results if result.round >= session.first_round]
    failures = [result for result in results if result.status in ("FAILED", "LOST", "INFEASIBLE")]
    best = ledger.best(history.study.study, results, head.best)
    trials = _open_trials(ledger, history)
    unfinished = _unfinished(ledger, trials)
    told = {loss.trial for loss in unfinished}
    dead = [trial for trial, lives in trials.items() if not lives and trial not in told]
    last = next((round_ for round_ in reversed(history.rounds) if round_.surrogate), None)
    return {
        "study": history.study.study.name,
        "address": ledger.store.address,
        "session": head.session,
        "epoch": head.epoch,
        "state": f"{'failed' if head.failed else 'finished'}: {head.finished}" if head.finished else "open",
        "round": head.round,
        "session_trials": len(mine),
        "budget": session.budget.most_trials,
        "session_counts": dict(Counter(result.ending for result in mine)),
        "counts": dict(Counter(result.ending for result in results)),
        "metric": history.study.study.objective.metric,
        "best": best.model_dump() if best else None,
        "stopping": session.stopping.rule,
        "running": [
            {"trial": trial, "step": curve[-1][0], "value": curve[-1][1]}
            for round_ in history.rounds
            for trial, curve in round_.running.items()
        ],
        "broken_off": _broken_off(ledger, dead, history.study.study.objective.metric),
        "cost": _costs([*(result.cost for result in results), *_open_costs(ledger, trials)]),
        "surrogate": {
            "model": last.surrogate.model,
            "r2": last.surrogate.r2,
            "observations": last.surrogate.observations,
            "horizon": last.policy.horizon if last.policy else "",
        }
        if last and last.surrogate
        else None,
        "failures": [
            result.model_dump(mode="json", include={"trial", "round", "status", "refused", "reason", "log_tail"})
            for result in failures[-LAST:]
        ],
        "unfinished": [
            loss.model_dump(mode="json", include={"trial", "attempt", "refused", "reason", "log_tail"})
            for loss in unfinished
        ],
    }
