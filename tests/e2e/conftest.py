"""One installation for all tests on a cluster."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.installation import NAME, Installation, installed

STUDY = """\
name: {name}
space:
  max_depth: {{type: int, low: 2, high: 8}}
  learning_rate: {{type: float, low: 0.01, high: 0.5, scale: log}}
  n_estimators: {{type: int, low: 10, high: 60}}
objective: {{metric: accuracy, direction: maximize}}
budget: {{trials: {trials}, parallel_trials: {parallel}, rounds: {rounds}}}
trial: {{kind: xgboost}}
data: {{source: "sklearn:breast_cancer"}}
"""


def study_text(name: str, *, rounds: int, parallel: int) -> str:
    """A real study: XGBoost on breast cancer (569 rows)."""
    return STUDY.format(name=name, rounds=rounds, parallel=parallel, trials=rounds * parallel)


@pytest.fixture(scope="session")
def cluster() -> None:
    """Skips unless a cluster with Argo Workflows answers."""
    if not os.environ.get("KUBECONFIG"):
        pytest.skip("KUBECONFIG is not set; set it to a cluster with Argo Workflows whose nodes have the images")
    if not shutil.which("kubectl"):
        pytest.skip("there is no kubectl on PATH")
    asked = subprocess.run(
        ["kubectl", "get", "crd", "workflows.argoproj.io"], capture_output=True, text=True, timeout=60
    )
    if asked.returncode:
        pytest.skip(f"the cluster has no Argo Workflows, or does not answer: {asked.stderr.strip()}")


@pytest.fixture(scope="session")
def installation(cluster: None) -> Iterator[Installation]:
    with installed(Path(tempfile.gettempdir()) / NAME) as made:
        yield made
