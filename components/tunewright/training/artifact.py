"""Files of a trained model: a manifest ``model.json`` that describes them and holds their digests.

Nothing of a model is used before its digest has been compared; formats are UBJ and safetensors, never pickle.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..errors import ArtifactCorrupt, SchemaUnknown
from ..space import Configuration, Model

MANIFEST = "model.json"
SCHEMA_VERSION = 1


class Manifest(Model):
    """What a model folder holds."""

    kind: str
    """Trainer that wrote it: xgboost or cnn."""
    schema_version: int = SCHEMA_VERSION
    task: str
    """classification or regression."""
    classes: list[str] | None
    """Labels in order of their index; None for a regression."""
    features: str
    """SHA-256 of the description of the input, so that a model is not scored on other columns."""
    trained: dict[str, Any]
    """Configuration and seed it was trained with."""
    files: dict[str, str]
    """File of every fold, in order, to its SHA-256."""


def digest(value: Any) -> str:
    """SHA-256 of plain data as canonical JSON."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def write(directory: Path, manifest: Manifest) -> None:
    """Write the manifest, sealed by a digest of its own."""
    body = manifest.model_dump(mode="json")
    (directory / MANIFEST).write_text(json.dumps({**body, "sha256": digest(body)}, indent=1))


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read(directory: Path, kind: str, configuration: Configuration, seed: int) -> Manifest:
    """The manifest, after it and every file that it names were checked.

    Raises:
        ArtifactCorrupt: a file is missing or damaged, or it is the model of another configuration or seed.
        SchemaUnknown: written by another trainer or release.
    """
    path = directory / MANIFEST
    try:
        body = json.loads(path.read_bytes())
        claimed = body.pop("sha256", None)
    except (OSError, ValueError, AttributeError) as error:
        raise ArtifactCorrupt(f"{path}: must be the manifest of a model, got {error}; train the trial again") from error
    if claimed != digest(body):
        raise ArtifactCorrupt(f"{path}: its sha256 must match its content, got {claimed!r}; train the trial again")
    if (body.get("kind"), body.get("schema_version")) != (kind, SCHEMA_VERSION):
        found = f"{body.get('kind')} version {body.get('schema_version')}"
        raise SchemaUnknown(
            f"{path}: must be a {kind} model of version {SCHEMA_VERSION}, got {found}; use the release that wrote it"
        )
    try:
        manifest = Manifest.model_validate(body)
    except ValidationError as error:
        raise ArtifactCorrupt(f"{path}: fields must fit a manifest, got {error.errors()[0]['msg']}") from error
    wanted = {"configuration": configuration, "seed": seed}
    if digest(manifest.trained) != digest(wanted):
        raise ArtifactCorrupt(f"{path}: must be the model of {wanted}, got that of {manifest.trained}; train it again")
    for name, expected in manifest.files.items():
        _check_file(directory, name, expected)
    return manifest


def _check_file(directory: Path, name: str, expected: str) -> None:
    if Path(name).name != name:
        raise ArtifactCorrupt(
            f"{directory / MANIFEST}: a file name must have no folder, got {name!r}; train the trial again"
        )
    try:
        actual = file_digest(directory / name)
    except OSError as error:
        raise ArtifactCorrupt(
            f"{directory / name}: must be there, got {error.strerror}; train the trial again"
        ) from error
    if actual != expected:
        raise ArtifactCorrupt(f"{directory / name}: sha256 must be {expected}, got {actual}; train the trial again")
