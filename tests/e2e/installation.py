"""Tunewright on a cluster, as a test sees it: install, reach the store, follow sessions, disturb them."""

from __future__ import annotations

import base64
import json
import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pipelines.argo.namespace import Namespace
from pipelines.argo.session import WORKFLOW_LABEL, Progress, status
from pipelines.argo.workflow import Options

from tunewright.errors import TransientError
from tunewright.steps.ledger import Ledger

ROOT = Path(__file__).parents[2]
INSTALL = Path(__file__).parent / "install"
T = TypeVar("T")
NAME = f"tunewright-e2e-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"  #: namespace; each pytest-xdist worker has its own
STORE = "s3://tunewright/studies"
OPTIONS = Options(trial_cpu="50m", trial_memory="768Mi")  #: four trials side by side on a small node


def kubectl(*arguments: str, given: str | None = None, check: bool = True) -> str:
    done = subprocess.run(["kubectl", *arguments], input=given, capture_output=True, text=True)
    assert not check or done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def wait_for(what: str, ask: Callable[[], T], seconds: float, pause: float = 1.0) -> T:
    """The first true answer. Fails with ``what`` when there is none in time."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        answer = ask()
        if answer:
            return answer
        time.sleep(pause)
    raise AssertionError(f"{what}: not within {seconds:.0f} s")


def kill(pod: str, namespace: Namespace) -> None:
    """As when a node dies: no grace, no goodbye. One that is gone already is no failure.

    Raises:
        TunewrightError: the API server does not answer.
    """
    namespace.kubectl("delete", "pod", pod, "--grace-period=0", "--force", "--ignore-not-found", "--wait=false")


@dataclass(frozen=True)
class Installation:
    """What `kubectl apply -k` made, ready for sessions."""

    namespace: Namespace
    keys: dict[str, str]
    folder: Path  #: what `kubectl apply -k` was given

    @contextmanager
    def ledger(self, study: str) -> Iterator[Ledger]:
        """The study's documents in the cluster's MinIO."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        forward = self.namespace.command("port-forward", "service/minio", f"{port}:9000")
        before = dict(os.environ)
        os.environ.update({"TUNEWRIGHT_S3_ENDPOINT": f"http://127.0.0.1:{port}", **self.keys})
        with subprocess.Popen(forward, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as tunnel:
            try:
                assert tunnel.stdout is not None
                assert "Forwarding" in tunnel.stdout.readline(), "MinIO cannot be reached through kubectl port-forward"
                yield Ledger.at(f"{STORE}/{study}")
            finally:
                tunnel.terminate()
                os.environ.clear()
                os.environ.update(before)

    def pods(self, workflow: str, step: str | None = None, phase: str | None = None) -> list[dict[str, Any]]:
        component = f",app.kubernetes.io/component={step}" if step else ""
        found = self.namespace.select("pods", f"{WORKFLOW_LABEL}={workflow}{component}")
        return [pod for pod in found if phase in (None, pod["status"]["phase"])]

    def finished(self, workflow: str, seconds: float) -> Progress:
        """The Workflow once it is over."""

        def over() -> Progress | None:
            try:
                current = status(workflow, namespace=self.namespace)
            except TransientError:
                return None
            return current if current.over else None

        return wait_for(f"workflow {workflow} ends", over, seconds, pause=2.0)

    def nodes(self, workflow: str) -> list[dict[str, Any]]:
        return list(self.namespace.get("workflow", workflow)["status"]["nodes"].values())

    def kill(self, pod: str) -> None:
        """See the function `kill`."""
        kill(pod, self.namespace)


@contextmanager
def installed(folder: Path) -> Iterator[Installation]:
    """Install, and remove it again unless TUNEWRIGHT_E2E_KEEP is set.

    Args:
        folder: place of the overlay, and of MinIO's data where the cluster has no default StorageClass; the node must be this machine then.
    """
    install = overlay(folder / "install", INSTALL, NAME)
    kubectl("apply", "-k", str(install))
    own_volume, volume = not has_default_storage_class(), folder / "minio"
    if own_volume:
        make_volume(volume)
    keys = make_secrets()
    try:
        kubectl("-n", NAME, "rollout", "status", "statefulset/minio", "--timeout=180s")
        kubectl("-n", NAME, "wait", "--for=condition=complete", "job/minio-setup", "--timeout=180s")
        yield Installation(Namespace(name=NAME), keys, install)
    finally:
        if not os.environ.get("TUNEWRIGHT_E2E_KEEP"):
            uninstall(install, NAME)
            if own_volume:
                remove_volume(volume)


def overlay(folder: Path, install: Path, namespace: str) -> Path:
    """An installation in a namespace of another name."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = ["apiVersion: kustomize.config.k8s.io/v1beta1", "kind: Kustomization", f"namespace: {namespace}"]
    (folder / "kustomization.yaml").write_text(
        "\n".join([*lines, "resources:", f"  - {os.path.relpath(install, folder)}"])
    )
    return folder


def uninstall(folder: Path, namespace: str) -> None:
    """As the README says. Deleting can return while the namespace still ends, and nothing may be made in it until it is gone."""
    kubectl("delete", "-k", str(folder), "--ignore-not-found", "--timeout=180s")
    kubectl("wait", "--for=delete", f"namespace/{namespace}", "--timeout=180s")


def has_default_storage_class() -> bool:
    classes = json.loads(kubectl("get", "storageclass", "-o", "json"))["items"]
    default = "storageclass.kubernetes.io/is-default-class"
    return any(c["metadata"].get("annotations", {}).get(default) == "true" for c in classes)


def make_volume(folder: Path) -> None:
    """One that is in use stays; what a killed run left is removed, because nothing else can claim it."""
    phase = kubectl(
        "get", "persistentvolume", f"{NAME}-minio", "--ignore-not-found", "--output", "jsonpath={.status.phase}"
    )
    if phase == "Bound":
        return
    remove_volume(folder)
    kubectl("create", "-f", "-", given=json.dumps(persistent_volume(folder)))


def remove_volume(folder: Path) -> None:
    kubectl("delete", "persistentvolume", f"{NAME}-minio", "--ignore-not-found")
    shutil.rmtree(folder, ignore_errors=True)


def persistent_volume(folder: Path) -> dict[str, Any]:
    """A volume of the node, claimed by MinIO; the claim is what Pod Security "restricted" allows, a hostPath it does not."""
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o777)
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{NAME}-minio"},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": str(folder), "type": "Directory"},
            "claimRef": {"namespace": NAME, "name": "data-minio-0"},
        },
    }


def make_secrets() -> dict[str, str]:
    """Random keys, as the installation's own instructions make them; those that are there stay."""
    root = {"MINIO_ROOT_USER": "root", "MINIO_ROOT_PASSWORD": secrets.token_hex(20)}
    keys = {"AWS_ACCESS_KEY_ID": "tunewright", "AWS_SECRET_ACCESS_KEY": secrets.token_hex(20)}
    for name, values in (("minio-root", root), ("tunewright-store", keys)):
        secret = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}
        kubectl("-n", NAME, "create", "-f", "-", given=json.dumps(secret), check=False)
    stored = json.loads(kubectl("-n", NAME, "get", "secret", "tunewright-store", "-o", "json"))["data"]
    return {name: base64.b64decode(value).decode() for name, value in stored.items()}
