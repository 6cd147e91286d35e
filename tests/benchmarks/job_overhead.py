"""What running a trial as a Job adds to the bare pod: ``python -m tests.benchmarks.job_overhead``. Needs a cluster, as tests/e2e does.

Both are timed from the request to the moment at which the end is known, in turn, so that the node's mood is the same for both.
"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import click
from tests.e2e.installation import NAME, installed, kubectl
from tests.e2e.jobs import ATTEMPTS, job_runner
from tests.training.runner_contract import METRIC, shell
from tests.training.trials import TRIAL, job

from tunewright.training.job import JobRunner
from tunewright.training.job_manifest import manifest
from tunewright.training.runner import Job


def bare_pod(runner: JobRunner, made: Job) -> float:
    """Seconds of the trial's own container alone in a pod."""
    spec: dict[str, Any] = manifest(made, runner.site)["spec"]["template"]["spec"]
    spec |= {"containers": [c for c in spec["containers"] if c["name"] == "trial"], "initContainers": []}
    name = f"bare-{made.attempt}"
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": spec}
    begun = time.monotonic()
    runner.cluster.create(runner.cluster.pods, pod)
    while runner.cluster.get(f"{runner.cluster.pods}/{name}")["status"]["phase"] in ("Pending", "Running"):
        time.sleep(0.5)
    seconds = time.monotonic() - begun
    kubectl("-n", NAME, "delete", "pod", name, "--wait=true")
    return seconds


def as_job(runner: JobRunner, made: Job) -> float:
    """Seconds of the runner, until model, metrics and log are where they belong."""
    begun = time.monotonic()
    finished = runner.run(made, lambda: None)
    seconds = time.monotonic() - begun
    assert finished.state == "TRAINED", finished
    runner.discard(TRIAL)
    return seconds


@click.command()
@click.option("--trials", default=7, show_default=True)
def main(trials: int) -> None:
    """Print the medians of both, and what lies between."""
    of = shell(METRIC + 'echo weights > "{output}/model.bin"', limits={"memory": "64MiB"}, job={"cpu": 0.05})
    seconds: dict[str, list[float]] = {"bare pod": [], "job": []}
    with (
        installed(Path(tempfile.gettempdir()) / "tunewright-e2e-minio") as installation,
        job_runner(installation, "overhead") as runner,
        tempfile.TemporaryDirectory() as folder,
    ):
        for number in range(trials):
            made = job(of, Path(folder) / str(number), attempt=next(ATTEMPTS))
            seconds["bare pod"].append(bare_pod(runner, made))
            seconds["job"].append(as_job(runner, made))
    print(json.dumps({name: [round(value, 1) for value in values] for name, values in seconds.items()}))
    bare, whole = statistics.median(seconds["bare pod"]), statistics.median(seconds["job"])
    print(f"bare pod {bare:.1f} s, as a Job {whole:.1f} s: {whole - bare:.1f} s more (medians of {trials})")


if __name__ == "__main__":
    main()
