from __future__ import annotations

import hashlib
import json

import pytest

from tunewright.errors import ArtifactCorrupt, InputError, SchemaUnknown
from tunewright.store import layout
from tunewright.store.memory import MemoryStore
from tunewright.study import Study
from tunewright.trial import AttemptStart, Plan, Result, Slot, Status, StudyRecord

TRIAL = "0123456789abcdef"
DIGEST = "0" * 64
RESULT = Result(
    trial=TRIAL,
    round=3,
    slot=1,
    status=Status.COMPLETE,
    objective=0.973,
    metrics={"accuracy": 0.973},
    log_tail='café "quoted"\n',
)


def sealed_again(**changes: object) -> bytes:
    """A document with other fields and the digest that belongs to them."""
    body = json.loads(layout.encode(RESULT))
    body.pop("sha256")
    body.update(changes)
    data = json.dumps(body, separators=(",", ":"), ensure_ascii=False)
    return json.dumps({**body, "sha256": hashlib.sha256(data.encode()).hexdigest()}).encode()


def test_a_document_makes_the_round_trip() -> None:
    assert layout.decode(Result, layout.encode(RESULT), "here") == RESULT


def test_equal_documents_have_equal_bytes() -> None:
    assert layout.encode(RESULT) == layout.encode(RESULT.model_copy())
    assert layout.encode(RESULT) != layout.encode(RESULT.model_copy(update={"slot": 2}))


def test_a_flipped_bit_anywhere_is_found() -> None:
    data = layout.encode(RESULT)
    for place in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[place] ^= 1 << bit
            with pytest.raises((ArtifactCorrupt, SchemaUnknown), match=r"^here: "):
                layout.decode(Result, bytes(damaged), "here")


def test_a_document_that_lost_its_seal_is_refused() -> None:
    body = json.loads(layout.encode(RESULT))
    del body["sha256"]
    with pytest.raises(ArtifactCorrupt, match="its sha256 must match its content, got None"):
        layout.decode(Result, json.dumps(body).encode(), "here")


def test_a_cut_anywhere_is_found() -> None:
    data = layout.encode(RESULT)
    for length in range(len(data) - 1):  # the last byte is the newline, which says nothing
        with pytest.raises(ArtifactCorrupt, match="here"):
            layout.decode(Result, data[:length], "here")


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"nothing", b'{"a": NaN}', b"[" * 100_000, b'{"kind": "\\ud800"}'])
def test_what_is_no_json_is_corrupt(data: bytes) -> None:
    with pytest.raises(ArtifactCorrupt, match=r"here: must be a result document, got \d+ bytes that are not JSON"):
        layout.decode(Result, data, "here")


@pytest.mark.parametrize("data", [b"[]", b"1", b"null", b"{}"])
def test_json_that_is_no_document_is_refused(data: bytes) -> None:
    with pytest.raises(SchemaUnknown, match="must be a document of kind result"):
        layout.decode(Result, data, "here")


def test_a_document_of_another_kind_is_refused_by_its_name() -> None:
    plan = Plan(round=1, session="s", generation=0, seed=0, slots=[])
    with pytest.raises(SchemaUnknown, match=r"here: must be a document of kind result, got kind 'plan'"):
        layout.decode(Result, layout.encode(plan), "here")


@pytest.mark.parametrize("version", [1, 3, "2", None])
def test_a_version_that_is_not_known_is_refused_by_its_name(version: object) -> None:
    with pytest.raises(SchemaUnknown, match=f"here: schema_version must be 2, got {version!r}"):
        layout.decode(Result, sealed_again(schema_version=version), "here")


def test_wrong_fields_are_corrupt_even_with_the_right_digest() -> None:
    with pytest.raises(ArtifactCorrupt, match="fields must fit result version 2"):
        layout.decode(Result, sealed_again(status="WON"), "here")
    with pytest.raises(ArtifactCorrupt, match="fields must fit result version 2"):
        layout.decode(Result, sealed_again(surprise=1), "here")


def test_keys_are_where_the_layout_says() -> None:
    assert layout.plan(12) == "rounds/00012/plan.json"
    assert layout.sealed(12) == "rounds/00012/sealed.json"
    assert layout.result(TRIAL) == f"trials/{TRIAL}/result.json"
    assert layout.attempt(TRIAL, 2, "model/fold-0.ubj") == f"trials/{TRIAL}/attempts/2/model/fold-0.ubj"
    assert layout.blob(DIGEST) == f"blobs/sha256/{DIGEST}"
    assert layout.session("2026-01-02T03.04.05") == "sessions/2026-01-02T03.04.05/session.json"
    assert layout.report("tonight") == "sessions/tonight/report/index.html"


@pytest.mark.parametrize(
    "id_", ["", "../x", "0123456789ABCDEF", "0123456789abcde", f"{TRIAL}\n", f"{TRIAL}/x", "x" * 16]
)
def test_what_is_no_trial_id_gives_no_key(id_: str) -> None:
    for key in (layout.result, layout.attempts, lambda trial: layout.attempt(trial, 1, "start.json")):
        with pytest.raises(InputError, match="a trial id must match"):
            key(id_)


