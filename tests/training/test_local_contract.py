"""What a command gets and what it may answer."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from tests.training.trials import job, run, script, shell, study

from tunewright.errors import InputError
from tunewright.study import CommandTrial
from tunewright.training.command import variables
from tunewright.training.job import runner_for
from tunewright.training.output import CappedLog
from tunewright.training.processes import container_memory
from tunewright.training.reported import read_metrics
from tunewright.training.verdict import End, verdict

WRITE = "import json, os; open(os.environ['TUNEWRIGHT_METRICS'], 'w').write({!r})"


def test_a_command_is_given_its_parameters_in_every_form_and_its_metrics_come_back(tmp_path: Path) -> None:
    source = """
import json, os, sys
given = json.load(open(os.environ["TUNEWRIGHT_PARAMS"]))
assert given == json.load(open(sys.argv[2])) == {"x": 0.1, "flag": True, "name": "a b"}, given
assert sys.argv[1] == "--x=0.1" and sys.argv[3:] == ["true", "a b", "{}"], sys.argv
assert os.environ["CHOSEN"] == "x0.1" and os.environ["TUNEWRIGHT_SEED"] == "7"
open(os.path.join(os.environ["TUNEWRIGHT_OUTPUT"], "model.bin"), "w").write("weights")
json.dump({"accuracy": 1, "note": "text", "loss": float("nan")}, open(os.environ["TUNEWRIGHT_METRICS"], "w"))
"""
    path = tmp_path / "script.py"
    path.write_text(source)
    space = {
        "x": {"type": "float", "low": 0, "high": 1},
        "flag": {"type": "bool"},
        "name": {"type": "categorical", "choices": ["a b", "c"]},
    }
    command = [sys.executable, str(path), "--x={x}", "{params}", "{flag}", "{name}", "{{}}"]
    tested = study({"kind": "command", "command": command, "environment": {"CHOSEN": "x{x}"}}, space=space)
    finished = run(tested, tmp_path / "job", {"x": 0.1, "flag": True, "name": "a b"}, seed=7)
    assert (finished.state, finished.reason) == ("TRAINED", ""), finished.log_tail
    assert finished.metrics == {"accuracy": 1.0}, "only finite numbers are kept"
    assert (tmp_path / "job/output/model.bin").read_text() == "weights"


def test_an_argument_of_an_inactive_parameter_is_left_out(tmp_path: Path) -> None:
    space = {
        "kernel": {"type": "categorical", "choices": ["rbf", "poly"]},
        "degree": {"type": "int", "low": 2, "high": 5, "when": {"kernel": "poly"}},
    }
    source = "import json, os, sys; json.dump({'accuracy': len(sys.argv)}, open(os.environ['TUNEWRIGHT_METRICS'], 'w'))"
    path = tmp_path / "count.py"
    path.write_text(source)
    command = [sys.executable, str(path), "{kernel}", "--degree={degree}", "--degree", "{degree}", "-d", "{degree}"]
    tested = study({"kind": "command", "command": command}, space=space)
    assert run(tested, tmp_path / "a", {"kernel": "rbf"}).metrics == {"accuracy": 2.0}
    assert run(tested, tmp_path / "b", {"kernel": "poly", "degree": 3}).metrics == {"accuracy": 7.0}


def test_credentials_of_the_store_do_not_reach_the_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_SECRET_ACCESS_KEY", "TUNEWRIGHT_S3_CREDENTIALS_DIR", "MINIO_ROOT_PASSWORD"):
        monkeypatch.setenv(name, "hush")
    monkeypatch.setenv("KEPT", "yes")
    source = "import json, os; n = 'hush' in os.environ.values(); k = os.environ['KEPT'] == 'yes'; json.dump("
    source += "{'accuracy': k - n}, open(os.environ['TUNEWRIGHT_METRICS'], 'w'))"
    assert run(script(source), tmp_path / "job").metrics == {"accuracy": 1.0}


def test_where_the_store_has_no_keys_a_trial_sees_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PROFILE", "me")
    source = "import json, os; json.dump({'accuracy': int('AWS_PROFILE' in os.environ)}, open(os.environ['TUNEWRIGHT_METRICS'], 'w'))"
    for address, seen in ((str(tmp_path), 1.0), ("s3://bucket/studies", 0.0)):
        (place := tmp_path / f"seen-{seen}").mkdir()
        runner = runner_for(script(source), address)
        assert runner.run(job(script(source), place), lambda: None).metrics == {"accuracy": seen}


@pytest.mark.parametrize("seed", [0, 7, 2**31, 2**63 - 1])
def test_any_seed_fits_what_numpy_takes(seed: int) -> None:
    given = int(variables(Path("x"), seed)["TUNEWRIGHT_SEED"])
    assert given == seed % 2**31
    np.random.RandomState(given)


def test_a_program_that_must_not_be_run_is_told_from_one_that_is_not_there(tmp_path: Path) -> None:
    (program := tmp_path / "train").write_text("#!/bin/sh\n")
    finished = run(study({"kind": "command", "command": [str(program)]}), tmp_path / "job")
    assert finished.reason.startswith(
        "exit code 126: the command, or one that it calls, must be executable; chmod +x it"
    )
    assert "Permission denied" in finished.log_tail


def test_a_built_in_trainer_that_is_stopped_when_it_has_reported_was_as_good_as_done(tmp_path: Path) -> None:
    space = {"max_depth": {"type": "int", "low": 1, "high": 4}}
    trees = study({"kind": "xgboost"}, space=space, data={"source": "sklearn:iris"})
    end = End(code=-15, log=CappedLog(100), events={}, state="STOPPED", reason="below the median")
    for number, (of, reported, state) in enumerate(
        ((trees, True, "TRAINED"), (trees, False, "STOPPED"), (script("pass"), True, "STOPPED"))
    ):
        (place := tmp_path / str(number)).mkdir()
        if reported:
            (place / "metrics.json").write_text('{"accuracy": 0.5}')
        finished = verdict(job(of, place), end)
        assert finished.state == state
        assert finished.metrics == ({"accuracy": 0.5} if state == "TRAINED" else {})


def test_an_infeasible_configuration_is_a_result_of_its_own(tmp_path: Path) -> None:
    finished = run(script(WRITE.format('{"infeasible": "needs an even width"}')), tmp_path / "job")
    assert (finished.state, finished.reason) == ("INFEASIBLE", "needs an even width")


@pytest.mark.parametrize(
    ("written", "reason"),
    [
        (
            '{"loss": 1.0}',
            "metric accuracy was never written, got loss; write it, or change objective.metric under a new study name",
        ),
        (
            "{}",
            "metric accuracy was never written, got nothing; write it, or change objective.metric under a new study name",
        ),
        ('{"accuracy": NaN}', "metric accuracy must be a finite number, got nan"),
        ('{"accuracy": Infinity}', "metric accuracy must be a finite number, got inf"),
        ('{"accuracy": -Infinity}', "metric accuracy must be a finite number, got -inf"),
        ('{"accuracy": "0.9"}', "metric accuracy must be a finite number, got '0.9'"),
        ('{"accuracy": true}', "metric accuracy must be a finite number, got True"),
        ('{"accuracy": null}', "metric accuracy must be a finite number, got None"),
        ("[1]", 'metrics.json must be an object such as {"accuracy": 0.9}, got list'),
        ("0.9 accuracy", "metrics.json must be JSON such as {\"accuracy\": 0.9}, got b'0.9 accuracy'"),
        ("[" * 200_000, 'metrics.json must be JSON such as {"accuracy": 0.9}'),
        (" " * (2**20 + 1), "metrics.json must be at most 1048576 bytes, got 1048577; write numbers only"),
    ],
)
def test_what_is_wrong_with_the_metrics_is_the_reason_of_the_failure(tmp_path: Path, written: str, reason: str) -> None:
    prepared = tmp_path / "prepared.json"
    prepared.write_text(written)
    finished = run(shell(f'cp "{prepared}" "$TUNEWRIGHT_METRICS"'), tmp_path / "job")
    assert finished.state == "FAILED"
    assert finished.reason.startswith(reason)


def test_a_huge_integer_is_no_finite_number(tmp_path: Path) -> None:
    finished = run(script(WRITE.format('{"accuracy": 1' + "0" * 400 + "}")), tmp_path / "job")
    assert finished.state == "FAILED"
    assert "must be a finite number" in finished.reason


def test_metrics_that_were_never_written_are_missed_by_name(tmp_path: Path) -> None:
    finished = run(shell("echo working"), tmp_path / "job")
    assert finished.state == "FAILED"
    assert finished.reason.startswith("metric accuracy was never written: there is no metrics.json")
    assert finished.log_tail == "working"


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("exit 3", "exit code 3; the log says why"),
        ("kill -SEGV $$", "killed by SIGSEGV"),
        ("kill -USR1 $$", "killed by SIGUSR1"),
        ("no-such-program-here", "exit code 127: the command, or one that it calls, was not found"),
    ],
)
def test_a_crash_is_named(tmp_path: Path, source: str, reason: str) -> None:
    finished = run(shell(f'echo "{{{{}}}}" > "$TUNEWRIGHT_METRICS"; {source}'), tmp_path / "job")
    assert finished.state == "FAILED"
    assert finished.reason.startswith(reason)


def test_metrics_of_a_crashed_trial_do_not_count(tmp_path: Path) -> None:
    finished = run(shell('echo "{{\\"accuracy\\": 1}}" > "$TUNEWRIGHT_METRICS"; exit 1'), tmp_path / "job")
    assert finished.state == "FAILED"


def test_both_streams_are_one_log_in_their_order(tmp_path: Path) -> None:
    finished = run(shell("echo first; echo last >&2; exit 1"), tmp_path / "job")
    assert finished.log_tail == "first\nlast"
    assert (tmp_path / "job/log.txt").read_text() == "first\nlast\n"


def test_a_program_that_is_not_there_is_named_in_the_log(tmp_path: Path) -> None:
    finished = run(study({"kind": "command", "command": ["/nowhere/train"]}), tmp_path / "job")
    assert finished.reason.startswith("exit code 127")
    assert finished.log_tail == "cannot start /nowhere/train: No such file or directory"


def test_a_working_directory_that_is_not_there_is_an_error_of_the_study(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"trial\.directory: must be an existing directory, got '/nowhere'"):
        run(shell("true", directory="/nowhere"), tmp_path / "job")


def test_the_last_printed_value_counts_when_there_is_no_metrics_file(tmp_path: Path) -> None:
    pattern = r"(?P<name>\w+)=(?P<value>\S+)"
    printed = 'printf "accuracy=0.1\\nloss=2\\naccuracy=0.75\\n"'
    finished = run(shell(printed, stdout_pattern=pattern), tmp_path / "a")
    assert (finished.state, finished.metrics) == ("TRAINED", {"accuracy": 0.75, "loss": 2.0})
    finished = run(shell("echo accuracy=nan", stdout_pattern=pattern), tmp_path / "b")
    assert finished.reason == "metric accuracy must be a finite number, got nan"
    finished = run(shell("echo accuracy=high", stdout_pattern=pattern), tmp_path / "c")
    assert finished.reason == "metric accuracy must be a finite number, got 'high'"


def test_standard_input_is_empty_so_that_no_trial_waits_for_a_person(tmp_path: Path) -> None:
    finished = run(shell("cat; echo accuracy=1", stdout_pattern="(?P<name>accuracy)=(?P<value>1)"), tmp_path / "job")
    assert finished.state == "TRAINED"


def test_the_path_of_the_data_reaches_the_command(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("a,b\n1,2\n")
    command = ["sh", "-c", 'test -f "{data}" && echo accuracy=1']
    trial = {"kind": "command", "command": command, "stdout_pattern": "(?P<name>accuracy)=(?P<value>1)"}
    finished = run(study(trial, data={"source": str(table)}), tmp_path / "job")
    assert finished.state == "TRAINED", finished.log_tail
    assert json.loads((tmp_path / "job/params.json").read_text()) == {"x": 0.5}


def test_words_that_only_built_in_trainers_know_mean_nothing_in_a_users_metrics(tmp_path: Path) -> None:
    written = tmp_path / "metrics.json"
    written.write_text('{"accuracy": 0.9, "infeasible": false, "failed": 3}')
    reported = read_metrics(written)
    assert reported is not None
    assert reported.infeasible is None


def test_a_containers_limit_leaves_room_for_the_step(tmp_path: Path) -> None:
    file = tmp_path / "memory.max"
    assert container_memory(file) is None
    file.write_text("max\n")
    assert container_memory(file) is None
    file.write_text(f"{2**30}\n")
    assert container_memory(file) == 2**30 - 256 * 2**20


def test_what_a_program_is_given_is_documented_where_it_is_configured() -> None:
    described = CommandTrial.model_fields["environment"].description or ""
    assert not [name for name in variables(Path("/t"), 1) if name not in described]
