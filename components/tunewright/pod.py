"""The part of Kubernetes' pod template that a study may set, in Kubernetes' own words.

A list of what is allowed, not of what is forbidden: containers, volumes, service accounts, host namespaces and capabilities are not here,
because with them a study could undo what isolates its trials. What the API server would refuse is refused here, where it has a line.
"""

from __future__ import annotations

import re
from functools import partial
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, model_validator

from .parameter import Model

DNS = r"[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*"
LABEL = r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?"
KEY = rf"^({DNS}/)?{LABEL}$"  #: of a label or taint
ANNOTATION = rf"^({DNS.replace('a-z', 'A-Za-z')}/)?{LABEL}$"  #: key of an annotation, in which case does not matter

#: Domains whose labels and annotations others obey: they put containers, volumes, identities and networks into a pod, or take it for one of theirs.
OBEYED = (
    "istio.io", "linkerd.io", "kuma.io", "hashicorp.com", "dapr.io", "opentelemetry.io", "datadoghq.com", "amazonaws.com", "azure.workload.identity",
    "cncf.io", "ovn.org", "cilium.io", "projectcalico.org", "argoproj.io", "jobset.sigs.k8s.io", "trainer.kubeflow.org", "pipelines.kubeflow.org",
)  # fmt: skip
#: Beginnings of those of tunewright, of Jobs, and of container runtimes.
FOREIGN = (
    "tunewright/",
    "app.kubernetes.io/",
    "batch.kubernetes.io/",
    "io.kubernetes.cri-o",
    "io.katacontainers",
    "run.oci",
)

ObjectName: TypeAlias = Annotated[str, Field(pattern=rf"^{DNS}$", max_length=253)]
Key: TypeAlias = Annotated[str, Field(pattern=KEY)]
Label: TypeAlias = Annotated[str, Field(pattern=rf"^({LABEL})?$")]
Id: TypeAlias = Annotated[int, Field(ge=1, lt=2**31)]
Weight: TypeAlias = Annotated[int, Field(ge=1, le=100)]


def _keys(entries: dict[str, str], pattern: str = KEY) -> dict[str, str]:
    for key in entries:
        if not re.fullmatch(pattern, key):
            raise ValueError(
                "keys must be name or prefix/name, the name of at most 63 letters, digits, '.', '_' and '-' between letters or digits, "
                f"the prefix a DNS name (in labels a lower-case one), got {key!r:.80}; rename it"
            )
    return entries


def _foreign(entries: dict[str, str]) -> dict[str, str]:
    for key in entries:
        name = key.lower()
        domain = name.rpartition("/")[0]
        obeyed = any(f".{domain}".endswith(f".{one}") for one in OBEYED)
        if obeyed or ".security." in name or name.startswith(FOREIGN):
            raise ValueError(
                f"a label or annotation must not be one of tunewright's, of security, or of what changes pods, got {key!r}; remove it"
            )
    return entries


Labels: TypeAlias = Annotated[
    dict[str, Label], AfterValidator(_keys), Field(json_schema_extra={"propertyNames": {"pattern": KEY}})
]
Annotations: TypeAlias = Annotated[
    dict[str, str],
    AfterValidator(partial(_keys, pattern=ANNOTATION)),
    Field(json_schema_extra={"propertyNames": {"pattern": ANNOTATION}}),
]


class Metadata(Model):
    """Labels and annotations of the pod."""

    labels: Annotated[Labels, AfterValidator(_foreign)] = Field(default_factory=dict)
    """More labels."""
    annotations: Annotated[Annotations, AfterValidator(_foreign)] = Field(default_factory=dict)
    """More annotations."""


