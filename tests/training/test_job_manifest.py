"""The Job as plain data: what is passed on, and that nothing of a study undoes what isolates its trials."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.training.runner_contract import shell
from tests.training.trials import TRIAL, job, study

from tunewright.study import Study
from tunewright.training.evaluator import scoring
from tunewright.training.job_manifest import Site, job_name, manifest
from tunewright.training.job_site import site_of
from tunewright.trial import Checkpoint

KEY = {
    "name": "AWS_ACCESS_KEY_ID",
    "valueFrom": {"secretKeyRef": {"name": "tunewright-store", "key": "AWS_ACCESS_KEY_ID"}},
}
SITE = Site(
    namespace="tuning", image="tunewright/trainer:1", address="s3://bucket/studies/tested", environment=[KEY]
)  # fmt: skip
OVERLAY = {
    "metadata": {"labels": {"team": "vision"}, "annotations": {"cluster-autoscaler.kubernetes.io/safe-to-evict": "no"}},
    "spec": {
        "nodeSelector": {"gpu": "a100"},
        "priorityClassName": "low",
        "tolerations": [{"key": "nvidia.com/gpu", "operator": "Exists", "effect": "NoSchedule"}],
        "runtimeClassName": "nvidia",
        "securityContext": {"runAsUser": 1000},
    },
}
EVERYTHING = {
    "image": "registry.example/team/train:3",
    "directory": "/src",
    "files": {"train.py": "print('$$')"},
    "environment": {"RATE": "{x} $(HOME)"},
    "limits": {"memory": "4GiB", "time": "1h"},
    "job": {
        "cpu": 0.5,
        "gpus": 2,
        "queue": "night",
        "volumes": [{"claim": "datasets", "path": "/data"}, {"config_map": "words", "path": "/words"}],
        "secrets": {"HF_TOKEN": "hub/token"},
        "pod": OVERLAY,
    },
}


def made(of: Study, tmp_path: Path, site: Site = SITE) -> tuple[dict[str, Any], dict[str, Any]]:
    """The Job, and its containers by name."""
    body = manifest(job(of, tmp_path / "job"), site)
    spec = body["spec"]["template"]["spec"]
    return body, {c["name"]: c for c in [*spec["initContainers"], *spec["containers"]]}


@pytest.fixture(params=["a command", "everything", "built in"])
def of(request: pytest.FixtureRequest) -> Study:
    if request.param == "built in":
        trial = {"kind": "xgboost", "job": {"gpus": 1}}
        data = {"source": "s3://bucket/table.csv", "target": "y"}
        return study(trial, data=data, space={"max_depth": {"type": "int", "low": 1, "high": 4}})
    return shell("true", **(EVERYTHING if request.param == "everything" else {}))


@pytest.mark.parametrize(("image", "pulled"), [({}, "IfNotPresent"), ({"image": "team/train:latest"}, None)])
def test_an_image_of_a_user_is_pulled_as_kubernetes_pulls_it_and_ours_once(
    tmp_path: Path, image: dict[str, str], pulled: str | None
):
    _, containers = made(shell("true", **image), tmp_path)
    assert [containers[name].get("imagePullPolicy") for name in ("load", "trial")] == ["IfNotPresent", pulled]


def test_only_load_and_save_can_reach_the_store_and_nothing_has_a_token(of: Study, tmp_path: Path):
    body, containers = made(of, tmp_path)
    assert [KEY in container["env"] for container in containers.values()] == [True, True, False]
    assert not any(entry["name"].startswith(("AWS_", "TUNEWRIGHT_S3_")) for entry in containers["trial"]["env"])
    spec = body["spec"]["template"]["spec"]
    assert spec["automountServiceAccountToken"] is False
    assert "serviceAccountName" not in spec
    assert "shareProcessNamespace" not in spec
    assert not {"tmp"} & {mount["name"] for mount in containers["trial"]["volumeMounts"]}


def test_what_scores_is_a_job_of_its_own_without_the_gpus_of_training(tmp_path: Path):
    evaluate = {"command": ["score", "{model}"], "image": "registry.example/score:1", "limits": {"memory": "1GiB"}}
    of = shell("true", **EVERYTHING, evaluate=evaluate)
    scores = scoring(of)
    assert scores is not None
    trains, site = job(of, tmp_path / "train"), replace(SITE, scores=True)
    scored = replace(job(scores, tmp_path / "score"), scores=True)
    body = manifest(scored, site)
    assert body["metadata"]["name"] != job_name(SITE, TRIAL, trains.attempt)
    training, scoring_labels = (manifest(j, s)["metadata"]["labels"] for j, s in ((trains, SITE), (scored, site)))
    assert training["tunewright/study-at"] != scoring_labels["tunewright/study-at"], "one selects not the other"
    containers = {c["name"]: c for c in body["spec"]["template"]["spec"]["containers"]}
    assert containers["trial"]["image"] == "registry.example/score:1"
    assert containers["trial"]["command"] == ["score", "/tunewright/model"]
    assert containers["trial"]["resources"]["limits"] == {"memory": str(2**30), "ephemeral-storage": "16Gi"}
    assert {"name": "TUNEWRIGHT_MODEL", "value": "/tunewright/model"} in containers["trial"]["env"]
    assert body["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "night"
    assert "--box score" in " ".join(containers["save"]["command"])


def test_every_container_is_what_pod_security_restricted_asks_for(of: Study, tmp_path: Path):
    body, containers = made(of, tmp_path)
    context = body["spec"]["template"]["spec"]["securityContext"]
    assert (context["runAsNonRoot"], context["seccompProfile"]) == (True, {"type": "RuntimeDefault"})
    for container in containers.values():
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert "privileged" not in container["securityContext"]
    kinds = {key for volume in body["spec"]["template"]["spec"]["volumes"] for key in volume if key != "name"}
    assert kinds <= {"emptyDir", "persistentVolumeClaim", "configMap"}


def test_a_pod_may_fill_the_trials_own_disk_and_the_shared_folder_and_no_node(of: Study, tmp_path: Path):
    body, containers = made(of, tmp_path)
    assert containers["trial"]["resources"]["limits"]["ephemeral-storage"] == "16Gi"
    spec = body["spec"]["template"]["spec"]
    assert {"name": "shared", "emptyDir": {"sizeLimit": "16Gi"}} in spec["volumes"]
    limits = [container["resources"]["limits"]["ephemeral-storage"] for container in spec["containers"]]
    assert limits == ["16Gi", "16Gi"], "their sum is the pod's limit, shared folder included"
    requests = {container["resources"]["requests"]["ephemeral-storage"] for container in containers.values()}
    assert requests == {"0"}, "without one, Kubernetes would request the limit"


def test_disk_that_a_study_asks_for_is_requested_and_is_the_limit(tmp_path: Path):
    body, containers = made(shell("true", job={"disk": "5GiB"}), tmp_path)
    resources, asked = containers["trial"]["resources"], str(5 * 2**30)
    assert {resources[kind]["ephemeral-storage"] for kind in ("requests", "limits")} == {asked}
    assert {"name": "shared", "emptyDir": {"sizeLimit": asked}} in body["spec"]["template"]["spec"]["volumes"]


def test_what_a_study_asks_for_is_passed_on(tmp_path: Path):
    body, containers = made(shell("true", **EVERYTHING), tmp_path)
    trial, spec = containers["trial"], body["spec"]["template"]["spec"]
    assert (trial["image"], trial["workingDir"]) == ("registry.example/team/train:3", "/src")
    most = {"memory": str(4 * 2**30), "nvidia.com/gpu": "2"}
    assert trial["resources"] == {
        "requests": {"cpu": "500m", "ephemeral-storage": "0", **most},
        "limits": {"ephemeral-storage": "16Gi", **most},
    }
    assert body["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "night"
    assert "kueue.x-k8s.io/queue-name" not in body["spec"]["template"]["metadata"]["labels"]
    assert body["spec"]["template"]["metadata"]["labels"]["team"] == "vision"
    assert body["spec"]["template"]["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"
    assert spec["tolerations"] == OVERLAY["spec"]["tolerations"]
    assert (spec["securityContext"]["runAsUser"], spec["securityContext"]["fsGroup"]) == (1000, 10001)
    users = {name: containers[name]["securityContext"]["runAsUser"] for name in ("load", "save")}
    assert users == {"load": 1000, "save": 1000}, "only the trial's own user can store what it has closed to others"
    mounts = {mount["mountPath"]: mount["readOnly"] for mount in trial["volumeMounts"] if "readOnly" in mount}
    assert mounts == {"/data": True, "/words": True}
    variables = {entry["name"]: entry for entry in trial["env"]}
    assert variables["HF_TOKEN"]["valueFrom"] == {"secretKeyRef": {"name": "hub", "key": "token"}}
    assert variables["RATE"]["value"] == "0.5 $$(HOME)", "Kubernetes would replace it"
    assert variables.keys().isdisjoint({"USER", "LOGNAME"})
    assert "HOME" not in variables, "the study's own user has a home in its image"
    told = json.loads(containers["load"]["env"][-1]["value"].replace("$$", "$"))
    assert told["texts"] == {"params.json": '{"x": 0.5}', "files/train.py": "print('$$')"}


def test_a_built_in_trainer_reads_its_data_where_load_puts_it(tmp_path: Path):
    data = {"source": "s3://bucket/table.csv", "target": "y"}
    space = {"max_depth": {"type": "int", "low": 1, "high": 4}}
    _, containers = made(study({"kind": "xgboost", "job": {}}, data=data, space=space), tmp_path)
    told = json.loads(containers["load"]["env"][-1]["value"])
    assert told["data"]["source"] == "s3://bucket/table.csv"
    request = json.loads(told["texts"]["request.json"])
    assert request["study"]["data"]["source"] == "/tunewright/data.csv"
    assert containers["trial"]["command"][-1] == "/tunewright/request.json"
    assert containers["trial"]["image"] == SITE.image


def test_what_load_is_told_takes_no_more_bytes_than_it_has(tmp_path: Path):
    text = "é" * 30_000
    _, containers = made(shell("true", files={"words.txt": text}), tmp_path)
    value = containers["load"]["env"][-1]["value"]
    assert len(value.encode()) < 61_000
    assert json.loads(value)["texts"]["files/words.txt"] == text


@pytest.mark.parametrize("files", [{"bell.txt": "\x07" * 10_900}, {f"{i:04}": "" for i in range(5_000)}])
def test_as_many_files_as_a_study_may_have_and_a_checkpoint_of_any_size_fit_into_a_variable(
    tmp_path: Path, files: dict[str, str]
):
    """Linux takes none of 128 KiB."""
    found = Checkpoint(trial=TRIAL, attempt=3, files={f"shard-{i}": "0" * 64 for i in range(5_000)}, size=1)
    of = replace(job(shell("true", files=files), tmp_path / "job"), resumes=found)
    load = manifest(of, SITE)["spec"]["template"]["spec"]["initContainers"][0]
    entry = load["env"][-1]
    subprocess.run(["true"], env={entry["name"]: entry["value"]}, check=True)
    assert json.loads(entry["value"])["resumes"] == {"trial": TRIAL, "attempt": 3}


def test_names_tell_attempts_and_studies_apart_and_fit_into_a_label(tmp_path: Path):
    other = Site(namespace="tuning", image="i", address="s3://bucket/studies/other", environment=[])
    names = {job_name(site, TRIAL, attempt) for site in (SITE, other) for attempt in (1, 2)}
    assert len(names) == 4
    assert all(len(name) <= 63 and TRIAL in name for name in names)


def test_jobs_run_on_what_their_step_runs_on():
    owner = {"apiVersion": "argoproj.io/v1alpha1", "kind": "Workflow", "name": "w", "uid": "1", "controller": True}
    labels = {"workflows.argoproj.io/workflow": "w", "kueue.x-k8s.io/queue-name": "of the pod", "other": "x"}
    environment = [KEY, {"name": "TUNEWRIGHT_S3_ENDPOINT", "value": "http://minio:9000"}, {"name": "ARGO", "value": ""}]
    main = {"name": "main", "image": "trainer:2", "env": environment}
    pod = {
        "metadata": {"namespace": "n", "name": "p", "uid": "2", "labels": labels, "ownerReferences": [owner]},
        "spec": {"containers": [{"name": "wait", "image": "argoexec"}, main]},
    }
    site = site_of(pod, "s3://bucket/studies/tested")
    assert (site.namespace, site.image) == ("n", "trainer:2")
    assert [entry["name"] for entry in site.environment] == ["AWS_ACCESS_KEY_ID", "TUNEWRIGHT_S3_ENDPOINT"]
    assert site.owner == {key: owner[key] for key in ("apiVersion", "kind", "name", "uid")}
    assert site.labels == {"workflows.argoproj.io/workflow": "w"}
    queued = site_of(pod, "s3://bucket/studies/tested", "night")
    assert queued.labels == {"workflows.argoproj.io/workflow": "w", "kueue.x-k8s.io/queue-name": "night"}
    pod["metadata"].pop("ownerReferences")
    assert site_of(pod, "s3://b/s/t").owner == {"apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "2"}


def test_a_private_registry_s_secrets_are_those_of_the_step_and_of_the_study(tmp_path: Path):
    pod = {
        "metadata": {"namespace": "n", "name": "p", "uid": "2"},
        "spec": {
            "containers": [{"name": "main", "image": "harbor/trainer:2"}],
            "imagePullSecrets": [{"name": "harbor"}],
        },
    }
    site = site_of(pod, "s3://b/s/t")
    named = {"pod": {"spec": {"imagePullSecrets": [{"name": "own"}]}}}
    for settings, expected in (({}, ["harbor"]), (named, ["own", "harbor"])):
        body, _ = made(shell("true", job=settings), tmp_path, site)
        spec = body["spec"]["template"]["spec"]
        assert spec["imagePullSecrets"] == [{"name": name} for name in expected]
