"""What the verbs ask of ``kfp.Client``.

There is no Kubeflow server to test against, so a stand-in records the calls: this shows which arguments are passed and how answers are
read, and nothing about a server. That the pipelines run is shown in test_kfp_containers.py.
"""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from kfp_server_api import ApiException
from pipelines.kfp import session as sessions
from pipelines.kfp.pods import Pods
from pipelines.kfp.session import Server, cancel, logs_command, schedule, status, submit, unschedule
from tests.steps.studies import shell_study

import kfp
from tunewright.errors import InputError, StudyInvalid, TransientError
from tunewright.study_file import parse_study

NOW = datetime(2026, 1, 18, 2, 0, tzinfo=UTC)
TEXT = shell_study().model_dump_json(exclude_unset=True)
BUILT_IN = """
name: trees
space: {max_depth: {type: int, low: 1, high: 9}}
objective: {metric: accuracy}
trial: {kind: xgboost}
data: {source: "sklearn:breast_cancer"}
"""
RUN = SimpleNamespace(
    run_id="run-1",
    display_name="toy 20260118020000",
    state="FAILED",
    error=SimpleNamespace(message="pod lost"),
    created_at=NOW,
    finished_at=datetime(1970, 1, 1, tzinfo=UTC),
)
SERVER = Server(host="http://kfp.example", namespace="team")


class Recorder:
    """Accepts what the real client's methods accept, by their signatures, and remembers it."""

    def __init__(self, **answers: Any) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.packages: list[str] = []
        self._answers = answers

    def __call__(self, **arguments: Any) -> Recorder:
        inspect.signature(kfp.Client.__init__).bind(None, **arguments)
        return self

    def __getattr__(self, name: str) -> Any:
        signature = inspect.signature(getattr(kfp.Client, name))

        def call(*positional: Any, **named: Any) -> Any:
            bound = dict(signature.bind(self, *positional, **named).arguments)
            bound.pop("self")
            for key in ("pipeline_file", "pipeline_package_path"):
                if key in bound:
                    self.packages.append(Path(bound.pop(key)).read_text())
            self.calls.append((name, bound))
            answer = self._answers.get(name)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    def asked(self, name: str) -> dict[str, Any]:
        (arguments,) = [arguments for called, arguments in self.calls if called == name]
        return arguments


def recorded(monkeypatch: pytest.MonkeyPatch, **answers: Any) -> Recorder:
    recorder = Recorder(
        **{
            "create_run_from_pipeline_package": SimpleNamespace(run_id="run-1"),
            "create_experiment": SimpleNamespace(experiment_id="experiment-1"),
            "create_recurring_run": SimpleNamespace(recurring_run_id="recurring-1"),
            "list_recurring_runs": SimpleNamespace(recurring_runs=None, next_page_token=None),
            **answers,
        }
    )
    monkeypatch.setattr(sessions, "Client", recorder)
    return recorder


def test_a_session_is_named_after_its_time_and_passed_with_the_study(monkeypatch: pytest.MonkeyPatch) -> None:
    client = recorded(monkeypatch)
    assert submit(TEXT, server=SERVER, now=NOW, store="s3://bucket/p") == "run-1"
    asked = client.asked("create_run_from_pipeline_package")
    sent = dict(asked["arguments"])
    assert parse_study(sent.pop("study_text"), "sent") == parse_study(TEXT, "here")
    assert sent == {"store": "s3://bucket/p", "session": "20260118020000"}
    assert asked["run_name"] == "toy 20260118020000"
    assert asked["namespace"] == "team"
    assert asked["enable_caching"] is False


def test_a_session_of_ones_own_name_is_made_fit_for_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    client = recorded(monkeypatch)
    submit(TEXT, server=SERVER, now=NOW, session="2026-01-18T02:00:00+00:00")
    arguments = client.asked("create_run_from_pipeline_package")["arguments"]
    assert arguments["session"] == "2026-01-18T02-00-00-00-00"


