"""What every runner must do, whatever it runs trials with. Programs here are the shell and `python3`, which every place has."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.training.trials import job, study

from tunewright.space import Configuration
from tunewright.study import Study
from tunewright.training.runner import Finished, Runner, StopTrial

METRIC = 'echo "{{\\"accuracy\\": {x}}}" > "$TUNEWRIGHT_METRICS"; '
CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "TUNEWRIGHT_S3_ENDPOINT")


def command(*arguments: str, space: dict[str, Any] | None = None, **trial: Any) -> Study:
    return study({"kind": "command", "command": list(arguments), **trial}, space=space)


def shell(source: str, **trial: Any) -> Study:
    return command("sh", "-c", source, **trial)


def python(source: str, **trial: Any) -> Study:
    return command("python3", "{files}/trial.py", files={"trial.py": source}, **trial)


class RunnerContract:
    """Inherit it and give the fixture ``runner``; ``patience`` is what a trial may take beyond its own time, in seconds."""

    patience = 10.0

    @pytest.fixture
    def runner(self) -> Runner:
        raise NotImplementedError

    @pytest.fixture
    def attempt(self) -> int:
        """A number that no other test has used."""
        return 1

    @pytest.fixture
    def run(self, runner: Runner, attempt: int, tmp_path: Path) -> Callable[..., Finished]:
        def run(
            of: Study, configuration: Configuration | None = None, beat: Callable[[], None] = lambda: None
        ) -> Finished:
            made = job(of, tmp_path / "job", configuration, seed=7, attempt=attempt)
            finished = runner.run(made, beat)
            runner.discard(made.trial)
            return finished

        return run

    def test_parameters_arrive_in_every_form_and_metrics_and_model_come_back(
        self, run: Callable[..., Finished], tmp_path: Path
    ) -> None:
        source = """
