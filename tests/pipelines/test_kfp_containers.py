"""The very components in their containers, driven by the SDK's local runner against a real MinIO.

The local runner is no server: it takes a condition that it cannot evaluate for false and says so in a warning only. So every test counts
which steps have run, and how often. Containers run as the cluster runs them: another user than root, nothing writable but /tmp, no capability.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from kfp.local import docker_task_handler, executor_output_utils
from pipelines.images import images
from pipelines.kfp.example import example
from pipelines.kfp.loop import loop
from pipelines.kfp.pods import Pods
from tests.minio_server import MinioServer
from tests.steps.studies import shell_study

from kfp import local
from tunewright.steps import definition as steps
from tunewright.steps.ledger import Ledger
from tunewright.store import layout
from tunewright.store.s3 import S3Store
from tunewright.trial import Champion, Status

PODS = Pods(retries=0)  # what fails here, fails at once

pytestmark = [
    pytest.mark.containers,
    pytest.mark.slow,
    pytest.mark.timeout(1200),
    # requests and limits are a cluster's
    pytest.mark.filterwarnings("ignore:.*have no effect in the current local runner"),
]


@pytest.fixture(scope="module", autouse=True)
def built_images() -> None:
    if not shutil.which("docker") or subprocess.run(["docker", "info"], capture_output=True).returncode:
        pytest.skip("no Docker engine answers; start one")
    for image in images().values():
        if subprocess.run(["docker", "image", "inspect", image], capture_output=True).returncode:
            pytest.skip(f"there is no image {image}; build it with images/build images")


def run_to_its_end(client: Any, image: str, command: list[str], volumes: dict[str, Any], **options: Any) -> int:
    """Runs a container and returns its exit code.

    The SDK's own lets the engine remove the container at its end, and takes one that is gone before it could ask for a success: on a busy
    machine a step that failed counts as done.
    """
    container = client.containers.run(image=image, command=command, detach=True, volumes=volumes, **options)
    try:
        for line in container.logs(stream=True, follow=True):
            print(line.decode(), end="")
        return int(container.wait()["StatusCode"])
    finally:
        container.remove(force=True)


@pytest.fixture
def runner(tmp_path: Path, s3_environment: MinioServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The SDK set up to run containers; yields the folder of their outputs."""
    monkeypatch.setattr(docker_task_handler, "run_docker_container", run_to_its_end)
    outputs = tmp_path / "outputs"
    before = os.umask(0)  # the runner makes folders as this user, the containers write into them as theirs
    outputs.mkdir()
    container = local.DockerRunner(
        entrypoint=[],  # as in a pod, where a command replaces the image's entry point
        user="10001:10001",
        read_only=True,
        tmpfs={"/tmp": "mode=1777"},
        cap_drop=["ALL"],
        security_opt=["no-new-privileges"],
        network_mode="host",
        environment=s3_environment.environment(),
    )
    local.init(container, pipeline_root=str(outputs), workspace_root=str(tmp_path / "workspace"))
    yield outputs
    os.umask(before)


