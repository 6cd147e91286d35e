"""The contract of runners, kept by Kubernetes Jobs; and what only a cluster can do to a trial."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from tests.e2e.installation import NAME, Installation, kubectl, wait_for
from tests.e2e.jobs import ATTEMPTS, job_runner, jobs
from tests.training.runner_contract import METRIC, RunnerContract, shell
from tests.training.trials import TRIAL, job

from tunewright.errors import AttemptLost, InputError
from tunewright.store import layout
from tunewright.study import Study
from tunewright.study_file import load_study
from tunewright.training import job as job_module
from tunewright.training.job import JobRunner
from tunewright.training.job_manifest import job_name
from tunewright.training.job_pod import ENDED, box
from tunewright.training.runner import Finished
from tunewright.trial import Outcome

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(600)]

GPU = "tunewright.test/gpu"
EXAMPLES = Path(__file__).parents[1] / "examples"


@pytest.fixture(scope="module")
def shared_runner(installation: Installation) -> Iterator[JobRunner]:
    with job_runner(installation, "contract") as runner:
        yield runner


@pytest.fixture
def runner(shared_runner: JobRunner) -> Iterator[JobRunner]:
    yield shared_runner
    shared_runner.discard(TRIAL)
    wait_for("the trial's pods are gone", lambda: not pods(), 60)


@pytest.fixture
def attempt() -> int:
    return next(ATTEMPTS)


def pods() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(
        kubectl("-n", NAME, "get", "pods", "-l", f"tunewright/trial={TRIAL}", "-o", "json")
    )["items"]
    return found


class TestJobRunner(RunnerContract):
    patience = 60.0

    @pytest.fixture
    def runner(self, runner: JobRunner) -> JobRunner:
        return runner

    @pytest.fixture
    def attempt(self, attempt: int) -> int:
        return attempt


class Waiting(threading.Thread):
    """Somebody who waits for a Job, so that the test can disturb it meanwhile."""

    def __init__(self, runner: JobRunner, of: Study, directory: Path, attempt: int) -> None:
        super().__init__(daemon=True)
        self.finished: Finished | None = None
        self.error: BaseException | None = None
        self._runner, self._of, self._directory, self._attempt = runner, of, directory, attempt
        self.start()

    def run(self) -> None:
        try:
            self.finished = self._runner.run(job(self._of, self._directory, attempt=self._attempt), lambda: None)
        except BaseException as error:
            self.error = error

    def end(self, seconds: float = 120) -> Waiting:
        self.join(seconds)
        assert not self.is_alive()
        return self


def running() -> bool:
    return any(
        "running" in status["state"]
        for pod in pods()
        for status in pod["status"].get("containerStatuses", [])
        if status["name"] == "trial"
    )


def test_who_comes_after_goes_on_with_the_same_job_and_its_whole_log(runner: JobRunner, attempt: int, tmp_path: Path):
    class DiedError(Exception):
        pass

    def die() -> None:
        if running():
            raise DiedError

    of = shell(METRIC + "echo begun; sleep 8; echo done")
    runner_that_moves = JobRunner(cluster=runner.cluster, site=runner.site, pod="no-such-pod")  # as on a drained node
    with pytest.raises(DiedError):
        runner_that_moves.run(job(of, tmp_path / "first", attempt=attempt), die)
    assert runner.goes_on(TRIAL, attempt)
    [before] = jobs(f"tunewright/trial={TRIAL}")
    finished = runner.run(job(of, tmp_path / "second", attempt=attempt), lambda: None)
    [after] = jobs(f"tunewright/trial={TRIAL}")
    assert before["metadata"]["uid"] == after["metadata"]["uid"]
    assert (finished.state, finished.log_tail) == ("TRAINED", "begun\ndone")
    again = runner.run(job(of, tmp_path / "third", attempt=attempt), lambda: None)
    assert again == finished, "a Job that has ended is read, not run"


def test_a_job_that_scores_again_is_not_taken_for_the_one_before(runner: JobRunner, attempt: int, tmp_path: Path):
    scorer = replace(runner, site=replace(runner.site, scores=True))
    for name, data in ((ENDED, b'{"keep": false}'), ("metrics.json", b'{"accuracy": 0.1}')):
        runner.store.put(box(TRIAL, attempt, name, layout.SCORE), data)  # of a Job that was lost before all was stored
    outcome = Outcome(trial=TRIAL, attempt=attempt, state="TRAINED", started=0.0, ended=1.0)
    layout.create(runner.store, outcome, layout.attempt(TRIAL, attempt, "outcome.json"))
    scored = replace(job(shell("sleep 3; " + METRIC), tmp_path, attempt=attempt), scores=True)
    finished = scorer.run(scored, lambda: None)
    scorer.discard(TRIAL)
    assert (finished.state, finished.metrics) == ("TRAINED", {"accuracy": 0.5}), finished


@pytest.mark.parametrize("what", ["job", "pod"])
def test_what_is_deleted_from_outside_is_the_platforms_fault(
    runner: JobRunner, attempt: int, tmp_path: Path, what: str
):
    waiting = Waiting(runner, shell("echo begun; sleep 300"), tmp_path / "job", attempt)
    wait_for("the trial runs", running, 60)
    time.sleep(2)  # its first line is on its way
    kubectl("-n", NAME, "delete", what, "-l", f"tunewright/trial={TRIAL}", "--wait=false")
    error = waiting.end().error
    assert isinstance(error, AttemptLost)
    assert "deleted from outside" in str(error) or "its pod is gone" in str(error)
    assert error.log_tail == "begun"
    assert not runner.goes_on(TRIAL, attempt)


def test_a_job_is_confined_owned_and_gone_after_its_time(runner: JobRunner, attempt: int, tmp_path: Path):
    waiting = Waiting(runner, shell(METRIC + "sleep 4"), tmp_path / "job", attempt)
    wait_for("the trial runs", running, 60)
    [made], [pod] = jobs(f"tunewright/trial={TRIAL}"), pods()
    assert made["metadata"]["name"] == job_name(runner.site, TRIAL, attempt)
    assert (made["spec"]["ttlSecondsAfterFinished"], made["spec"]["backoffLimit"]) == (86400, 0)
    assert pod["spec"]["automountServiceAccountToken"] is False
    assert pod["spec"]["securityContext"]["runAsUser"] == 10001
    assert waiting.end().error is None


def test_a_node_that_takes_no_pods_is_named_in_the_schedulers_words(runner: JobRunner, attempt: int, tmp_path: Path):
    [node] = json.loads(kubectl("get", "nodes", "-o", "json"))["items"][:1]
    name = node["metadata"]["name"]
    selector = {
        "spec": {"nodeSelector": {"kubernetes.io/hostname": node["metadata"]["labels"]["kubernetes.io/hostname"]}}
    }
    of = shell("true", job={"start": 4, "pod": selector})
    kubectl("cordon", name)
    try:
        with pytest.raises(
            AttemptLost, match=r"must begin to train within 4 s, but no node takes its pod: .*unschedulable"
        ):
            runner.run(job(of, tmp_path / "job", attempt=attempt), lambda: None)
    finally:
        kubectl("uncordon", name)


@pytest.fixture
def gpu() -> Iterator[None]:
    """One GPU, which only the scheduler believes in."""
    [name] = kubectl("get", "nodes", "-o", "name").split()[:1]
    path = f"/status/capacity/{GPU.replace('/', '~1')}"
    add = json.dumps([{"op": "add", "path": path, "value": "1"}])
    kubectl("patch", name, "--subresource=status", "--type=json", f"--patch={add}")
    wait_for("the node offers a GPU", lambda: GPU in kubectl("get", name, "-o", "jsonpath={.status.allocatable}"), 60)
    yield
    remove = json.dumps([{"op": "remove", "path": path}])
    kubectl("patch", name, "--subresource=status", "--type=json", f"--patch={remove}")


def test_trials_take_turns_on_the_only_gpu(runner: JobRunner, gpu: None, tmp_path: Path):
    def of(source: str, start: float) -> Study:
        return shell(source, job={"gpus": 1, "gpu_resource": GPU, "start": start})

    first = Waiting(runner, of(METRIC + "sleep 12", 60), tmp_path / "first", next(ATTEMPTS))
    wait_for("the first trial has the GPU", running, 60)
    with pytest.raises(AttemptLost, match=f"no node takes its pod: .*Insufficient {GPU}"):
        JobRunner(cluster=runner.cluster, site=other_place(runner)).run(
            job(of("true", 3), tmp_path / "second", attempt=next(ATTEMPTS)), lambda: None
        )
    third = Waiting(runner, of(METRIC, 60), tmp_path / "third", next(ATTEMPTS))
    done = [waiting.end().finished for waiting in (first, third)]
    assert [finished.state for finished in done if finished] == ["TRAINED", "TRAINED"], done
    assert 12 <= done[0].gpu_seconds < 30
    assert done[1].gpu_seconds < 6, "it waited for the GPU"


def other_place(runner: JobRunner) -> Any:
    """As if another study's trial had the same id: what it discards is its own."""
    return job_module.replace(runner.site, address=runner.site.address + "-2")


