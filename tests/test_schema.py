"""JSON Schemas: fresh, valid, and never more permissive to an editor than they can help."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest
from click.testing import CliRunner
from ruamel.yaml import YAML

import tunewright
from tunewright.errors import StudyInvalid
from tunewright.schema import EXAMPLE, document_schema, files, study_schema
from tunewright.schema.__main__ import main
from tunewright.study_file import load_study, study_from
from tunewright.trial import DOCUMENTS, Champion, Document, Head, Result, SealedRound, Slot, Status, plain

STUDIES = sorted((Path(tunewright.__file__).parent / "studies").glob("*.yaml"))
STUDY_SCHEMA = jsonschema.Draft202012Validator(study_schema())
DOCUMENT_SCHEMA = jsonschema.Draft202012Validator(document_schema())


def test_the_committed_schemas_are_fresh():
    for path, content in files().items():
        assert path.read_text(encoding="utf-8") == content, "run: make generate"


@pytest.mark.parametrize("schema", [study_schema(), document_schema()])
def test_schemas_follow_their_own_dialect(schema):
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == jsonschema.Draft202012Validator.META_SCHEMA["$id"]


def test_every_field_of_a_study_is_described_for_editors():
    def fields(schema):
        for name, definition in {"Study": schema, **schema["$defs"]}.items():
            assert definition["description"], name
            yield from ((f"{name}.{field}", body) for field, body in definition["properties"].items())

    bare = [
        place
        for place, body in fields(study_schema())
        if "description" not in body and "const" not in body and "$ref" not in body
    ]
    assert bare == []


def test_the_example_is_a_study():
    STUDY_SCHEMA.validate(EXAMPLE)
    assert study_from(EXAMPLE).name == EXAMPLE["name"]


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_shipped_studies_satisfy_the_schema_and_the_reader(path):
    data = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    STUDY_SCHEMA.validate(data)
    study = load_study(path)
    STUDY_SCHEMA.validate(study.model_dump(mode="json", exclude_unset=True))


def test_there_are_shipped_studies():
    assert STUDIES


@pytest.mark.parametrize(
    ("section", "change"),
    [
        ("name", "../x"),
        ("name", 7),
        ("space", {}),
        ("space", {"a.b": {"type": "bool"}}),
        ("space", {"x": {"type": "flaot", "low": 0, "high": 1}}),
        ("space", {"x": {"type": "float", "low": 0}}),
        ("space", {"x": {"type": "float", "low": "0", "high": 1}}),
        ("space", {"x": {"type": "float", "low": 0, "hihg": 1}}),
        ("space", {"x": {"type": "float", "low": 0, "high": 1, "step": 0}}),
        ("space", {"x": {"type": "int", "low": 0, "high": 10**13}}),
        ("space", {"x": {"type": "int", "low": 0.5, "high": 2}}),
        ("space", {"x": {"type": "bool", "default": "yes"}}),
        ("space", {"x": {"type": "categorical", "choices": ["a"]}}),
        ("space", {"x": {"type": "categorical", "choices": ["a", None]}}),
        ("space", {"x": {"type": "ordinal", "choices": [1, 2], "when": {"y": {}}}}),
        ("constraints", "x < 1"),
        ("objective", {}),
        ("objective", {"metric": "a b"}),
        ("objective", {"metric": "a", "direction": "max"}),
        ("budget", {"trials": 0}),
        ("budget", {"rounds": 81}),
        ("budget", {"wall_time": "1 week"}),
        ("budget", {"wall_time": 0}),
        ("trial", {"kind": "xgbost"}),
        ("trial", {"kind": "command", "command": []}),
        ("trial", {"kind": "xgboost", "limits": {"memory": "lots"}}),
        ("trial", {"kind": "xgboost", "limits": {"memory": 12}}),
        ("data", {"source": ""}),
        ("data", {"source": "sklearn:x", "validation": {"folds": 1}}),
        ("data", {"source": "sklearn:x", "validation": {}}),
        ("seed", -1),
        ("agent", {"preset": "papr"}),
        ("agent", {"learning_rate": 1}),
        ("unknown", 1),
    ],
)
def test_what_the_schema_refuses_the_reader_refuses(section, change):
    data = {**EXAMPLE, section: change}
    assert not STUDY_SCHEMA.is_valid(data)
    with pytest.raises(StudyInvalid) as caught:
        study_from(data)
    assert all(problem.field.startswith(section) for problem in caught.value.problems)


@pytest.mark.parametrize("value", ["90s", "1h30m", "1d 2h", 5, 0.5])
def test_durations_are_numbers_or_text_in_the_schema(value):
    data = {**EXAMPLE, "budget": {"wall_time": value}}
    STUDY_SCHEMA.validate(data)
    assert study_from(data).budget.wall_time > 0


@pytest.mark.parametrize("value", ["2GiB", "1.5 M", 4096])
def test_sizes_are_numbers_or_text_in_the_schema(value):
    data = {**EXAMPLE, "trial": {"kind": "xgboost", "limits": {"memory": value}}}
    STUDY_SCHEMA.validate(data)
    assert study_from(data).trial.limits.memory > 0


def stored(document: Document) -> dict:
    return {**plain(document), "kind": document.kind, "schema_version": document.schema_version, "sha256": "0" * 64}


RESULT = Result(trial="0" * 16, round=0, slot=0, status=Status.COMPLETE, objective=0.5)


@pytest.mark.parametrize(
    "document",
    [
        RESULT,
        Head(epoch=1, session="s", generation=1, writer="w", round=0),
        SealedRound(
            round=0,
            session="s",
            slots=[Slot(trial="0" * 16, configuration={"x": 1, "y": "a", "z": True}, origin="policy")],
            results=[RESULT],
        ),
        Champion(trial="0" * 16, session="s", round=0, configuration={}, objective=0.5, model={}, generation=1),
    ],
    ids=lambda document: document.kind,
)
def test_stored_documents_satisfy_their_schema(document):
    DOCUMENT_SCHEMA.validate(stored(document))
    assert not DOCUMENT_SCHEMA.is_valid({**stored(document), "schema_version": document.schema_version + 1})
    assert not DOCUMENT_SCHEMA.is_valid({**stored(document), "extra": 1})


def test_every_kind_of_document_has_a_schema():
    kinds = [body["properties"]["kind"]["const"] for body in document_schema()["oneOf"]]
    assert kinds == [document.kind for document in DOCUMENTS]


def test_the_command_prints_checks_and_writes(tmp_path, monkeypatch):
    run = CliRunner().invoke
    assert json.loads(run(main, []).stdout) == study_schema()
    stale = tmp_path / "study.schema.json"
    monkeypatch.setattr("tunewright.schema.__main__.files", lambda: {stale: "{}\n"})
    assert run(main, ["--check"]).exit_code == 1
    assert "wrote" in run(main, ["--write"]).stdout
    assert run(main, ["--check"]).exit_code == 0
