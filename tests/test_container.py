"""Words for containers and Jobs: closed, in Kubernetes' own spelling, and unable to loosen what isolates a trial."""

from __future__ import annotations

import types
from collections.abc import Iterator
from typing import Any, Union, get_args, get_origin

import pytest
from kubernetes import client
from pydantic import BaseModel
from tests.training.runner_contract import shell

from tunewright.container import JobSettings
from tunewright.errors import StudyInvalid
from tunewright.pod import PodTemplate
from tunewright.study_file import parse_study

STUDY = """\
name: contained
space: {x: {type: float, low: 0, high: 1}}
objective: {metric: accuracy}
trial:
  kind: command
  image: registry.example:5000/team/train:1.2
  command: [python, "{files}/train.py", "{x}"]
  files: {train.py: "print()"}
  job: {queue: night, gpus: 1, pod: {spec: {nodeSelector: {gpu: a100}}}}
"""


def mistakes(old: str, new: str) -> list[str]:
    assert STUDY.count(old) == 1
    with pytest.raises(StudyInvalid) as caught:
        parse_study(STUDY.replace(old, new), "study.yaml")
    return [f"{problem.line} {problem.field}: {problem.message}" for problem in caught.value.problems]


def test_a_study_says_how_its_trials_run():
    study = parse_study(STUDY, "study.yaml")
    assert study.trial.job is not None
    assert study.trial.job.pod.spec.nodeSelector == {"gpu": "a100"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("queue: night", "queu: night", "9 trial.job.queu: must be a known key, got 'queu'; did you mean 'queue'?"),
        ("nodeSelector", "nodeSelecter", "9 trial.job.pod.spec.nodeSelecter: must be a known key, got 'nodeSelecter'; did you mean 'nodeSelector'?"),
        ("nodeSelector: {gpu: a100}", "hostNetwork: true", "9 trial.job.pod.spec.hostNetwork: must be a known key"),
        ("nodeSelector: {gpu: a100}", "serviceAccountName: a", "9 trial.job.pod.spec.serviceAccountName: must be a known key"),
        ("nodeSelector: {gpu: a100}", "containers: []", "9 trial.job.pod.spec.containers: must be a known key"),
        ("nodeSelector: {gpu: a100}", "securityContext: {runAsUser: 0}", "9 trial.job.pod.spec.securityContext.runAsUser: must be >= 1, got 0"),
        ("nodeSelector: {gpu: a100}", "securityContext: {privileged: true}", "9 trial.job.pod.spec.securityContext.privileged: must be a known key"),
        ("gpus: 1", "secrets: {A: tunewright-store/AWS_SECRET_ACCESS_KEY}", "9 trial.job.secrets: secrets must not be the store's own"),
        ("gpus: 1", "secrets: {A: mlpipeline-minio-artifact/secretkey}", "9 trial.job.secrets: secrets must not be the store's own"),
        ("gpus: 1", "secrets: {A: token}", "9 trial.job.secrets: secrets must be given as name/key, got 'token'"),
        ("gpus: 1", "secrets: {A: tunewright-executor.service-account-token/token}", "9 trial.job.secrets: secrets must not be a service account's"),
        ("gpus: 1", "volumes: [{claim: data-minio-0, path: /x}]", "9 trial.job.volumes.0.claim: claim must not be the store's own"),
        ("gpus: 1", "volumes: [{claim: a, path: /tunewright/output}]", "9 trial.job.volumes.0.path: path must leave /tunewright"),
        ("gpus: 1", "volumes: [{claim: a, config_map: b, path: /x}]", "9 trial.job.volumes.0: a volume must be either claim or config_map"),
        ("gpus: 1", "volumes: [{claim: a, path: /a/../etc}]", "9 trial.job.volumes.0.path: must match"),
        ("train.py: ", "../train.py: ", "8 trial.files: files must be named by relative paths"),
        ("{train.py: \"print()\"}", "{a: x, a/b: y}", "8 trial.files: files must not lie below a file, got 'a'"),
        ("  files: {train.py: \"print()\"}\n", "", "7 trial.command.1: {files} needs files in the trial, got nothing; add trial.files"),
        ("team/train:1.2", "Team Train", "6 trial.image: must match"),
    ],
)  # fmt: skip
def test_every_mistake_is_named_before_anything_is_submitted(old: str, new: str, message: str):
    found = mistakes(old, new)
    assert [line for line in found if line.startswith(message)], found


