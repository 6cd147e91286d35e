"""Every installation is one that the API server takes, and installing again changes nothing."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from tests.e2e.installation import INSTALL, NAME, ROOT, kubectl

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(600)]
INSTALLS = ROOT / "manifests" / "installs"


@pytest.mark.parametrize("install", sorted(path.name for path in INSTALLS.iterdir()))
def test_the_api_server_takes_every_object(installation, tmp_path: Path, install: str):
    lines = ["apiVersion: kustomize.config.k8s.io/v1beta1", "kind: Kustomization", f"namespace: {NAME}", "resources:"]
    (tmp_path / "kustomization.yaml").write_text(
        "\n".join([*lines, f"  - {os.path.relpath(INSTALLS / install, tmp_path)}"])
    )
    rendered = kubectl("kustomize", str(tmp_path))
    answer = kubectl("apply", "--dry-run=server", "--server-side", "--force-conflicts", "-f", "-", given=rendered)
    assert answer.count("(server dry run)") == rendered.count("\nkind: ") + rendered.startswith("kind: ")


def test_installing_again_changes_nothing(installation):
    # the setup Job goes by itself some minutes after it has ended, and is then made again
    answers = [line for line in kubectl("apply", "-k", str(INSTALL)).splitlines() if "job" not in line]
    assert answers
    assert [line for line in answers if not line.endswith("unchanged")] == []


def test_a_pod_that_is_not_confined_is_refused(installation):
    pod = (
        '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"loose"},"spec":{"containers":[{"name":"a","image":"b"}]}}'
    )
    done = subprocess.run(
        ["kubectl", "-n", NAME, "apply", "--dry-run=server", "-f", "-"], input=pod, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert "restricted" in done.stderr
