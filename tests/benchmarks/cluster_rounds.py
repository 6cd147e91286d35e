"""Seconds per round of four one-second trials on the cluster of KUBECONFIG, in both shapes: what the loop itself costs.

::

    python -m tests.benchmarks.cluster_rounds

The trial is a program that sleeps for one second, so that all else is Kubernetes, Argo, the start of Python and the agent. CPU seconds are
those of this whole machine, and mean something where the node is this machine and nothing else runs.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import psutil
from pipelines.argo.session import submit
from pipelines.argo.template import AGENT
from tests.e2e.installation import OPTIONS, installed
from tests.e2e.timing import seconds_per_round

STUDY = """\
name: one-second-{shape}
space: {{x: {{type: float, low: 0, high: 1}}, y: {{type: float, low: 0.001, high: 1, scale: log}}}}
objective: {{metric: score}}
budget: {{trials: 16, parallel_trials: 4, rounds: 4}}
trial:
  kind: command
  command: [sh, -c, 'sleep 1; echo "{{{{\\"score\\": {{x}}}}}}" > "$TUNEWRIGHT_METRICS"']
"""


def main() -> None:
    with installed(Path(tempfile.gettempdir()) / "tunewright-e2e-minio") as installation:
        for shape in AGENT:
            text = STUDY.format(shape=shape)
            before = cpu_seconds()
            load = os.getloadavg()[0]
            now = datetime.now(UTC)
            made = submit(text, namespace=installation.namespace, now=now, options=replace(OPTIONS, shape=shape))
            ended = installation.finished(made.name, seconds=1200)
            used = cpu_seconds() - before
            print(f"{shape}: {ended.phase}, {ended.trials} trials, load before {load:.1f} on {os.cpu_count()} cores")
            print(f"  {used:.0f} CPU seconds of the machine for the session")
            for line in seconds_per_round(installation.nodes(made.name)):
                print(f"  {line}")


def cpu_seconds() -> float:
    times = psutil.cpu_times()
    return times.user + times.system + times.nice + times.irq + times.softirq


if __name__ == "__main__":
    main()
