"""What `kubectl apply -k` would send: rendered, linted, and held to the rules that no API server checks."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pipelines.argo.workflow import SCHEDULED
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
INSTALLS = ROOT / "manifests" / "installs"
COMPONENTS = ROOT / "manifests" / "components"
IMAGES = set((ROOT / "images" / "images.txt").read_text().split())

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(not shutil.which("kubectl"), reason="there is no kubectl on PATH to render kustomize with"),
]


def render(folder: Path) -> list[dict[str, Any]]:
    done = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(YAML(typ="safe").load_all(done.stdout))


def overlay(tmp_path: Path, *components: str, install: str = "standalone") -> Path:
    """An installation with more components, as a user's own overlay."""
    lines = [
        "apiVersion: kustomize.config.k8s.io/v1beta1",
        "kind: Kustomization",
        "namespace: tunewright",
        "resources:",
    ]
    lines += [f"  - {os.path.relpath(INSTALLS / install, tmp_path)}", "components:"]
    lines += [f"  - {os.path.relpath(COMPONENTS / name, tmp_path)}" for name in components]
    (tmp_path / "kustomization.yaml").write_text("\n".join(lines) + "\n")
    return tmp_path


def of_kind(documents: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    return [document for document in documents if document["kind"] == kind]


def containers(node: Any) -> Iterator[dict[str, Any]]:
    """Everything in a document that has an image."""
    if isinstance(node, dict):
        if isinstance(node.get("image"), str):
            yield node
        for value in node.values():
            yield from containers(value)
    elif isinstance(node, list):
        for value in node:
            yield from containers(value)


@pytest.mark.parametrize("install", sorted(path.name for path in INSTALLS.iterdir()))
def test_every_installation_renders_without_a_secret_value(install):
    documents = render(INSTALLS / install)
    assert documents
    for secret in of_kind(documents, "Secret"):
        assert secret["type"] == "kubernetes.io/service-account-token"
        assert "data" not in secret
        assert "stringData" not in secret


@pytest.mark.parametrize("install", sorted(path.name for path in INSTALLS.iterdir()))
def test_every_image_is_pinned_and_on_the_one_list(install):
    for container in containers(render(INSTALLS / install)):
        assert container["image"] in IMAGES
        assert container["imagePullPolicy"] == "IfNotPresent"
        assert not container["image"].endswith(":latest")


def test_the_registry_component_reaches_every_image(tmp_path):
    used = {container["image"] for container in containers(render(overlay(tmp_path, "registry")))}
    assert used == {
        re.sub(r"^[^/]+/", "registry.example.com/", image)
        for image in IMAGES
        if not image.startswith("quay.io/argoproj/")
    }


def test_the_namespace_enforces_pod_security_restricted():
    [namespace] = of_kind(render(INSTALLS / "standalone"), "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


@pytest.mark.parametrize("install", ["standalone", "argo-existing"])
def test_a_controller_that_archives_logs_archives_none_here(install):
    # it would mount the Secret of its repository, which this namespace does not have, into every pod
    [chosen] = [
        c for c in of_kind(render(INSTALLS / install), "ConfigMap") if c["metadata"]["name"] == "artifact-repositories"
    ]
    key = chosen["metadata"]["annotations"]["workflows.argoproj.io/default-artifact-repository"]
    assert YAML(typ="safe").load(chosen["data"][key]) == {"archiveLogs": False}


def test_containers_are_confined_and_have_requests_and_memory_limits():
    for container in containers(render(INSTALLS / "standalone")):
        context = container["securityContext"]
        assert context["allowPrivilegeEscalation"] is False
        assert context["readOnlyRootFilesystem"] is True
        assert context["capabilities"] == {"drop": ["ALL"]}
        assert {"cpu", "memory"} <= container["resources"]["requests"].keys()
        assert "memory" in container["resources"]["limits"]


def test_steps_have_no_role_and_no_token_but_those_that_handle_jobs():
    documents = render(INSTALLS / "standalone")
    [template] = of_kind(documents, "WorkflowTemplate")
    assert template["spec"]["automountServiceAccountToken"] is False
    assert template["spec"]["serviceAccountName"] == "tunewright-step"
    own = {t["name"]: t["serviceAccountName"] for t in template["spec"]["templates"] if "serviceAccountName" in t}
    handle_jobs = ("train", "evaluate", "update-surrogate", "advance", "report")
    assert own == dict.fromkeys(handle_jobs, "tunewright-jobs")
    mounted = {a["metadata"]["name"]: a["automountServiceAccountToken"] for a in of_kind(documents, "ServiceAccount")}
    assert mounted == {"tunewright-step": False, "tunewright-executor": False, "tunewright-jobs": True}
    bound = {b["roleRef"]["name"]: [s["name"] for s in b["subjects"]] for b in of_kind(documents, "RoleBinding")}
    assert bound == {"tunewright-executor": ["tunewright-executor"], "tunewright-jobs": ["tunewright-jobs"]}
    rules = {role["metadata"]["name"]: role["rules"] for role in of_kind(documents, "Role")}
    assert rules["tunewright-executor"] == [
        {"apiGroups": ["argoproj.io"], "resources": ["workflowtaskresults"], "verbs": ["create", "patch"]}
    ]
    train = {tuple(rule["resources"]): rule["verbs"] for rule in rules["tunewright-jobs"]}
    assert train == {
        ("jobs",): ["create", "get", "list", "delete"],
        ("trainjobs", "trainingruntimes"): ["create", "get", "list", "delete"],
        ("pods",): ["get", "list"],
        ("pods/log",): ["get"],
        ("events",): ["list"],
    }
    deleted = {
        kind for rule in rules["tunewright-submitter"] if "delete" in rule["verbs"] for kind in rule["resources"]
    }
    assert deleted == {"workflows", "cronworkflows", "jobs", "trainjobs", "trainingruntimes"}
    assert not of_kind(documents, "ClusterRole") + of_kind(documents, "ClusterRoleBinding")


def test_a_kubeflow_profile_may_make_jobs():
    [binding] = of_kind(render(INSTALLS / "kubeflow"), "RoleBinding")
    assert (binding["roleRef"]["name"], binding["subjects"][0]["name"]) == ("tunewright-jobs", "default-editor")


def test_network_policies_refuse_everything_and_then_allow_by_name():
    policies = {p["metadata"]["name"]: p["spec"] for p in of_kind(render(INSTALLS / "standalone"), "NetworkPolicy")}
    assert policies["tunewright-default-deny"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    nodes = policies.pop("tunewright-distributed")
    assert nodes["ingress"] == [{"from": [{"podSelector": nodes["podSelector"]}]}]
    assert nodes["egress"] == [{"to": [{"podSelector": nodes["podSelector"]}]}]
    assert nodes["podSelector"]["matchExpressions"] == [{"key": "jobset.sigs.k8s.io/jobset-name", "operator": "Exists"}]
    allowed_in = [spec for spec in policies.values() if spec.get("ingress")]
    assert [spec["podSelector"]["matchLabels"] for spec in allowed_in] == [{"app.kubernetes.io/name": "minio"}]
    ports = {
        name: sorted(port["port"] for rule in spec["egress"] for port in rule["ports"])
        for name, spec in policies.items()
        if spec.get("egress")
    }
    assert ports == {
        "tunewright-dns": [53, 53, 5353, 5353, 8053, 8053],
        "tunewright-to-minio": [9000],
        "tunewright-to-kubernetes": [443, 6443, 8443, 16443],
    }


@pytest.mark.parametrize(
    "labels",
    [{"k8s-app": "kube-dns"}, {"k8s-app": "node-local-dns"}, {"dns.operator.openshift.io/daemonset-dns": "default"}],
)
def test_the_pods_that_answer_for_name_service_are_reached_whatever_they_are_called(labels):
    policies = {p["metadata"]["name"]: p["spec"] for p in of_kind(render(INSTALLS / "argo-existing"), "NetworkPolicy")}
    (rule,) = policies["tunewright-dns"]["egress"]
    assert {"namespaceSelector": {}, "podSelector": {"matchLabels": labels}} in rule["to"]


def test_what_sets_up_minio_is_run_by_argo_cd_with_a_sync_and_not_whenever_it_is_gone():
    (job,) = of_kind(render(INSTALLS / "standalone"), "Job")
    assert job["metadata"]["annotations"] == {
        "argocd.argoproj.io/hook": "Sync", "argocd.argoproj.io/hook-delete-policy": "BeforeHookCreation"
    }  # fmt: skip


@pytest.mark.parametrize(
    ("install", "name"),
    [("standalone", "tunewright-to-kubernetes"), ("argo-existing", "tunewright-trial-to-store")],
)
def test_addresses_of_nodes_are_reached_which_no_block_holds_for_cilium(install, name):
    policies = {p["metadata"]["name"]: p["spec"] for p in of_kind(render(INSTALLS / install), "NetworkPolicy")}
    assert [list(rule) for rule in policies[name]["egress"]] == [["ports"]]


def test_trials_reach_an_s3_outside_of_the_cluster_where_the_store_is_one():
    outside = {"tunewright-trial-to-store"}
    for install, expected in (("argo-existing", outside), ("standalone", set())):
        policies = {p["metadata"]["name"]: p["spec"] for p in of_kind(render(INSTALLS / install), "NetworkPolicy")}
        assert outside & policies.keys() == expected
    policy = {p["metadata"]["name"]: p["spec"] for p in of_kind(render(INSTALLS / "argo-existing"), "NetworkPolicy")}
    assert policy["tunewright-trial-to-store"]["podSelector"]["matchLabels"] == {
        "app.kubernetes.io/name": "tunewright-trial"
    }


def test_policies_select_the_labels_that_pods_have():
    documents = render(INSTALLS / "standalone")
    [template] = of_kind(documents, "WorkflowTemplate")
    [server], [job] = of_kind(documents, "StatefulSet"), of_kind(documents, "Job")
    labels = [
        template["spec"]["podMetadata"]["labels"],
        server["spec"]["template"]["metadata"]["labels"],
        job["spec"]["template"]["metadata"]["labels"],
        {
            "app.kubernetes.io/name": "tunewright-trial",
            "app.kubernetes.io/part-of": "tunewright",
        },  # of trials that are Jobs
    ]
    for policy in of_kind(documents, "NetworkPolicy"):
        wanted = policy["spec"]["podSelector"].get("matchLabels", {}).items()
        assert any(wanted <= have.items() for have in labels), policy["metadata"]["name"]


def test_kueue_queues_training_and_nothing_else(tmp_path):
    [template] = of_kind(render(overlay(tmp_path, "kueue")), "WorkflowTemplate")
    defaults = {p["name"]: p.get("value") for p in template["spec"]["arguments"]["parameters"]}
    assert (defaults["queue"], defaults["queue-label"]) == ("tunewright", "kueue.x-k8s.io/queue-name")
    queued = [
        t["name"]
        for t in template["spec"]["templates"]
        if "{{workflow.parameters.queue-label}}" in t.get("metadata", {}).get("labels", {})
    ]
    assert queued == ["train"]


def test_the_nightly_component_is_what_schedule_makes(tmp_path):
    documents = render(overlay(tmp_path, "nightly"))
    [cron] = of_kind(documents, "CronWorkflow")
    assert (cron["spec"]["concurrencyPolicy"], cron["spec"]["timezone"]) == ("Forbid", "UTC")
    given = {p["name"]: p for p in cron["spec"]["workflowSpec"]["arguments"]["parameters"]}
    assert given["session"]["value"] == SCHEDULED
    [study] = [c for c in of_kind(documents, "ConfigMap") if c["metadata"]["name"] == "nightly-study"]
    assert f"name: {given['study']['value']}\n" in study["data"]["study.yaml"]


@pytest.mark.parametrize("components", [(), ("nightly", "kueue")], ids=["standalone", "with everything"])
def test_argo_finds_no_fault(tmp_path, components):
    if not shutil.which("argo"):
        pytest.skip("there is no argo on PATH to lint with")
    folder = overlay(tmp_path, *components) if components else INSTALLS / "standalone"
    rendered = subprocess.run(["kubectl", "kustomize", str(folder)], capture_output=True, text=True).stdout
    argo = [part for part in rendered.split("\n---\n") if re.search(r"^apiVersion: argoproj.io", part, re.MULTILINE)]
    linted = tmp_path / "argo.yaml"
    linted.write_text("\n---\n".join(argo))
    done = subprocess.run(["argo", "lint", "--offline", "--strict", str(linted)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(argo) == 1 + ("nightly" in components)
