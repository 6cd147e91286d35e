"""The compiled WorkflowTemplate, and the objects that start sessions, held to what Argo and Kubernetes do with them."""

from __future__ import annotations

import base64
import gzip
import json
import re
import shutil
import subprocess
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from kubernetes.utils.quantity import parse_quantity
from pipelines.argo import compile, pod  # noqa: A004 - the module of this name
from pipelines.argo.namespace import Namespace, NameTakenError
from pipelines.argo.namespace import _error as namespace_error
from pipelines.argo.session import cancel, progress, schedule, submit, unschedule
from pipelines.argo.template import AGENT, STEPS, TRIAL, workflow_template
from pipelines.argo.workflow import Options, cron_workflow, literal, stamp, workflow, workflow_name
from pipelines.submission import quantity
from ruamel.yaml import YAML

from pipelines import commands
from tunewright.errors import EXIT_INPUT, EXIT_TRANSIENT, InputError, StudyInvalid, TransientError
from tunewright.steps.definition import BY_NAME
from tunewright.store import layout
from tunewright.study_file import parse_study

STUDY = """\
name: example
space: {max_depth: {type: int, low: 1, high: 9}}
objective: {metric: accuracy}
trial: {kind: xgboost}
data: {source: "sklearn:breast_cancer"}
"""
COMMAND = """\
name: example
space: {depth: {type: int, low: 1, high: 9}}
objective: {metric: accuracy}
trial:
  kind: command
  command: [sh, -c, 'echo "{{}} $$ $(HOME) {depth}" && echo ''{{"accuracy": 1}}'' > metrics.json']
"""


def templates() -> dict[str, Any]:
    return {template["name"]: template for template in workflow_template()["spec"]["templates"]}


def test_compiled_files_are_fresh():
    assert compile.stale() == []


