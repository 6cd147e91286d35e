"""What a session spent its time on, from the Workflow's own clock."""

from __future__ import annotations

from datetime import datetime
from typing import Any


def seconds_per_round(nodes: list[dict[str, Any]]) -> list[str]:
    """What each round took, and what of it each step took: from the first start of its pods to their last end."""
    pods = [node for node in nodes if node["type"] == "Pod"]
    start = min(at(node["startedAt"]) for node in pods)
    rounds = sorted(
        (node for node in nodes if node["type"] == "DAG" and node["templateName"].startswith("rounds-")),
        key=lambda node: str(node["startedAt"]),
    )
    begins = [at(node["startedAt"]) for node in rounds]
    report = next(at(node["startedAt"]) for node in pods if node["templateName"] == "report")
    lines = [f"before round 0: {begins[0] - start:.0f} s (open and the first proposal)"]
    for number, (begin, end) in enumerate(zip(begins, [*begins[1:], report], strict=True)):
        spans: dict[str, list[float]] = {}
        for pod in pods:
            if begin <= at(pod["startedAt"]) < end:
                span = spans.setdefault(pod["templateName"], [at(pod["startedAt"]), 0.0])
                span[0], span[1] = min(span[0], at(pod["startedAt"])), max(span[1], at(pod["finishedAt"]))
        parts = ", ".join(f"{name} {stop - first:.0f}" for name, (first, stop) in spans.items())
        lines.append(f"round {number}: {end - begin:.0f} s ({parts})")
    return lines


def at(time: str) -> float:
    return datetime.fromisoformat(time).timestamp()
