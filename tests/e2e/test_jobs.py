"""Sessions whose trials run as Jobs: disturbed at every place, with faults of every kind, cancelled."""

from __future__ import annotations

import json
import os
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from pipelines.argo.session import WORKFLOW_LABEL, cancel, submit
from pipelines.argo.template import Shape
from pipelines.argo.workflow import Options
from tests.e2e.installation import NAME, OPTIONS, Installation, kubectl, wait_for
from tests.e2e.jobs import jobs
from tests.e2e.outcome import assert_every_trial_ended_once

from tunewright.store import layout
from tunewright.trial import AttemptStart, Loss, Status

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1200)]

STUDY: dict[str, Any] = {
    "space": {"x": {"type": "float", "low": 0.0, "high": 1.0}},
    "objective": {"metric": "score"},
    "agent": {"reward_model": "none", "initial_trials": 20},
}
SLOW = 'echo begun; sleep 45; echo "{{\\"score\\": {x}}}" > "$TUNEWRIGHT_METRICS"; echo weights > "{output}/model.bin"'


def study(name: str, *, rounds: int, parallel: int, trial: dict[str, Any]) -> str:
    budget = {"trials": rounds * parallel, "parallel_trials": parallel, "rounds": rounds}
    limits = {"memory": "64MiB", "time": "5m"}
    of = {"kind": "command", "job": {"cpu": 0.02}, "limits": limits, **trial}
    return json.dumps({"name": name, **STUDY, "budget": budget, "trial": of})


def running(workflow: str) -> dict[str, dict[str, Any]]:
    """The Jobs of a Workflow whose trial runs, by trial."""
    selector = "app.kubernetes.io/name=tunewright-trial"
    found = json.loads(kubectl("-n", NAME, "get", "pods", "-l", selector, "-o", "json"))["items"]
    begun = {
        pod["metadata"]["labels"]["batch.kubernetes.io/job-name"]
        for pod in found
        for status in pod["status"].get("containerStatuses", [])
        if status["name"] == "trial" and "running" in status["state"]
    }
    mine = [job for job in jobs(f"{WORKFLOW_LABEL}={workflow}") if job["metadata"]["name"] in begun]
    return {job["metadata"]["labels"]["tunewright/trial"]: job for job in mine}


@pytest.mark.parametrize("shape", ["fused", "separate"])
def test_a_program_of_the_users_own_scores_the_model_in_a_job_of_its_own(installation: Installation, shape: Shape):
    train = 'echo {x} > "{output}/weights"'
    score = 'echo "{{\\"score\\": $(cat {model}/weights)}}" > "$TUNEWRIGHT_METRICS"; env | grep -c AWS_; echo scored'
    name = f"scored-{shape}"
    trial = {
        "command": ["sh", "-c", train],
        "evaluate": {"command": ["sh", "-c", score], "limits": {"memory": "64MiB"}},
    }
    text = study(name, rounds=1, parallel=2, trial=trial)
    options = Options(shape=shape)
    workflow = submit(text, namespace=installation.namespace, now=datetime.now(UTC), options=options).name
    assert installation.finished(workflow, seconds=600).phase == "Succeeded"
    with installation.ledger(name) as ledger:
        for result in assert_every_trial_ended_once(ledger, rounds=1, parallel=2):
            weights = ledger.store.get(layout.attempt(result.trial, 1, "model/weights")).data
            assert result.objective == float(weights)
            assert ledger.store.get(layout.attempt(result.trial, 1, "score/log.txt")).data == b"0\nscored\n"
    assert jobs(f"{WORKFLOW_LABEL}={workflow}") == []


CLIMB = """
begun=$(cat "$TUNEWRIGHT_CHECKPOINT/step" 2>/dev/null || echo 0)
echo "from $begun"
for step in $(seq $((begun + 1)) 24); do
  sleep 1
  echo "{\\"step\\": $step, \\"score\\": $1}" >> "$TUNEWRIGHT_STREAM"
  echo $step > "$TUNEWRIGHT_CHECKPOINT/.step" && mv "$TUNEWRIGHT_CHECKPOINT/.step" "$TUNEWRIGHT_CHECKPOINT/step"
done
echo "{\\"score\\": $1}" > "$TUNEWRIGHT_METRICS"
echo to the end
"""


