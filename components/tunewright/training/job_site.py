"""Where the waiting side runs, read from its own pod: what it runs on, its Jobs run on."""

from __future__ import annotations

import os
from typing import Any

from ..errors import InputError
from .job_cluster import Absent, Cluster
from .job_manifest import QUEUE_LABEL, WORKFLOW_LABEL, Site

POD_VARIABLE = "TUNEWRIGHT_POD"  #: name of the step's pod; host names are cut at 63 characters
QUEUE_VARIABLE = "TUNEWRIGHT_QUEUE"  #: Kueue's LocalQueue for Jobs whose study names none; empty for none
STORE_VARIABLES = ("AWS_", "TUNEWRIGHT_S3_")
MAIN = "main"  #: what Argo and Kubeflow call a step's container


def own_pod_name() -> str:
    return os.environ.get(POD_VARIABLE) or os.environ.get("HOSTNAME", "")


def own_site(cluster: Cluster, address: str) -> Site:
    """The site of this pod's Jobs. Raises InputError when this pod cannot be found or has nothing that a Job's pod can reach the store with."""
    name = own_pod_name()
    try:
        return site_of(cluster.get(f"{cluster.pods}/{name}"), address, os.environ.get(QUEUE_VARIABLE, ""))
    except Absent:
        raise InputError(
            f"the step must know its own pod, but there is no {name!r} in {cluster.namespace}; set {POD_VARIABLE} to its name"
        ) from None


def site_of(pod: dict[str, Any], address: str, queue: str = "") -> Site:
    """The site of the Jobs that a pod makes: its image and how it is pulled, its way to the store, and its owner, which is the Workflow."""
    containers = pod["spec"]["containers"]
    main = next((container for container in containers if container["name"] == MAIN), containers[0])
    environment = [entry for entry in main.get("env", []) if entry["name"].startswith(STORE_VARIABLES)]
    if any(entry["name"] == "TUNEWRIGHT_S3_CREDENTIALS_DIR" for entry in environment):
        raise InputError(
            "the store's keys must come as variables from a Secret for trials that run as Jobs, got TUNEWRIGHT_S3_CREDENTIALS_DIR; "
            "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY by reference"
        )
    metadata = pod["metadata"]
    labels = {WORKFLOW_LABEL: metadata.get("labels", {}).get(WORKFLOW_LABEL), QUEUE_LABEL: queue}
    return Site(
        namespace=metadata["namespace"],
        image=main["image"],
        address=address,
        environment=environment,
        owner=_owner(metadata),
        labels={name: value for name, value in labels.items() if value},
        pull_secrets=[entry["name"] for entry in pod["spec"].get("imagePullSecrets") or []],
    )


def _owner(metadata: dict[str, Any]) -> dict[str, Any]:
    """The Workflow that owns the pod, which outlives it; the pod itself when nobody does."""
    for owner in metadata.get("ownerReferences", []):
        if owner.get("controller"):
            return {key: owner[key] for key in ("apiVersion", "kind", "name", "uid")}
    return {"apiVersion": "v1", "kind": "Pod", "name": metadata["name"], "uid": metadata["uid"]}
