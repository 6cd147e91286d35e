"""What the pod of a trial fetches and stores, in folders of this machine."""

from __future__ import annotations

import hashlib
import json
import os
import struct
import threading
from pathlib import Path

import pytest
from tests.training.trials import TRIAL

from tunewright.errors import EXIT_TRANSIENT, DataInvalid, NotFound, StoreRefused, StoreUnavailable, TransientError
from tunewright.store import layout
from tunewright.store.memory import MemoryStore
from tunewright.store.port import Stored
from tunewright.termination import Terminated
from tunewright.training import job_pod
from tunewright.training.job_manifest import LOAD_VARIABLE
from tunewright.training.job_pod import ENDED, SAVED, attend, box, prepare, watch
from tunewright.trial import Checkpoint, Outcome, Saved


def told(place: Path, **changes: object) -> dict[str, object]:
    place.mkdir(exist_ok=True)
    return {
        "texts": {"params.json": "{}", "files/lib/a.py": "print()"},
        "data": None,
        "model": None,
        "resumes": None,
        **changes,
    }


def ended(store: MemoryStore, *, keep: bool = True) -> None:
    store.put(box(TRIAL, 1, ENDED), json.dumps({"keep": keep}).encode())


def test_texts_become_files_and_any_user_of_the_group_can_write_results(tmp_path: Path):
    prepare(told(tmp_path), tmp_path, MemoryStore())
    assert (tmp_path / "files/lib/a.py").read_text() == "print()"
    assert (tmp_path / "output").stat().st_mode & 0o2070 == 0o2070


def test_data_that_is_not_there_is_refused(tmp_path: Path):
    data = {"source": str(tmp_path / "none.csv"), "target": "y"}
    with pytest.raises(DataInvalid, match=r"none\.csv"):
        prepare(told(tmp_path, data=data), tmp_path, MemoryStore())


def test_everything_is_stored_when_the_trial_has_ended(tmp_path: Path):
    store = MemoryStore()
    prepare(told(tmp_path), tmp_path, MemoryStore())
    (tmp_path / "metrics.json").write_text('{"accuracy": 1}')
    (tmp_path / "metrics.jsonl").write_text('{"step": 1}\n')
    (tmp_path / "output/deep").mkdir()
    (tmp_path / "output/deep/model.bin").write_text("weights")
    (tmp_path / "output/bad name").write_text("x")
    ended(store)
    saved = watch(store, TRIAL, 1, tmp_path, poll=0.01)
    assert (list(saved.model), saved.left_out) == (["deep/model.bin"], ["bad name"])
    assert layout.read(store, Saved, box(TRIAL, 1, SAVED)) == saved
    assert store.get(layout.attempt(TRIAL, 1, "model/deep/model.bin")).data == b"weights"
    assert store.get(box(TRIAL, 1, "metrics.json")).data == b'{"accuracy": 1}'
    assert watch(store, TRIAL, 1, tmp_path, poll=0.01) == saved


def test_the_model_of_a_failed_trial_is_not_stored_but_what_it_reported_is(tmp_path: Path):
    store = MemoryStore()
    prepare(told(tmp_path), tmp_path, MemoryStore())
    (tmp_path / "output/model.bin").write_text("weights")
    (tmp_path / "metrics.json").write_text("{}")
    ended(store, keep=False)
    assert watch(store, TRIAL, 1, tmp_path, poll=0.01).model == {}
    assert store.get(box(TRIAL, 1, "metrics.json")).data == b"{}"


