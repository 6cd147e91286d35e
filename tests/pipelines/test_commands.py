"""The cluster's verbs as far as they go without a cluster: what they would create, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from pipelines.argo.session import Progress
from pipelines.kfp import session as kfp
from ruamel.yaml import YAML
from tests.steps.studies import shell_study, write_study

from pipelines import commands
from tunewright.cli import run
from tunewright.study_file import parse_study


@pytest.fixture
def study(tmp_path: Path) -> str:
    path = tmp_path / "study.yaml"
    write_study(path, shell_study())
    return str(path)


def said(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(list(arguments)) == code
    captured = capsys.readouterr()
    return captured.out + captured.err


def test_a_compiled_workflow_carries_the_study_and_refers_to_the_template(
    study: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = YAML(typ="safe").load(said(capsys, "compile", study, "--session", "tonight", "--shape", "separate"))
    assert document["kind"] == "Workflow"
    assert document["spec"]["workflowTemplateRef"] == {"name": "tunewright"}
    values = {p["name"]: p["value"] for p in document["spec"]["arguments"]["parameters"]}
    assert parse_study(values["study-text"], "x") == shell_study()
    assert (values["session"], values["shape"]) == ("tonight", "separate")


def test_a_compiled_night_is_a_cron_workflow_that_forbids_overlap(
    study: str, capsys: pytest.CaptureFixture[str]
) -> None:
    document = YAML(typ="safe").load(said(capsys, "compile", study, "--nightly", "--cron", "30 1 * * *"))
    assert document["kind"] == "CronWorkflow"
    assert document["spec"]["schedules"] == ["30 1 * * *"]
    assert document["spec"]["concurrencyPolicy"] == "Forbid"
    assert document["spec"]["timezone"] == "UTC"


@pytest.fixture
def trees(tmp_path: Path) -> str:
    path = tmp_path / "trees.yaml"
    path.write_text(
        "name: trees\nspace: {max_depth: {type: int, low: 1, high: 4}}\nobjective: {metric: accuracy}\n"
        "trial: {kind: xgboost}\ndata: {source: 'sklearn:iris'}\n"
    )
    return str(path)


def test_a_compiled_pipeline_is_the_committed_one(trees: str, capsys: pytest.CaptureFixture[str]) -> None:
    folder = Path(__file__).parents[2] / "pipelines" / "kfp"
    assert said(capsys, "compile", trees, "--backend", "kfp") == (folder / "tunewright-fused.yaml").read_text()
    text = said(capsys, "compile", trees, "--backend", "kfp", "--shape", "separate")
    assert text == (folder / "tunewright.yaml").read_text()


@pytest.mark.parametrize("backend", ["argo", "kfp"])
def test_a_bad_study_is_refused_before_any_cluster_is_asked(
    tmp_path: Path, backend: str, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.yaml"
    write_study(bad, shell_study())
    bad.write_text(bad.read_text().replace('"low": 0.0', '"low": 7.0'))
    for verb in ("compile", "submit", "schedule"):
        assert "low must be < high" in said(capsys, verb, str(bad), "--backend", backend, code=2)


def test_a_file_of_this_machine_cannot_be_data_on_a_cluster(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    local = tmp_path / "local.yaml"
    local.write_text(
        "name: local\nspace: {max_depth: {type: int, low: 1, high: 4}}\nobjective: {metric: accuracy}\n"
        "trial: {kind: xgboost}\ndata: {source: table.csv, target: y}\n"
    )
    assert "data.source must be s3://" in said(capsys, "submit", str(local), code=2)


def test_options_of_one_system_are_refused_by_the_other(study: str, capsys: pytest.CaptureFixture[str]) -> None:
    kfp = ("--backend", "kfp")
    refused = {
        "deadline": ("submit", study, *kfp, "--deadline", "600"),
        "session": ("compile", study, *kfp, "--session", "one"),
        "store": ("compile", study, *kfp, "--store", "s3://bucket/p"),
        "cron": ("compile", study, *kfp, "--cron", "0 2 * * *"),
        "timezone": ("schedule", study, *kfp, "--timezone", "Europe/Berlin"),
    }
    for option, arguments in refused.items():
        assert f"--{option} is for --backend argo" in said(capsys, *arguments, code=2)
    assert "needs the id of a run" in said(capsys, "sessions", "--backend", "kfp", code=2)


@pytest.mark.parametrize(
    ("arguments", "said_of"),
    [
        (("--cron", "1 2 * * *"), "--cron is for a schedule, got it without --nightly"),
        (("--timezone", "Europe/Berlin"), "--timezone is for a schedule, got it without --nightly"),
        (("--nightly", "--session", "x"), "--session is for one session, got it with --nightly"),
        (("--store", "./studies"), "a store address must be s3://bucket"),
    ],
)
def test_what_would_be_dropped_or_fail_in_pods_is_refused(
    study: str, arguments: tuple[str, ...], said_of: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert said_of in said(capsys, "compile", study, *arguments, code=2)


@pytest.mark.parametrize(
    "cron", ["0 24 * * *", "0 2 * * 7", "61 2 * * *", "a b c d e", "@foo", "5-1 * * * *", "*/0 * * * *"]
)
@pytest.mark.parametrize("more", [("compile", "--nightly"), ("schedule", "--backend", "kfp")])
def test_a_time_that_never_comes_is_refused(
    study: str, cron: str, more: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "a schedule must" in said(capsys, more[0], study, *more[1:], "--cron", cron, code=2).replace(
        "of a schedule", "a schedule"
    )


@pytest.mark.parametrize("cron", ["*/15 1-5,22 1 jan-MAR mon", "? 2 * * 0/2", "0 */24 * * *", "@daily", "@every 36h"])
def test_times_as_the_controller_reads_them_are_taken(
    cron: str, study: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said(capsys, "compile", study, "--nightly", "--cron", cron)


def test_a_study_that_is_not_utf_8_is_refused_as_everywhere(study: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(study).write_bytes(b"description: caf\xe9\n" + Path(study).read_bytes())
    for verb in ("compile", "submit", "schedule"):
        assert "must be UTF-8, got byte 0xe9" in said(capsys, verb, study, code=2)


def test_logs_say_what_is_missing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("PATH", "")
    assert "kubectl must be on PATH" in said(capsys, "logs", "some", code=2)


def test_an_interrupted_submit_does_not_advise_to_submit_again(
    monkeypatch: pytest.MonkeyPatch, study: str, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(commands.argo, "submit", raises(KeyboardInterrupt))
    assert "runs on; `tunewright sessions`" in said(capsys, "submit", study, code=130)


def raises(error: type[BaseException]) -> Callable[..., None]:
    def raising(*_: object, **__: object) -> None:
        raise error

    return raising


@pytest.mark.parametrize(
    ("given", "taken"), [("1.5Gi", "'1610612736'"), ("1e9", "'1000000000'"), ("2k", "'2000'"), ("2500m", "'3'")]
)
def test_any_quantity_of_kubernetes_is_taken_for_kubeflow(
    trees: str, given: str, taken: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(capsys, "compile", trees, "--backend", "kfp", "--trial-memory", given, "--trial-cpu", "1.5e0")
    assert f"resourceMemoryRequest: {taken}" in text
    assert "resourceCpuRequest: 1500m" in text


def test_what_a_trial_is_given_is_compiled_into_the_pipeline(
    trees: str, study: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = said(capsys, "compile", trees, "--backend", "kfp", "--trial-cpu", "250m", "--trial-memory", "5Gi")
    assert "resourceCpuRequest: 250m" in text
    assert "resourceMemoryLimit: 5Gi" in text
    for backend in ("kfp", "argo"):
        refused = said(capsys, "compile", study, "--backend", backend, "--trial-memory", "5Gi", code=2)
        assert "got --trial-memory 5Gi; write 'limits: {memory: 5Gi}' below trial" in refused


@pytest.mark.parametrize(
    ("arguments", "rule"),
    [
        (("--nightly", "--cron", "at night"), "a schedule must have five fields, minute to weekday, got 'at night'"),
        (
            ("--nightly", "--timezone", "Mars/Phobos"),
            "a time zone must have a name such as Europe/Berlin, got 'Mars/Phobos'",
        ),
        (("--trial-cpu", "lots"), "--trial-cpu must be a Kubernetes quantity such as 500m, got 'lots'"),
        (("--trial-memory", "-1Gi"), "--trial-memory must be a Kubernetes quantity such as 4Gi, got '-1Gi'"),
        (("--session", "a/b c"), "a session id must match"),
    ],
)
def test_what_the_controller_would_refuse_later_is_refused_now(
    study: str, arguments: tuple[str, ...], rule: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rule in said(capsys, "compile", study, *arguments, code=2)


def test_status_asks_the_cluster_when_it_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def status(name: str, *, namespace: object) -> Progress:
        asked.append(name)
        return Progress(
            name=name,
            study="s",
            phase="Running",
            message="",
            started=None,
            finished=None,
            rounds=1,
            trials=2,
            running=(),
        )

    monkeypatch.setattr(commands.argo, "status", status)
    assert json.loads(said(capsys, "status", "night", "--backend", "argo", "--json"))[0]["phase"] == "Running"
    assert asked == ["night"]


def test_without_kubectl_the_remedy_is_named(
    study: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    assert "kubectl must be on PATH" in said(capsys, "submit", study, code=2)


def test_gpus_of_a_trial_are_compiled_into_the_pipeline(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    built_in = tmp_path / "x.yaml"
    built_in.write_text(
        "name: x\nspace: {max_depth: {type: int, low: 1, high: 4}}\nobjective: {metric: accuracy}\n"
        "trial: {kind: xgboost}\ndata: {source: 'sklearn:iris'}\n"
    )
    text = said(capsys, "compile", str(built_in), "--backend", "kfp", "--trial-gpus", "3")
    assert "resourceCount: '3'" in text


@pytest.mark.parametrize(("phase", "code"), [("SUCCEEDED", 0), ("FAILED", 1)])
def test_waiting_for_a_run_tells_whether_it_failed(
    study: str, phase: str, code: int, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kfp, "submit", lambda *_, **__: "run-1")
    monkeypatch.setattr(kfp, "status", lambda *_, **__: SimpleNamespace(phase=phase))
    assert phase in said(capsys, "submit", study, "--backend", "kfp", "--wait", code=code)
