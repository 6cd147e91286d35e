"""``tunewright list``: the studies of a store."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ..errors import InputError
from . import options

if TYPE_CHECKING:
    from ..store.port import Store


@click.command()
@options.store
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(store: str, as_json: bool) -> None:
    """List the studies of the store with their best objective and whether they run."""
    from ..store import layout
    from ..store.opening import open_store

    place = open_store(store)
    rows = [_row(place, name) for name in layout.studies(place)]
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        click.echo(f"no studies in {store}")
        return
    from .table import table

    click.echo(table(rows))


def _row(place: Store, name: str) -> dict[str, Any]:
    """What is shown of a study, be it only why it cannot be read."""
    from ..steps.ledger import Ledger
    from ..store.opening import study_store

    row: dict[str, Any] = {"study": name, **dict.fromkeys(("rounds", "session", "metric", "best", "state"))}
    try:
        ledger = Ledger(study_store(place, name))
        record, (head, _) = ledger.record(), ledger.head()
        best = ledger.best(record.study, ledger.ended(head.round), head.best)
    except InputError as error:
        return row | {"state": f"error: {error}"}
    return row | {
        "rounds": head.round,
        "session": head.session,
        "metric": record.study.objective.metric,
        "best": best.objective if best else None,
        "state": ("failed" if head.failed else "finished") if head.finished else "open",
    }