def test_an_image_whose_registry_is_away_is_waited_for_and_then_the_platforms_fault(
    runner: JobRunner, attempt: int, tmp_path: Path
):
    of = shell("true", image="registry.invalid/team/train:1", job={"start": 8})
    with pytest.raises(
        AttemptLost, match=r"trial\.image must be an image that nodes have or can pull, got: .*registry\.invalid"
    ):
        runner.run(job(of, tmp_path / "job", attempt=attempt), lambda: None)


class Registry(BaseHTTPRequestHandler):
    """A registry that is there and has nothing."""

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        here = self.path == "/v2/"
        body = b"{}" if here else json.dumps({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "unknown"}]}).encode()
        self.send_response(200 if here else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        return


def test_an_image_that_its_registry_does_not_have_is_the_studys_fault(
    runner: JobRunner, attempt: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(job_module, "REFUSED_SECONDS", 3.0)
    with HTTPServer(("127.0.0.1", 0), Registry) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        of = shell("true", image=f"localhost:{server.server_port}/team/train:1")
        with pytest.raises(InputError, match=r"trial\.image must be an image .*not found.*check trial\.image"):
            runner.run(job(of, tmp_path / "job", attempt=attempt), lambda: None)
        server.shutdown()
    assert not runner.goes_on(TRIAL, attempt)


def test_a_config_map_and_a_secret_reach_the_trial_and_the_stores_own_do_not(
    runner: JobRunner, attempt: int, tmp_path: Path
):
    kubectl("-n", NAME, "create", "configmap", "words", "--from-literal=word=hello", check=False)
    kubectl("-n", NAME, "create", "secret", "generic", "hub", "--from-literal=token=hush", check=False)
    settings = {"volumes": [{"config_map": "words", "path": "/words"}], "secrets": {"TOKEN": "hub/token"}}
    of = shell(METRIC + 'cat /words/word; echo " $TOKEN"; touch /words/x || true', job=settings)
    finished = runner.run(job(of, tmp_path / "job", attempt=attempt), lambda: None)
    assert "hello hush" in finished.log_tail.splitlines()
    assert "Read-only" in finished.log_tail


def test_the_api_server_takes_every_part_of_the_overlay(runner: JobRunner, attempt: int, tmp_path: Path):
    node = {"key": "kubernetes.io/os", "operator": "In", "values": ["linux"]}
    near = {"labelSelector": {"matchLabels": {"a": "b"}}, "topologyKey": "kubernetes.io/hostname"}
    affinity = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": [{"matchExpressions": [node]}]}
        },
        "podAntiAffinity": {
            "preferredDuringSchedulingIgnoredDuringExecution": [{"weight": 1, "podAffinityTerm": near}]
        },
    }
    spec = {
        "nodeSelector": {"kubernetes.io/os": "linux"},
        "tolerations": [{"key": "a", "operator": "Exists", "effect": "NoSchedule"}],
        "affinity": affinity,
        "imagePullSecrets": [{"name": "registry"}],
        "securityContext": {"runAsUser": 1234, "runAsGroup": 1234, "fsGroup": 2345, "supplementalGroups": [3456]},
    }
    of = shell(METRIC + "id; umask", job={"queue": "q", "pod": {"metadata": {"labels": {"team": "x"}}, "spec": spec}})
    finished = runner.run(job(of, tmp_path / "job", attempt=attempt), lambda: None)
    assert finished.state == "TRAINED", finished
    assert "uid=1234 gid=1234 groups=1234,2345,3456" in finished.log_tail.replace("(", " ").replace(")", "")


