"""Rows as a table of plain text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from ..trial import shown


def table(rows: Sequence[Mapping[str, Any]], title: str | None = None) -> str:
    """Rows with equal keys as text, as wide as the terminal allows."""
    drawn = Table(title=title, box=None, pad_edge=False, title_justify="left")
    for name in rows[0]:
        drawn.add_column(name, overflow="fold")
    for row in rows:
        drawn.add_row(
            *(
                "-" if value is None else shown(value) if isinstance(value, float) else str(value)
                for value in row.values()
            )
        )
    console = Console(highlight=False, markup=False)
    with console.capture() as captured:
        console.print(drawn)
    return captured.get().rstrip("\n")