def test_a_rule_stops_jobs_and_one_that_is_promoted_goes_on_from_its_checkpoint(installation: Installation):
    trial = {"command": ["sh", "{files}/climb.sh", "{x}"], "files": {"climb.sh": CLIMB}}
    content = json.loads(study("halved", rounds=3, parallel=4, trial=trial))
    text = json.dumps({**content, "stopping": {"rule": "asha", "min_steps": 3, "eta": 3}})
    workflow = submit(text, namespace=installation.namespace, now=datetime.now(UTC)).name
    assert installation.finished(workflow, seconds=900).phase == "Succeeded"
    with installation.ledger("halved") as ledger:
        results = {r.trial: r for r in assert_every_trial_ended_once(ledger, rounds=3, parallel=4, lost=True)}
        slots = [slot for sealed in ledger.sealed(range(3)) for slot in sealed.slots]
        logs = {trial: ledger.store.get(layout.attempt(trial, 1, "log.txt")).data.decode() for trial in results}
    stopped = [result for result in results.values() if result.status is Status.STOPPED]
    complete = [result for result in results.values() if result.status is Status.COMPLETE]
    promoted = [slot for slot in slots if slot.resumes is not None]
    print(f"{len(stopped)} stopped, {len(complete)} complete, {len(promoted)} promoted")
    assert len(stopped) + len(complete) == 12
    assert len(stopped) >= 3
    assert max(complete, key=lambda r: r.objective or 0).objective == max(r.objective or 0 for r in results.values())
    for result in stopped:
        assert 3 <= result.curve[-1][0] < 24
        assert "to the end" not in logs[result.trial]
    for slot in promoted:
        before = results[slot.resumes or ""].curve[-1][0]
        begun = int(logs[slot.trial].split()[1])
        assert 1 <= begun <= before + 10, "from the checkpoint at rest when it was stopped, or one before"
    assert jobs(f"{WORKFLOW_LABEL}={workflow}") == []


def launcher(installation: Installation, workflow: str, slot: int) -> str:
    """The pod that waits for the Job of a slot."""
    [pod] = [
        pod["metadata"]["name"]
        for pod in installation.pods(workflow, "train", "Running")
        if f"--slot={slot}" in pod["spec"]["containers"][-1]["args"] + pod["spec"]["containers"][0].get("args", [])
    ]
    return pod


def test_a_job_outlives_its_launcher_and_one_that_is_deleted_is_made_again(installation: Installation):
    text = study("disturbed", rounds=1, parallel=3, trial={"command": ["sh", "-c", SLOW]})
    workflow = submit(text, namespace=installation.namespace, now=datetime.now(UTC)).name
    before = wait_for("three trials run", lambda: len(found := running(workflow)) == 3 and found, 300)
    with installation.ledger("disturbed") as ledger:
        plan = ledger.plan(0)
        assert plan is not None
        killed, evicted, deleted = (slot.trial for slot in plan.slots)
    owner = before[killed]["metadata"]["ownerReferences"][0]
    assert (owner["kind"], owner["name"]) == ("Workflow", workflow)
    installation.kill(launcher(installation, workflow, 0))
    # as when a node is drained
    kubectl("-n", NAME, "delete", "pod", launcher(installation, workflow, 1), "--wait=false")
    kubectl("-n", NAME, "delete", "job", before[deleted]["metadata"]["name"], "--wait=false")
    seen = {trial: {job["metadata"]["uid"]} for trial, job in before.items()}

    def again() -> bool:
        for job in jobs(f"{WORKFLOW_LABEL}={workflow}"):
            seen[job["metadata"]["labels"]["tunewright/trial"]].add(job["metadata"]["uid"])
        return deleted in running(workflow) and len(seen[deleted]) > 1

    wait_for("the deleted Job's trial runs again", again, 180)
    for trial in (killed, evicted):
        assert seen[trial] <= {before[trial]["metadata"]["uid"]}, "the same Job goes on"

    ended = installation.finished(workflow, seconds=600)
    assert ended.phase == "Succeeded"
    with installation.ledger("disturbed") as ledger:
        results = {r.trial: r for r in assert_every_trial_ended_once(ledger, rounds=1, parallel=3)}
        assert {trial: results[trial].attempt for trial in results} == {killed: 1, evicted: 1, deleted: 2}
        assert [layout.attempt_numbers(ledger.store, trial) for trial in (killed, evicted)] == [[1], [1]]
        loss = layout.read(ledger.store, Loss, layout.attempt(deleted, 1, "lost.json"))
        assert "deleted from outside" in loss.reason
        assert loss.log_tail == "begun"
        assert ledger.store.get(layout.attempt(killed, 1, "log.txt")).data == b"begun\n"
        assert ledger.store.get(layout.attempt(killed, 1, "model/model.bin")).data == b"weights\n"
        start = layout.read(ledger.store, AttemptStart, layout.attempt(killed, 1, "start.json"))
        assert results[killed].started == start.started
    assert jobs(f"{WORKFLOW_LABEL}={workflow}") == []


FAULTY = """
import ctypes, json, os, sys, time
x = float(sys.argv[1])
kind = int(x * 1000) % 12
if kind == 0: sys.exit(7)
if kind == 1: ctypes.string_at(0)
if kind == 2: data = bytearray(300_000_000); data[::4096] = b"1" * len(data[::4096])
if kind == 3: time.sleep(600)
if kind == 4: x = float("nan")
report = {"infeasible": "no"} if kind == 5 else {"score": x}
if kind == 6: report = {}
json.dump(report, open(os.environ["TUNEWRIGHT_METRICS"], "w"))
"""
EXPECTED = {
    0: "exit code 7",
    1: "killed by SIGSEGV",
    2: "memory must be",
    3: "time must be",
    4: "must be a finite",
    6: "never written",
}


