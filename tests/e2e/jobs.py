"""Trials as Jobs, as a test sees them: a runner outside of the cluster, and what it makes there."""

from __future__ import annotations

import itertools
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from pipelines.argo import pod
from pipelines.images import images
from tests.e2e.installation import NAME, STORE, Installation, kubectl

from tunewright.steps.definition import EVALUATE
from tunewright.training.job import JobRunner
from tunewright.training.job_cluster import Cluster
from tunewright.training.job_manifest import Site

ATTEMPTS = itertools.count(int(time.time()))  #: numbers that nobody has used


@contextmanager
def job_runner(installation: Installation, study: str) -> Iterator[JobRunner]:
    """A runner with the administrator's rights and the store through a tunnel; its Jobs reach the store as those of a step do."""
    site = Site(
        namespace=NAME,
        image=images()["trainer"],
        address=f"{STORE}/{study}",
        environment=pod.template(EVALUATE)["container"]["env"],
    )
    with installation.ledger(study):
        yield JobRunner(cluster=Cluster(NAME, kubeconfig=os.environ["KUBECONFIG"]), site=site)


def jobs(selector: str = "tunewright/trial") -> list[dict[str, Any]]:
    """The Jobs of trials in the tests' namespace."""
    found: list[dict[str, Any]] = json.loads(kubectl("-n", NAME, "get", "jobs", "-l", selector, "-o", "json"))["items"]
    return found
