"""A CronWorkflow fires, and the same trigger a second time does nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pipelines.argo.session import schedule, sessions, submit, unschedule
from tests.e2e.conftest import study_text
from tests.e2e.installation import OPTIONS, wait_for
from tests.e2e.outcome import assert_every_trial_ended_once, keys

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1200)]


def test_a_nightly_session_fires_and_its_duplicate_does_nothing(installation):
    text = study_text("nightly", rounds=1, parallel=2)
    namespace = installation.namespace
    schedule(text, namespace=namespace, cron="* * * * *", options=OPTIONS)
    try:
        fired = wait_for("the schedule fires", lambda: sessions("nightly", namespace=namespace), 150)[0]
    finally:
        unschedule("nightly", namespace=namespace)
    triggered = namespace.get("workflow", fired.name)["metadata"]["annotations"]["workflows.argoproj.io/scheduled-time"]
    session = datetime.fromisoformat(triggered).astimezone(UTC).strftime("%Y-%m-%d-%H%M%S")
    assert installation.finished(fired.name, seconds=600).phase == "Succeeded"
    with installation.ledger("nightly") as ledger:
        assert ledger.head()[0].session == session
        assert_every_trial_ended_once(ledger, rounds=1, parallel=2)
        before = {key: ledger.store.get(key).etag for key in keys(ledger, "") if "/report/" not in key}

    again = submit(text, namespace=namespace, now=datetime.now(UTC), session=session, options=OPTIONS)
    ended = installation.finished(again.name, seconds=600)
    assert (ended.phase, ended.trials) == ("Succeeded", 0)
    with installation.ledger("nightly") as ledger:
        after = {key: ledger.store.get(key).etag for key in keys(ledger, "") if "/report/" not in key}
    assert after == before