@pytest.fixture
def artifacts_as_on_a_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The local runner knows of a container's artifacts only by a message that the SDK's Python components write.

    A server takes them from where it told the container to put them, message or not. So they are put into the empty message here.
    """
    read = executor_output_utils.get_outputs_from_executor_output

    def outputs(executor_output: Any, executor_input: Any, component_spec: Any) -> dict[str, Any]:
        for name, artifacts in executor_input.outputs.artifacts.items():
            assert Path(artifacts.artifacts[0].uri).exists(), f"the container has written no {name}"
            executor_output.artifacts[name].CopyFrom(artifacts)
        found: dict[str, Any] = read(executor_output, executor_input, component_spec)
        return found

    monkeypatch.setattr(executor_output_utils, "get_outputs_from_executor_output", outputs)


def ran(output: str) -> Counter[str]:
    """How often each step said that it was done."""
    return Counter(re.findall(r'^ *\{"step": "([a-z-]+)"', output, re.MULTILINE))


def text(**changes: Any) -> str:
    study = shell_study(agent={"reward_model": "none", "initial_trials": 2}, **changes)
    return study.model_dump_json(exclude_unset=True)


def statuses(ledger: Ledger) -> list[Status]:
    rounds = ledger.sealed(range(ledger.head()[0].round))
    return [result.status for round_ in rounds for result in round_.results]


def test_sessions_run_round_after_round_until_they_are_done_and_then_only_propose(
    runner: Path, s3_store: S3Store, capfd: pytest.CaptureFixture[str]
) -> None:
    budget = {"trials": 4, "parallel_trials": 2}
    pipeline = loop(PODS)

    pipeline(study_text=text(budget=budget), store=s3_store.address, session="2026-01-18T02:00:00Z")
    assert ran(capfd.readouterr().out) == {
        "open": 1, "propose": 2, "train": 4, "evaluate": 4, "update-surrogate": 2, "update-policy": 2, "report": 1
    }  # fmt: skip
    ledger = Ledger.at(f"{s3_store.address}/toy")
    assert statuses(ledger) == [Status.COMPLETE] * 4
    page = layout.report("2026-01-18T02-00-00Z")
    assert ledger.store.get(page).data.startswith(b"<!")
    assert layout.read(ledger.store, Champion, layout.CHAMPION).objective > 0

    # a duplicate trigger: the session is done, so nothing is trained
    pipeline(study_text=text(budget=budget), store=s3_store.address, session="2026-01-18T02:00:00Z")
    assert ran(capfd.readouterr().out) == {"open": 1, "propose": 2, "report": 1}

    # what the next night is to find has been found: nothing is trained
    goal = {"metric": "score", "goal": 0.0}
    pipeline(study_text=text(budget=budget, objective=goal), store=s3_store.address, session="20260119020000")
    assert ran(capfd.readouterr().out) == {"open": 1, "propose": 2, "report": 1}
    assert statuses(ledger) == [Status.COMPLETE] * 4

    # another study reaches its goal in the first of two rounds: the branch of the second is not taken
    other = text(budget=budget, objective=goal, name="other")
    pipeline(study_text=other, store=s3_store.address, session="20260119020000")
    assert ran(capfd.readouterr().out) == {
        "open": 1, "propose": 2, "train": 2, "evaluate": 2, "update-surrogate": 1, "update-policy": 1, "report": 1
    }  # fmt: skip


def test_the_fused_shape_updates_and_proposes_in_one_container(
    runner: Path, s3_store: S3Store, capfd: pytest.CaptureFixture[str]
) -> None:
    study_text = text(budget={"trials": 4, "parallel_trials": 2})
    loop(PODS, fused=True)(study_text=study_text, store=s3_store.address, session="one")
    assert ran(capfd.readouterr().out) == {
        "open": 1, "propose": 2, "train": 4, "advance": 2, "report": 1
    }  # fmt: skip
    assert statuses(Ledger.at(f"{s3_store.address}/toy")) == [Status.COMPLETE] * 4


def test_a_session_that_breaks_off_is_reported_and_goes_on_when_it_is_run_again(
    runner: Path, s3_store: S3Store, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    arguments = {
        "study_text": text(budget={"trials": 2, "parallel_trials": 2}),
        "store": s3_store.address,
        "session": "one",
    }
    with monkeypatch.context() as patch:
        patch.setattr(steps, "TRAIN", replace(steps.TRAIN, name="no-such-step"))
        with pytest.raises(RuntimeError, match="no-such-step"):
            loop(PODS)(**arguments)
    assert ran(capfd.readouterr().out) == {"open": 1, "propose": 1, "report": 1}
    ledger = Ledger.at(f"{s3_store.address}/toy")
    assert ledger.store.get(layout.report("one")).data

    loop(PODS)(**arguments)
    assert ran(capfd.readouterr().out)["train"] == 2
    assert statuses(ledger) == [Status.COMPLETE] * 2


def test_a_bad_study_ends_the_run_before_anything_else_starts(
    runner: Path, s3_store: S3Store, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RuntimeError, match="open"):
        loop(PODS)(study_text="name: Bad Name\n", store=s3_store.address, session="one")
    output = capfd.readouterr().out
    assert ran(output) == {}
    assert "the study has" in output
    assert list(s3_store.list()) == []


def test_the_search_inside_a_pipeline_hands_its_best_configuration_and_model_to_the_next_steps(
    runner: Path, s3_store: S3Store, artifacts_as_on_a_server: None
) -> None:
    study_text = (Path(__file__).parent / "small_xgboost.yaml").read_text()
    example(PODS)(study_text=study_text, store=s3_store.address)
    (entry,) = (path for path in runner.rglob("entry") if path.is_file())
    card = json.loads(entry.read_text())
    champion = layout.read(Ledger.at(f"{s3_store.address}/small-xgboost").store, Champion, layout.CHAMPION)
    assert card["trial"] == champion.trial
    assert card["objective"] == champion.objective > 0.8
    assert card["configuration"] == champion.configuration
    assert card["bytes"] > 1000
    (model,) = (path for path in runner.rglob("model") if path.is_dir())
    assert {path.name for path in model.iterdir()} > {"champion.json", "model.json"}
