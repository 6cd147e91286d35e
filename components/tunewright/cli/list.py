"""``tunewright list``: the studies of a store."""

from __future__ import annotations

import json

import click

from . import options


@click.command()
@options.store
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def command(store: str, as_json: bool) -> None:
    """List the studies of the store with their best objective and whether they run."""
    from ..steps.ledger import Ledger
    from ..store import layout
    from ..store.opening import open_store, study_store

    place = open_store(store)
    suffix = f"/{layout.STUDY}"
    names = [
        entry.key.removesuffix(suffix)
        for entry in place.list()
        if entry.key.endswith(suffix) and entry.key.count("/") == 1
    ]
    rows = []
    for name in names:
        ledger = Ledger(study_store(place, name))
        record, (head, _) = ledger.record(), ledger.head()
        rows.append(
            {
                "study": name,
                "rounds": head.round,
                "session": head.session,
                "metric": record.study.objective.metric,
                "best": head.best.objective if head.best else None,
                "state": ("failed" if head.failed else "finished") if head.finished else "open",
            }
        )
    if as_json:
        click.echo(json.dumps(rows, indent=2))
        return
    if not rows:
        click.echo(f"no studies in {store}")
        return
    from .table import table

    click.echo(table(rows))