class Toleration(Model):
    """A taint of nodes that the pod puts up with."""

    key: Annotated[str, Field(pattern=rf"^({KEY[1:-1]})?$")] | None = None
    """Key of the taint; none, or an empty one, tolerates all with operator Exists."""
    operator: Literal["Equal", "Exists"] = "Equal"
    """How value is compared."""
    value: Label | None = None
    """Value of the taint."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """Effect of the taint; none means all."""
    tolerationSeconds: int | None = Field(default=None, ge=0)
    """How long a NoExecute taint is put up with."""

    @model_validator(mode="after")
    def _check(self) -> Toleration:
        if self.operator == "Exists" and self.value:
            raise ValueError(f"value must be left out with operator Exists, got {self.value!r}; remove it or use Equal")
        if self.operator == "Equal" and not self.key:
            raise ValueError("operator must be Exists in a toleration without key, got Equal; name the taint's key")
        if self.tolerationSeconds is not None and self.effect != "NoExecute":
            raise ValueError(f"effect must be NoExecute with tolerationSeconds, got {self.effect!r}; remove one")
        return self


class Requirement(Model):
    """A condition on a label."""

    key: Key
    """The label."""
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    """How it is compared."""
    values: list[str] = Field(default_factory=list)
    """What it is compared with."""

    @model_validator(mode="after")
    def _check(self) -> Requirement:
        if (self.operator in ("Exists", "DoesNotExist")) == bool(self.values):
            rule = "values must be given, but not with operator Exists or DoesNotExist"
            raise ValueError(f"{rule}, got {len(self.values)} with {self.operator}; change one of them")
        return self


class NodeSelectorTerm(Model):
    """Conditions on a node; all must hold."""

    matchExpressions: list[Requirement] = Field(default_factory=list)
    """On its labels."""
    matchFields: list[Requirement] = Field(default_factory=list)
    """On its fields."""


class NodeSelector(Model):
    """Terms of which one must hold."""

    nodeSelectorTerms: list[NodeSelectorTerm] = Field(min_length=1)
    """The terms."""


class PreferredNode(Model):
    """A term that counts in a node's favour."""

    weight: Weight
    """How much."""
    preference: NodeSelectorTerm
    """The term."""


class NodeAffinity(Model):
    """Nodes that the pod must or would rather run on."""

    requiredDuringSchedulingIgnoredDuringExecution: NodeSelector | None = None
    """Must."""
    preferredDuringSchedulingIgnoredDuringExecution: list[PreferredNode] = Field(default_factory=list)
    """Would rather."""


class LabelSelector(Model):
    """Pods by their labels."""

    matchLabels: Labels = Field(default_factory=dict)
    """Labels that must be equal."""
    matchExpressions: list[Requirement] = Field(default_factory=list)
    """Conditions that must hold."""


class PodAffinityTerm(Model):
    """Pods to be near to, or far from."""

    labelSelector: LabelSelector
    """Which pods."""
    topologyKey: Key
    """Label of nodes that says what is near."""


class PreferredPods(Model):
    """A term that counts in a node's favour."""

    weight: Weight
    """How much."""
    podAffinityTerm: PodAffinityTerm
    """The term."""


class PodAffinity(Model):
    """Pods that must, or would rather, be near or far."""

    requiredDuringSchedulingIgnoredDuringExecution: list[PodAffinityTerm] = Field(default_factory=list)
    """Must."""
    preferredDuringSchedulingIgnoredDuringExecution: list[PreferredPods] = Field(default_factory=list)
    """Would rather."""


class Affinity(Model):
    """Where the pod goes, by labels of nodes and of other pods."""

    nodeAffinity: NodeAffinity | None = None
    """Nodes."""
    podAffinity: PodAffinity | None = None
    """Pods to be near to."""
    podAntiAffinity: PodAffinity | None = None
    """Pods to be far from."""


class PodSecurityContext(Model):
    """The user that the trial runs as; never root. Default is 10001, whatever the image says."""

    runAsUser: Id | None = None
    """User id."""
    runAsGroup: Id | None = None
    """Group id."""
    fsGroup: Id | None = None
    """Group that owns mounted claims."""
    supplementalGroups: list[Id] = Field(default_factory=list)
    """More groups, e.g. of a file server."""


class SecretName(Model):
    """A Secret of the namespace."""

    name: ObjectName
    """Its name."""


class PodSpec(Model):
    """Where the pod goes and which user it has."""

    nodeSelector: Labels = Field(default_factory=dict)
    """Labels that a node must have."""
    tolerations: list[Toleration] = Field(default_factory=list)
    """Taints of nodes that the pod puts up with."""
    priorityClassName: ObjectName | None = None
    """An existing PriorityClass."""
    affinity: Affinity | None = None
    """Nodes and pods to be near to, or far from."""
    schedulerName: str | None = None
    """Another scheduler than the cluster's default."""
    runtimeClassName: ObjectName | None = None
    """An existing RuntimeClass, e.g. nvidia."""
    imagePullSecrets: list[SecretName] = Field(default_factory=list)
    """Secrets with the passwords of private registries."""
    securityContext: PodSecurityContext = PodSecurityContext()
    """User and groups."""


class PodTemplate(Model):
    """Parts of a pod template that are laid over the trial's own."""

    metadata: Metadata = Metadata()
    """Labels and annotations."""
    spec: PodSpec = PodSpec()
    """Placement and user."""
