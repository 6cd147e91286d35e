"""Seconds per round of four one-second trials on the cluster of KUBECONFIG, in both shapes: what the loop itself costs.

::

    python -m tests.benchmarks.cluster_rounds
    python -m tests.benchmarks.cluster_rounds --trials built-in --shapes fused

A built-in trial fits thirty trees in the step's own pod, a command sleeps for one second in a Job of its own; all else is Kubernetes, Argo,
the start of Python and the agent. CPU seconds are those of this whole machine, and mean something where the node is this machine and nothing
else runs.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import psutil
from pipelines.argo.session import submit
from pipelines.argo.template import AGENT
from tests.e2e.installation import OPTIONS, installed
from tests.e2e.timing import seconds_per_round

COMMAND = """\
name: {name}
space: {{x: {{type: float, low: 0, high: 1}}, y: {{type: float, low: 0.001, high: 1, scale: log}}}}
objective: {{metric: score}}
budget: {{trials: 16, parallel_trials: 4, rounds: 4}}
trial:
  kind: command
  command: [sh, -c, 'sleep 1; echo "{{{{\\"score\\": {{x}}}}}}" > "$TUNEWRIGHT_METRICS"']
"""
BUILT_IN = """\
name: {name}
space: {{max_depth: {{type: int, low: 2, high: 4}}, learning_rate: {{type: float, low: 0.01, high: 0.5, scale: log}}}}
objective: {{metric: accuracy}}
budget: {{trials: 16, parallel_trials: 4, rounds: 4}}
trial: {{kind: xgboost, fixed: {{n_estimators: 30}}}}
data: {{source: "sklearn:breast_cancer"}}
"""
STUDIES = {"built-in": BUILT_IN, "command": COMMAND}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", nargs="+", choices=list(STUDIES), default=list(STUDIES))
    parser.add_argument("--shapes", nargs="+", choices=list(AGENT), default=list(AGENT))
    arguments = parser.parse_args()
    with installed(Path(tempfile.gettempdir()) / "tunewright-e2e-minio") as installation:
        for trial, shape in product(arguments.trials, arguments.shapes):
            text = STUDIES[trial].format(name=f"{trial}-{shape}")
            before = cpu_seconds()
            load = os.getloadavg()[0]
            now = datetime.now(UTC)
            made = submit(text, namespace=installation.namespace, now=now, options=replace(OPTIONS, shape=shape))
            ended = installation.finished(made.name, seconds=1200)
            used = cpu_seconds() - before
            print(
                f"{trial}, {shape}: {ended.phase}, {ended.trials} trials, load before {load:.1f} on {os.cpu_count()} cores"
            )
            print(f"  {used:.0f} CPU seconds of the machine for the session")
            for line in seconds_per_round(installation.nodes(made.name)):
                print(f"  {line}")


def cpu_seconds() -> float:
    times = psutil.cpu_times()
    return times.user + times.system + times.nice + times.irq + times.softirq


if __name__ == "__main__":
    main()
