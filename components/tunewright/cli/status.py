"""``tunewright status``: where a study stands."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import click

from . import options

LAST = 5  #: failures shown


@click.command()
@options.study_name
@options.store
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(study: str, store: str, as_json: bool) -> None:
    """Show session, round, counts, the incumbent, and the latest failures of STUDY with the end of their logs."""

    state = describe(options.ledger_of(study, store))
    if as_json:
        click.echo(json.dumps(state, indent=2))
        return
    click.echo(f"study {state['study']} ({state['address']})")
    click.echo(f"session {state['session']}, epoch {state['epoch']}: {state['state']}")
    click.echo(f"round {state['round']}, {state['trials']} of {state['budget']} trials: " + _counts(state["counts"]))
    if state["best"]:
        click.echo(f"best {state['metric']}: {state['best']['objective']:.6g} (trial {state['best']['trial']})")
    if state["surrogate"]:
        surrogate = state["surrogate"]
        r2 = "-" if surrogate["r2"] is None else f"{surrogate['r2']:.2f}"
        click.echo(
            f"surrogate {surrogate['model']}: held-out R2 {r2} on {surrogate['observations']} observations; {surrogate['horizon']}"
        )
    for failure in state["failures"]:
        click.echo(f"\ntrial {failure['trial']} (round {failure['round']}) {failure['status']}: {failure['reason']}")
        for line in failure["log_tail"].splitlines()[-LAST:]:
            click.echo(f"    {line}")


def _counts(counts: dict[str, int]) -> str:
    return ", ".join(f"{count} {status.lower()}" for status, count in counts.items()) or "none has ended"


def describe(ledger: Any) -> dict[str, Any]:
    """Where the study stands, as plain data."""
    from ..steps.report import gather

    history = gather(ledger)
    head, session = history.head, history.session
    results = [result for round_ in history.rounds for result in round_.results if result is not None]
    mine = [result for result in results if result.round >= session.first_round]
    failures = [result for result in results if result.status in ("FAILED", "LOST", "INFEASIBLE")]
    last = next((round_ for round_ in reversed(history.rounds) if round_.surrogate), None)
    return {
        "study": history.study.study.name,
        "address": ledger.store.address,
        "session": head.session,
        "epoch": head.epoch,
        "state": f"{'failed' if head.failed else 'finished'}: {head.finished}" if head.finished else "open",
        "round": head.round,
        "trials": len(mine),
        "budget": session.budget.most_trials,
        "counts": dict(Counter(result.status.value for result in results)),
        "metric": history.study.study.objective.metric,
        "best": head.best.model_dump() if head.best else None,
        "surrogate": {
            "model": last.surrogate.model,
            "r2": last.surrogate.r2,
            "observations": last.surrogate.observations,
            "horizon": last.policy.horizon if last.policy else "",
        }
        if last and last.surrogate
        else None,
        "failures": [
            result.model_dump(mode="json", include={"trial", "round", "status", "reason", "log_tail"})
            for result in failures[-LAST:]
        ],
    }