def test_a_server_that_refuses_says_why(runner: JobRunner, tmp_path: Path):
    body = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "Bad Name"}, "spec": {}}
    with pytest.raises(InputError, match=r"the Kubernetes API refused with 422: .*Bad Name"):
        runner.cluster.create(runner.cluster.jobs, body)


def test_the_steps_account_may_do_what_its_runner_asks_for_and_no_more(installation: Installation):
    def may(verb: str, what: str) -> bool:
        account = f"system:serviceaccount:{NAME}:tunewright-jobs"
        asked = ["kubectl", "-n", NAME, "auth", "can-i", verb, what, "--as", account]
        return subprocess.run(asked, capture_output=True, text=True).stdout.strip() == "yes"

    allowed = {"jobs.batch": ("create", "get", "list", "delete"), "pods": ("get", "list"), "events": ("list",)}
    assert all(may(verb, what) for what, verbs in allowed.items() for verb in verbs)
    assert may("get", "pods/log")
    refused = [
        ("get", "secrets"),
        ("create", "pods"),
        ("create", "pods/exec"),
        ("delete", "pods"),
        ("update", "jobs.batch"),
    ]
    assert not any(may(verb, what) for verb, what in refused)


@pytest.mark.parametrize(
    ("name", "script", "configuration"),
    [
        ("shell.yaml", "train.sh", {"x": 3.141592653589793, "y": 2.275}),
        ("sklearn.yaml", "train_sklearn.py", {"n_estimators": 10, "max_depth": 3, "criterion": "gini"}),
        ("pytorch.yaml", "train_pytorch.py", {"learning_rate": 0.05, "hidden": 64, "heads": 2}),
    ],
)
def test_the_examples_run_in_containers_as_they_run_on_a_laptop(
    runner: JobRunner, attempt: int, tmp_path: Path, name: str, script: str, configuration: dict[str, Any]
):
    plain = load_study(EXAMPLES / name)
    trial = plain.trial.model_dump(exclude_unset=True)
    trial["command"] = [part.replace(script, f"{{files}}/{script}") for part in trial["command"]]
    trial |= {"files": {script: (EXAMPLES / script).read_text()}, "job": {"cpu": 0.1}}
    of = Study.model_validate({**plain.model_dump(exclude_unset=True), "trial": trial})
    finished = runner.run(job(of, tmp_path / "job", configuration, seed=1, attempt=attempt), lambda: None)
    assert finished.state == "TRAINED", (finished.reason, finished.log_tail)
    assert plain.objective.metric in finished.metrics
    if name == "pytorch.yaml":
        assert len((tmp_path / "job/metrics.jsonl").read_text().splitlines()) == 30
