"""A session whose pods are killed at random in every step, while MinIO and Argo's controller are restarted."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Final

import pytest
from pipelines.argo.namespace import Namespace
from pipelines.argo.session import submit
from pipelines.argo.template import Shape
from tests.e2e.conftest import study_text
from tests.e2e.installation import OPTIONS, Installation, kill
from tests.e2e.outcome import assert_every_trial_ended_once, attempts

from tunewright.errors import TunewrightError
from tunewright.store import layout
from tunewright.trial import Champion

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(2400)]

KILLS: Final[dict[Shape, dict[str, int]]] = {
    "separate": {
        "open": 1,
        "propose": 2,
        "train": 5,
        "evaluate": 3,
        "update-surrogate": 1,
        "update-policy": 1,
        "report": 1,
    },
    "fused": {"open": 1, "train": 5, "advance": 4, "report": 1},
}
"""Pods killed of each step."""


@dataclass
class Chaos(threading.Thread):
    """Kills pods of a workflow until every step has had its share, then MinIO and the controller, each once."""

    installation: Installation
    workflow: str
    kills: dict[str, int]
    seed: int
    killed: Counter[str] = field(default_factory=Counter)
    victims: set[str] = field(default_factory=set)
    stopped: threading.Event = field(default_factory=threading.Event)

    def __post_init__(self) -> None:
        super().__init__(daemon=True)
        self.random = random.Random(self.seed)

    __hash__ = threading.Thread.__hash__

    def run(self) -> None:
        while not self.stopped.wait(0.5):
            try:
                self.strike()
            except TunewrightError as error:  # the API server is busy, or the pod has gone
                print(f"chaos: {error}")

    def strike(self) -> None:
        running = self.installation.pods(self.workflow, phase="Running")
        self.random.shuffle(running)
        for pod in running:
            name = pod["metadata"]["name"]
            step = pod["metadata"]["labels"].get("app.kubernetes.io/component", "")
            if name in self.victims or self.killed[step] >= self.kills.get(step, 0):
                continue
            if step == "train" and self.killed[step] % 2:
                self.await_trial(name)  # a slow machine has no trial yet after so short a time
            else:
                time.sleep(self.random.uniform(0.0, 3.0))  # any point of the step's life
            self.installation.kill(name)
            self.victims.add(name)
            self.killed[step] += 1
            return
        if self.killed["train"] >= 2 and not self.killed["minio"]:
            self.installation.kill("minio-0")
            self.killed["minio"] += 1
        if self.killed["train"] >= 3 and not self.killed["controller"]:
            restart_controller()
            self.killed["controller"] += 1

    def await_trial(self, pod: str) -> None:
        """Until the pod runs a trial, or for 15 s."""
        look = ("exec", pod, "--container=main", "--", "sh", "-c", "cat /proc/[0-9]*/cmdline || true")
        deadline = time.monotonic() + 15
        while time.monotonic() < deadline and "guard.py" not in self.installation.namespace.kubectl(*look):
            time.sleep(0.2)


def restart_controller() -> None:
    """Kill the pod of Argo's controller, wherever it runs. Another test may do the same at the same time.

    Raises:
        TunewrightError: the API server does not answer.
    """
    found = Namespace().kubectl("get", "pods", "--all-namespaces", "-l", "app=workflow-controller", "-o", "json")
    for pod in json.loads(found)["items"]:
        kill(pod["metadata"]["name"], Namespace(name=pod["metadata"]["namespace"]))


@pytest.mark.parametrize("shape", list(KILLS))
def test_a_session_under_fire_ends_with_every_trial_counted_once(installation, shape, capsys):
    name = f"under-fire-{shape}"
    submitted = submit(
        study_text(name, rounds=3, parallel=4),
        namespace=installation.namespace,
        now=datetime.now(UTC),
        options=replace(OPTIONS, shape=shape),
    )
    seed = random.randrange(2**32)
    chaos = Chaos(installation, submitted.name, KILLS[shape], seed)
    chaos.start()
    began = time.monotonic()
    try:
        ended = installation.finished(submitted.name, seconds=2000)
    finally:
        chaos.stopped.set()
        chaos.join(30)
    took = time.monotonic() - began
    assert ended.phase == "Succeeded", (seed, ended)

    with installation.ledger(name) as ledger:
        results = assert_every_trial_ended_once(ledger, rounds=3, parallel=4, lost=True)
        tries = [attempts(ledger, result) for result in results]
        champion = layout.read(ledger.store, Champion, layout.CHAMPION)
        assert b"</html>" in ledger.store.get(layout.report(submitted.session)).data
    statuses = Counter(result.status.value for result in results)
    with capsys.disabled():
        print(
            f"\nchaos, {shape} (seed {seed}): killed {dict(chaos.killed)} in {took:.0f} s; attempts {tries}, {dict(statuses)}"
        )
    assert champion.objective > 0.9
    assert len(results) == 12
    assert statuses == {"COMPLETE": 12}  # no trial is killed as often as it may be lost
    assert chaos.killed == Counter({**KILLS[shape], "minio": 1, "controller": 1})
    assert max(tries) > 1
