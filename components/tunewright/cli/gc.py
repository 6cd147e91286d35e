"""``tunewright gc``: remove what no study needs any more."""

from __future__ import annotations

import time
from collections import defaultdict

import click

from . import options


@click.command()
@options.study_name
@options.store
@click.option(
    "--keep-models",
    type=click.IntRange(0),
    help="Also remove models beyond this many best trials; those of the best and the champion stay in any case.",
)
@click.option("--yes", is_flag=True, help="Remove; without it only what would be removed is said.")
def command(study: str, store: str, keep_models: int | None, yes: bool) -> None:
    """Remove weights that no open round needs and checkpoints of ended trials of STUDY. Plans and results are never removed."""
    from ..steps.garbage import garbage, remove
    from ..store.directory import DirectoryStore
    from ..store.opening import open_store

    ledger = options.ledger_of(study, store)
    found = list(garbage(ledger, now=time.time(), keep_models=keep_models))
    by_reason: dict[str, list[int]] = defaultdict(list)
    for item in found:
        if not yes or remove(ledger, item, now=time.time()):
            by_reason[item.why].append(item.size)
    for why, sizes in sorted(by_reason.items()):
        click.echo(f"{len(sizes)} objects, {sum(sizes) / 2**20:.1f} MiB: {why}")
    place = open_store(store)
    stale = place.stale_files(3600.0) if isinstance(place, DirectoryStore) else []
    if stale:
        click.echo(f"{len(stale)} temporary files of writers that died")
    for path in stale if yes else ():
        path.unlink(missing_ok=True)
    if not found and not stale:
        click.echo("nothing to remove")
    elif yes:
        click.echo("removed")
    else:
        click.echo("nothing was removed; add --yes to remove them")