@pytest.mark.cluster
def test_argo_finds_no_fault(tmp_path):
    if not shutil.which("argo"):
        pytest.skip("there is no argo on PATH to lint with")
    paths = [compile.HERE / "workflow-template.yaml"]
    for name, document in (
        ("workflow", workflow(STUDY, "one", Options())),
        ("cron", cron_workflow(STUDY, "0 2 * * *", "UTC", Options())),
    ):
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps(document))
    done = subprocess.run(["argo", "lint", "--offline", "--strict", *map(str, paths)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", STEPS)
def test_a_step_is_given_each_of_its_arguments_once(name):
    arguments = templates()[name]["container"]["args"]
    flags = [argument.split("=", 1)[0] for argument in arguments]
    assert sorted(flags) == sorted([*(i.flag for i in BY_NAME[name].inputs), "--outputs"])


def test_every_value_that_is_referred_to_exists():
    made = templates()
    parameters = {p["name"] for p in workflow_template()["spec"]["arguments"]["parameters"]}
    for template in made.values():
        text = json.dumps(template)
        assert set(re.findall(r"\{\{workflow\.parameters\.([\w-]+)\}\}", text)) <= parameters
        inputs = {p["name"] for p in template.get("inputs", {}).get("parameters", [])}
        assert set(re.findall(r"\{\{inputs\.parameters\.([\w-]+)\}\}", text)) <= inputs
        tasks = {task["name"]: made[task["template"]] for task in template.get("dag", {}).get("tasks", [])}
        for task, output in re.findall(r"\{\{tasks\.([\w-]+)\.outputs\.parameters\.([\w-]+)\}\}", text):
            assert output in {p["name"] for p in tasks[task]["outputs"]["parameters"]}


@pytest.mark.parametrize("shape", list(AGENT))
def test_a_round_calls_the_next_one_only_while_the_session_lasts(shape):
    [following] = [t for t in templates()[f"rounds-{shape}"]["dag"]["tasks"] if t["template"] == f"rounds-{shape}"]
    last = AGENT[shape][-1]
    assert following["when"] == f"{{{{tasks.{last}.outputs.parameters.done}}}} != true"
    assert following["depends"] == f"{last}.Succeeded"


def test_lost_trials_end_no_round():
    for shape in AGENT:
        after = next(t for t in templates()[f"rounds-{shape}"]["dag"]["tasks"] if t["name"] == AGENT[shape][0])
        assert {f"{TRIAL[shape]}.Failed", f"{TRIAL[shape]}.Errored"} <= set(after["depends"].split(" || "))


def test_bad_input_is_never_retried_and_lost_pods_are():
    for name in STEPS:
        expression = templates()[name]["retryStrategy"]["expression"]
        codes = set(json.loads(expression.split(" in ")[1].split(" and ")[0]))
        assert EXIT_INPUT not in codes
        assert {EXIT_TRANSIENT, 137, 143, 255, -1, 0} <= codes


def test_no_step_runs_as_root_or_writes_to_its_image():
    spec = workflow_template()["spec"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["automountServiceAccountToken"] is False
    patched = json.loads(spec["podSpecPatch"])
    assert [c["name"] for c in patched["initContainers"] + patched["containers"]] == ["init", "wait"]
    for container in [*patched["initContainers"], *patched["containers"]]:
        assert container["securityContext"] == pod.CONFINED
    for name in STEPS:
        assert templates()[name]["container"]["securityContext"] == pod.CONFINED


@pytest.mark.parametrize(("gpus", "named"), [("0", {}), ("2", {"nvidia.com/gpu": 2})])
def test_a_pod_that_wants_no_gpu_names_none_and_stays_off_their_nodes(gpus, named):
    text = templates()["train"]["podSpecPatch"]
    [expression] = re.findall(r"{{=(.*?)}}", text.partition('"limits"')[2])
    assert expression == 'workflow.parameters["trial-gpus"] == "0" ? "null" : workflow.parameters["trial-gpus"]'
    patch = json.loads(text.replace(f"{{{{={expression}}}}}", "null" if gpus == "0" else gpus))
    for part in patch["containers"][0]["resources"].values():
        assert {name: value for name, value in part.items() if "gpu" in name and value is not None} == named


def test_keys_come_by_reference():
    for name in STEPS:
        for variable in templates()[name]["container"]["env"]:
            if variable["name"].startswith("AWS_") and variable["name"] != "AWS_CA_BUNDLE":
                source = dict(variable["valueFrom"]["secretKeyRef"])
                assert source.pop("optional", False) == (variable["name"] == "AWS_SESSION_TOKEN")
                assert source == {"name": "tunewright-store", "key": variable["name"]}


def test_a_study_is_checked_before_anything_is_created():
    nowhere = Namespace(name="nowhere", context="no-such-context")
    with pytest.raises(StudyInvalid, match="depth"):
        submit(STUDY.replace("low: 1", "low: 10"), namespace=nowhere, now=datetime.now(UTC))
    with pytest.raises(InputError, match="session id"):
        submit(STUDY, namespace=nowhere, now=datetime.now(UTC), session="../x")


def test_data_must_be_where_pods_can_read_it():
    with pytest.raises(InputError, match=r"s3://.*table\.csv"):
        workflow(STUDY.replace('source: "sklearn:breast_cancer"', "target: y, source: table.csv"), "one", Options())


@pytest.mark.parametrize("text", [STUDY, COMMAND], ids=["plain", "braces and dollars"])
def test_a_study_arrives_as_it_left(text):
    sent = literal(text, parse_study(text, "here"))
    assert "{{" not in sent
    assert "$" not in sent
    assert parse_study(sent, "sent") == parse_study(text, "here")
    assert YAML(typ="safe").load(sent) == YAML(typ="safe").load(text)


def test_only_what_is_asked_for_is_passed_on():
    document = workflow(STUDY, "one", Options(shape="separate", trial_gpus=2, deadline_seconds=60))
    given = {p["name"]: p["value"] for p in document["spec"]["arguments"]["parameters"]}
    assert given == {
        "study": "example",
        "study-text": STUDY,
        "session": "one",
        "shape": "separate",
        "trial-gpus": "2",
    }
    assert document["spec"]["activeDeadlineSeconds"] == 60


def test_the_pods_of_trials_that_are_jobs_only_wait():
    def given(text: str, **options: Any) -> dict[str, str]:
        spec = workflow(text, "one", Options(**options))["spec"]
        return {
            p["name"]: p["value"] for p in spec["arguments"]["parameters"] if p["name"].startswith(("trial-", "queue"))
        }

    unqueued = {"queue-label": "tunewright/queue"}
    assert given(COMMAND) == {"trial-cpu": "100m", "trial-memory": "512Mi", **unqueued}
    for refused, remedy in (
        ({"trial_cpu": "1500m"}, "job: {cpu: 1.5}"),
        ({"trial_memory": "16Gi"}, "limits: {memory: 16Gi}"),
    ):
        with pytest.raises(
            InputError, match=f"run as Jobs, which say themselves what they need.*write '{remedy}' below trial"
        ):
            given(COMMAND, **refused)
    built_in = STUDY.replace("{kind: xgboost}", "{kind: xgboost, job: {gpus: 1}}")
    assert given(built_in) == {"trial-cpu": "100m", **unqueued}, "it is scored in a pod of the step"
    scored = {"trial-cpu": "1", "trial-memory": "4Gi", **unqueued}
    assert given(built_in, trial_cpu="1", trial_memory="4Gi") == scored
    with pytest.raises(InputError, match=r"write 'job: {gpus: 2}' below trial"):
        given(built_in, trial_gpus=2)


def test_only_steps_that_handle_jobs_have_an_account_for_it_and_know_their_pod_and_queue():
    own = {"name": "TUNEWRIGHT_POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}
    queue = {"name": "TUNEWRIGHT_QUEUE", "value": "{{workflow.parameters.queue}}"}
    for name in STEPS:
        step = templates()[name]
        given = (step.get("serviceAccountName"), step.get("automountServiceAccountToken"))
        handles = name in ("train", "evaluate", "update-surrogate", "advance", "report")
        assert given == (("tunewright-jobs", True) if handles else (None, None))
        assert [variable in step["container"]["env"] for variable in (own, queue)] == [handles, handles]
        assert not handles or "/trainer:" in step["container"]["image"], "the other image has no client for it"


def test_pods_that_train_wait_in_a_queue_by_a_label_that_is_a_parameter():
    defaults = {p["name"]: p.get("value") for p in workflow_template()["spec"]["arguments"]["parameters"]}
    assert (defaults["queue"], defaults["queue-label"]) == ("", "tunewright/queue")
    label = {"{{workflow.parameters.queue-label}}": "{{workflow.parameters.queue}}"}
    queued = [name for name in STEPS if label.items() <= templates()[name]["metadata"]["labels"].items()]
    assert queued == ["train"]


def test_a_step_is_retried_for_every_attempt_that_a_trial_may_lose_and_more():
    with pytest.raises(StudyInvalid, match="attempts"):
        parse_study(STUDY.replace("kind: xgboost", "kind: xgboost, limits: {attempts: 21}"), "study.yaml")
    for name in STEPS:
        assert templates()[name]["retryStrategy"]["limit"] > 20


def test_equal_sessions_have_equal_names_and_others_have_others():
    assert workflow_name("example", "2026-01-02-020000") == "example-2026-01-02-020000"
    names = [
        workflow_name(study, session)
        for study in ("a", "a-b", "x" * 48)
        for session in ("b-c", "c", "B-C", "b.c", "b_c", "s" * 63, "s" * 62 + "t")
    ]
    kubernetes = re.compile(r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")
    assert all(kubernetes.match(name) for name in names)
    assert len(set(names)) == len(names) - 1  # a and b-c, a-b and c: submit refuses the second


def test_a_session_is_named_after_its_time_in_utc():
    there = timezone(timedelta(hours=2))
    assert stamp(datetime(2026, 1, 2, 4, 0, tzinfo=there)) == "2026-01-02-020000"
    layout.session(stamp(datetime.now(UTC)))


def test_what_scores_models_has_the_memory_of_training_and_the_agents():
    def given(options: Options) -> dict[str, str]:
        return {p["name"]: p["value"] for p in workflow(STUDY, "one", options)["spec"]["arguments"]["parameters"]}

    assert given(Options(trial_memory="4Gi"))["advance-memory"] == "5120Mi"
    assert given(Options(trial_memory="768Mi"))["advance-memory"] == "3072Mi"
    assert "advance-memory" not in given(Options())
    for step in ("advance", "report"):
        assert "{{workflow.parameters.advance-memory}}" in templates()[step]["podSpecPatch"]
    with pytest.raises(InputError, match=r"--trial-memory must be a Kubernetes quantity such as 4Gi, got '4GB'"):
        workflow(STUDY, "one", Options(trial_memory="4GB"))


def test_schedules_never_overlap_and_name_their_time_zone():
    spec = cron_workflow(STUDY, "0 2 * * *", "UTC", Options())["spec"]
    assert (spec["concurrencyPolicy"], spec["timezone"], spec["schedules"]) == ("Forbid", "UTC", ["0 2 * * *"])


@pytest.mark.parametrize(("shape", "last"), [("separate", "evaluate"), ("fused", "train")])
def test_progress_is_read_from_packed_nodes_too(shape: str, last: str):
    def node(kind: str, template: str, phase: str) -> dict[str, str]:
        return {"type": kind, "templateName": template, "phase": phase}

    nodes = {
        "a": node("DAG", f"rounds-{shape}", "Running"),
        "b": node("Retry", last, "Succeeded"),
        "c": node("Pod", last, "Succeeded"),
        "d": node("Pod", "train", "Running"),
        "e": node("Skipped", "rounds-separate" if shape == "fused" else "rounds-fused", "Skipped"),
    }
    metadata = {"name": "example-one", "labels": {"tunewright/study": "example"}}
    plain = progress({"metadata": metadata, "status": {"phase": "Running", "nodes": nodes}})
    packed = base64.b64encode(gzip.compress(json.dumps(nodes).encode())).decode()
    assert (plain.rounds, plain.trials, plain.running, plain.over) == (1, 1, ("train",), False)
    other = progress({"metadata": metadata, "status": {"phase": "Running", "compressedNodes": packed}})
    assert (other.rounds, other.trials, other.running) == (1, 1, ("train",))


def test_a_pod_that_the_cluster_refuses_is_told_in_its_words_and_not_tried_again():
    words = 'pods "x" is forbidden: unable to validate against any security context constraint: [...]'
    nodes = {
        "a": {"type": "Retry", "templateName": "open", "phase": "Running", "message": "Backoff for 4s"},
        "b": {"type": "Pod", "templateName": "open", "phase": "Error", "message": words},
    }
    told = progress({"metadata": {"name": "one"}, "status": {"phase": "Running", "nodes": nodes}})
    assert told.message == words
    for step in ("open", "train"):
        expression = templates()[step]["retryStrategy"]["expression"]
        pattern = re.search(r'not \(lastRetry.message matches "(.*?)"\)', expression)
        assert pattern is not None
        assert re.search(pattern[1], words)
        assert not re.search(pattern[1], "pod deleted")
        assert not re.search(pattern[1], 'admission webhook "a" denied the request: Internal error'), "not at once"
        assert 'asInt(retries) >= 3 and lastRetry.message matches "admission webhook .* denied"' in expression


def test_a_workflow_that_nobody_takes_up_says_so_after_a_while():
    metadata = {"name": "one", "creationTimestamp": "2026-01-01T00:00:00Z"}
    assert "no Argo controller has taken it up" in progress({"metadata": metadata}).message
    now = datetime.now(UTC).isoformat()
    assert progress({"metadata": {**metadata, "creationTimestamp": now}}).message == ""
    assert progress({"metadata": metadata, "status": {"phase": "Running"}}).message == ""


def test_a_session_is_submitted_once_and_its_name_is_not_shared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    there = tmp_path / "workflow.json"  # a cluster that has session one of the example, under whatever name
    there.write_text(json.dumps(workflow(STUDY, "one", Options())))
    fake = tmp_path / "kubectl"
    fake.write_text(f"""#!/bin/sh
case "$*" in
*create*) echo 'Error from server (AlreadyExists): workflows.argoproj.io already exists' >&2; exit 1 ;;
*get*) cat {there} ;;
esac
""")
    fake.chmod(0o755)
    with pytest.raises(NameTakenError):
        Namespace().create({})
    assert submit(STUDY, namespace=Namespace(), now=datetime.now(UTC), session="one").before == "Pending"
    with pytest.raises(InputError, match="session 'one' of 'example'"):
        submit(STUDY, namespace=Namespace(), now=datetime.now(UTC), session="two")


@pytest.mark.parametrize(
    ("groups", "kinds"),
    [
        ("batch", "jobs"),
        ("trainer.kubeflow.org", "jobs,trainjobs.trainer.kubeflow.org,trainingruntimes.trainer.kubeflow.org"),
    ],
)
def test_cancelling_deletes_trials_of_every_kind_that_the_cluster_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, groups: str, kinds: str
):
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    fake, asked = tmp_path / "kubectl", tmp_path / "asked"
    fake.write_text(f"""#!/bin/sh
echo "$*" >> {asked}
case "$*" in
*"get workflow "*) echo '{{"metadata": {{"name": "w"}}, "status": {{"phase": "Failed"}}}}' ;;
*"get pods "*) echo '{{"items": []}}' ;;
*"get --raw /apis") echo '{{"groups": [{{"name": "{groups}"}}]}}' ;;
esac
""")
    fake.chmod(0o755)
    assert cancel("w", namespace=Namespace()).over
    deleted = f"delete {kinds} --selector workflows.argoproj.io/workflow=w --cascade=foreground"
    assert asked.read_text().splitlines()[-1] == f"--namespace tunewright {deleted}"


def test_a_study_with_dates_and_dollars_arrives_as_it_left():
    text = COMMAND.replace(
        "high: 9}}", "high: 9}, since: {type: categorical, choices: [2020-01-01, 2021-01-01T00:00:00Z, x]}}"
    )
    sent = literal(text, parse_study(text, "here"))
    assert "$" not in sent
    assert parse_study(sent, "sent").digest() == parse_study(text, "here").digest()


def test_letters_of_any_alphabet_count_as_they_are_sent():
    letters = f"{COMMAND}  files: {{train.py: '{'ж' * 20_000}\u200b\ufffd'}}\n"
    sent = literal(letters, parse_study(letters, "here"))
    assert parse_study(sent, "sent") == parse_study(letters, "here")
    assert len(sent.encode()) < len(letters.encode()) + 200
    dollars = f'{COMMAND}  files: {{train.py: "{"$" * 20_000}{chr(92)}x7f{chr(92)}x85{chr(92)}u2028"}}\n'
    assert parse_study(literal(dollars, parse_study(dollars, "here")), "sent") == parse_study(dollars, "here")
    with pytest.raises(InputError, match=r"at most 98304 bytes on a cluster, got 120\d{3} as it is sent"):
        workflow(dollars, "one", Options())


SCORED = "kind: command, command: [a], evaluate: {command: [b], limits: {time: 2h}}"


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ("", None),
        ("budget: {wall_time: 3d}", 3 * 86400 + 3600 + 3600),
        ("trial: {kind: xgboost, limits: {time: 40h}}", 40 * 3600 + 3600),
        ("trial: {kind: xgboost, limits: {time: 22h}}", None),
        ("trial: {kind: xgboost, limits: {time: 23h}}", None),
        ("trial: {kind: xgboost, limits: {time: 24h}}", 25 * 3600),
        ("trial: {kind: xgboost, limits: {time: 23.5h}}", 24.5 * 3600),
        (f"trial: {{{SCORED}, limits: {{time: 20h}}}}", None),
        (f"trial: {{{SCORED}, limits: {{time: 22h}}}}", 26 * 3600),
    ],
)
def test_a_session_may_take_what_its_study_allows(changes: str, seconds: int | None):
    key = changes.partition(":")[0]
    lines = [line for line in STUDY.splitlines() if not (key and line.startswith(f"{key}:"))]
    document = workflow("\n".join([*lines, changes]), "one", Options())
    assert document["spec"].get("activeDeadlineSeconds") == seconds


@pytest.mark.parametrize(
    "message",
    [
        "The connection to the server 10.0.0.1:6443 was refused - did you specify the right host or port?",
        "Unable to connect to the server: EOF",
        "Unable to connect to the server: context deadline exceeded",
        "Error from server: etcdserver: leader changed",
    ],
)
def test_an_outage_of_the_cluster_is_no_mistake_of_the_user(message: str):
    assert isinstance(namespace_error(message), TransientError)


def test_a_follower_asks_again_while_the_cluster_does_not_answer(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(commands.time, "sleep", lambda _: None)
    answers = iter([("Running", False, False), TransientError("the cluster must answer"), ("Succeeded", True, True)])

    def ask() -> tuple[str, bool, bool]:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert commands._follow(ask) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Running",
        "no answer, asked again: the cluster must answer",
        "Succeeded",
    ]


def test_every_pod_that_reaches_the_store_can_trust_an_authority_of_the_installations_own():
    mount = {"name": "store-ca", "mountPath": "/etc/tunewright/store-ca", "readOnly": True}
    spec = workflow_template()["spec"]
    assert {"name": "store-ca", "configMap": {"name": "tunewright-store-ca", "optional": True}} in spec["volumes"]
    for name in STEPS:
        container = templates()[name]["container"]
        assert mount in container["volumeMounts"]
        [told] = [entry for entry in container["env"] if entry["name"] == "AWS_CA_BUNDLE"]
        assert told["valueFrom"]["configMapKeyRef"]["optional"] is True


def test_dollars_alone_are_escaped_too() -> None:
    command = "  command: [sh, -c, 'echo $$ $(AWS_SECRET_ACCESS_KEY) > out']\n"
    text = COMMAND[: COMMAND.index("  command")] + command
    assert "{{" not in text
    sent = literal(text, parse_study(text, "here"))
    assert "$" not in sent
    assert parse_study(sent, "sent") == parse_study(text, "here")


def test_what_a_pod_waits_for_is_the_sessions_message() -> None:
    words = 'CreateContainerConfigError: secret "tunewright-store" not found'
    node = {"type": "Pod", "templateName": "open", "phase": "Pending", "message": words}
    metadata = {"name": "w", "labels": {"tunewright/study": "toy"}}
    seen = progress({"metadata": metadata, "status": {"phase": "Running", "nodes": {"a": node}}})
    assert (seen.phase, seen.message) == ("Running", words)
    over = progress({"metadata": metadata, "status": {"phase": "Failed", "message": "deadline", "nodes": {"a": node}}})
    assert over.message == "deadline"


def test_pods_take_what_the_store_s_settings_may_leave_out() -> None:
    (opened,) = [t for t in workflow_template()["spec"]["templates"] if t["name"] == "open"]
    of = {entry["name"]: next(iter(entry.get("valueFrom", {"": {}}).values())) for entry in opened["container"]["env"]}
    optional = {name for name, source in of.items() if source.get("optional")}
    assert optional == {"TUNEWRIGHT_S3_ENDPOINT", "TUNEWRIGHT_S3_REGION", "AWS_CA_BUNDLE", "AWS_SESSION_TOKEN"}
    assert {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} < of.keys()


@pytest.mark.parametrize(("label", "refused"), [("toy", False), (None, True), ("other", True)])
def test_only_a_studys_own_schedule_is_replaced_or_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, label: str | None, refused: bool
) -> None:
    labels = {"tunewright/study": label} if label else {}
    (tmp_path / "there.json").write_text(json.dumps({"metadata": {"name": "toy", "labels": labels}}))
    fake, asked = tmp_path / "kubectl", tmp_path / "asked"
    fake.write_text(
        f'#!/bin/sh\necho "$*" >> {asked}\ncase "$*" in *get*) cat {tmp_path}/there.json ;; *) cat >/dev/null ;; esac\n'
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    text = STUDY.replace("name: example", "name: toy")
    for verb in (lambda: schedule(text, namespace=Namespace()), lambda: unschedule("toy", namespace=Namespace())):
        if refused:
            with pytest.raises(InputError, match="CronWorkflow toy was not made by `tunewright schedule`"):
                verb()
        else:
            verb()
    assert ("apply" in asked.read_text(), "delete" in asked.read_text()) == (not refused, not refused)


@pytest.mark.parametrize(
    "value", ["1", "1.5Gi", ".5", "100m", "1e3", "12E", "2Ki", "3u", "5n", "7k", "1E3", "4Ti", "+2M"]
)
def test_quantities_are_read_as_by_the_client_of_kubernetes(value: str) -> None:
    assert quantity("trial-memory", value) == parse_quantity(value)


@pytest.mark.parametrize("value", ["", "4GB", "1 Gi", "Gi", "1mi", "0", "-1", "1e", "1.2.3", "\u0661"])
def test_what_is_no_quantity_is_refused(value: str) -> None:
    with pytest.raises(InputError, match="must be a Kubernetes quantity"):
        quantity("trial-memory", value)
