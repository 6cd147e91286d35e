"""After an upgrade: what an older release wrote in another schema is refused by its name and stays as it is."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from tests.steps.studies import shell_study

from tunewright.errors import EXIT_INPUT, SchemaUnknown
from tunewright.steps.__main__ import run
from tunewright.steps.ledger import Ledger
from tunewright.steps.open import open_session
from tunewright.steps.propose import propose
from tunewright.store import layout

STUDY = shell_study()


def as_an_older_release_wrote_it(data: bytes) -> bytes:
    body = {**json.loads(data), "schema_version": 0}
    del body["sha256"]
    text = json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return json.dumps({**body, "sha256": hashlib.sha256(text.encode()).hexdigest()}).encode()


def go_on(store: str) -> Ledger:
    open_session(store, STUDY, "one", base=Path.cwd(), now=0.0)
    ledger = Ledger.at(f"{store}/{STUDY.name}")
    propose(ledger, "one")
    return ledger


@pytest.mark.parametrize("key", [layout.STUDY, layout.HEAD, layout.plan(0)])
def test_an_older_document_is_refused_by_name_and_kept(tmp_path: Path, key: str) -> None:
    store = str(tmp_path / "store")
    ledger = go_on(store)
    older = as_an_older_release_wrote_it(ledger.store.get(key).data)
    ledger.store.put(key, older)

    with pytest.raises(SchemaUnknown, match=f"{key}: schema_version must be 1, got 0; .* another release"):
        go_on(store)
    assert ledger.store.get(key).data == older


def test_the_step_ends_with_the_exit_code_that_is_never_retried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    store = str(tmp_path / "store")
    ledger = go_on(store)
    ledger.store.put(layout.HEAD, as_an_older_release_wrote_it(ledger.store.get(layout.HEAD).data))
    text = STUDY.model_dump_json(exclude_unset=True)
    arguments = ["open", "--store", store, "--study-text", text, "--session", "two", "--outputs", str(tmp_path / "o")]
    assert run(arguments) == EXIT_INPUT
    assert "schema_version must be 1, got 0" in capsys.readouterr().err
