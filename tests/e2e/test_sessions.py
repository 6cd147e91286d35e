"""Sessions of real studies on a real cluster, undisturbed: they end with a report and a champion, and are timed."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from pipelines.argo.session import submit
from pipelines.argo.template import AGENT
from tests.e2e.conftest import study_text
from tests.e2e.installation import OPTIONS
from tests.e2e.outcome import assert_every_trial_ended_once
from tests.e2e.size import size_of
from tests.e2e.timing import seconds_per_round

from tunewright.store import layout
from tunewright.trial import Champion

pytestmark = [pytest.mark.cluster, pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("shape", list(AGENT))
def test_a_study_of_three_rounds_ends_with_report_and_champion(installation, shape, capsys):
    text = study_text(f"three-rounds-{shape}", rounds=3, parallel=4)
    submitted = submit(
        text,
        namespace=installation.namespace,
        now=datetime.now(UTC),
        options=replace(OPTIONS, shape=shape),
    )
    ended = installation.finished(submitted.name, seconds=1200)
    assert (ended.phase, ended.rounds, ended.trials) == ("Succeeded", 3, 12), ended

    with installation.ledger(f"three-rounds-{shape}") as ledger:
        assert_every_trial_ended_once(ledger, rounds=3, parallel=4)
        champion = layout.read(ledger.store, Champion, layout.CHAMPION)
        assert champion.objective > 0.9
        page = ledger.store.get(layout.report(submitted.session)).data
        assert b"</html>" in page

    document = installation.namespace.get("workflow", submitted.name)
    size = len(json.dumps(document, separators=(",", ":")))
    again, long = size_of(document, rounds=3, trials=4), size_of(document, rounds=25, trials=8)
    with capsys.disabled():
        print(f"\n{shape}: load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
        for line in seconds_per_round(installation.nodes(submitted.name)):
            print(f"  {line}")
        print(f"  Workflow of {size} bytes ({again} from its second round); 25 rounds × 8 trials would be {long}")
    assert again == pytest.approx(size, rel=0.05), "repeating a round's nodes gives about the real size"
    assert long < 1024**2


def test_a_session_that_was_submitted_is_not_submitted_again(installation):
    text = study_text("twice", rounds=1, parallel=2)
    now = datetime.now(UTC)
    first = submit(text, namespace=installation.namespace, now=now, options=OPTIONS)
    second = submit(text, namespace=installation.namespace, now=now, options=OPTIONS)
    assert (first.before, second.before != "") == ("", True)
    assert first.name == second.name
    assert installation.finished(first.name, seconds=600).phase == "Succeeded"
