"""TrainJobs on an API server with the real CRDs of Kubeflow Trainer 2.1.

Trainer's controller is not at hand: what it does, making pods from the runtime, these tests do.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML
from tests.e2e.installation import NAME, Installation, kubectl, wait_for
from tests.e2e.jobs import ATTEMPTS, job_runner
from tests.e2e.test_job_runner import Waiting
from tests.manifests.test_schemas import closed
from tests.training.runner_contract import METRIC, shell
from tests.training.test_job_manifest import EVERYTHING
from tests.training.trials import TRIAL, job

from tunewright.errors import AttemptLost, InputError
from tunewright.study import Study
from tunewright.training.job import TrainJobRunner
from tunewright.training.job_manifest import job_name
from tunewright.training.job_trainjob import INDEX, runtime, train_job

MODULE = "github.com/kubeflow/trainer/v2@v2.1.0"

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.xdist_group("trainer"),  # whoever made the CRDs removes them
]


@pytest.fixture(scope="module")
def crds() -> Path:
    """The CRDs of Trainer 2.1, which its Go module carries."""
    folder = os.environ.get("TRAINER_CRDS")
    if folder:
        return Path(folder)
    if not shutil.which("go"):
        pytest.skip("TRAINER_CRDS is not set and there is no Go to download Trainer's module with; set it to its CRDs")
    done = subprocess.run(["go", "mod", "download", "-json", MODULE], capture_output=True, text=True, cwd="/")
    if done.returncode:
        pytest.skip(f"Trainer's module cannot be downloaded: {done.stdout + done.stderr}; set TRAINER_CRDS")
    return Path(json.loads(done.stdout)["Dir"]) / "manifests" / "base" / "crds"


def served() -> bool:
    """Whether requests are answered, which is a moment after the definitions are established."""
    asked = [
        ["kubectl", "-n", NAME, "get", f"{kind}.trainer.kubeflow.org"] for kind in ("trainjobs", "trainingruntimes")
    ]
    return all(subprocess.run(each, capture_output=True).returncode == 0 for each in asked)


@pytest.fixture(scope="module")
def trainer(installation: Installation, crds: Path) -> Iterator[None]:
    """An API server that knows TrainJobs."""
    kinds = ["crd/trainjobs.trainer.kubeflow.org", "crd/trainingruntimes.trainer.kubeflow.org"]
    mine = not kubectl("get", kinds[0], "--ignore-not-found", "--output", "name")
    for kind in ("trainjobs", "trainingruntimes"):
        kubectl("apply", "--server-side", "-f", str(crds / f"trainer.kubeflow.org_{kind}.yaml"))
    wait_for("both kinds are served", served, 30)
    yield
    if mine:
        kubectl("delete", *kinds)


@pytest.fixture
def runner(installation: Installation, trainer: None) -> Iterator[TrainJobRunner]:
    with job_runner(installation, "trainjob") as made:
        yield TrainJobRunner(cluster=made.cluster, site=made.site)
    kubectl("-n", NAME, "delete", "pods", "-l", f"tunewright/trial={TRIAL}", "--wait=false")


def two_nodes(source: str, **trial: Any) -> Study:
    return shell(source, **{"limits": {"memory": "64MiB"}, **trial, "job": {"nodes": 2, "cpu": 0.05, "start": 60}})


def play_controller(name: str) -> None:
    """Make the pods of a TrainJob as JobSet does."""
    kind = "trainingruntimes.trainer.kubeflow.org"
    found = wait_for(
        "the runtime is there", lambda: kubectl("-n", NAME, "get", kind, name, "-o", "json", check=False), 30
    )
    [nodes] = json.loads(found)["spec"]["template"]["spec"]["replicatedJobs"]
    template = nodes["template"]["spec"]["template"]
    for index in range(2):
        spec = json.loads(json.dumps(template["spec"]))
        for container in spec["containers"]:
            container["env"] = [*container.get("env", []), {"name": "JOB_COMPLETION_INDEX", "value": str(index)}]
        labels = {**template["metadata"]["labels"], INDEX: str(index)}
        metadata = {"name": f"{name}-{index}", "labels": labels}
        body = {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}
        kubectl("-n", NAME, "create", "-f", "-", given=json.dumps(body))


@pytest.mark.parametrize("kind", ["trainjobs", "trainingruntimes"])
def test_every_field_is_one_that_trainer_knows(crds: Path, installation: Installation, tmp_path: Path, kind: str):
    of = job(shell("true", **{**EVERYTHING, "job": {**EVERYTHING["job"], "nodes": 2}}), tmp_path / "job")
    with job_runner(installation, "trainjob") as made:
        document = (train_job if kind == "trainjobs" else runtime)(of, made.site)
    crd = YAML(typ="safe").load(crds / f"trainer.kubeflow.org_{kind}.yaml")
    schema = closed(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    faults = [f"{list(e.path)}: {e.message}" for e in jsonschema.Draft202012Validator(schema).iter_errors(document)]
    assert faults == []


def test_a_cluster_without_trainer_is_named(runner: TrainJobRunner):
    with pytest.raises(InputError, match=r"the cluster must know NoSuchJobs to make one"):
        runner.cluster.create(runner.cluster.trainer("nosuchjobs"), {"kind": "NoSuchJob"})


def test_a_trial_over_two_nodes_keeps_the_first_ones_results(runner: TrainJobRunner, tmp_path: Path):
    number = next(ATTEMPTS)
    source = (
        METRIC
        + 'echo node $JOB_COMPLETION_INDEX; echo $JOB_COMPLETION_INDEX > "{output}/node"; sleep $((2 * JOB_COMPLETION_INDEX))'
    )
    waiting = Waiting(runner, two_nodes(source), tmp_path / "job", number)
    play_controller(job_name(runner.site, TRIAL, number))
    finished = waiting.end().finished
    assert finished is not None, waiting.error
    assert (finished.state, finished.log_tail, list(finished.model or {})) == ("TRAINED", "node 0", ["node"])
    assert runner.goes_on(TRIAL, number)
    runner.discard(TRIAL)
    assert not runner.goes_on(TRIAL, number)


def test_a_node_that_fails_ends_the_trial(runner: TrainJobRunner, tmp_path: Path):
    number = next(ATTEMPTS)
    waiting = Waiting(
        runner, two_nodes('test "$JOB_COMPLETION_INDEX" = 0 && sleep 300; exit 5'), tmp_path / "job", number
    )
    play_controller(job_name(runner.site, TRIAL, number))
    finished = waiting.end().finished
    assert finished is not None, waiting.error
    assert (finished.state, finished.reason) == ("FAILED", "exit code 5 of node 1; the log says why")
    runner.discard(TRIAL)


def test_what_the_controller_says_is_understood(runner: TrainJobRunner, tmp_path: Path):
    number = next(ATTEMPTS)
    name = job_name(runner.site, TRIAL, number)
    waiting = Waiting(runner, two_nodes("true"), tmp_path / "job", number)
    wait_for("the TrainJob is there", lambda: runner.goes_on(TRIAL, number), 30)
    now = "2026-01-02T03:04:05Z"
    condition = {
        "type": "Failed",
        "status": "True",
        "reason": "TrainingRuntimeNotSupported",
        "message": "no plugin",
        "lastTransitionTime": now,
    }
    patch = json.dumps({"status": {"conditions": [condition]}})
    kubectl(
        "-n",
        NAME,
        "patch",
        "trainjobs.trainer.kubeflow.org",
        name,
        "--subresource=status",
        "--type=merge",
        f"--patch={patch}",
    )
    error = waiting.end().error
    assert isinstance(error, InputError)
    assert "no plugin" in str(error)
    assert not runner.goes_on(TRIAL, number)


def test_a_train_job_that_is_deleted_from_outside_is_the_platforms_fault(runner: TrainJobRunner, tmp_path: Path):
    number = next(ATTEMPTS)
    waiting = Waiting(runner, two_nodes("true"), tmp_path / "job", number)
    wait_for("the TrainJob is there", lambda: runner.goes_on(TRIAL, number), 30)
    kubectl("-n", NAME, "delete", "trainjobs.trainer.kubeflow.org", job_name(runner.site, TRIAL, number))
    assert isinstance(waiting.end().error, AttemptLost)
