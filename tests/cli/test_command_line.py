"""Every verb as a user types it."""

from __future__ import annotations

import gzip
import importlib.util
import json
import shlex
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.steps.studies import shell_study, write_study
from tests.steps.test_lease import Refusing

from tunewright import cli
from tunewright.cli import CLUSTER_VERBS, VERBS, run
from tunewright.errors import AttemptLost, InputError, StoreRefused, TunewrightError
from tunewright.report.configuration import as_flags
from tunewright.steps.evaluate import evaluate
from tunewright.steps.lease import GIVEN_BACK, take
from tunewright.steps.ledger import Ledger
from tunewright.steps.open import open_session
from tunewright.steps.propose import propose
from tunewright.steps.train import train
from tunewright.store import layout
from tunewright.store.directory import DirectoryStore
from tunewright.study_file import parse_study
from tunewright.training.local import LocalRunner
from tunewright.trial import AttemptStart, Result, SealedRound, Status


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TUNEWRIGHT_STORE", raising=False)
    write_study(tmp_path / "study.yaml", shell_study())
    return tmp_path


def say(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run(list(arguments)) == code
    captured = capsys.readouterr()
    return captured.out + captured.err


def test_help_names_every_verb_and_every_verb_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    text = say(capsys, "--help")
    for verb in (*VERBS, *CLUSTER_VERBS):
        assert verb in text
        assert "Usage" in say(capsys, verb, "--help")


def test_a_mistyped_verb_gets_a_hint(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean 'status'" in say(capsys, "statsu", code=2)


def test_run_then_look_at_it_from_every_side(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = say(capsys, "run", "study.yaml", "--report", "page.html")
    assert "[6/6]" in text
    assert "best score" in text
    assert "with the study's defaults: 0.5" in text
    assert (place / "page.html").stat().st_size < 3 * 2**20

    best = json.loads(say(capsys, "best", "toy"))
    assert best["objective"] == best["configuration"]["x"]
    assert say(capsys, "best", "study.yaml", "--format", "flags") == f"--x={best['objective']}\n"
    assert say(capsys, "best", "toy", "--format", "yaml", "--only") == f"x: {best['objective']}\n"

    status = json.loads(say(capsys, "status", "toy", "--json"))
    assert status["counts"] == {"COMPLETE": 6}
    assert status["state"] == "finished: 6 trials, budget.trials is 6"
    assert "this session: 6 of 6 trials, 6 complete\nbest" in say(capsys, "status", "toy")

    rows = json.loads(say(capsys, "list", "--json"))
    assert [(row["study"], row["state"]) for row in rows] == [("toy", "finished")]
    assert "toy" in say(capsys, "list")

    assert "wrote again.html" in say(capsys, "report", "toy", "-o", "again.html")
    assert "found 001; name one of them" in say(capsys, "report", "toy", "--session", "other", code=2)
    assert "toy" in (place / "again.html").read_text()


def test_failures_are_shown_with_reason_and_log(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["sh", "-c", "echo the oven is cold; exit 4"]
    write_study(place / "study.yaml", shell_study(command=command, budget={"trials": 2, "parallel_trials": 2}))
    text = say(capsys, "run", "study.yaml", code=1)
    assert "no trial completed; the first said: exit code 4; the log says why\n    the oven is cold\n" in text
    assert f"why not all completed: tunewright status toy --store {place}/tunewright-store\n" in text
    text = say(capsys, "status", "toy")
    assert "FAILED" in text
    assert "4" in text
    assert "the oven is cold" in text
    assert "no trial of the study has completed" in say(capsys, "best", "toy", code=1)


def test_status_tells_cost_and_how_far_a_running_trial_has_come(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    say(capsys, "run", "study.yaml")
    cost = json.loads(say(capsys, "status", "toy", "--json"))["cost"]
    assert (cost["attempts"], cost["lost_attempts"], cost["gpu_seconds"]) == (6, 0, 0)
    assert cost["train_seconds"] > 0
    assert "training in 6 attempts" in say(capsys, "status", "toy")

    open_session("tunewright-store", shell_study(), "two", base=place, now=time.time())
    ledger = Ledger.at("tunewright-store/toy")
    round_ = propose(ledger, "two")["round"]
    trial = ledger.slot(round_, 0).trial
    assert take(ledger.store, trial, 5, now=0.0) is not None
    ledger.store.put(layout.attempt(trial, 1, "metrics.jsonl"), b'{"step": 7, "score": 0.5}\n')
    assert f"running: trial {trial}, step 7, score 0.5" in say(capsys, "status", "toy")
    assert "training in 7 attempts, " in say(capsys, "status", "toy")
    assert "lost" not in say(capsys, "status", "toy")

    start = layout.read(ledger.store, AttemptStart, layout.attempt(trial, 1, "start.json"))
    gone = layout.encode(start.model_copy(update={"pid": 2**22 - 1, "process_started": 0.0}))
    for left in (("start.json", gone), (GIVEN_BACK, layout.encode(start))):  # killed; ended in order
        ledger.store.put(layout.attempt(trial, 1, left[0]), left[1])
        told = say(capsys, "status", "toy")
        assert f"broken off: trial {trial} at step 7; who goes on with the study tries it again" in told
        assert "running" not in told
        assert "training in 7 attempts, " in told
        assert " in 1 attempts that were cut short" in told
        ledger.store.put(layout.attempt(trial, 1, "start.json"), layout.encode(start))


def test_status_tells_the_session_from_the_study(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say(capsys, "run", "study.yaml", "-q")
    say(capsys, "run", "study.yaml", "-q", "--session", "new", "--trials", "2")
    text = say(capsys, "status", "toy")
    assert "this session: 2 of 2 trials, 2 complete\nall sessions: 8 complete\n" in text
    assert "cost of all sessions: " in text
    state = json.loads(say(capsys, "status", "toy", "--json"))
    assert (state["session_trials"], state["session_counts"], state["counts"]) == (2, {"COMPLETE": 2}, {"COMPLETE": 8})


def refused_study(place: Path) -> None:
    """A study whose data go away while its trials wait."""
    (place / "data").mkdir()
    (place / "data" / "table.csv").write_text("a,y\n")
    command = ["sh", "-c", f"mv {place}/data {place}/gone; sleep 1; exit 3"]
    study = shell_study(command=command, data={"source": "data/table.csv"}, budget={"trials": 2, "parallel_trials": 1})
    write_study(place / "study.yaml", study)


def test_what_was_refused_is_not_called_lost_and_status_says_why(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused_study(place)
    text = say(capsys, "run", "study.yaml", code=2)
    assert f"slot 0 unfinished: data.source: must be a readable file, got {place}/data/table.csv" in text
    assert f"\nerror: data.source: must be a readable file, got {place}/data/table.csv" in text
    assert "LOST" not in text
    text = say(capsys, "status", "toy")
    assert "session 001, epoch 1: open, round 1\n" in text
    assert "has no result yet, attempt 1 was refused: data.source: must be a readable file" in text
    assert "lost" not in text
    assert Result(trial="0" * 16, round=0, slot=0, status=Status.LOST, refused=True).ending == "REFUSED"


@pytest.mark.parametrize(
    ("error", "word"), [(AttemptLost("its pod was evicted"), "lost"), (InputError("no such image"), "refused")]
)
def test_status_says_why_a_model_was_not_scored(
    place: Path, capsys: pytest.CaptureFixture[str], error: TunewrightError, word: str
) -> None:
    study = shell_study(trial={"kind": "command", "command": ["true"], "evaluate": {"command": ["true"]}})
    open_session("tunewright-store", study, "one", base=place, now=time.time())
    ledger = Ledger.at("tunewright-store/toy")
    propose(ledger, "one")
    train(ledger, "one", 0, 0, runner=LocalRunner())
    for met in (InputError("met before"), error):
        with pytest.raises(type(met)):
            evaluate(ledger, "one", 0, 0, runner=Refusing(met))
    trial = ledger.slot(0, 0).trial
    text = say(capsys, "status", "toy")
    assert f"trial {trial} has no result yet, attempt 1 was {word}: scoring its model: {error}\n" in text
    assert "met before" not in text


def test_json_lines_end_with_the_error(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    refused_study(place)
    assert run(["run", "study.yaml", "--json"]) == 2
    *_, unfinished, error = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (unfinished["event"], unfinished["slot"]) == ("unfinished", 0)
    assert (error["event"], error["kind"], error["code"]) == ("error", "InputError", 2)
    assert error["message"] == unfinished["reason"]
    (place / "study.yaml").write_text("name: 1\n")
    assert run(["run", "study.yaml", "--json"]) == 2
    (error,) = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (error["event"], error["kind"]) == ("error", "StudyInvalid")


def test_a_study_that_cannot_be_read_hides_no_other(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say(capsys, "run", "study.yaml", "-q")
    write_study(place / "study.yaml", shell_study("newer"))
    say(capsys, "run", "study.yaml", "-q")
    head = place / "tunewright-store" / "newer" / "head.json"
    head.write_text(json.dumps({**json.loads(head.read_text()), "schema_version": 99}))
    newer, toy = json.loads(say(capsys, "list", "--json"))
    assert (toy["study"], toy["state"], toy["metric"]) == ("toy", "finished", "score")
    assert (newer["study"], newer["best"]) == ("newer", None)
    assert "got 99; it was written by another release" in newer["state"]
    assert "finished" in say(capsys, "list")


def test_a_finished_study_is_read_from_a_store_that_is_read_only(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    best = say(capsys, "run", "study.yaml", "-q")

    def refuse(*_: object) -> None:
        raise StoreRefused("read-only")

    for verb in ("create", "put", "swap", "delete"):
        monkeypatch.setattr(DirectoryStore, verb, refuse)
    assert "wrote page.html" in say(capsys, "report", "toy", "-o", "page.html")
    assert "toy" in (place / "page.html").read_text()
    assert say(capsys, "run", "study.yaml", "-q", "--report", "again.html") == best
    assert "toy" in (place / "again.html").read_text()
    assert "read-only" in say(capsys, "run", "study.yaml", "--session", "new", code=2)


def test_json_lines_tell_the_whole_run(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "study.yaml", "--json"]) == 0
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events].count("ended") == 6
    assert events[0]["event"] == "opened"
    assert events[-1]["event"] == "finished"


def test_quiet_prints_the_best_alone(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["run", "study.yaml", "-q"]) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    assert json.loads(captured.out)["configuration"].keys() == {"x"}
    assert run(["run", "study.yaml", "-q"]) == 0
    assert capsys.readouterr() == captured, "also when the session had ended before"


def test_validate_says_what_a_study_does_and_every_mistake_of_a_bad_one(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "'toy' is valid" in say(capsys, "validate", "study.yaml")
    (place / "bad.yaml").write_text(
        "name: ../x\nspace:\n  x: {type: float, low: 2, hgih: 1}\nobjective: {metric: s}\ntrial: {kind: command, command: [a]}\n"
    )
    text = say(capsys, "validate", "bad.yaml", code=2)
    assert "bad.yaml:1" in text
    assert "bad.yaml:3" in text
    assert "high" in text


def test_validate_advises_a_logarithmic_scale_where_a_linear_one_sees_the_largest_values_alone(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wide = "type: float, low: 1.0e-5, high: 0.1"
    space = f"{{rate: {{{wide}}}, decay: {{{wide}, scale: log}}, size: {{type: int, low: 0, high: 5000}}}}"
    (place / "wide.yaml").write_text(
        f"name: wide\nspace: {space}\nobjective: {{metric: s}}\ntrial: {{kind: command, command: [a]}}\n"
    )
    advice = [line for line in say(capsys, "validate", "wide.yaml").splitlines() if "advice" in line]
    assert advice == [
        "  advice: space.rate goes from 1e-05 to 0.1 on a linear scale, so 9 of 10 values lie above 0.01; "
        "if all magnitudes matter, write scale: log"
    ]


def test_validate_names_a_text_that_makes_categories_of_a_column_of_numbers(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [f"{i % 9},{'n/a (old)' if i == 7 else i % 13 * 10},{'ab'[i % 2]},{i % 2}" for i in range(40)]
    (place / "cars.csv").write_text("\n".join(["age,power,kind,class", *rows]) + "\n")
    say(capsys, "init", "cars.csv", "-o", "cars.yaml")
    assert [line for line in say(capsys, "validate", "cars.yaml").splitlines() if "advice" in line] == [
        "  advice: column power is nearly all numbers and becomes categories because of values such as 'n/a (old)'; leave them empty, "
        "or write them as numbers"
    ]


def test_init_writes_a_study_that_runs(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "my table.csv").write_text("a,b,class\n" + "".join(f"{i % 7},{i % 5},{i % 2}\n" for i in range(60)))
    say(capsys, "init", "my table.csv", "-o", "made.yaml")
    assert parse_study((place / "made.yaml").read_text(), "made.yaml").name == "my-table"
    (place / "Packed.CSV.gz").write_bytes(gzip.compress((place / "my table.csv").read_bytes()))
    assert '\nname: "packed" ' in say(capsys, "init", "Packed.CSV.gz")
    assert "must name a new file" in say(capsys, "init", "my table.csv", "-o", "made.yaml", code=2)
    told = say(capsys, "init", "my table.csv", "-o", "made.yaml/study.yaml", code=2)
    assert "--output must name a new file, got made.yaml/study.yaml below made.yaml, which is no folder" in told
    assert "1 complete" in say(capsys, "run", "made.yaml", "--trials", "1", "--parallel", "1")


def test_doctor_checks_the_store(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = say(capsys, "doctor", "--store", "here")
    assert "here can be used" in text
    assert "FAIL" not in text
    (place / "file").touch()
    assert "FAIL writable: " in (text := say(capsys, "doctor", "--store", "file", code=2))
    assert "StoreRefused" not in text


def test_doctor_makes_a_bucket(s3_environment: object, capsys: pytest.CaptureFixture[str]) -> None:
    assert "made the bucket" in say(capsys, "doctor", "--store", "s3://made-by-doctor/here", "--create-bucket")


def test_gc_says_first_and_never_touches_results(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    say(capsys, "run", "study.yaml")
    assert "nothing to remove" in say(capsys, "gc", "toy")
    monkeypatch.setattr("tunewright.cli.gc.time.time", lambda: 4e9)
    before = json.loads(say(capsys, "status", "toy", "--json"))
    assert "weights that no open round needs" in say(capsys, "gc", "toy")
    assert "weights that no open round needs" in say(capsys, "gc", "toy")
    assert "removed" in say(capsys, "gc", "toy", "--yes")
    assert "nothing to remove" in say(capsys, "gc", "toy")
    assert json.loads(say(capsys, "status", "toy", "--json")) == before
    assert "8 complete" in say(capsys, "run", "study.yaml", "--session", "new", "--trials", "2")


def test_gc_keeps_the_checkpoints_of_trials_that_may_be_promoted(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    say(capsys, "run", "study.yaml")
    ledger = Ledger.at("tunewright-store/toy")
    trial = ledger.slot(0, 0).trial
    for name in ("checkpoint.json", "checkpoint/" + "a" * 64):
        ledger.store.put(layout.attempt(trial, 1, name), b"weights")
    assert "2 objects, 0.0 MiB: checkpoint of a trial that has ended" in say(capsys, "gc", "toy")
    sealed = layout.read(ledger.store, SealedRound, layout.sealed(0))
    stopped = sealed.results[0].model_copy(update={"status": Status.STOPPED})
    ledger.store.put(
        layout.sealed(0), layout.encode(sealed.model_copy(update={"results": [stopped, *sealed.results[1:]]}))
    )
    assert "checkpoint" in say(capsys, "gc", "toy"), "the session promotes nobody"
    halving = shell_study(stopping={"rule": "asha"})
    open_session("tunewright-store", halving, "two", base=place, now=time.time())
    assert "nothing to remove" in say(capsys, "gc", "toy")


def test_a_study_that_is_not_there_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for verb in ("status", "best", "report", "gc"):
        assert "nobody" in say(capsys, verb, "nobody", code=2)


def test_a_bad_study_name_never_becomes_a_path(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("../../etc", "x" * 300):
        assert "must be lower-case" in say(capsys, "status", name, code=2)


def test_a_name_is_a_name_also_where_a_file_is_called_the_same(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    say(capsys, "run", "study.yaml")
    (place / "toy").write_text("no study")
    assert '"objective"' in say(capsys, "best", "toy")
    assert "the file must be a mapping" in say(capsys, "best", "./toy", code=2)


@pytest.mark.parametrize(
    ("shell", "code"),
    [
        ("{program} best toy >/dev/full", 75),
        ("{program} run study.yaml --session new --json >/dev/full", 75),
        ("{program} run study.yaml --session new >/dev/full 2>&1", 75),
        ("{program} run study.yaml --session new 2>/dev/full", 75),
        ("{program} run study.yaml --session new --json 2>/dev/null | true; exit ${{PIPESTATUS[0]}}", 141),
        ("{program} best toy 2>&-", 0),
        ("{program} run study.yaml --session new >&-", 0),
        ("{program} run study.yaml --session new 2>&-", 0),
    ],
)
def test_what_becomes_of_the_output_is_no_defect_and_no_failed_study(
    place: Path, shell: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    say(capsys, "run", "study.yaml")
    program = shlex.join([sys.executable, "-c", "from tunewright.cli import main; main()"])
    done = subprocess.run(["bash", "-c", shell.format(program=program)], capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (code, False)


def test_a_part_that_is_not_installed_is_named_before_a_study_takes_its_name(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "altair" else there(name))
    said = say(capsys, "run", "study.yaml", code=2)
    assert "tunewright[report], of which altair is not installed; pip install 'tunewright[report]'" in said
    assert not (place / "tunewright-store").exists()


def test_a_page_without_what_draws_it_is_no_defect(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    open_session("tunewright-store", shell_study(), "001", base=place, now=time.time())

    def draw(*_: object, **__: object) -> str:
        raise ModuleNotFoundError("No module named 'altair'", name="altair")

    monkeypatch.setattr("tunewright.steps.report.draw", draw)
    said = say(capsys, "report", "toy", "-o", "page.html", code=2)
    assert "pip install 'tunewright[report]'" in said
    assert "defect" not in said


def test_a_home_that_is_nobodys_is_a_mistake_of_the_study(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "trees.yaml").write_text(
        "name: trees\nspace: {max_depth: {type: int, low: 1, high: 4}}\nobjective: {metric: accuracy}\n"
        "trial: {kind: xgboost}\ndata: {source: ~nosuchuser/t.csv, target: y}\n"
    )
    for verb in ("validate", "run"):
        said = say(capsys, verb, "trees.yaml", code=2)
        assert "data.source" in said
        assert "must name a user of this machine, got '~nosuchuser/t.csv'" in said


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(say(capsys, "schema"))["title"]


def test_what_is_wrong_with_data_or_metric_is_said_before_anything_is_written(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "table.csv").write_text("a,churned\n" + "".join(f"{i % 7},{i % 2}\n" for i in range(60)))
    good = (
        "name: wrong\nspace: {max_depth: {type: int, low: 1, high: 4}}\nobjective: {metric: accuracy}\n"
        "trial: {kind: xgboost}\ndata: {source: table.csv, target: churned}\n"
    )
    for old, new, said in (
        ("target: churned", "target: churn", "churn"),
        ("metric: accuracy", "metric: auc", "did you mean 'roc_auc'"),
        ("metric: accuracy", "metric: accuracy, direction: minimize", "must be maximize for accuracy"),
        ("metric: accuracy", "metric: rmse, direction: minimize", "for classification it must be one of"),
    ):
        (place / "wrong.yaml").write_text(good.replace(old, new))
        for verb in ("validate", "run"):
            assert said in say(capsys, verb, "wrong.yaml", code=2)
    assert "no studies" in say(capsys, "list")


def test_validate_tells_mistakes_of_form_trainer_and_data_at_once(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "table.csv").write_text("a,y\n" + "".join(f"{i % 7},{i % 2}\n" for i in range(60)))
    (place / "wrong.yaml").write_text(
        "name: wrong\nspace:\n  max_dept: {type: int, low: 1, high: 4}\n  subsample: {type: float, low: 0.5, high: 2}\n"
        "objective: {metric: accuracy}\nbudget: {trails: 3}\ntrial: {kind: xgboost}\n"
        "data:\n  source: table.csv\n  target: z\n  drop: [b]\n"
    )
    lines = say(capsys, "validate", "wrong.yaml", code=2).splitlines()
    assert [line.split(": ", 2)[:2] for line in lines[1:]] == [
        ["  wrong.yaml:3", "space.max_dept"],
        ["  wrong.yaml:4", "space.subsample"],
        ["  wrong.yaml:6", "budget.trails"],
        ["  wrong.yaml:10", "data.target"],
        ["  wrong.yaml:11", "data.drop"],
    ]


def test_data_of_a_run_is_told_with_its_line_and_takes_no_name(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "price.csv").write_text("a,price\n" + "".join(f"{i % 7},{i * 37 % 999 + 1}\n" for i in range(120)))
    say(capsys, "init", "price.csv", "-o", "price.yaml")
    right = (place / "price.yaml").read_text()
    assert "task: regression" in right
    wrong = right.replace("task: regression", "task: classification").replace("rmse", "accuracy")
    (place / "price.yaml").write_text(wrong.replace("direction: minimize", "direction: maximize"))
    line = right[: right.index("target:")].count("\n") + 1
    assert f"price.yaml:{line}: data.target: every class needs" in say(capsys, "run", "price.yaml", code=2)
    (place / "price.yaml").write_text(right)
    assert "1 complete" in say(capsys, "run", "price.yaml", "--trials", "1", "--parallel", "1")


def test_validate_says_that_it_could_not_read_the_data_of_a_bucket(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    (place / "remote.yaml").write_text(
        "name: remote\nspace: {max_depth: {type: int, low: 1, high: 4}}\nobjective: {metric: accuracy}\n"
        "trial: {kind: xgboost}\ndata: {source: s3://bucket/table.csv, target: y}\n"
    )
    text = say(capsys, "validate", "remote.yaml")
    assert "'remote' is valid, but its data was not checked" in text
    assert "AWS_ACCESS_KEY_ID" in text


def test_validate_says_that_data_is_not_checked_without_the_trainers_libraries(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "t.csv").write_text("a\n1\n")
    (place / "trees.yaml").write_text(
        "name: trees\nspace: {max_depth: {type: int, low: 1, high: 4}}\nobjective: {metric: accuracy}\n"
        "trial: {kind: xgboost}\ndata: {source: t.csv, target: y}\n"
    )
    assert "data.target: must be a column" in say(capsys, "validate", "trees.yaml", code=2)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    text = say(capsys, "validate", "trees.yaml")
    assert "is valid, but its data was not checked\n  data: it can be read only where pandas is installed" in text


def test_what_an_open_session_does_not_take_is_said(
    place: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    open_session("tunewright-store", shell_study(), "001", base=place, now=time.time())
    say(capsys, "run", "study.yaml", "--trials", "2", "--parallel", "3", "--seed", "9")
    (message,) = caplog.messages
    assert "budget.trials was 6, now 2; budget.parallel_trials was 2, now 3; seed was 0, now 9" in message
    assert "--session new" in message


def test_commands_start_in_the_folder_of_their_study(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "sub" / "deep").mkdir(parents=True)
    (place / "sub" / "score.sh").write_text('echo "{\\"score\\": $1}" > "$TUNEWRIGHT_METRICS"\n')
    budget = {"trials": 1, "parallel_trials": 1}
    for name, trial in (
        ("here", {"command": ["sh", "score.sh", "{x}"]}),
        ("below", {"command": ["sh", "../score.sh", "{x}"], "directory": "deep"}),
    ):
        study = shell_study(name, trial={"kind": "command", **trial}, budget=budget)
        write_study(place / "sub" / f"{name}.yaml", study)
        assert "1 complete" in say(capsys, "run", f"sub/{name}.yaml")


def test_init_finds_its_table_from_another_folder_and_refuses_bad_names(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "data").mkdir()
    (place / "data" / "t.csv").write_text("a,class\n" + "".join(f"{i % 7},{i % 2}\n" for i in range(60)))
    say(capsys, "init", "data/t.csv", "-o", "studies/s.yaml")
    assert "is valid" in say(capsys, "validate", "studies/s.yaml")
    assert "must be lower-case" in say(capsys, "init", "data/t.csv", "--name", "A b", code=2)


def test_a_session_that_has_ended_says_how_to_go_on_and_a_new_one_knows_the_best(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    say(capsys, "run", "study.yaml")
    assert "--session new" in say(capsys, "run", "study.yaml", "--trials", "20")
    best = json.loads(say(capsys, "best", "toy"))["objective"]
    text = say(capsys, "run", "study.yaml", "--session", "new", "--trials", "2")
    for line in text.splitlines():
        if line.endswith("best so far"):
            assert float(line.split()[-4]) > best


def test_validate_says_when_rounds_allow_fewer_trials_than_were_asked_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "many.yaml"
    write_study(path, shell_study(budget={"trials": 500, "parallel_trials": 2}))
    assert run(["validate", str(path)]) == 0
    assert "of 500 trials asked for: a session has at most 80 rounds of 2" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "s.yaml"], "the same command goes on from here"),
        (["run", "s.yaml", "--session", "new"], "the same command without --session new goes on from here"),
        (["run", "--session=new", "s.yaml"], "the same command without --session new goes on from here"),
        (["run", "s.yaml", "--session", "one", "--store", "new"], "the same command goes on from here"),
    ],
)
def test_what_goes_on_after_an_interruption_is_the_session_that_was_interrupted(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(cli.command, "main", interrupted)
    assert run(arguments) == 130
    assert words in capsys.readouterr().err


@pytest.mark.parametrize(("flag", "value"), [("--seed", 2**63), ("--trials", 100_001), ("--parallel", 257)])
def test_run_refuses_what_no_study_can_hold_before_it_is_kept(
    place: Path, capsys: pytest.CaptureFixture[str], flag: str, value: int
) -> None:
    assert f"Invalid value for '{flag}'" in say(capsys, "run", "study.yaml", flag, str(value), code=2)
    assert "[6/6]" in say(capsys, "run", "study.yaml")


def test_the_most_that_run_takes_is_what_a_study_can_hold() -> None:
    study = shell_study(seed=2**63 - 1, budget={"trials": 100_000, "parallel_trials": 256})
    for broken in ({"seed": 2**63}, {"budget": {"trials": 100_001}}, {"budget": {"parallel_trials": 257}}):
        with pytest.raises(ValueError, match="less than"):
            type(study).model_validate({**study.model_dump(mode="json", exclude_unset=True), **broken})


@pytest.mark.parametrize("verb", ["run", "report"])
def test_a_page_that_cannot_be_written_is_refused_before_the_work(
    place: Path, capsys: pytest.CaptureFixture[str], verb: str
) -> None:
    (place / "file").write_text("")
    say(capsys, "run", "study.yaml", "--trials", "2", "--parallel", "2")
    arguments = ["study.yaml", "--session", "new", "--report"] if verb == "run" else ["toy", "-o"]
    text = say(capsys, verb, *arguments, "file/page.html", code=2)
    assert "the page must go to a file that can be written, got file/page.html" in text
    assert "[1/" not in text


def test_flags_arrive_as_they_are_through_the_shell_that_help_shows(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = 'eval "python train.py $(tunewright best my-study --format flags)"'
    assert shown in say(capsys, "best", "--help")
    flags = as_flags({"aug": "flip crop", "act": "relu(6)", "n": 3})
    told = shown.replace("python", "printf '%s\\n'").replace("tunewright best my-study --format flags", 'echo "$FLAGS"')
    done = subprocess.run(["sh", "-c", told], env={"FLAGS": flags}, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["train.py", "--aug=flip crop", "--act=relu(6)", "--n=3"]


def test_a_folder_called_pipelines_is_told_apart_from_ours(tmp_path: Path) -> None:
    (tmp_path / "pipelines").mkdir()
    (tmp_path / "pipelines" / "__init__.py").touch()
    program = [sys.executable, "-c", "import sys; sys.path.insert(0, ''); from tunewright.cli import main; main()"]
    done = subprocess.run([*program, "compile", "--help"], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "the module pipelines must be tunewright's" in done.stderr
