"""Argo's own schemas, closed: a misspelt field is an error, which neither the API server nor the minimal CRDs say."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from ruamel.yaml import YAML

ROOT = Path(__file__).parents[2]
FILES = [
    ROOT / "pipelines" / "argo" / "workflow-template.yaml",
    ROOT / "manifests" / "components" / "nightly" / "cron-workflow.yaml",
]


def load(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def closed(schema: Any) -> Any:
    """A CRD's schema as JSON Schema that knows no other fields than those it names."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    if made.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    if "properties" in made and made.get("type") == "object" and not made.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made


def argo_schema(kind: str) -> Any:
    folder = os.environ.get("ARGO_CRDS")
    if not folder:
        pytest.skip("ARGO_CRDS is not set; set it to manifests/base/crds/full of the Argo Workflows sources")
    crd = load(Path(folder) / f"argoproj.io_{kind.lower()}s.yaml")
    schema = closed(crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"])
    schema["properties"]["metadata"] = {"type": "object"}
    return schema


@pytest.mark.cluster
@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_field_is_one_that_argo_knows(path):
    document = load(path)
    schema = argo_schema(document["kind"])
    faults = [f"{list(e.path)}: {e.message}" for e in jsonschema.Draft202012Validator(schema).iter_errors(document)]
    assert faults == []
    document["spec"]["misspelt"] = True
    assert list(jsonschema.Draft202012Validator(schema).iter_errors(document)), "the schema would find a wrong field"
