"""How large the Workflow of a long session is, from the nodes of a short one.

A Workflow is one object in etcd, which takes about 1.5 MB. A session of 25 rounds × 8 trials would be hours of a small cluster's time, so
the nodes of a real round are repeated as often as the long session has them, with the names that they would have there: a round's nodes
are named by the path of all rounds before it.
"""

from __future__ import annotations

import json
import re
from typing import Any

TRIAL = re.compile(r"\.(?:trial|train)\((\d+):\d+\)")
NEXT = ".next"


def size_of(document: dict[str, Any], *, rounds: int, trials: int) -> int:
    """Bytes of the Workflow as JSON, with so many rounds of so many trials each instead of its own.

    Args:
        document: a Workflow that has ended after two rounds or more.
    """
    nodes = document["status"]["nodes"].values()
    rest = {**document, "status": {**document["status"], "nodes": {n["id"]: n for n in nodes if depth(n) is None}}}
    model = [node for node in nodes if depth(node) == 1]
    own = [node for node in model if not TRIAL.search(node["name"])]
    of_trials: dict[int, list[dict[str, Any]]] = {}
    for node in model:
        if found := TRIAL.search(node["name"]):
            of_trials.setdefault(int(found[1]), []).append(node)
    total = written(rest)
    for number in range(rounds):
        total += sum(entry(node, number, trials) for node in own)
        total += sum(entry(n, number, trials) for i in range(trials) for n in of_trials[i % len(of_trials)])
    return total


def depth(node: dict[str, Any]) -> int | None:
    """The round that a node belongs to, counted from 0; None for the nodes around all rounds."""
    if ".rounds-" not in node["name"]:
        return None
    return int(node["name"].split(".rounds-")[1].count(NEXT))


def entry(node: dict[str, Any], number: int, trials: int) -> int:
    """Bytes that a node of the second round takes as the same node of round ``number``, with its key and comma."""
    made = {**node, "name": node["name"].replace(NEXT, NEXT * number, 1)}
    for links in ("children", "outboundNodes"):
        ids = node.get(links, [])
        if len(ids) > 1:  # one for each trial
            made[links] = (ids * trials)[:trials]
    for place in ("inputs", "outputs"):
        for given in node.get(place, {}).get("parameters", []):
            if given["name"] == "slots" and given.get("value"):
                made[place] = json.loads(
                    json.dumps(node[place]).replace(json.dumps(given["value"])[1:-1], json.dumps([*range(trials)]))
                )
    return written(made) + written(node["id"]) + len(":,")


def written(value: Any) -> int:
    return len(json.dumps(value, separators=(",", ":")))
