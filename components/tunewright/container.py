"""What a trial needs when it runs in a container of its own: image, files, and the Kubernetes Job around it.

Nothing here can loosen what isolates a trial: `pod` knows only the parts of Kubernetes' pod template that place a pod or name its user, and
neither the store's keys nor its volume can be mounted.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from .parameter import Model
from .pod import ObjectName, PodTemplate
from .quantity import Duration, Size

ENVIRONMENT_NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,126}$"
PATH = r"^(/\.?[A-Za-z0-9_@+-][A-Za-z0-9._@+-]*)+$"
IMAGE = (
    r"^([A-Za-z0-9.-]+(:[0-9]+)?/)?[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"
    r"(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?$"
)
SHARED = "/tunewright"  #: where a trial's container finds its parameters and leaves its results
#: of the installation, and of Kubeflow Pipelines for its own server: keys to every study
STORE_SECRETS = ("tunewright-store", "minio-root", "mlpipeline-minio-artifact")
SERVICE_ACCOUNT = ".service-account-token"  #: ends the names of the installation's Secrets with tokens
STORE_CLAIM = "data-minio-"
MAX_FILES = 64 * 1024  #: bytes of all inline files together, as the JSON in which they travel

_FILE = re.compile(r"(?!.*(?:^|/)\.{1,2}(?:/|$))[A-Za-z0-9._@+-]{1,100}(?:/[A-Za-z0-9._@+-]{1,100}){0,7}")
_SECRET = re.compile(r"([a-z0-9][a-z0-9.-]{0,252})/([A-Za-z0-9._-]{1,253})")


def _files(files: dict[str, str]) -> dict[str, str]:
    for name in files:
        if not _FILE.fullmatch(name):
            raise ValueError(
                f"files must be named by relative paths of letters, digits and ._@+- without '..', got {name!r:.80}"
            )
    folders = {"/".join(name.split("/")[:depth]) for name in files for depth in range(1, name.count("/") + 1)}
    if both := sorted(folders & files.keys()):
        raise ValueError(f"files must not lie below a file, got {both[0]!r} as file and as folder; rename one")
    if (size := len(json.dumps(files, ensure_ascii=False).encode())) > MAX_FILES:
        raise ValueError(
            f"files must have at most {MAX_FILES} bytes of JSON together, got {size}; put them into the image"
        )
    return files


def _secrets(secrets: dict[str, str]) -> dict[str, str]:
    for variable, source in secrets.items():
        if not re.fullmatch(ENVIRONMENT_NAME, variable):
            raise ValueError(f"environment names must match {ENVIRONMENT_NAME}, got {variable!r}")
        match = _SECRET.fullmatch(source)
        if not match:
            raise ValueError(f"secrets must be given as name/key, got {source!r:.80}; write it such as hub/token")
        if match[1] in STORE_SECRETS:
            raise ValueError(f"secrets must not be the store's own, got {match[1]!r}; a trial has no keys to the store")
        if match[1].endswith(SERVICE_ACCOUNT):
            raise ValueError(
                f"secrets must not be a service account's, got {match[1]!r}; a trial does not speak to Kubernetes"
            )
    return secrets


Files: TypeAlias = Annotated[dict[str, str], AfterValidator(_files)]


class Volume(Model):
    """Something of the namespace that the trial's container sees as a folder."""

    path: str = Field(pattern=PATH)
    """Where it is mounted."""
    claim: ObjectName | None = None
    """An existing PersistentVolumeClaim."""
    config_map: ObjectName | None = None
    """An existing ConfigMap, each key a file."""
    read_only: bool = True
    """Trials that run side by side share a claim, so that writing has to be asked for."""

    @model_validator(mode="after")
    def _check(self) -> Volume:
        if (self.claim is None) == (self.config_map is None):
            raise ValueError("a volume must be either claim or config_map; name one of them")
        if self.path == SHARED or self.path.startswith((f"{SHARED}/", "/var/run/secrets")):
            raise ValueError(f"path must leave {SHARED} and /var/run/secrets alone, got {self.path!r}; mount elsewhere")
        if self.claim is not None and self.claim.startswith(STORE_CLAIM):
            raise ValueError(f"claim must not be the store's own, got {self.claim!r}; copy the data elsewhere")
        return self


class JobSettings(Model):
    """The Kubernetes Job that runs one trial. Its memory is `limits.memory`."""

    cpu: float | None = Field(default=None, gt=0, le=1024)
    """Cores that a trial requests; more may be used when they are free. Default 1."""
    gpus: int = Field(default=0, ge=0, le=64)
    """GPUs of one trial while it trains."""
    gpu_resource: str = Field(default="nvidia.com/gpu", pattern=r"^[a-z0-9.-]+/[A-Za-z0-9._-]+$")
    """What the cluster calls a GPU."""
    nodes: int = Field(default=1, ge=1, le=256)
    """Pods of one trial. With more than one it is a TrainJob of Kubeflow Trainer 2.1, which tells each pod of the others in torchrun's variables;
    the first one's results count."""
    queue: str | None = Field(default=None, pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
    """Kueue's LocalQueue in which the Job waits. For Kueue before 0.16 its ClusterQueue must cover ephemeral-storage, of which a trial requests 0."""
    disk: Size | None = None
    """Disk that a trial requests, and may use, its shared folder included. By default it requests none, and may use 16 GiB. GKE Autopilot lets a
    trial use no more than it requests."""
    volumes: list[Volume] = Field(default_factory=list, max_length=20)
    """Claims and ConfigMaps that the trial's container sees."""
    secrets: Annotated[dict[str, str], AfterValidator(_secrets)] = Field(default_factory=dict)
    """Environment variables from existing Secrets, each as `name/key`; never the store's."""
    start: Duration = 1800.0
    """An attempt whose pod has not begun to train after this is given up, with the scheduler's own words. Time in a queue of Kueue does not count."""
    pod: PodTemplate = PodTemplate()
    """More of Kubernetes' pod template, in its own words: node selector, tolerations, priority class, affinity, user."""


def escaped(text: str) -> str:
    """A text that Kubernetes passes on as it is: ``$(NAME)`` in commands and variables would be replaced."""
    return text.replace("$", "$$")


def secret_of(source: str) -> Mapping[str, Any]:
    """A reference to the key of a Secret, from ``name/key``."""
    name, _, key = source.partition("/")
    return {"secretKeyRef": {"name": name, "key": key}}
