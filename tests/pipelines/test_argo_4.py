"""Argo 4 knows every field of what is submitted.

No Argo 4 was at hand where this was written, so its schema stands in, as Hera 7.1 has generated it. Unknown fields are dropped by these
models, so what went in must come out. A controller of 3.7 runs the same objects in tests/e2e.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pipelines.argo.template import workflow_template
from pipelines.argo.workflow import Options, cron_workflow, workflow

TEXT = (Path(__file__).parent / "small_xgboost.yaml").read_text()
OPTIONS = Options(
    store="s3://bucket/p", shape="separate", trial_cpu="1", trial_memory="1Gi", trial_gpus=1, deadline_seconds=60
)
OBJECTS = [workflow_template(), workflow(TEXT, "one", OPTIONS), cron_workflow(TEXT, "0 2 * * *", "UTC", OPTIONS)]


def dropped(given: Any, kept: Any, place: str = "") -> list[str]:
    """Places of ``given`` that ``kept`` lacks."""
    if isinstance(given, dict):
        lost = [f"{place}/{key}" for key in given if key not in kept]
        return lost + [p for key in given if key in kept for p in dropped(given[key], kept[key], f"{place}/{key}")]
    if isinstance(given, list):
        return [p for i, (a, b) in enumerate(zip(given, kept, strict=True)) for p in dropped(a, b, f"{place}/{i}")]
    return []


READ = """
import json, sys
from hera.workflows import models
given = json.load(sys.stdin)
print(getattr(models, given["kind"]).model_validate(given).model_dump_json(by_alias=True, exclude_none=True))
"""


def kept_by_argo_4(given: dict[str, Any]) -> Any:
    """In a process of its own: Hera changes how PyYAML writes text for everybody else."""
    read = subprocess.run([sys.executable, "-c", READ], input=json.dumps(given), capture_output=True, text=True)
    assert read.returncode == 0, read.stderr
    return json.loads(read.stdout)


@pytest.mark.parametrize("given", OBJECTS, ids=lambda given: str(given["kind"]))
def test_argo_4_knows_every_field(given: dict[str, Any]) -> None:
    plain = json.loads(json.dumps(given))
    assert dropped(plain, kept_by_argo_4(plain)) == []


def test_a_field_that_argo_4_has_dropped_is_noticed() -> None:
    plain = json.loads(json.dumps(OBJECTS[0]))
    plain["spec"]["synchronization"]["mutex"] = {"name": "singular, gone since Argo 4"}
    assert dropped(plain, kept_by_argo_4(plain)) == ["/spec/synchronization/mutex"]
