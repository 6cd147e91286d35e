"""The same tables in a terminal."""

from __future__ import annotations

import math
from typing import Any

from rich.console import Console
from rich.table import Table
from tests.benchmarks.contest.runs import sign_of
from tests.benchmarks.rivals.methods import ENTRANT, OURS
from tests.benchmarks.verdict.ranks import LEVEL
from tests.benchmarks.verdict.summary import CLAIM


def show(content: dict[str, Any], about: str, console: Console) -> None:
    """Print one block."""
    console.print(
        f"\n[bold]{about}[/bold]: {content['tasks']} tasks × {len(content['seeds'])} seeds × {len(content['methods'])} methods; "
        f"{len(content['flat_tasks'])} tasks on which no configuration matters"
    )
    for mark, there in content["marks"].items():
        title = f"after {mark} trials, the agent and its rivals (Friedman p = {there['friedman_p']:.2g})"
        console.print(_standing(there["entrants"], title, content["overhead"]))
    if len(content["methods"]) > len(content["rivals"]) + 1:
        mark = max(content["marks"], key=int)
        title = f"after {mark} trials, variants; wins are those in the place of {ENTRANT}"
        console.print(_standing(content["marks"][mark]["variants"], title, content["overhead"]))
    console.print(_duels(content))
    for sentence in words(content):
        console.print(sentence)


def words(content: dict[str, Any]) -> list[str]:
    """What the tables say, in sentences."""
    mark = max(content["marks"], key=int)
    entrants, variants = content["marks"][mark]["entrants"], content["marks"][mark]["variants"]
    if ENTRANT not in entrants:
        return []
    mine, rivals = entrants[ENTRANT], content["rivals"]
    measure = content["objective"]
    close = "half a row" if measure == "accuracy" else "1 / (2 rows)"
    said = [
        f"After {mark} trials {OURS} {ENTRANT} is best or within {close} of the best on {mine['wins']} of {content['tasks']} tasks "
        f"({mine['share']:.1%}; alone on {mine['strict']}, best or equal with no width for ties on {mine['exact']}) against {len(rivals)} rivals."
    ]
    if content["decides"]:
        wanted = math.ceil(CLAIM * content["tasks"])
        ahead = "they are reached here" if mine["wins"] >= wanted else f"{wanted - mine['wins']} more than there are"
        claim = "87 of the 101 test tasks by real runs" + ("" if measure == "accuracy" else " that search accuracy")
        said.append(f"The claim is {claim}; of {content['tasks']} that would be {wanted}: {ahead}.")
    if OURS in variants:
        said.append(
            f"The default, which begins with knowledge, would have won {variants[OURS]['wins']} in its place; that is no contest, because "
            f"the rivals begin with nothing."
        )
    told_apart = [name for name in rivals if entrants[name]["holm_held_out"] < LEVEL]
    best = max(entrants, key=lambda name: sign_of(measure) * entrants[name]["held_out"])
    beside = "" if best == ENTRANT else f"of {best} {entrants[best]['held_out']:.4f}, "
    said.append(
        f"On held-out rows the mean {measure.replace('_', '-')} is {mine['held_out']:.4f}, {beside}the best; "
        + (f"it differs from {', '.join(told_apart)}" if told_apart else "no rival can be told apart")
        + " (Wilcoxon, Holm)."
    )
    return said


def _standing(rows: dict[str, dict[str, Any]], title: str, overhead: dict[str, float]) -> Table:
    table = Table(title=title, title_justify="left")
    for name in (
        "method",
        "wins",
        "alone",
        "exact",
        "rank",
        "regret",
        "95 %",
        "Holm p",
        "rank without noise",
        "held-out",
        "its rank",
        "s/trial",
    ):
        table.add_column(name, justify="left" if name == "method" else "right")
    for name, row in sorted(rows.items(), key=lambda item: item[1]["rank"]):
        mean, low, high = row["regret"]
        table.add_row(
            name, f"{row['wins']}", f"{row['strict']}", f"{row['exact']}", f"{row['rank']:.2f}", f"{mean:.3f}", f"{low:.2f} to {high:.2f}",
            "" if row["holm"] is None else f"{row['holm']:.2g}", "–" if row["rank_without_noise"] is None else f"{row['rank_without_noise']:.2f}",
            f"{row['held_out']:.4f}", f"{row['rank_held_out']:.2f}", f"{overhead[name]:.3f}",
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