import json, os, sys
given = json.load(open(os.environ["TUNEWRIGHT_PARAMS"]))
assert given == json.load(open(sys.argv[2])) == {"x": 0.1, "flag": True, "name": "a $(HOME) b"}, given
assert sys.argv[1] == "--x=0.1" and sys.argv[3:] == ["true", "a $(HOME) b", "{} $$"], sys.argv
assert os.environ["CHOSEN"] == "x0.1 $(HOME)" and os.environ["TUNEWRIGHT_SEED"] == "7", os.environ["CHOSEN"]
os.makedirs(os.path.join(os.environ["TUNEWRIGHT_OUTPUT"], "deep"))
open(os.path.join(os.environ["TUNEWRIGHT_OUTPUT"], "deep", "model.bin"), "w").write("weights")
json.dump({"accuracy": 1, "note": "text", "loss": float("nan")}, open(os.environ["TUNEWRIGHT_METRICS"], "w"))
print("done")
"""
        space = {
            "x": {"type": "float", "low": 0, "high": 1},
            "flag": {"type": "bool"},
            "name": {"type": "categorical", "choices": ["a $(HOME) b", "c"]},
        }
        arguments = ["python3", "{files}/lib/trial.py", "--x={x}", "{params}", "{flag}", "{name}", "{{}} $$"]
        of = command(*arguments, space=space, files={"lib/trial.py": source}, environment={"CHOSEN": "x{x} $(HOME)"})
        finished = run(of, {"x": 0.1, "flag": True, "name": "a $(HOME) b"})
        assert (finished.state, finished.reason) == ("TRAINED", ""), finished.log_tail
        assert finished.metrics == {"accuracy": 1.0}, "only finite numbers are kept"
        assert (tmp_path / "job/log.txt").read_text() == "done\n"
        model = finished.model
        if model is None:  # it is here
            model = {"deep/model.bin": "" if (tmp_path / "job/output/deep/model.bin").read_text() == "weights" else "?"}
        assert list(model) == ["deep/model.bin"]

    @pytest.mark.parametrize(
        ("source", "state", "reason"),
        [
            ('echo "{{\\"infeasible\\": \\"odd\\"}}" > "$TUNEWRIGHT_METRICS"', "INFEASIBLE", "odd"),
            (METRIC + "echo last words; exit 3", "FAILED", "exit code 3; the log says why"),
            ('echo "{{\\"accuracy\\": NaN}}" > "$TUNEWRIGHT_METRICS"', "FAILED", "metric accuracy must be a finite"),
            ("echo [1] > $TUNEWRIGHT_METRICS", "FAILED", "metrics.json must be an object"),
            ("echo nothing", "FAILED", "metric accuracy was never written: there is no metrics.json"),
        ],
    )
    def test_how_a_trial_ended_is_its_result(
        self, run: Callable[..., Finished], source: str, state: str, reason: str
    ) -> None:
        finished = run(shell(source))
        assert finished.state == state
        assert finished.reason.startswith(reason)

    def test_the_last_lines_of_a_failure_are_kept(self, run: Callable[..., Finished], tmp_path: Path) -> None:
        """Lines of one stream in their order; a container's runtime reads its two streams apart, and may swap them."""
        finished = run(shell("echo first; echo last; echo wrong >&2; exit 1"))
        assert sorted((finished.log_tail or "").splitlines()) == ["first", "last", "wrong"]
        log = (tmp_path / "job/log.txt").read_text().splitlines()
        assert sorted(log) == ["first", "last", "wrong"]
        assert log.index("first") < log.index("last")

    def test_a_program_that_is_not_there_is_the_commands_fault(self, run: Callable[..., Finished]) -> None:
        finished = run(command("/nowhere/train"))
        assert finished.state == "FAILED"
        assert "check trial.command" in finished.reason

    def test_what_was_printed_counts_when_there_is_no_metrics_file(self, run: Callable[..., Finished]) -> None:
        finished = run(shell("echo accuracy=0.1; echo accuracy=0.75", stdout_pattern=r"(?P<name>\w+)=(?P<value>\S+)"))
        assert (finished.state, finished.metrics) == ("TRAINED", {"accuracy": 0.75})

    def test_a_trial_that_ignores_sigterm_is_ended_at_its_time_limit(self, run: Callable[..., Finished]) -> None:
        begun = time.monotonic()
        finished = run(shell("trap '' TERM; echo begun; while true; do sleep 1; done", limits={"time": 2}))
        assert finished.state == "FAILED"
        assert finished.reason.startswith("time must be at most 2 s, got "), finished.reason
        assert finished.log_tail == "begun"
        assert time.monotonic() - begun < 2 + 2 * self.patience

    def test_a_trial_that_takes_too_much_memory_fails_by_name(self, run: Callable[..., Finished]) -> None:
        source = "import time\nx = bytearray(400_000_000)\nx[::4096] = b'1' * len(x[::4096])\ntime.sleep(60)"
        finished = run(python(source, limits={"memory": "100MiB"}))
        assert finished.state == "FAILED"
        assert finished.reason.startswith("memory must be at most"), finished.reason

    def test_printed_steps_are_a_stream(self, run: Callable[..., Finished], tmp_path: Path) -> None:
        pattern = r"epoch (?P<step>\d+) (?P<name>\w+)=(?P<value>\S+)"
        run(shell("echo epoch 1 accuracy=0.5; sleep 1; echo epoch 2 accuracy=0.75", stdout_pattern=pattern))
        lines = [json.loads(line) for line in (tmp_path / "job/metrics.jsonl").read_text().splitlines()]
        assert lines[-1] == {"step": 2, "accuracy": 0.75}
        assert {"step": 1, "accuracy": 0.5} in lines

    def test_a_trial_can_be_stopped_on_purpose_and_keeps_what_it_reached(
        self, run: Callable[..., Finished], tmp_path: Path
    ) -> None:
        line = '{{\\"step\\": %d, \\"accuracy\\": 0.%d}}'
        source = f'for i in 1 2 3; do printf "{line}\\n" $i $i >> "$TUNEWRIGHT_STREAM"; done; sleep 300'

        def beat() -> None:
            stream = tmp_path / "job/metrics.jsonl"
            if stream.is_file() and len(stream.read_text().splitlines()) == 3:
                raise StopTrial("below the median at step 3")

        finished = run(shell(source), beat=beat)
        assert (finished.state, finished.reason) == ("STOPPED", "below the median at step 3")
        assert finished.metrics == {"accuracy": 0.3}

    def test_an_exception_while_the_trial_runs_ends_it_and_passes_through(
        self, runner: Runner, attempt: int, tmp_path: Path
    ) -> None:
        def beat() -> None:
            raise KeyboardInterrupt

        made = job(shell("sleep 300"), tmp_path / "job", attempt=attempt)
        with pytest.raises(KeyboardInterrupt):
            runner.run(made, beat)
        assert not runner.goes_on(made.trial, made.attempt)

    def test_neither_keys_nor_a_token_reach_the_trial(self, run: Callable[..., Finished], tmp_path: Path) -> None:
        source = """
import glob, json, os
seen = dict(os.environ)
for path in glob.glob("/proc/[0-9]*/environ"):
    try:
        if os.environ.get("KUBERNETES_SERVICE_HOST"):  # in a pod, all processes that can be seen; elsewhere, its own
            seen.update(entry.partition("=")[::2] for entry in open(path).read().split("\\0") if entry)
    except OSError:
        pass
print(json.dumps({"token": glob.glob("/var/run/secrets/**", recursive=True)[1:], "seen": sorted(seen)}))
json.dump({"accuracy": 1}, open(os.environ["TUNEWRIGHT_METRICS"], "w"))
"""
        assert run(python(source)).state == "TRAINED"
        found = json.loads((tmp_path / "job/log.txt").read_text())
        assert found["token"] == []
        assert not set(CREDENTIALS) & set(found["seen"])
