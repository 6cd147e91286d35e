"""Sessions of real studies on a real cluster, undisturbed: they end with a report and a champion, and are timed."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from pipelines.argo.session import submit
from pipelines.argo.template import AGENT
from tests.e2e.conftest import study_text
from tests.e2e.installation import OPTIONS
from tests.e2e.outcome import assert_every_trial_ended_once
from tests.e2e.size import size_of

from tunewright.store import layout
from tunewright.trial import Champion

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("shape", list(AGENT))
def test_a_study_of_three_rounds_ends_with_report_and_champion(installation, shape, capsys):
    text = study_text(f"three-rounds-{shape}", rounds=3, parallel=4)
    submitted = submit(
        text,
        namespace=installation.namespace,
        now=datetime.now(UTC),
        options=replace(OPTIONS, shape=shape),
    )
    ended = installation.finished(submitted.name, seconds=1200)
    assert (ended.phase, ended.rounds, ended.trials) == ("Succeeded", 3, 12), ended

    with installation.ledger(f"three-rounds-{shape}") as ledger:
        assert_every_trial_ended_once(ledger, rounds=3, parallel=4)
        champion = layout.read(ledger.store, Champion, layout.CHAMPION)
        assert champion.objective > 0.9
        page = ledger.store.get(layout.report(submitted.session)).data
        assert b"</html>" in page

    document = installation.namespace.get("workflow", submitted.name)
    again, long = size_of(document, rounds=3, trials=4), size_of(document, rounds=25, trials=8)
    with capsys.disabled():
        print(f"\n{shape}: load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        for line in seconds_per_round(installation.nodes(submitted.name)):
            print(f"  {line}")
        print(f"  Workflow of {ended.size} bytes ({again} from its second round); 25 rounds × 8 trials would be {long}")
    assert again == pytest.approx(ended.size, rel=0.05), "repeating a round's nodes gives about the real size"
    assert long < 1024**2


def test_a_session_that_was_submitted_is_not_submitted_again(installation):
    text = study_text("twice", rounds=1, parallel=2)
    now = datetime.now(UTC)
    first = submit(text, namespace=installation.namespace, now=now, options=OPTIONS)
    second = submit(text, namespace=installation.namespace, now=now, options=OPTIONS)
    assert (first.new, second.new) == (True, False)
    assert first.name == second.name
    assert installation.finished(first.name, seconds=600).phase == "Succeeded"


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
