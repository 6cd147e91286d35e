"""The committed components and pipelines as the SDK reads them: fresh, and with everything that a cluster needs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from pipelines.images import images
from pipelines.kfp import compile as generated
from pipelines.kfp.component import TYPES
from pipelines.kfp.pods import Pods
from tests.steps.studies import shell_study

from kfp import components
from tunewright.errors import InputError
from tunewright.steps.definition import COMMANDS, SEARCH, Step
from tunewright.study import Study
from tunewright.study_file import study_from

LOOPS = ["tunewright.yaml", "tunewright-fused.yaml"]
PIPELINES = [*LOOPS, "example.yaml"]
FOREIGN = {"train-final", "register"}  #: steps of the example that stand for a user's own


def documents(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The pipeline, and what Kubernetes is told about its executors."""
    pipeline, platform = yaml.safe_load_all(text)
    return pipeline, platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]


def committed(name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    return documents((generated.HERE / name).read_text())


def tasks(pipeline: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every task of every graph."""
    for component in (pipeline["root"], *pipeline["components"].values()):
        yield from component.get("dag", {}).get("tasks", {}).items()


def runs(pipeline: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The tasks that are pods."""
    for name, task in tasks(pipeline):
        if "executorLabel" in pipeline["components"][task["componentRef"]["name"]]:
            yield name, task


def test_what_is_committed_is_what_would_be_written() -> None:
    assert generated.stale() == []


def test_a_file_that_was_edited_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    monkeypatch.setattr(generated, "files", lambda: {page: "new"})
    assert CliRunner().invoke(generated.main, ["--check"]).exit_code == 1
    assert CliRunner().invoke(generated.main, []).exit_code == 0
    assert page.read_text() == "new"
    assert CliRunner().invoke(generated.main, ["--check"]).exit_code == 0


@pytest.mark.parametrize("step", COMMANDS, ids=lambda step: step.name)
def test_a_component_loads_and_is_its_step(step: Step) -> None:
    loaded = components.load_component_from_file(str(generated.COMPONENTS / step.name / "component.yaml"))
    specification = loaded.component_spec
    assert loaded.name == step.name
    assert set(specification.inputs or {}) == {i.variable for i in step.inputs}
    assert set(specification.outputs or {}) == {o.name for o in step.outputs}
    for input_ in step.inputs:
        assert specification.inputs[input_.variable].type == TYPES[input_.type]
        assert specification.inputs[input_.variable].optional == input_.optional
    for output in step.outputs:
        kind = specification.outputs[output.name].type
        assert kind == (f"system.{TYPES[output.type]}@0.0.1" if output.artifact else TYPES[output.type])


@pytest.mark.parametrize("step", COMMANDS, ids=lambda step: step.name)
def test_a_component_calls_its_step_with_every_input_and_asks_for_every_output(step: Step) -> None:
    text = (generated.COMPONENTS / step.name / "component.yaml").read_text()
    pipeline = yaml.safe_load(text)
    (executor,) = pipeline["deploymentSpec"]["executors"].values()
    container = executor["container"]
    described = pipeline["root"]["inputDefinitions"]["parameters"]
    assert container["image"] == images()[step.image]
    assert container["command"] == ["python", "-m", "tunewright.steps", step.name]
    arguments = " ".join(container["args"])
    for input_ in step.inputs:
        assert described[input_.variable]["description"] == input_.description
        assert input_.flag in arguments
        assert f"{{{{$.inputs.parameters['{input_.variable}']}}}}" in arguments
    for output in step.outputs:
        place = f"artifacts['{output.name}'].path" if output.artifact else f"parameters['{output.name}'].output_file"
        assert f"--output {output.name} {{{{$.outputs.{place}}}}}" in arguments


@pytest.mark.parametrize("step", COMMANDS, ids=lambda step: step.name)
def test_a_page_tells_all_that_the_definition_says(step: Step) -> None:
    page = (generated.COMPONENTS / step.name / "README.md").read_text()
    for said in (
        step.description,
        step.again,
        *(i.description for i in step.inputs),
        *(o.description for o in step.outputs),
    ):
        assert said in page


@pytest.mark.parametrize("name", PIPELINES)
def test_the_sdk_takes_the_committed_pipelines(name: str) -> None:
    loaded = components.load_component_from_file(str(generated.HERE / name))
    assert {"study_text", "store"} <= set(loaded.component_spec.inputs)


@pytest.mark.parametrize("name", PIPELINES)
def test_caching_is_off_in_every_task(name: str) -> None:
    pipeline, _ = committed(name)
    assert list(tasks(pipeline))
    assert [task for task, body in tasks(pipeline) if body.get("cachingOptions", {}).get("enableCache")] == []


@pytest.mark.parametrize("step", COMMANDS, ids=lambda step: step.name)
def test_caching_is_off_in_a_component_that_is_run_by_itself(step: Step) -> None:
    assert "enableCache" not in (generated.COMPONENTS / step.name / "component.yaml").read_text()


@pytest.mark.parametrize("name", LOOPS)
def test_the_pipeline_is_small_and_does_not_grow_with_rounds_and_slots(name: str) -> None:
    text = (generated.HERE / name).read_text()
    pipeline, platform = text.split("\n---\n")
    compact = len(json.dumps(yaml.safe_load(pipeline), separators=(",", ":")))
    print(f"{name}: pipeline {len(pipeline)} bytes ({compact} as compact JSON), Kubernetes' part {len(platform)} bytes")
    assert len(text) <= 18_000
    assert not any(
        "raw" in task["parameterIterator"]["items"]
        for _, task in tasks(yaml.safe_load(pipeline))
        if "parameterIterator" in task
    )


@pytest.mark.parametrize("name", LOOPS)
def test_rounds_run_one_after_the_other_and_slots_side_by_side(name: str) -> None:
    pipeline, _ = committed(name)
    loops = {t["taskInfo"]["name"]: t.get("iteratorPolicy") for _, t in tasks(pipeline) if "parameterIterator" in t}
    assert loops == {"turns": {"parallelismLimit": 1}, "slots": None}


@pytest.mark.parametrize("name", LOOPS)
def test_a_round_begins_only_if_the_session_is_not_done(name: str) -> None:
    pipeline, _ = committed(name)
    (condition,) = [t for _, t in tasks(pipeline) if "condition" in t.get("triggerPolicy", {})]
    assert condition["triggerPolicy"]["condition"] == "inputs.parameter_values['pipelinechannel--done'] == 'false'"


@pytest.mark.parametrize("name", LOOPS)
def test_the_report_runs_whatever_happened_to_the_rounds(name: str) -> None:
    pipeline, _ = committed(name)
    report = pipeline["components"]["comp-session"]["dag"]["tasks"]["report"]
    assert report["triggerPolicy"] == {"strategy": "ALL_UPSTREAM_TASKS_COMPLETED"}
    assert report["dependentTasks"] == ["exit-handler-1"]
    assert all("componentInputParameter" in source for source in report["inputs"]["parameters"].values())


@pytest.mark.parametrize("name", PIPELINES)
def test_every_step_is_retried_however_late_its_pod_was_lost(name: str) -> None:
    """Argo's maxDuration counts from the start of the first pod: what begins later is not tried, and what still runs is ended."""
    pipeline, _ = committed(name)
    policy = {"backoffDuration": "60s", "backoffFactor": 1.0, "backoffMaxDuration": "31536000s", "maxRetryCount": 8}
    found = {task: body.get("retryPolicy") for task, body in runs(pipeline) if task not in FOREIGN}
    assert found
    assert set(map(str, found.values())) == {str(policy)}


@pytest.mark.parametrize("name", PIPELINES)
def test_every_step_gets_the_store_from_secret_and_config_map_and_is_not_root(name: str) -> None:
    pipeline, platform = committed(name)
    own = {f"exec-{task}" for task, _ in runs(pipeline) if task not in FOREIGN}
    assert set(platform) == own
    for executor in platform.values():
        (secret, token), (settings,) = executor["secretAsEnv"], executor["configMapAsEnv"]
        assert (secret["secretName"], settings["configMapName"]) == ("tunewright-store", "tunewright-store")
        assert {entry["envVar"] for entry in secret["keyToEnv"]} == {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
        assert not secret["optional"]
        assert ([entry["envVar"] for entry in token["keyToEnv"]], token["optional"]) == (["AWS_SESSION_TOKEN"], True)
        assert executor["securityContext"]["runAsNonRoot"] is True


def test_the_secret_is_the_one_that_the_installation_asks_for() -> None:
    _, platform = committed("tunewright.yaml")
    keys = [entry["secretKey"] for entry in platform["exec-open"]["secretAsEnv"][0]["keyToEnv"]]
    install = (generated.HERE.parents[1] / "manifests" / "installs" / "kubeflow" / "kustomization.yaml").read_text()
    assert "create secret generic tunewright-store" in install
    assert all(f"--from-literal {key}=" in install for key in keys)


@pytest.mark.parametrize("name", PIPELINES)
def test_no_secret_and_no_environment_is_written_into_a_container(name: str) -> None:
    pipeline, _ = committed(name)
    for executor in pipeline["deploymentSpec"]["executors"].values():
        assert set(executor["container"]) <= {"image", "command", "args", "resources"}
        assert "AWS" not in str(executor["container"])


def test_only_pods_that_train_wait_in_the_queue_and_get_an_accelerator() -> None:
    pods = Pods(queue="night", accelerator="nvidia.com/gpu", accelerators=2)
    pipeline, platform = documents(generated.pipeline(pods))
    queued = {name for name, executor in platform.items() if "podMetadata" in executor}
    assert queued == {"exec-train"}
    assert platform["exec-train"]["podMetadata"]["labels"] == {"kueue.x-k8s.io/queue-name": "night"}
    assert told_of_queue(pipeline) == {"exec-train", "exec-evaluate", "exec-update-surrogate", "exec-report"}
    given = {
        name: executor["container"]["resources"]["accelerator"]
        for name, executor in pipeline["deploymentSpec"]["executors"].items()
        if "accelerator" in executor["container"]["resources"]
    }
    assert {name: (value["resourceType"], value["resourceCount"]) for name, value in given.items()} == {
        "exec-train": ("nvidia.com/gpu", "2")
    }


def told_of_queue(pipeline: dict[str, Any]) -> set[str]:
    """Executors that pass the queue on to the Jobs that they make."""
    told = {"name": "TUNEWRIGHT_QUEUE", "value": "night"}
    executors = pipeline["deploymentSpec"]["executors"]
    return {name for name, executor in executors.items() if told in executor["container"].get("env", [])}


def test_of_a_trial_that_runs_as_a_job_only_the_job_waits_in_the_queue() -> None:
    study = shell_study(trial={"kind": "command", "command": ["true"], "limits": {"attempts": 12}})
    pods = Pods(queue="night").of(study)
    pipeline, platform = documents(generated.pipeline(pods, fused=True))
    assert not any("podMetadata" in executor for executor in platform.values())
    assert "exec-train" in told_of_queue(pipeline)
    retries = {body["retryPolicy"]["maxRetryCount"] for _, body in runs(pipeline)}
    assert retries == {15}, "as many as a trial may lose attempts, and some"
    assert Pods().of(shell_study()).retries == Pods().retries


def test_every_pod_requests_what_it_needs_and_has_a_limit_of_memory() -> None:
    pipeline, _ = documents(generated.pipeline(Pods(trial_cpu="250m", trial_memory="4Gi"), fused=True))
    found = {name: part["container"]["resources"] for name, part in pipeline["deploymentSpec"]["executors"].items()}
    keys = ("resourceCpuRequest", "resourceMemoryRequest", "resourceMemoryLimit")
    assert tuple(found["exec-train"][key] for key in keys) == ("250m", "4Gi", "4Gi")
    scoring = {"exec-advance", "exec-report"}
    assert {tuple(found[name][key] for key in keys) for name in scoring} == {("100m", "768Mi", "5120Mi")}
    others = [name for name in found if name not in {"exec-train", *scoring}]
    assert {tuple(found[name][key] for key in keys) for name in others} == {("100m", "768Mi", "3Gi")}


def test_a_model_that_a_job_trained_is_scored_in_as_much_memory() -> None:
    trial = {"kind": "xgboost", "job": {"gpus": 1}, "limits": {"memory": "16GiB"}}
    space = {"max_depth": {"type": "int", "low": 1, "high": 4}}
    study = study_from(
        {
            "name": "x",
            "space": space,
            "objective": {"metric": "accuracy"},
            "trial": trial,
            "data": {"source": "sklearn:iris"},
        }
    )
    pipeline, _ = documents(generated.pipeline(Pods().of(study), fused=True))
    found = {name: part["container"]["resources"] for name, part in pipeline["deploymentSpec"]["executors"].items()}
    assert found["exec-advance"]["resourceMemoryLimit"] == found["exec-report"]["resourceMemoryLimit"] == "17408Mi"
    assert found["exec-train"]["resourceMemoryLimit"] == "2Gi", "it only waits"


def test_the_loops_hand_no_server_an_optional_input_to_resolve() -> None:
    for name in LOOPS:
        pipeline, _ = committed(name)
        assert "IfPresent" not in str(pipeline["deploymentSpec"])
    args = committed("tunewright-fused.yaml")[0]["deploymentSpec"]["executors"]["exec-advance"]["container"]["args"]
    assert args[args.index("--round") + 1] == "{{$.inputs.parameters['round']}}"


@pytest.mark.parametrize(
    ("study", "given", "expected"),
    [
        ({"kind": "command", "command": ["true"]}, {}, ("100m", "512Mi")),
        ({"kind": "xgboost", "job": {}}, {"trial_cpu": "2", "trial_memory": "4Gi"}, ("2", "4Gi")),
        ({"kind": "xgboost", "job": {}}, {}, ("100m", "2Gi")),
        ({"kind": "xgboost"}, {}, ("1", "2Gi")),
    ],
)
def test_a_pod_that_waits_for_a_job_holds_no_place_of_a_trial(
    study: dict[str, Any], given: dict[str, str], expected: tuple[str, str]
) -> None:
    made = study_of(study)
    pipeline, _ = documents(generated.pipeline(Pods(**given).of(made)))
    for name in ("exec-train", "exec-evaluate"):
        resources = pipeline["deploymentSpec"]["executors"][name]["container"]["resources"]
        assert (resources["resourceCpuRequest"], resources["resourceMemoryRequest"]) == expected


def study_of(trial: dict[str, Any]) -> Study:
    if trial["kind"] == "command":
        return shell_study(trial=trial)
    return shell_study(
        trial=trial,
        space={"max_depth": {"type": "int", "low": 1, "high": 4}},
        objective={"metric": "accuracy"},
        data={"source": "s3://bucket/table.csv", "target": "y"},
    )


def test_accelerators_that_would_be_held_while_waiting_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"write 'job: {gpus: 2}' below trial"):
        Pods(accelerator="nvidia.com/gpu", accelerators=2).of(study_of({"kind": "command", "command": ["true"]}))
    for given, remedy in (({"trial_cpu": "2"}, "job: {cpu: 2}"), ({"trial_memory": "4Gi"}, "limits: {memory: 4Gi}")):
        with pytest.raises(InputError, match=f"write '{remedy}' below trial"):
            Pods(**given).of(study_of({"kind": "command", "command": ["true"]}))
    arguments = ["--output", str(tmp_path / "mine.yaml"), "--jobs", "--accelerator", "nvidia.com/gpu"]
    refused = CliRunner().invoke(generated.main, arguments)
    assert refused.exit_code == 2
    assert "write 'job: {gpus: 1}' below trial" in refused.output


def test_a_pipeline_for_another_cluster_is_written_where_it_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    arguments = ["--output", str(path), "--fused", "--accelerator", "nvidia.com/gpu", "--queue", ""]
    assert CliRunner().invoke(generated.main, arguments).exit_code == 0
    pipeline, platform = documents(path.read_text())
    assert "comp-advance" in pipeline["components"]
    assert not any("podMetadata" in executor for executor in platform.values())
    assert "nvidia.com/gpu" in str(pipeline["deploymentSpec"]["executors"]["exec-train"])


def test_the_example_hands_typed_artifacts_on() -> None:
    pipeline, _ = committed("example.yaml")
    search = pipeline["components"][f"comp-{SEARCH.name}"]["outputDefinitions"]["artifacts"]
    kinds = {name: artifact["artifactType"]["schemaTitle"] for name, artifact in search.items()}
    assert kinds == {"best": "system.Dataset", "model": "system.Model"}
    steps = pipeline["root"]["dag"]["tasks"]
    best = steps["train-final"]["inputs"]["artifacts"]["best"]["taskOutputArtifact"]
    assert best == {"outputArtifactKey": "best", "producerTask": "search"}
    session = steps["search"]["inputs"]["parameters"]["session"]["runtimeValue"]["constant"]
    assert session == "{{$.pipeline_job_uuid}}"
