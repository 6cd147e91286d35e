"""Installed, installed again over data, and removed without a trace."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.installation import NAME, ROOT, kubectl, overlay, uninstall

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
INSTALLS = ROOT / "manifests" / "installs"


@pytest.fixture(scope="module")
def empty_namespace(cluster) -> Iterator[str]:
    """One where nothing is, so that nothing is compared with what another installation made."""
    name = f"{NAME}-empty"
    kubectl("create", "namespace", name)
    yield name
    kubectl("delete", "namespace", name)


@pytest.mark.parametrize("install", sorted(path.name for path in INSTALLS.iterdir()))
def test_the_api_server_takes_every_object(empty_namespace, tmp_path: Path, install: str):
    rendered = kubectl("kustomize", str(overlay(tmp_path, INSTALLS / install, empty_namespace)))
    answer = kubectl("apply", "--dry-run=server", "--server-side", "--force-conflicts", "-f", "-", given=rendered)
    assert answer.count("(server dry run)") == rendered.count("\nkind: ") + rendered.startswith("kind: ")


def test_installing_again_changes_nothing(installation):
    # the setup Job goes by itself some minutes after it has ended, and is then made again
    others = "app.kubernetes.io/name!=minio-setup"
    done = subprocess.run(
        ["kubectl", "diff", "-k", str(installation.folder), "--selector", others], capture_output=True, text=True
    )
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_data_outlives_installing_again_and_a_new_server(installation):
    with installation.ledger("kept") as ledger:
        ledger.store.create("document", b"kept")
    kubectl("apply", "-k", str(installation.folder))
    kubectl("-n", NAME, "rollout", "restart", "statefulset/minio")
    kubectl("-n", NAME, "rollout", "status", "statefulset/minio", "--timeout=180s")
    with installation.ledger("kept") as ledger:
        assert ledger.store.get("document").data == b"kept"
        ledger.store.delete("document")


def test_uninstalling_leaves_nothing(cluster, tmp_path: Path):
    folder, name = overlay(tmp_path, INSTALLS / "standalone", f"{NAME}-removed"), f"{NAME}-removed"
    kubectl("apply", "-k", str(folder))
    assert "tunewright" in kubectl("-n", name, "get", "workflowtemplates", "--output", "name")
    uninstall(folder, name)
    assert name not in kubectl("get", "namespaces", "--output", "name")
    everywhere = "clusterroles,clusterrolebindings,customresourcedefinitions,mutatingwebhookconfigurations"
    assert kubectl("get", everywhere, "--selector", "app.kubernetes.io/part-of=tunewright", "--output", "name") == ""
    uninstall(folder, name)  # what is gone is no error


def test_a_pod_that_is_not_confined_is_refused(installation):
    pod = (
        '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"loose"},"spec":{"containers":[{"name":"a","image":"b"}]}}'
    )
    done = subprocess.run(
        ["kubectl", "-n", NAME, "apply", "--dry-run=server", "-f", "-"], input=pod, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "restricted" in done.stderr
