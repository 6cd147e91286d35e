"""The same tables in a terminal."""

from __future__ import annotations

from typing import Any

from rich.console import Console
from rich.table import Table
from tests.benchmarks.rivals.methods import ENTRANT, OURS
from tests.benchmarks.verdict.summary import CLAIM


def show(content: dict[str, Any], about: str, console: Console) -> None:
    """Print one block."""
    console.print(
        f"\n[bold]{about}[/bold]: {content['tasks']} tasks × {len(content['seeds'])} seeds × {len(content['methods'])} methods; "
        f"{len(content['flat_tasks'])} tasks on which no configuration matters"
    )
    for mark in content["marks"]:
        console.print(_standing(content, mark))
    console.print(_duels(content))
    if ENTRANT in content["methods"]:
        console.print(distance(content))


def distance(content: dict[str, Any]) -> str:
    """How far it is to the claim, in words."""
    mark = max(content["marks"], key=int)
    won = content["marks"][mark]["wins"]
    wanted = round(CLAIM * content["tasks"])
    there = won[ENTRANT]["wins"]
    ahead = "reached here" if there >= wanted else f"{wanted - there} tasks short of it"
    beside = f" The default, which begins with knowledge, is so on {won[OURS]['wins']}." if OURS in won else ""
    return (
        f"After {mark} trials {OURS} {ENTRANT} is best or within half a row of the best on {there} of {content['tasks']} tasks "
        f"({won[ENTRANT]['share']:.1%}; alone on {won[ENTRANT]['strict']}) against {len(content['rivals'])} rivals. "
        f"The claim is 87 of the 101 test tasks by real runs; as many of these would be {wanted}: {ahead}.{beside}"
    )


def _standing(content: dict[str, Any], mark: str) -> Table:
    there = content["marks"][mark]
    table = Table(title=f"after {mark} trials (Friedman p = {there['friedman_p']:.2g})", title_justify="left")
    for name in (
        "method",
        "wins",
        "alone",
        "rank",
        "regret",
        "95 %",
        "Holm p",
        "rank without noise",
        "held-out rank",
        "s/trial",
    ):
        table.add_column(name, justify="left" if name == "method" else "right")
    noiseless = there["ranks_without_noise"]
    holm = {pair["second"]: pair["holm"] for pair in there["against"]}
    for name in sorted(content["methods"], key=lambda method: there["ranks"][method]):
        won, (mean, low, high) = there["wins"][name], there["regret"][name]
        p = "" if name == ENTRANT or name not in holm else f"{holm[name]:.2g}"
        table.add_row(
            name, f"{won['wins']}", f"{won['strict']}", f"{there['ranks'][name]:.2f}", f"{mean:.3f}", f"{low:.2f} to {high:.2f}", p,
            f"{noiseless[name]:.2f}" if noiseless else "–", f"{there['ranks_held_out'][name]:.2f}", f"{content['overhead'][name]:.3f}",
        )  # fmt: skip
    return table


def _duels(content: dict[str, Any]) -> Table:
    table = Table(title="tasks won / tied / lost at the end, row against column", title_justify="left")
    table.add_column("")
    for name in content["methods"]:
        table.add_column(name, justify="right")
    for one in content["methods"]:
        cells = [
            "" if other == one else "/".join(map(str, content["duels"][one][other])) for other in content["methods"]
        ]
        table.add_row(one, *cells)
    return table