@pytest.mark.parametrize("id_", ["", "..", ".", "-a", "a/b", "../x", "a b", "a\n", "x" * 64])
def test_what_is_no_session_id_gives_no_key(id_: str) -> None:
    for key in (layout.session, layout.report):
        with pytest.raises(InputError, match="a session id must match"):
            key(id_)


@pytest.mark.parametrize("digest", ["", "../x", "0" * 63, "G" * 64, DIGEST + "\n"])
def test_what_is_no_digest_gives_no_key(digest: str) -> None:
    with pytest.raises(InputError, match="a digest must match"):
        layout.blob(digest)


@pytest.mark.parametrize("name", ["../../../head.json", "/etc/passwd", "a//b", "a\n", ""])
def test_a_file_of_an_attempt_stays_in_its_folder(name: str) -> None:
    with pytest.raises(InputError, match="a key must be"):
        layout.attempt(TRIAL, 1, name)


def test_creating_a_document_says_whether_it_is_the_one_stored() -> None:
    store = MemoryStore()
    other = RESULT.model_copy(update={"objective": 0.5})
    assert layout.create(store, RESULT, "r.json") == (RESULT, True)
    assert layout.create(store, RESULT, "r.json") == (RESULT, True)
    assert layout.create(store, other, "r.json") == (RESULT, False)


def test_many_documents_are_found_in_order_with_gaps() -> None:
    store = MemoryStore()
    for slot in (0, 2):
        store.create(f"{slot}.json", layout.encode(RESULT.model_copy(update={"slot": slot})))
    found = layout.find_all(store, Result, ["2.json", "1.json", "0.json"])
    assert [each and each.slot for each in found] == [2, None, 0]


def test_a_damaged_document_names_its_place() -> None:
    store = MemoryStore()
    store.create("r.json", b"{")
    with pytest.raises(ArtifactCorrupt, match=r"^memory:/r\.json: "):
        layout.read(store, Result, "r.json")


def test_blobs_are_checked_on_reading() -> None:
    store = MemoryStore()
    digest = layout.put_blob(store, b"weights")
    assert layout.get_blob(store, digest) == b"weights"
    store.put(layout.blob(digest), b"wfights")
    with pytest.raises(ArtifactCorrupt, match=f"sha256 must be {digest}"):
        layout.get_blob(store, digest)
    with pytest.raises(ArtifactCorrupt, match=f"{DIGEST}: weights .* must be there, found none; restore them"):
        layout.get_blob(store, DIGEST)


def test_attempts_are_those_that_have_begun() -> None:
    store = MemoryStore()
    start = AttemptStart(trial=TRIAL, attempt=1, host="h", boot="b", pid=1, process_started=0.0, started=0.0)
    for number in (10, 2, 1):
        layout.create(store, start, layout.attempt(TRIAL, number, "start.json"))
    store.put(layout.attempt(TRIAL, 3, "log.txt"), b"")
    store.put(layout.attempts(TRIAL) + "notes/start.json", b"")
    store.put(layout.attempt(TRIAL, 4, "model/start.json"), b"")
    assert layout.attempt_numbers(store, TRIAL) == [1, 2, 10]


def test_a_study_sees_only_what_is_below_its_prefix() -> None:
    whole = MemoryStore()
    one, other = layout.Prefixed(whole, "one"), layout.Prefixed(whole, "one-more")
    one.create("head.json", b"1")
    other.create("head.json", b"2")
    assert one.address == "memory:/one"
    assert one.get("head.json").data == b"1"
    assert [entry.key for entry in one.list()] == ["head.json"]
    assert [entry.key for entry in whole.list()] == ["one-more/head.json", "one/head.json"]


def test_slots_may_hold_every_kind_of_value() -> None:
    slot = Slot(trial=TRIAL, configuration={"f": 0.1, "i": 2**53, "b": True, "s": "gbtree"}, origin="initial")
    plan = Plan(round=1, session="s", generation=0, seed=2**63 - 1, slots=[slot])
    assert layout.decode(Plan, layout.encode(plan), "here") == plan


def test_the_order_of_a_studys_parameters_survives_the_store() -> None:
    study = Study.model_validate(
        {
            "name": "order",
            "space": {
                "z": {"type": "categorical", "choices": ["a", "b"]},
                "a": {"type": "float", "low": 0, "high": 1, "when": {"z": "a"}},
                "m": {"type": "int", "low": 0, "high": 9},
            },
            "objective": {"metric": "score"},
            "trial": {"kind": "command", "command": ["true"]},
        }
    )
    record = StudyRecord(digest=study.digest(), study=study, created=0.0)
    again = layout.decode(StudyRecord, layout.encode(record), "here")
    assert list(again.study.space) == ["z", "a", "m"]
    assert again.study.digest() == study.digest()