@pytest.mark.parametrize(
    "key",
    [
        "sidecar.istio.io/inject", "sidecar.istio.io/userVolume", "workflows.argoproj.io/workflow", "jobset.sigs.k8s.io/jobset-name",
        "linkerd.io/inject", "k8s.v1.cni.cncf.io/networks", "vault.hashicorp.com/agent-inject", "azure.workload.identity/use",
        "io.katacontainers.config.hypervisor.kernel",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["labels", "annotations"])
def test_what_others_obey_cannot_be_said_of_a_pod(kind: str, key: str):
    found = mistakes("pod: {spec", f"pod: {{metadata: {{{kind}: {{{key}: a}}}}, spec")
    assert any("must not be one of tunewright's, of security, or of what changes pods" in line for line in found), found


def test_labels_of_a_company_are_passed_on():
    metadata = {"labels": {"acme.com/cost-centre": "7"}, "annotations": {"prometheus.io/scrape": "true"}}
    assert shell("true", job={"pod": {"metadata": metadata}}).trial.kind == "command"


def test_inline_files_are_measured_in_bytes():
    found = mistakes('train.py: "print()"', f'train.py: "{"é" * 40_000}"')
    words = "files must have at most 65536 bytes of JSON together, got 80016; put them into the image"
    assert found == [f"8 trial.files: {words}"]


@pytest.mark.parametrize("image", ["python:3.13", "python", "a/b/c@sha256:" + "0" * 64, "localhost:5000/x:y_z.1"])
def test_images_are_named_as_registries_name_them(image: str):
    assert shell("true", image=image).trial.kind == "command"


def near(key: str, operator: str) -> str:
    term = f"{{topologyKey: {key}, labelSelector: {{matchExpressions: [{{key: a, operator: {operator}}}]}}}}"
    return f"{{podAffinity: {{requiredDuringSchedulingIgnoredDuringExecution: [{term}]}}}}"


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("nodeSelector", "{a b: c}", ": keys must be name or prefix/name, "),
        ("nodeSelector", "{Example.org/gpu: c}", ": keys must be name or prefix/name, "),
        ("nodeSelector", f"{{{'x' * 64}: c}}", ": keys must be name or prefix/name, "),
        ("nodeSelector", "{gpu: NVIDIA A100}", ".gpu: must match ^([A-Za-z0-9]"),
        ("nodeSelector", f"{{gpu: {'x' * 64}}}", ".gpu: must match ^([A-Za-z0-9]"),
        ("priorityClassName", "Low", ": must match ^[a-z0-9]"),
        ("runtimeClassName", "a..b", ": must match ^[a-z0-9]"),
        ("imagePullSecrets", "[{name: My_Secret}]", ".0.name: must match ^[a-z0-9]"),
        ("tolerations", "[{key: a/b/c, operator: Exists}]", ".0.key: must match ^("),
        ("tolerations", "[{key: a, operator: Exists, value: b}]", ".0.value: value must be left out with operator Exists, got 'b'"),
        ("tolerations", "[{value: b}]", ".0: operator must be Exists in a toleration without key, got Equal"),
        ("tolerations", "[{key: '', value: b}]", ".0: operator must be Exists in a toleration without key, got Equal"),
        ("tolerations", "[{key: a, tolerationSeconds: 9}]", ".0: effect must be NoExecute with tolerationSeconds, got None"),
        ("affinity", near("a b", "Exists"), ".0.topologyKey: must match ^("),
        ("affinity", near("zone", "In"), ".matchExpressions.0: values must be given, but not with operator Exists"),
        ("affinity", near("zone", "Exists, values: [x]"), ".matchExpressions.0.values: values must be given, but not with"),
    ],
)  # fmt: skip
def test_what_the_api_server_would_refuse_of_the_overlay_is_named_before(field: str, value: str, message: str):
    [found] = mistakes("nodeSelector: {gpu: a100}", f"{field}: {value}")
    assert found.startswith(f"9 trial.job.pod.spec.{field}"), found
    assert message in found


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ("{labels: {a b: c}}", "labels: keys must be name or prefix/name, "),
        ("{labels: {a: b c}}", "labels.a: must match ^([A-Za-z0-9]"),
        ("{labels: {Example.org/a: c}}", "labels: keys must be name or prefix/name, "),
        ("{annotations: {a b: c}}", "annotations: keys must be name or prefix/name, "),
        ("{annotations: {Tunewright/a: c}}", "annotations: a label or annotation must not be one of tunewright's"),
    ],
)
def test_labels_and_annotations_are_named_as_kubernetes_names_them(metadata: str, message: str):
    [found] = mistakes("pod: {", f"pod: {{metadata: {metadata}, ")
    assert found.startswith(f"9 trial.job.pod.metadata.{message}"), found


def test_the_overlay_takes_what_kubernetes_takes():
    labels = {"a": "", "example.org/a.b_c-d": "A-1_2.3", "x" * 63: "y" * 63}
    tolerations = [
        {"operator": "Exists"},
        {"key": "", "operator": "Exists"},
        {"key": "a.b/c", "value": "d"},
        {"key": "a", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 0},
    ]
    spec = {"nodeSelector": labels, "tolerations": tolerations, "priorityClassName": "system-x.y"}
    annotations = {"a/b": "any text: at all", "Example.ORG/a": ""}
    pod = {"metadata": {"labels": labels, "annotations": annotations}, "spec": spec}
    assert shell("true", job={"pod": pod}).trial.job is not None


def test_where_a_trial_runs_is_not_what_it_is():
    plain, placed = shell("true"), shell("true", job={"queue": "night", "gpus": 1})
    assert plain.digest() == placed.digest()
    assert shell("true", image="python:3.13").digest() != plain.digest()


def models(model: type[BaseModel], official: str) -> Iterator[tuple[type[BaseModel], str]]:
    """Every model below one, with the official client's name of the same thing."""
    yield model, official
    names = {value: key for key, value in getattr(client, official).attribute_map.items()}
    for name, field in model.model_fields.items():
        kind = getattr(client, official).openapi_types[names[name]]
        inner = kind.removeprefix("list[").removesuffix("]")
        for part in parts(field.annotation):
            if inner.startswith("V1"):
                yield from models(part, inner)


def parts(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif get_origin(annotation) in (list, Union, types.UnionType):
        for argument in get_args(annotation):
            yield from parts(argument)


def test_the_overlay_speaks_kubernetes_own_words():
    found = list(models(PodTemplate, "V1PodTemplateSpec"))
    assert len(found) > 15
    for model, official in found:
        known = set(getattr(client, official).attribute_map.values())
        assert set(model.model_fields) <= known, official


def test_settings_have_defaults_for_everything():
    assert JobSettings().pod == PodTemplate()