def test_the_model_that_is_scored_is_there_and_damage_is_no_fault_of_the_study(tmp_path: Path):
    store = MemoryStore()
    store.put(layout.attempt(TRIAL, 2, "model/deep/model.bin"), b"weights")
    files = {"deep/model.bin": hashlib.sha256(b"weights").hexdigest()}
    outcome = Outcome(trial=TRIAL, attempt=2, state="TRAINED", model=files, started=0.0, ended=1.0)
    layout.create(store, outcome, layout.attempt(TRIAL, 2, "outcome.json"))
    model = {"trial": TRIAL, "attempt": 2}
    prepare(told(tmp_path / "a", model=model), tmp_path / "a", store)
    assert (tmp_path / "a/model/deep/model.bin").read_text() == "weights"
    store.put(layout.attempt(TRIAL, 2, "model/deep/model.bin"), b"weightz")
    with pytest.raises(TransientError, match="the model cannot be read"):
        prepare(told(tmp_path / "b", model=model), tmp_path / "b", store)


def test_the_folder_of_a_model_without_a_file_is_there(tmp_path: Path):
    store = MemoryStore()
    place = tmp_path / "place"
    outcome = Outcome(
        trial=TRIAL, attempt=1, state="TRAINED", metrics={}, model={}, log_tail="", started=1.0, ended=2.0
    )
    layout.create(store, outcome, layout.attempt(TRIAL, 1, "outcome.json"))
    prepare(told(place, model={"trial": TRIAL, "attempt": 1}), place, store)
    assert list((place / "model").iterdir()) == []


def test_a_long_stream_is_not_stored_whole_for_every_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    store, puts = MemoryStore(), []
    put = store.put
    monkeypatch.setattr(store, "put", lambda key, data: (puts.append((key, len(data))), put(key, data))[1])
    monkeypatch.setitem(job_pod.SMALL, "metrics.jsonl", 4000)
    monkeypatch.setattr(job_pod, "STREAM_BYTES", 1)
    prepare(told(tmp_path), tmp_path, store)
    keeper = job_pod._Keeper(store, TRIAL, 1, tmp_path, layout.POD)
    sizes = []
    for _ in range(300):
        with (tmp_path / "metrics.jsonl").open("a") as stream:
            stream.write('{"step": 1, "a": 1}\n')
        keeper.look()
        sizes = [size for key, size in puts if key.endswith("metrics.jsonl")]
    assert sizes[-1] == 4000, "all that is kept of it"
    assert len(sizes) < 100
    assert len(sizes) == len(set(sizes)), "nothing that was stored is stored again"
    keeper.look(last=True)
    assert [size for key, size in puts if key.endswith("metrics.jsonl")] == sizes


def test_what_scores_stores_its_metrics_apart_and_no_checkpoint(tmp_path: Path):
    store = MemoryStore()
    prepare(told(tmp_path), tmp_path, MemoryStore())
    (tmp_path / "metrics.json").write_text('{"accuracy": 1}')
    (tmp_path / "checkpoint/state").write_text("x")
    store.put(box(TRIAL, 1, ENDED, "score"), b'{"keep": false}')
    watch(store, TRIAL, 1, tmp_path, poll=0.01, folder="score")
    assert store.get(box(TRIAL, 1, "metrics.json", "score")).data == b'{"accuracy": 1}'
    assert not [entry.key for entry in store.list() if "/score/" not in entry.key]


def test_the_stream_is_stored_while_it_grows(tmp_path: Path):
    store = MemoryStore()
    prepare(told(tmp_path), tmp_path, MemoryStore())
    thread = threading.Thread(target=watch, args=(store, TRIAL, 1, tmp_path, 0.01), daemon=True)
    thread.start()
    for number in (1, 2):
        with (tmp_path / "metrics.jsonl").open("a") as stream:
            stream.write(f"{number}\n")
        for _ in range(500):
            thread.join(0.01)
            try:
                if store.get(box(TRIAL, 1, "metrics.jsonl")).data.endswith(f"{number}\n".encode()):
                    break
            except NotFound:
                continue
        else:
            pytest.fail("the stream must be stored")
    ended(store)
    thread.join(10)
    assert not thread.is_alive()


