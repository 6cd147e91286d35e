"""TrainJobs: the pod of a Job in a runtime of its own, and what the pods of many nodes mean together."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.training.runner_contract import shell
from tests.training.test_job_manifest import EVERYTHING, SITE
from tests.training.test_job_state import LIVES, OUT, OVER, SINCE, disrupted, ended
from tests.training.trials import job

from tunewright.errors import StudyInvalid
from tunewright.study_file import study_from
from tunewright.training.job_manifest import manifest
from tunewright.training.job_state import Ended, Lost, Refused, Running, Waiting
from tunewright.training.job_trainjob import INDEX, runtime, train_job, view_nodes

TRAIN: dict[str, Any] = {"metadata": {"name": "t"}, "spec": {}, "status": {}}


def node(index: int, trial: dict[str, Any] | None = None, save: dict[str, Any] | None = None, **status: Any) -> Any:
    containers = [
        {"name": name, "state": state}
        for name, state in (("save", save or LIVES), ("node", trial))
        if state is not None
    ]
    metadata = {"name": f"t-node-0-{index}", "labels": {INDEX: str(index)}}
    return {"metadata": metadata, "status": {"containerStatuses": containers, **status}}


def condition(kind: str, reason: str, message: str = "") -> dict[str, Any]:
    return {**TRAIN, "status": {"conditions": [{"type": kind, "status": "True", "reason": reason, "message": message}]}}


def test_the_runtime_holds_the_pod_that_the_job_would_have(tmp_path: Path):
    settings = {**EVERYTHING["job"], "nodes": 3}
    of = job(shell("true", **{**EVERYTHING, "job": settings}), tmp_path / "job")
    made, train = runtime(of, SITE), train_job(of, SITE)
    [nodes] = made["spec"]["template"]["spec"]["replicatedJobs"]
    pod = nodes["template"]["spec"]["template"]["spec"]
    expected = manifest(of, SITE)["spec"]["template"]["spec"]
    assert [c["name"] for c in pod["containers"]] == ["save", "node"]
    assert {k: v for k, v in pod["containers"][1].items() if k != "name"} == {
        k: v for k, v in expected["containers"][1].items() if k != "name"
    }
    assert pod["initContainers"] == expected["initContainers"]
    assert train["spec"]["runtimeRef"]["name"] == made["metadata"]["name"] == train["metadata"]["name"]
    assert (made["spec"]["mlPolicy"]["numNodes"], train["spec"]["trainer"]["numNodes"]) == (3, 3)
    assert train["metadata"]["labels"]["kueue.x-k8s.io/queue-name"] == "night"


def test_a_built_in_trainer_has_one_node():
    raw = {
        "name": "a",
        "space": {"max_depth": {"type": "int", "low": 1, "high": 2}},
        "objective": {"metric": "accuracy"},
    }
    with pytest.raises(StudyInvalid, match=r"job\.nodes must be 1 for a built-in trainer, got 2"):
        study_from({**raw, "trial": {"kind": "xgboost", "job": {"nodes": 2}}, "data": {"source": "sklearn:iris"}})


def test_nothing_has_begun_without_pods_and_a_queue_is_no_delay():
    assert view_nodes(TRAIN, []) == (Waiting(reason="it has no pod yet", mute=True), None)
    state, _ = view_nodes(condition("Suspended", "Suspended"), [])
    assert state == Waiting(reason="it is suspended", queued=True)
    assert isinstance(view_nodes(None, [])[0], Lost)


def test_a_trial_runs_until_its_last_node_has_ended():
    first, second = node(0, {"terminated": OUT}), node(1, LIVES)
    assert view_nodes(TRAIN, [first, second]) == (Running(since=SINCE), first)
    state, _ = view_nodes(TRAIN, [first, node(1, {"terminated": OUT})])
    assert state == Ended(code=0, since=SINCE, until=SINCE + 60, saving=True)


def test_one_node_that_fails_ends_the_trial_and_is_named():
    second = node(1, ended(3))
    state, pod = view_nodes(TRAIN, [node(0, LIVES), second])
    assert pod is second
    assert isinstance(state, Ended)
    assert (state.code, state.saving) == (3, True)
    assert state.reason.startswith("exit code 3 of node 1")
    gone = node(0, ended(143), {"terminated": OUT})
    gone["metadata"]["deletionTimestamp"] = OVER  # by the Job's controller
    state, _ = view_nodes(condition("Failed", "JobsFailed"), [gone, second])
    assert isinstance(state, Ended)
    assert state.saving is None, "who would store it is gone"


@pytest.mark.parametrize("leader", [LIVES, ended(1)], ids=["the leader lives", "the leader fails for want of it"])
@pytest.mark.parametrize(
    "taken",
    [
        node(1, LIVES, **disrupted("EvictionByEvictionAPI", "drained")),
        node(1, ended(137), phase="Failed", reason="Evicted", message="The node was low on resource: memory."),
        node(1, ended(255, reason="Unknown"), phase="Failed"),
    ],
    ids=["drained", "evicted", "node started again"],
)
def test_a_node_that_is_taken_away_is_the_platforms_fault(leader: dict[str, Any], taken: dict[str, Any]):
    state, pod = view_nodes(TRAIN, [node(0, leader), taken])
    assert isinstance(state, Lost)
    assert pod is taken


def test_of_nodes_that_fail_one_after_another_the_first_is_to_blame_or_one_that_says_why():
    first, later = ended(3, finishedAt="2026-01-02T03:04:50Z"), ended(1, finishedAt="2026-01-02T03:04:55Z")
    state, _ = view_nodes(TRAIN, [node(0, later), node(1, first), node(2, later)])
    assert isinstance(state, Ended)
    assert state.reason.startswith("exit code 3 of node 1")
    memory = ended(137, reason="OOMKilled", finishedAt="2026-01-02T03:04:56Z")
    state, _ = view_nodes(TRAIN, [node(0, later), node(1, first), node(2, memory)])
    assert isinstance(state, Ended)
    assert "trial.limits.memory" in state.reason


def test_a_runtime_that_trainer_does_not_support_is_refused():
    state, _ = view_nodes(condition("Failed", "TrainingRuntimeNotSupported", "no plugin"), [])
    assert state == Refused(reason="the TrainJob's runtime must be supported, got: no plugin")
