"""Weights as bytes: safetensors, with kind, schema version, notes and a digest in the header.

safetensors itself notices a wrong length but not a flipped bit; the digest does.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import safetensors.torch
from safetensors import SafetensorError
from torch import Tensor

from ..errors import ArtifactCorrupt, SchemaUnknown

SCHEMA_VERSION = 1
_HEADER = "tunewright"  #: one key, because safetensors does not keep the order of several


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Named tensors and plain notes of one kind, e.g. ``policy`` or ``surrogate-gp``."""

    kind: str
    tensors: Mapping[str, Tensor]
    notes: Mapping[str, Any]


def pack(weights: Weights) -> bytes:
    """Bytes of weights; equal weights give equal bytes."""
    tensors = {name: tensor.detach().contiguous() for name, tensor in sorted(weights.tensors.items())}
    body = {"kind": weights.kind, "schema_version": SCHEMA_VERSION, "notes": dict(weights.notes)}
    header = _canonical({**body, "sha256": _digest(body, tensors)})
    return safetensors.torch.save(tensors, metadata={_HEADER: header})


def unpack(data: bytes, kinds: tuple[str, ...]) -> Weights:
    """Weights of one of ``kinds``.

    Raises:
        ArtifactCorrupt: the bytes are damaged.
        SchemaUnknown: another kind, or a version this release does not know.
    """
    try:
        size = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + size])["__metadata__"][_HEADER]
        body = json.loads(header)
        digest = body.pop("sha256")
        tensors = safetensors.torch.load(data)
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactCorrupt(
            f"weights must be safetensors written by tunewright, got {len(data)} damaged bytes ({error})"
        ) from error
    if digest != _digest(body, tensors):
        raise ArtifactCorrupt(
            f"weights must match the digest {digest} in their header and do not; restore them from a backup"
        )
    if body["schema_version"] != SCHEMA_VERSION:
        found = body["schema_version"]
        raise SchemaUnknown(
            f"weights: schema_version must be {SCHEMA_VERSION}, got {found!r}; use the release of tunewright that wrote them"
        )
    if body["kind"] not in kinds:
        raise SchemaUnknown(f"weights: kind must be one of {', '.join(kinds)}, got {body['kind']!r}")
    return Weights(kind=body["kind"], tensors=tensors, notes=body["notes"])


def _canonical(body: Mapping[str, Any]) -> str:
    return json.dumps(body, sort_keys=True, separators=(",", ":"), allow_nan=False)


def _digest(body: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> str:
    digest = hashlib.sha256(_canonical(body).encode())
    for name, tensor in sorted(tensors.items()):
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.numpy().tobytes())
    return digest.hexdigest()


def foreign(kind: str, wanted: str, found: str) -> ArtifactCorrupt:
    """The error for sound weights that belong to another space."""
    return ArtifactCorrupt(f"{kind} weights must fit the space ({wanted}), got {found}; they belong to another study")