@pytest.mark.parametrize(("fused", "step"), [(True, "exec-advance"), (False, "exec-update-policy")])
def test_the_shape_and_the_cluster_are_compiled_into_what_is_sent(
    monkeypatch: pytest.MonkeyPatch, fused: bool, step: str
) -> None:
    client = recorded(monkeypatch)
    submit(BUILT_IN, server=SERVER, now=NOW, fused=fused, pods=Pods(accelerator="nvidia.com/gpu"))
    executors = next(iter(yaml.safe_load_all(client.packages[0])))["deploymentSpec"]["executors"]
    assert step in executors
    assert executors["exec-train"]["container"]["resources"]["accelerator"]["resourceType"] == "nvidia.com/gpu"


def test_a_bad_study_is_refused_before_the_server_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    client = recorded(monkeypatch)
    with pytest.raises(StudyInvalid):
        submit("name: Bad Name\n", server=SERVER, now=NOW)
    with pytest.raises(
        InputError, match=r"data\.source must be s3://bucket/key or sklearn:NAME on a cluster, got 'my\.csv'"
    ):
        submit(
            "name: t\nspace: {max_depth: {type: int, low: 1, high: 3}}\nobjective: {metric: accuracy}\n"
            "trial: {kind: xgboost}\ndata: {source: my.csv, target: y}\n",
            server=SERVER,
            now=NOW,
        )
    assert client.calls == []


def test_a_schedule_never_runs_two_sessions_at_once_and_makes_up_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    client = recorded(monkeypatch)
    assert schedule(TEXT, server=SERVER, cron="30 2 * * *") == "recurring-1"
    asked = client.asked("create_recurring_run")
    assert (asked["max_concurrency"], asked["no_catchup"], asked["enable_caching"]) == (1, True, False)
    assert asked["cron_expression"] == "0 30 2 * * *"
    assert set(asked["params"]) == {"study_text", "store"}, "macros in parameters are not replaced"
    opened = next(iter(yaml.safe_load_all(client.packages[0])))["root"]["dag"]["tasks"]["open"]
    session = opened["inputs"]["parameters"]["session"]
    assert session == {"runtimeValue": {"constant": "{{$.pipeline_job_uuid}}"}}, "every run is a session"
    assert asked["experiment_id"] == "experiment-1"
    assert asked["job_name"] == "toy"


def test_a_new_schedule_takes_the_place_of_the_studys_old_one_only(monkeypatch: pytest.MonkeyPatch) -> None:
    there = [
        SimpleNamespace(display_name="toy", recurring_run_id="old"),
        SimpleNamespace(display_name="toy-2", recurring_run_id="other"),
    ]
    client = recorded(monkeypatch, list_recurring_runs=SimpleNamespace(recurring_runs=there, next_page_token=None))
    schedule(TEXT, server=SERVER)
    assert client.asked("list_recurring_runs")["experiment_id"] == "experiment-1", (
        "others may have studies of this name"
    )
    assert client.asked("delete_recurring_run") == {"recurring_run_id": "old"}
    assert [name for name, _ in client.calls][-2:] == ["create_recurring_run", "delete_recurring_run"]


def test_a_schedule_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    client = recorded(monkeypatch)
    with pytest.raises(InputError, match="five fields, minute to weekday, got 'nightly'"):
        schedule(TEXT, server=SERVER, cron="nightly")
    with pytest.raises(InputError, match="'toy' must have a schedule to end, but has none"):
        unschedule("toy", server=SERVER)
    assert client.asked("list_recurring_runs")["experiment_id"] == "experiment-1"


EMPTY = SimpleNamespace(run_id=None, recurring_run_id=None, experiment_id=None)


