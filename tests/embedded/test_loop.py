"""The loop as a user runs it: to the end, broken off, told to stop, on a real MinIO."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from tests.steps.studies import shell_study, write_study
from tests.steps.test_steps import iris_study

import tunewright
from tunewright.embedded import loop
from tunewright.embedded.loop import choose_session, run_study
from tunewright.embedded.workers import Ended, Workers
from tunewright.errors import EXIT_BUG, EXIT_INPUT, DataInvalid, InputError, StoreRefused, StudyInvalid, TunewrightError
from tunewright.progress import Quiet
from tunewright.report import figures
from tunewright.steps.ledger import Ledger
from tunewright.steps.open import open_session
from tunewright.store import layout
from tunewright.store.s3 import S3Store
from tunewright.study import Study
from tunewright.training import evaluation
from tunewright.trial import Champion, Plan, Status


def test_a_run_ends_with_all_trials_and_a_second_call_changes_nothing(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    first = run_study(shell_study(), store=store)
    assert len(first.trials) == 6
    assert first.best == {"x": first.objective}
    assert first.default_objective == 0.5
    assert first.objective == max(trial.objective or 0 for trial in first.trials)
    second = run_study(shell_study(), store=store)
    assert second == first


def test_jobs_of_trials_that_are_lost_are_ended_with_their_round(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended: list[tuple[object, ...]] = []
    monkeypatch.setattr(loop, "discard_lost", lambda _ledger, *place: ended.append(place))
    run_study(shell_study(budget={"trials": 4, "parallel_trials": 2}), store=str(tmp_path))
    assert ended == [(f"{tmp_path}/toy", "001", round_) for round_ in range(2)]


def without_results(monkeypatch: pytest.MonkeyPatch, code: int, wanted: list[int]) -> None:
    """Lanes end over these slots with this code each time, as when the kernel ends who scores their models."""
    real = Workers.run

    def run(self: Workers, round_: int, slots: list[int]) -> Iterator[Ended | None]:
        yield from real(self, round_, [slot for slot in slots if slot not in wanted])
        yield from (Ended(slot=slot, code=code, message="no") for slot in slots if slot in wanted)

    monkeypatch.setattr(Workers, "run", run)


@pytest.mark.parametrize("code", [-9, EXIT_BUG, EXIT_INPUT])
def test_a_slot_that_cannot_be_run_is_lost_also_when_the_others_ended_before_an_interruption(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    study = shell_study(budget={"trials": 2, "parallel_trials": 2})
    without_results(monkeypatch, code, [0])

    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(loop, "update_surrogate", die)
        with pytest.raises(KeyboardInterrupt):
            run_study(study, store=str(tmp_path))
    found = run_study(study, store=str(tmp_path))
    assert [result.status for result in found.trials] == [Status.LOST, Status.COMPLETE]


@pytest.mark.parametrize("code", [-9, EXIT_BUG, EXIT_INPUT])
def test_a_round_of_which_no_slot_can_be_run_ends_the_run_and_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    study = shell_study(budget={"trials": 2, "parallel_trials": 2})
    with monkeypatch.context() as patched:
        without_results(patched, code, [0, 1])
        with pytest.raises(TunewrightError, match=r"^no"):
            run_study(study, store=str(tmp_path))
    found = run_study(study, store=str(tmp_path))
    assert [result.status for result in found.trials] == [Status.COMPLETE] * 2


def test_a_champion_that_could_not_be_scored_again_is_found_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise DataInvalid("data.source: must be a readable file")

    with monkeypatch.context() as patched:
        patched.setattr(evaluation, "evaluate", gone)  # here; the lanes score their trials
        first = run_study(iris_study(trials=1), store=str(tmp_path))
    assert (first.champion, first.best is None) == (None, False)
    assert Ledger.at(str(tmp_path / "iris")).store.get("sessions/001/report/index.html").data
    found = run_study(iris_study(trials=1), store=str(tmp_path))
    assert found.champion is not None


def test_a_better_champion_that_could_not_be_scored_again_is_found_by_the_next_call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: object) -> None:
        raise DataInvalid("data.source: must be a readable file")

    run_study(iris_study(trials=2), store=str(tmp_path))
    ledger = Ledger.at(str(tmp_path / "iris"))
    worse = layout.read(ledger.store, Champion, layout.CHAMPION).model_copy(
        update={"trial": "0" * 16, "objective": 0.1}
    )
    ledger.store.put(layout.CHAMPION, layout.encode(worse))  # as when a session ends while its data is away
    with monkeypatch.context() as patched:
        patched.setattr(evaluation, "evaluate", gone)
        assert run_study(iris_study(trials=2), store=str(tmp_path)).champion == worse
    found = run_study(iris_study(trials=2), store=str(tmp_path)).champion
    assert found is not None
    assert (found.trial != worse.trial, found.objective > 0.1) == (True, True)


def test_a_new_session_goes_on_with_what_the_last_one_learnt(tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    run_study(shell_study(), store=store)
    result = run_study(shell_study(budget={"trials": 2, "parallel_trials": 2}), store=store, session="new")
    assert result.session == "002"
    assert len(result.trials) == 8


@pytest.mark.parametrize("names", [["002"], ["002", "night"], ["night", "003", "x"]])
def test_a_new_session_has_an_id_that_nobody_had(tmp_path: Path, names: list[str]) -> None:
    store = str(tmp_path / "store")
    study = shell_study(budget={"trials": 1, "parallel_trials": 1})
    for name in names:
        run_study(study, store=store, session=name)
    results = [run_study(study, store=store, session="new") for _ in range(2)]
    assert len({*names, *(result.session for result in results)}) == len(names) + 2
    assert len(results[-1].trials) == len(names) + 2


def test_a_new_session_that_died_before_it_claimed_the_study_is_taken_up(tmp_path: Path) -> None:
    store, study = str(tmp_path / "store"), shell_study(budget={"trials": 1, "parallel_trials": 1})
    run_study(study, store=store)
    ledger = Ledger.at(f"{store}/toy")
    layout.create(
        ledger.store, ledger.session("001").model_copy(update={"id": "002", "epoch": 2}), layout.session("002")
    )
    assert choose_session(store, "toy", "new") == "002"
    assert run_study(study, store=store, session="new").session == "002"


def test_a_session_that_goes_on_after_its_time_ends_without_a_round(tmp_path: Path) -> None:
    study = shell_study(budget={"trials": 4, "parallel_trials": 1, "wall_time": "1h"})
    open_session(str(tmp_path), study, "001", base=tmp_path, now=1.0)
    found = run_study(study, store=str(tmp_path), clock=lambda: 4000.0)
    assert (found.trials, found.best, found.reason) == ([], None, "3999 s, budget.wall_time is 3600 s")


def test_the_python_call_takes_a_file_a_mapping_or_a_study(tmp_path: Path) -> None:
    file = tmp_path / "study.yaml"
    write_study(file, shell_study())
    store = str(tmp_path / "store")
    result = tunewright.tune(file, store=store, quiet=True)
    assert len(result.trials) == 6
    assert len(tunewright.history("toy", store=store).rounds) == 3
    slice_ = figures.slices(tunewright.history("toy", store=store), tunewright.belief("toy", store=store))["x"]
    assert slice_.to_dict()["datasets"]["belief"], "what the reward model expects along the parameter"
    with pytest.raises(StudyInvalid, match="space"):
        tunewright.tune({"name": "x", "space": {}}, store=str(tmp_path / "store"))


def test_the_python_call_finds_the_store_that_the_command_line_finds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(tunewright.STORE_VARIABLE, str(tmp_path / "store"))
    budget = {"trials": 1, "parallel_trials": 1}
    result = tunewright.tune(shell_study(command=["sh", "-c", "echo words; false"], budget=budget), quiet=True)
    assert result.address == str(tmp_path / "store" / "toy")
    assert tunewright.history("toy").study.study.name == "toy"
    assert [trial.log_tail for trial in result.trials] == ["words"]


def test_a_directory_is_where_it_was_when_the_call_began(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Elsewhere(Quiet):
        def planned(self, plan: Plan) -> None:
            os.chdir(tmp_path / "elsewhere")

    for name in ("here", "elsewhere"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    run_study(shell_study(), store="store", progress=Elsewhere())
    assert (tmp_path / "here" / "store" / "toy").is_dir()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_the_python_call_tells_every_mistake_at_once(tmp_path: Path) -> None:
    data = {"source": "sklearn:iris"}
    space = {"max_depht": {"type": "int", "low": 1, "high": 3}}
    wrong = {"name": "x", "space": space, "objective": {"metric": "acc"}, "trial": {"kind": "xgboost"}, "data": data}
    (tmp_path / "wrong.json").write_text(json.dumps(wrong))
    for study in (wrong, tmp_path / "wrong.json"):
        with pytest.raises(StudyInvalid) as caught:
            tunewright.tune(study, store=str(tmp_path / "store"))  # type: ignore[arg-type]
        assert len(caught.value.problems) == 2


def test_a_process_with_many_open_files_runs_studies(tmp_path: Path) -> None:
    script = """
