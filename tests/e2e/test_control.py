"""What a person does to sessions: submit nonsense, cancel, run two at once."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pipelines.argo.session import WORKFLOW_LABEL, cancel, logs_command, sessions, status, submit
from tests.e2e.conftest import study_text
from tests.e2e.installation import OPTIONS, STORE, kubectl, wait_for

from tunewright.errors import InputError, StudyInvalid
from tunewright.steps.open import open_session
from tunewright.store import layout
from tunewright.study_file import parse_study
from tunewright.trial import SealedRound

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1200)]


def test_a_bad_study_is_refused_before_any_pod_starts(installation):
    text = study_text("nonsense", rounds=1, parallel=2).replace("low: 2", "low: 20")
    with pytest.raises(StudyInvalid, match="max_depth"):
        submit(text, namespace=installation.namespace, now=datetime.now(UTC), options=OPTIONS)
    assert sessions("nonsense", namespace=installation.namespace) == []


def test_data_on_this_machine_is_refused_before_any_pod_starts(installation):
    text = study_text("local", rounds=1, parallel=2).replace("sklearn:breast_cancer", "table.csv")
    with pytest.raises(InputError, match="s3://"):
        submit(
            text.replace("data: {", "data: {target: y, "),
            namespace=installation.namespace,
            now=datetime.now(UTC),
            options=OPTIONS,
        )
    assert sessions("local", namespace=installation.namespace) == []


DENIED = """
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata: {name: %(name)s}
spec:
  matchConstraints:
    resourceRules: [{apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [pods]}]
  matchConditions:
    - name: ours
      expression: >-
        request.namespace == '%(namespace)s' && has(object.metadata.labels)
        && object.metadata.labels[?'%(label)s'].orValue('').startsWith('%(study)s-')
  validations: [{expression: "false", message: pods of steps must name a cost centre}]
---
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata: {name: %(name)s}
spec: {policyName: %(name)s, validationActions: [Deny]}
"""


def test_pods_that_the_cluster_will_not_have_end_a_session_soon_and_are_told(installation):
    place, name = installation.namespace, f"{installation.namespace.name}-denied"
    policy = DENIED % {"name": name, "namespace": place.name, "label": WORKFLOW_LABEL, "study": "denied"}
    kubectl("apply", "-f", "-", given=policy)
    try:
        time.sleep(10)  # a policy holds a moment after it was made
        session = submit(
            study_text("denied", rounds=1, parallel=2), namespace=place, now=datetime.now(UTC), options=OPTIONS
        )
        ended = installation.finished(session.name, seconds=90)
    finally:
        kubectl("delete", "-f", "-", given=policy)
    assert (ended.phase in {"Failed", "Error"}, ended.trials) == (True, 0)
    assert "must name a cost centre" in ended.message
    tries = [node for node in installation.nodes(session.name) if node["type"] == "Pod"]
    assert len({node["templateName"] for node in tries}) == len(tries), "no step is tried twice"


def test_cancel_leaves_nothing_running_and_the_next_session_goes_on(installation):
    text = study_text("cancelled", rounds=3, parallel=2)
    first = submit(text, namespace=installation.namespace, now=datetime.now(UTC), session="one", options=OPTIONS)
    wait_for("a trial trains", lambda: installation.pods(first.name, "train", "Running"), 300)
    ended = cancel(first.name, namespace=installation.namespace, wait_seconds=180)
    assert ended.over
    assert ended.phase == "Failed"
    assert not installation.pods(first.name, phase="Running")
    assert not installation.pods(first.name, phase="Pending")

    with installation.ledger("cancelled") as ledger:
        assert layout.find(ledger.store, SealedRound, layout.sealed(0)) is None, "the first session left its round open"
    short = text.replace("rounds: 3", "rounds: 1").replace("trials: 6", "trials: 2")
    second = submit(short, namespace=installation.namespace, now=datetime.now(UTC), session="two", options=OPTIONS)
    assert installation.finished(second.name, seconds=600).phase == "Succeeded"
    with installation.ledger("cancelled") as ledger:
        assert ledger.head()[0].session == "two"
        [sealed] = ledger.sealed(range(1))
        assert len(sealed.results) == 2


def test_a_session_that_waits_for_another_is_cancelled_at_once(installation):
    text, place = study_text("waiting", rounds=3, parallel=2), installation.namespace
    first = submit(text, namespace=place, now=datetime.now(UTC), session="one", options=OPTIONS)
    wait_for("the first session holds the mutex", lambda: installation.pods(first.name), 120)
    second = submit(text, namespace=place, now=datetime.now(UTC), session="two", options=OPTIONS)
    wait_for("the second waits", lambda: "Waiting" in status(second.name, namespace=place).message, 60)
    ended = cancel(second.name, namespace=place, wait_seconds=60)
    assert (ended.over, ended.trials, installation.pods(second.name)) == (True, 0, [])  # Argo takes it for a success
    assert not status(first.name, namespace=place).over
    cancel(first.name, namespace=place, wait_seconds=180)


def test_a_session_is_fenced_by_a_newer_one_and_is_not_retried(installation):
    text = study_text("fenced", rounds=3, parallel=2)
    older = submit(text, namespace=installation.namespace, now=datetime.now(UTC), options=OPTIONS)
    wait_for("a trial trains", lambda: installation.pods(older.name, "train"), 300)
    with installation.ledger("fenced") as ledger:
        open_session(
            STORE, parse_study(text, "study.yaml"), "newer", base=Path.cwd(), now=datetime.now(UTC).timestamp()
        )
        ended = installation.finished(older.name, seconds=600)
        assert ledger.head()[0].session == "newer"
    assert ended.phase == "Failed"
    refused = [
        n for n in installation.nodes(older.name) if n.get("outputs", {}).get("exitCode") == "2" and n["type"] == "Pod"
    ]
    assert {node["templateName"] for node in refused} & {"advance", "evaluate", "train"}
    assert all(node["displayName"].endswith("(0)") for node in refused), "bad input is never retried"
    logs = installation.namespace.kubectl(*logs_command(older.name, namespace=installation.namespace)[3:])
    assert "SessionFenced" in logs