def test_faults_of_trials_are_their_results_and_the_accounts_are_exact(installation: Installation, capsys):
    """Fifteen trials, or fifty with TUNEWRIGHT_FAULT_ROUNDS=10."""
    rounds, parallel = int(os.environ.get("TUNEWRIGHT_FAULT_ROUNDS", "3")), 5
    trial = {"command": ["python3", "{files}/faulty.py", "{x}"], "files": {"faulty.py": FAULTY}}
    text = study(
        "faulty", rounds=rounds, parallel=parallel, trial={**trial, "limits": {"memory": "64MiB", "time": "10s"}}
    )
    begun = time.monotonic()
    workflow = submit(text, namespace=installation.namespace, now=datetime.now(UTC)).name
    ended = installation.finished(workflow, seconds=400 * rounds)
    with capsys.disabled():
        print(f"\n{rounds * parallel} trials as Jobs in {time.monotonic() - begun:.0f} s")
    assert ended.phase == "Succeeded"
    with installation.ledger("faulty") as ledger:
        results = assert_every_trial_ended_once(ledger, rounds=rounds, parallel=parallel, lost=True)
        values = {slot.trial: slot.configuration["x"] for n in range(rounds) for slot in ledger.plan(n).slots}  # type: ignore[union-attr]
        for result in results:
            kind = int(float(values[result.trial]) * 1000) % 12
            if kind == 5:
                assert (result.status, result.reason) == (Status.INFEASIBLE, "no")
            elif kind in EXPECTED:
                assert (result.status, EXPECTED[kind] in result.reason) == (Status.FAILED, True), result
            else:
                assert (result.status, result.objective) == (Status.COMPLETE, values[result.trial])
    assert jobs(f"{WORKFLOW_LABEL}={workflow}") == []


def test_cancelling_ends_the_jobs_too(installation: Installation):
    text = study("cancelled-jobs", rounds=1, parallel=2, trial={"command": ["sh", "-c", "sleep 600"]})
    workflow = submit(text, namespace=installation.namespace, now=datetime.now(UTC)).name
    wait_for("both trials run", lambda: len(running(workflow)) == 2, 300)
    cancel(workflow, namespace=installation.namespace)
    assert jobs(f"{WORKFLOW_LABEL}={workflow}") == []
    assert running(workflow) == {}


def test_a_session_that_ends_while_a_launcher_is_gone_leaves_no_job(installation: Installation):
    text = study("orphaned", rounds=1, parallel=2, trial={"command": ["sh", "-c", "sleep 600"]})
    workflow = submit(text, namespace=installation.namespace, now=datetime.now(UTC)).name
    wait_for("both trials run", lambda: len(running(workflow)) == 2, 300)
    installation.kill(launcher(installation, workflow, 0))
    stop = json.dumps({"spec": {"shutdown": "Stop"}})
    installation.namespace.kubectl("patch", "workflow", workflow, "--type", "merge", "--patch", stop)
    assert installation.finished(workflow, seconds=180).phase == "Failed"
    assert jobs(f"{WORKFLOW_LABEL}={workflow}") == []


@pytest.mark.parametrize("shape", ["fused", "separate"])
def test_a_session_whose_trials_are_refused_fails_in_the_clusters_words(installation: Installation, shape: Shape):
    job = {"cpu": 0.02, "secrets": {"TOKEN": "no-such-secret/token"}}
    text = study(f"refused-{shape}", rounds=2, parallel=2, trial={"command": ["true"], "job": job})
    options = Options(shape=shape)
    workflow = submit(text, namespace=installation.namespace, now=datetime.now(UTC), options=options).name
    assert installation.finished(workflow, seconds=400).phase == "Failed"
    with installation.ledger(f"refused-{shape}") as ledger:
        head, _ = ledger.head()
    assert head.failed
    assert head.finished is not None
    assert head.finished.startswith("every trial of round 0 was refused: ")
    assert "no-such-secret" in head.finished
    assert jobs(f"{WORKFLOW_LABEL}={workflow}") == []


def test_a_built_in_trainer_runs_as_a_job_when_its_study_says_so(installation: Installation):
    text = json.dumps(
        {
            "name": "xgboost-jobs",
            "space": {"max_depth": {"type": "int", "low": 1, "high": 4}},
            "objective": {"metric": "accuracy"},
            "data": {"source": "sklearn:iris"},
            "trial": {
                "kind": "xgboost",
                "fixed": {"n_estimators": 5},
                "job": {"cpu": 0.05},
                "limits": {"memory": "1GiB"},
            },
            "budget": {"trials": 1, "parallel_trials": 1},
        }
    )
    workflow = submit(text, namespace=installation.namespace, now=datetime.now(UTC), options=OPTIONS).name
    assert installation.finished(workflow, seconds=300).phase == "Succeeded"
    with installation.ledger("xgboost-jobs") as ledger:
        [result] = assert_every_trial_ended_once(ledger, rounds=1, parallel=1)
        assert result.objective is not None
        assert result.objective > 0.8
        assert ledger.store.get(layout.attempt(result.trial, 1, "pod/saved.json")).data