def test_a_login_page_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The SDK makes objects whose fields are all None of whatever HTML it gets."""
    names = (
        "create_run_from_pipeline_package",
        "create_experiment",
        "create_recurring_run",
        "get_run",
    )
    client = recorded(monkeypatch, **dict.fromkeys(names, EMPTY))
    for verb in (
        lambda: submit(TEXT, server=SERVER, now=NOW),
        lambda: schedule(TEXT, server=SERVER),
        lambda: unschedule("toy", server=SERVER),
        lambda: status("run-1", server=SERVER),
        lambda: cancel("run-1", server=SERVER),
    ):
        with pytest.raises(InputError, match="must answer as the API of Kubeflow Pipelines does"):
            verb()
    assert not any("delete" in name or "terminate" in name for name, _ in client.calls)


def test_a_study_that_fits_no_argument_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    client = recorded(monkeypatch)
    long = f"# {'x' * 100_000}\n{BUILT_IN}"
    for verb in (lambda: submit(long, server=SERVER, now=NOW), lambda: schedule(long, server=SERVER)):
        with pytest.raises(InputError, match="at most 98304 bytes on a cluster"):
            verb()
    assert client.calls == []


def test_the_context_of_the_kubeconfig_is_that_which_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    contexts: list[str | None] = []

    def client(**given: Any) -> Any:
        contexts.append(given["kube_context"])
        return SimpleNamespace(get_user_namespace=lambda: "")

    monkeypatch.setattr(sessions, "Client", client)
    command = logs_command("run-1", server=Server(context="staging"))
    assert contexts == ["staging"]
    assert command[:5] == ["kubectl", "--namespace", "kubeflow", "--context", "staging"]


def test_a_run_tells_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(monkeypatch, get_run=RUN)
    progress = status("run-1", server=SERVER)
    assert (progress.phase, progress.message, progress.finished) == ("FAILED", "pod lost", None)
    assert progress.started == "2026-01-18T02:00:00+00:00"


def test_a_run_is_cancelled_by_its_id_and_its_logs_are_those_of_its_pods(monkeypatch: pytest.MonkeyPatch) -> None:
    client = recorded(monkeypatch, get_run=RUN)
    cancel("run-1", server=SERVER)
    assert client.asked("terminate_run") == {"run_id": "run-1"}
    command = " ".join(logs_command("run-1", server=SERVER, follow=True))
    assert command.startswith("kubectl --namespace team logs --selector pipeline/runid=run-1 ")
    assert "--follow" in command
    assert "--ignore-errors" in command, "one that has not started would end it"


@pytest.mark.parametrize(("own", "expected"), [("profile", "profile"), ("", "kubeflow"), (None, "kubeflow")])
def test_logs_are_looked_for_where_a_run_without_a_namespace_is(
    monkeypatch: pytest.MonkeyPatch, own: str | None, expected: str
) -> None:
    recorded(monkeypatch, get_user_namespace=own)
    assert logs_command("run-1", server=Server())[:3] == ["kubectl", "--namespace", expected]


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (ApiException(status=404, reason="Not Found"), InputError),
        (ApiException(status=503, reason="Service Unavailable"), TransientError),
        (ConnectionRefusedError("refused"), TransientError),
    ],
)
def test_what_the_server_refuses_is_bad_input_and_what_it_misses_is_worth_another_try(
    monkeypatch: pytest.MonkeyPatch, failure: Exception, expected: type[Exception]
) -> None:
    recorded(monkeypatch, get_run=failure)
    with pytest.raises(expected, match="Kubeflow Pipelines server"):
        status("run-1", server=SERVER)


def test_a_study_arrives_as_it_left_and_without_the_pod_s_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kubeflow's driver passes parameters on in arguments of a container, in which Kubernetes replaces these signs."""
    text = shell_study(description="costs $$ and $(AWS_SECRET_ACCESS_KEY)").model_dump_json(exclude_unset=True)
    client = recorded(monkeypatch)
    submit(text, server=SERVER, now=NOW)
    schedule(text, server=SERVER)
    asked = client.asked("create_run_from_pipeline_package")["arguments"]["study_text"]
    assert asked == client.asked("create_recurring_run")["params"]["study_text"]
    assert "$" not in asked
    assert parse_study(asked, "sent") == parse_study(text, "here")