def test_a_link_to_the_keys_of_the_container_is_not_followed(tmp_path: Path):
    store = MemoryStore()
    prepare(told(tmp_path), tmp_path, MemoryStore())
    secret = tmp_path.parent / "environ"
    secret.write_text("AWS_SECRET_ACCESS_KEY=hush")
    (tmp_path / "metrics.json").symlink_to(secret)
    (tmp_path / "output/model.bin").symlink_to(secret)
    (tmp_path / "output/folder").symlink_to(secret.parent)
    os.mkfifo(tmp_path / "metrics.jsonl")
    ended(store)
    assert watch(store, TRIAL, 1, tmp_path, poll=0.01).model == {}
    assert not [entry.key for entry in store.list() if b"hush" in store.get(entry.key).data]
    assert not [entry.key for entry in store.list() if "metrics" in entry.key]


def test_a_report_that_is_too_large_shows_as_too_large(tmp_path: Path):
    store = MemoryStore()
    prepare(told(tmp_path), tmp_path, store)
    (tmp_path / "metrics.json").write_bytes(b" " * (2**20 + 500))
    ended(store)
    watch(store, TRIAL, 1, tmp_path, poll=0.01)
    assert len(store.get(box(TRIAL, 1, "metrics.json")).data) == 2**20 + 1


class Away(MemoryStore):
    """A store that does not answer for a while, or says that it does not know its own users."""

    left = 5
    error: Exception = StoreUnavailable("away")

    def get(self, key: str) -> Stored:
        return self._maybe() or super().get(key)

    def put(self, key: str, data: bytes) -> str:
        return self._maybe() or super().put(key, data)

    def _maybe(self) -> None:
        self.left -= 1
        if self.left > 0:
            raise self.error


@pytest.mark.parametrize("error", [StoreUnavailable("away"), StoreRefused("InvalidAccessKeyId")])
def test_a_store_that_is_away_is_asked_again(tmp_path: Path, error: Exception):
    store = Away()
    store.left, store.error = 0, error
    prepare(told(tmp_path), tmp_path, MemoryStore())
    (tmp_path / "metrics.json").write_text("{}")
    ended(store)
    store.left = 6
    assert watch(store, TRIAL, 1, tmp_path, poll=0.01).trial == TRIAL


def test_a_store_that_goes_on_to_refuse_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(job_pod, "AWAY_SECONDS", 0.05)
    store = Away()
    store.left, store.error = 10**6, StoreRefused("InvalidAccessKeyId")
    with pytest.raises(StoreRefused):
        watch(store, TRIAL, 1, tmp_path, poll=0.01)
    with pytest.raises(StoreRefused):
        attend(store, TRIAL, 1, poll=0.01)


@pytest.mark.parametrize("container", ["load", "save"])
def test_a_store_that_refuses_is_no_fault_of_the_study(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], container: str
):
    def refuse(_address: str) -> MemoryStore:
        raise StoreRefused("InvalidAccessKeyId")

    monkeypatch.setattr(job_pod, "study_at", refuse)
    monkeypatch.setattr(job_pod, "raise_on_signals", lambda: None)
    monkeypatch.setenv(LOAD_VARIABLE, '{"study": "s3://bucket/studies/tested"}')
    saves = ["--study", "s3://bucket/studies/tested", "--trial", TRIAL, "--attempt", "1"]
    before = os.umask(0o022)
    try:
        assert job_pod.run([container, *(saves if container == "save" else [])]) == EXIT_TRANSIENT
    finally:
        os.umask(before)
    assert "InvalidAccessKeyId" in capsys.readouterr().err


@pytest.mark.parametrize("error", [StoreUnavailable("away"), StoreRefused("InvalidAccessKeyId")])
def test_the_stream_of_a_trial_that_is_stopped_is_stored_at_the_last_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
):
    store = Away()
    store.left, store.error = 0, error
    prepare(told(tmp_path), tmp_path, MemoryStore())

    def terminated(_: float) -> None:
        (tmp_path / "metrics.jsonl").write_text("last\n")
        monkeypatch.setattr(job_pod.time, "sleep", lambda _: None)
        store.left = 3  # it is away for another moment
        raise Terminated

    monkeypatch.setattr(job_pod.time, "sleep", terminated)
    with pytest.raises(Terminated):
        watch(store, TRIAL, 1, tmp_path)
    assert store.get(box(TRIAL, 1, "metrics.jsonl")).data == b"last\n"