import os, resource, sys
from tests.steps.studies import shell_study
from tunewright.embedded.loop import run_study
resource.setrlimit(resource.RLIMIT_NOFILE, (2048, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
held = [os.open("/dev/null", os.O_RDONLY) for _ in range(1100)]
print(len(run_study(shell_study(budget={"trials": 2}), store=sys.argv[1]).trials))
"""
    run = subprocess.run([sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False)
    assert run.stdout == "2\n", run.stderr


def test_a_study_runs_on_minio(s3_store: S3Store, tmp_path: Path) -> None:
    result = run_study(shell_study(), store=f"{s3_store.address}/nested")
    assert len(result.trials) == 6
    assert result.report is not None
    assert result.report.startswith("s3://")


def test_user_programs_see_no_credentials(s3_store: S3Store, tmp_path: Path) -> None:
    seen = tmp_path / "environment"
    command = ["sh", "-c", f'env > {seen}; echo "{{{{\\"score\\": {{x}}}}}}" > $TUNEWRIGHT_METRICS']
    run_study(shell_study(command=command, budget={"trials": 1, "parallel_trials": 1}), store=s3_store.address)
    text = seen.read_text()
    assert "TUNEWRIGHT_PARAMS" in text
    assert os.environ["AWS_SECRET_ACCESS_KEY"] not in text
    assert "AWS_" not in text


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_run_that_is_broken_off_leaves_no_process_and_the_same_command_goes_on(
    tmp_path: Path, number: signal.Signals
) -> None:
    journal = tmp_path / "journal"
    command = ["sh", "-c", f'echo $$ >> {journal}; sleep 1.5; echo "{{{{\\"score\\": {{x}}}}}}" > $TUNEWRIGHT_METRICS']
    file = tmp_path / "study.yaml"
    write_study(file, shell_study(command=command, budget={"trials": 4, "parallel_trials": 2}))
    call = [sys.executable, "-m", "tunewright", "run", str(file), "--store", str(tmp_path / "store"), "--quiet"]
    inherited = signal.signal(number, signal.SIG_DFL) if number != signal.SIGKILL else None
    process = subprocess.Popen(call, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    if inherited is not None:  # what a shell starts in the background ignores SIGINT, and so would all its children
        signal.signal(number, inherited)
    deadline = time.monotonic() + 60
    while not journal.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}[number]
    assert number == signal.SIGKILL or b"goes on from here" in errors
    _gone([int(line) for line in journal.read_text().split()])
    done = subprocess.run(call, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    ledger = Ledger.at(str(tmp_path / "store" / "toy"))
    assert ledger.head()[0].finished == "4 trials, budget.trials is 4"
    assert len([entry for entry in ledger.store.list("trials/") if entry.key.endswith("result.json")]) == 4


def _gone(pids: list[int]) -> None:
    deadline = time.monotonic() + 15
    while any(psutil.pid_exists(pid) for pid in pids):
        assert time.monotonic() < deadline, f"still running: {pids}"
        time.sleep(0.1)


def test_two_loops_on_one_study_share_the_work(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    command = ["sh", "-c", f'echo ran >> {journal}; sleep 0.5; echo "{{{{\\"score\\": {{x}}}}}}" > $TUNEWRIGHT_METRICS']
    file = tmp_path / "study.yaml"
    write_study(file, shell_study(command=command))
    call = [
        sys.executable,
        "-m",
        "tunewright",
        "run",
        str(file),
        "--store",
        str(tmp_path / "store"),
        "--session",
        "one",
        "--json",
    ]
    processes = [subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)]
    for process in processes:
        out, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors.decode()
        assert json.loads(out.splitlines()[-1])["event"] == "finished"
    assert len(journal.read_text().splitlines()) == 6, "a lease keeps a trial from being trained twice"


def test_data_that_is_not_there_is_one_clear_error_and_no_trial(tmp_path: Path) -> None:
    study = Study.model_validate(
        {
            "name": "absent",
            "space": {"max_depth": {"type": "int", "low": 1, "high": 4}},
            "objective": {"metric": "accuracy"},
            "data": {"source": "absent.csv", "target": "y"},
            "trial": {"kind": "xgboost"},
        }
    )
    with pytest.raises(DataInvalid, match=r"absent\.csv"):
        run_study(study, store=str(tmp_path / "store"), base=tmp_path)


def test_data_that_changed_under_a_study_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("a,y\n" + "".join(f"{i},{i % 2}\n" for i in range(40)))
    study = Study.model_validate(
        {
            "name": "table",
            "space": {"max_depth": {"type": "int", "low": 1, "high": 4}},
            "objective": {"metric": "accuracy"},
            "data": {"source": "table.csv", "target": "y"},
            "trial": {"kind": "xgboost", "fixed": {"n_estimators": 3}},
            "budget": {"trials": 1, "parallel_trials": 1},
        }
    )
    run_study(study, store=str(tmp_path / "store"), base=tmp_path)
    table.write_text("a,y\n" + "".join(f"{i},{(i + 1) % 2}\n" for i in range(40)))
    with pytest.raises(InputError, match=r"data\.sha256 was '[0-9a-f]{64}', now '"):
        run_study(study, store=str(tmp_path / "store"), base=tmp_path, session="new")


def test_a_store_in_a_bucket_that_is_not_there_is_refused(s3_store: S3Store) -> None:
    with pytest.raises(StoreRefused, match="create-bucket"):
        run_study(shell_study(), store="s3://no-such-bucket-here")


def test_a_store_in_memory_cannot_carry_a_run() -> None:
    with pytest.raises(InputError, match="use a directory"):
        run_study(shell_study(), store="memory:")
