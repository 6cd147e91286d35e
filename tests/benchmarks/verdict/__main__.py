"""``python -m tests.benchmarks.verdict``: who wins, in tables, one page and one file.

    python -m tests.benchmarks.verdict --role dev
    python -m tests.benchmarks.verdict --role test --kind real
    python -m tests.benchmarks.verdict --role test --kind real --part fresh --seeds 2

Writes ``results/<role>-<kind>-<budget>-<objective>.json`` and the page beside it.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any, Literal, get_args

from rich.console import Console
from tests.benchmarks.contest import runs
from tests.benchmarks.contest.request import TRIALS
from tests.benchmarks.contest.schedule import FIRST, MET, QUICK_TASKS, VARYING, cheapest
from tests.benchmarks.rivals.methods import ENTRANT, METHODS
from tests.benchmarks.tasks.listing import ROLES, Role, families, named, of_role
from tests.benchmarks.verdict.field import blocks, present
from tests.benchmarks.verdict.page import render
from tests.benchmarks.verdict.printed import show
from tests.benchmarks.verdict.summary import summary, verdict

COMPARED = [name for name, method in METHODS.items() if not method.study]
Part = Literal["first", "second", "fresh", "every", "families"]
PARTS: dict[Part, str] = {
    "first": f"of the first {FIRST}",
    "second": f"of {MET - FIRST} more on which earlier releases of the agent met rivals",
    "fresh": f"beyond these {MET}",
    "every": "of all parts but families",
    "families": f"the data of the first {FIRST} (of development tasks: that of {len(VARYING)}), searched for a family of classifiers too",
}
RESULTS = Path(__file__).parents[1] / "results"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--role", default="dev", choices=ROLES)
    parser.add_argument("--kind", default="table", choices=["table", "real"])
    parser.add_argument("--budget", default="count", choices=["count", "cost"])
    parser.add_argument("--objective", default="accuracy", choices=["accuracy", "log_loss"])
    parser.add_argument(
        "--part",
        default="first",
        choices=get_args(Part),
        help=f"of real runs of test tasks: {'; '.join(f'{name}, {words}' for name, words in PARTS.items())}",
    )
    parser.add_argument(
        "--seeds",
        type=int,
        default=1,
        choices=range(1, 11),
        metavar="N",
        help="leave out tasks that not all have played with N seeds",
    )
    parser.add_argument(
        "--quick", action="store_true", help="the six tasks of benchmark-quick; nothing is written into the repository"
    )
    arguments = parser.parse_args()
    roles = ROLES if arguments.part == "families" else ("test",)
    if arguments.part != "first" and not (arguments.role in roles and arguments.kind == "real"):
        given = f"--role {arguments.role} --kind {arguments.kind}"
        wanted = "--kind real" if arguments.part == "families" else "--role test --kind real"
        parser.error(f"--part {arguments.part} must be of {wanted}, got {given}; leave --part out or add these")
    kind = (arguments.kind, arguments.budget, arguments.objective)
    tasks = list(QUICK_TASKS) if arguments.quick else chosen(arguments.role, arguments.kind, arguments.part)
    every = runs.read("-".join(kind))
    every = every[every["task"].isin(tasks) & every["method"].isin(COMPARED) & (every["trials"] == TRIALS)]
    found = present(every)
    if ENTRANT not in set(found["method"]):
        raise SystemExit(
            f"{ENTRANT!r} of the present release must have played, got no run; play a contest first. Nothing is written"
        )
    made = [(field, summary(field, found)) for field in blocks(found, tasks, arguments.seeds)]
    if not made:
        raise SystemExit("no method has finished a run on these tasks yet; play a contest first")
    console = Console(width=160)
    for field, content in made:
        show(content, f"{arguments.role} tasks, {len(field.rivals)} rivals", console)
    in_parts = arguments.part == "families" or (arguments.role, arguments.kind) == ("test", "real")
    part = PARTS[arguments.part] if in_parts else None
    told = plain(verdict(arguments.role, *kind, made, every, part))
    home = Path("demo") if arguments.quick else RESULTS
    home.mkdir(exist_ok=True)
    name = (
        "benchmark-quick"
        if arguments.quick
        else "-".join((arguments.role, *told_by(arguments.part, arguments.seeds), *kind))
    )
    (home / f"{name}.json").write_text(json.dumps(told, indent=1, allow_nan=False) + "\n")
    (home / f"{name}.html").write_text(render(told, made))
    console.print(f"written: {home / name}.json and .html")


def told_by(part: Part, seeds: int) -> list[str]:
    """What a verdict's file says of its tasks, where it says anything."""
    return [*([] if part == "first" else [part]), *([] if seeds == 1 else [f"{seeds}-seeds"])]


def chosen(role: Role, kind: str, part: Part) -> list[str]:
    """Tasks of a verdict. Real runs of test tasks are told apart by how often earlier releases of the agent have met rivals there."""
    if part == "families":
        return [task.name for task in families(cheapest(role, FIRST) if role == "test" else named(VARYING))]
    listed = [task.name for task in of_role(role)]
    if role != "test" or kind != "real":
        return listed
    met = [task.name for task in cheapest("test", MET)]
    unmet = [name for name in listed if name not in met]
    parts: dict[Part, list[str]] = {"first": met[:FIRST], "second": met[FIRST:], "fresh": unmet, "every": listed}
    return [name for name in listed if name in parts[part]]


def plain(content: Any) -> Any:
    """JSON knows no NaN: what has no value is null. Six digits are enough for everybody."""
    if isinstance(content, dict):
        return {key: plain(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [plain(value) for value in content]
    if isinstance(content, float):
        return None if math.isnan(content) else float(f"{content:.6g}")
    return content


if __name__ == "__main__":
    main()