def test_the_checkpoint_of_a_trial_that_is_stopped_while_it_writes_is_waited_for(tmp_path: Path, monkeypatch):
    store = MemoryStore()
    prepare(told(tmp_path), tmp_path, MemoryStore())
    steps = iter(range(1, 100))

    def sleep(_: float) -> None:
        """The first one is interrupted; the trial goes on to write for two more, and is then killed."""
        step = next(steps)
        if step <= 3:
            (tmp_path / "checkpoint/step").write_text(str(step))
        if step == 1:
            raise Terminated

    monkeypatch.setattr(job_pod.time, "sleep", sleep)
    with pytest.raises(Terminated):
        watch(store, TRIAL, 1, tmp_path)
    found = layout.read(store, Checkpoint, layout.attempt(TRIAL, 1, "checkpoint.json"))
    assert found.files == {"step": hashlib.sha256(b"3").hexdigest()}


def test_a_checkpoint_is_stored_and_the_next_attempt_gets_it_back(tmp_path: Path):
    store, first, second = MemoryStore(), tmp_path / "first", tmp_path / "second"
    prepare(told(first), first, store)
    (first / "checkpoint/deep").mkdir()
    (first / "checkpoint/deep/state.bin").write_text("epoch 3")
    ended(store, keep=False)
    watch(store, TRIAL, 1, first, poll=0.01)
    prepare(told(second, resumes={"trial": TRIAL, "attempt": 1}), second, store)
    assert (second / "checkpoint/deep/state.bin").read_text() == "epoch 3"


@pytest.mark.parametrize("key", ["checkpoint.json", f"checkpoint/{hashlib.sha256(b'epoch 3').hexdigest()}"])
@pytest.mark.parametrize("damage", ["damaged", "gone"])
def test_a_trial_whose_checkpoint_cannot_be_read_begins_anew_in_a_folder_that_it_can_write(
    tmp_path: Path, key: str, damage: str
):
    store, first, second = MemoryStore(), tmp_path / "first", tmp_path / "second"
    prepare(told(first), first, store)
    (first / "checkpoint/state.bin").write_text("epoch 3")
    ended(store, keep=False)
    watch(store, TRIAL, 1, first, poll=0.01)
    if damage == "gone":
        store.delete(layout.attempt(TRIAL, 1, key))
    else:
        store.put(layout.attempt(TRIAL, 1, key), b"epoch")
    prepare(told(second, resumes={"trial": TRIAL, "attempt": 1}), second, store)
    assert list((second / "checkpoint").iterdir()) == []
    assert (second / "checkpoint").stat().st_mode & 0o2070 == 0o2070


def test_event_files_are_a_stream_too(tmp_path: Path):
    store = MemoryStore()
    prepare(told(tmp_path), tmp_path, store)
    event = b"\x09" + bytes(8) + b"\x10\x02\x2a\x0c\x0a\x0a\x0a\x03acc\x15\x00\x00\x00\x3f"  # step 2, acc 0.5
    record = struct.pack("<Q", len(event)) + bytes(4) + event + bytes(4)
    ended(store)
    thread = threading.Thread(target=watch, args=(store, TRIAL, 1, tmp_path, 0.01), daemon=True)
    (tmp_path / "output/events.out.tfevents.1").write_bytes(record)
    thread.start()
    thread.join(10)
    assert json.loads(store.get(box(TRIAL, 1, "metrics.jsonl")).data) == {"step": 2, "acc": 0.5}
    assert json.loads(store.get(box(TRIAL, 1, "events.json")).data) == {"acc": 0.5}
