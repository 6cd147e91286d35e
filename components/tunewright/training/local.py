"""Trials as subprocesses of this machine, or of the pod that the step runs in."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from ..errors import AttemptLost, DataInvalid, InputError
from ..study import CommandTrial
from . import processes
from .command import FILES, PARAMS, user_command, variables, write_files
from .data import local
from .memory_kills import memory_kills
from .output import CappedLog
from .parameters import check_parameters
from .processes import MARKER, reap
from .reported import Reported, ReportError, match_output, missing_reason, read_metrics, sound
from .runner import CHECKPOINT, GPU, LOG, OUTPUT, STREAM, Finished, Job, State, StopTrial
from .stream import last_values, printed_stream
from .tensorboard import EventFiles

POLL_SECONDS = 0.2  #: between two looks at memory
READ_SECONDS = 0.1  #: longest wait for output, so that a beat comes in time
EVENTS_SECONDS = 1.0  #: between two looks for event files
CHUNK = 2**16
MOST_IN_PIPE = 2**20  #: bytes, the largest pipe that Linux gives an ordinary user
_PACKAGES = Path(__file__).resolve().parents[2]

__all__ = ["LocalRunner", "reap"]


@dataclass(frozen=True, kw_only=True)
class _Command:
    """What is started."""

    arguments: list[str]
    environment: dict[str, str]
    directory: str | None


@dataclass(frozen=True, kw_only=True)
class _Pulse:
    """What is called while the trial lives, and how often."""

    beat: Callable[[], None]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class _Ended:
    """Why the processes are gone: by themselves, or ended by the runner with ``state`` and ``reason``."""

    code: int
    log: CappedLog
    events: dict[str, float]  #: last values in TensorBoard's event files
    state: State | None = None
    reason: str = ""


class _Output:
    """What a trial prints and writes while it lives: to its log, and by pattern or as event files to its stream."""

    def __init__(self, job: Job) -> None:
        trial = job.study.trial
        self.log = CappedLog(trial.limits.log)
        self.events: EventFiles | None = None
        self._looked = time.monotonic()
        self._printed = printed_stream(job)
        if isinstance(trial, CommandTrial):
            self.events = EventFiles(job.directory / OUTPUT, job.directory / STREAM)

    def write(self, chunk: bytes) -> None:
        self.log.write(chunk)
        if self._printed is not None:
            self._printed.write(chunk)

    def look(self, *, ended: bool = False) -> None:
        """Read event files, now and then and at the end."""
        now = time.monotonic()
        if self.events is not None and (ended or now - self._looked >= EVENTS_SECONDS):
            self.events.look()
            self._looked = now


@dataclass(frozen=True, kw_only=True)
class LocalRunner:
    """Runs trials as subprocesses with limits on time, memory and output; leaves no process behind."""

    beat_seconds: float = 0.1
    """Time between two beats of a live trial."""

    def run(self, job: Job, beat: Callable[[], None]) -> Finished:
        """See `Runner.run`."""
        check_parameters(job.study)
        (job.directory / OUTPUT).mkdir()
        (job.directory / CHECKPOINT).mkdir(exist_ok=True)
        command = _user_command(job) if job.study.trial.kind == "command" else _worker_command(job)
        kills = memory_kills()
        ended = _supervise(job, command, _Pulse(beat=beat, seconds=self.beat_seconds))
        (job.directory / LOG).write_bytes(ended.log.content())
        if ended.state is None and ended.code == -signal.SIGKILL and kills is not None and memory_kills() == kills:
            raise AttemptLost(
                "killed by SIGKILL from outside: the kernel has ended nothing for want of memory; it is tried again",
                log_tail=ended.log.last_lines(),
            )
        return _finished(job, ended)

    def goes_on(self, trial: str, attempt: int) -> bool:
        """See `Runner.goes_on`: processes die with the one that started them."""
        return False

    def discard(self, trial: str) -> None:
        """See `Runner.discard`."""
        reap(trial)


def _user_command(job: Job) -> _Command:
    trial = job.study.trial
    assert isinstance(trial, CommandTrial)  # noqa: S101 - for the type checker; `run` has asked
    if trial.directory is not None and not Path(trial.directory).is_dir():
        raise InputError(
            f"trial.directory: must be an existing directory, got {trial.directory!r}; create it or leave it out"
        )
    (job.directory / PARAMS).write_text(json.dumps(job.configuration))
    write_files(job.directory / FILES, trial.files)
    data = local(job.study.data, job.directory).source if job.study.data is not None else None
    command = user_command(job.study, trial, job.configuration, job.directory, data)
    return _Command(arguments=command.arguments, environment=command.environment, directory=trial.directory)


def _worker_command(job: Job) -> _Command:
    study = job.study
    if study.data is not None:
        study = study.model_copy(update={"data": local(study.data, job.directory)})
    request = job.directory / "request.json"
    request.write_text(
        json.dumps({"study": study.model_dump(mode="json"), "configuration": job.configuration, "seed": job.seed})
    )
    path = os.pathsep.join(filter(None, [str(_PACKAGES), os.environ.get("PYTHONPATH")]))
    threads = "1" if isinstance(study.trial, CommandTrial) else str(study.trial.threads)
    return _Command(
        arguments=[sys.executable, "-P", "-m", "tunewright.training.worker", str(request)],
        environment={"PYTHONPATH": path, "OMP_NUM_THREADS": threads},
        directory=str(job.directory),
    )


def _environment(job: Job, command: _Command, mark: str) -> dict[str, str]:
    return {
        **processes.environment(os.environ),
        **command.environment,
        MARKER: mark,
        **variables(job.directory, job.seed),
    }


def _supervise(job: Job, command: _Command, pulse: _Pulse) -> _Ended:
    """Run the command to its end, or to the first limit it breaks."""
    output = _Output(job)
    state: State = "FAILED"
    mark = processes.marker(job.trial, job.attempt)
    process = processes.start(command.arguments, env=_environment(job, command, mark), directory=command.directory)
    assert process.stdout is not None  # noqa: S101 - for the type checker
    with process.stdout:
        try:
            reason = _watch(job, process, output, pulse)
        except StopTrial as stop:
            reason, state = str(stop), "STOPPED"
        finally:
            processes.end(process, mark)
        _drain(process, output)
    output.look(ended=True)
    return _Ended(
        code=process.wait(),
        log=output.log,
        events=output.events.last if output.events else {},
        reason=reason or "",
        state=state if reason is not None else None,
    )


def _watch(job: Job, process: subprocess.Popen[bytes], output: _Output, pulse: _Pulse) -> str | None:
    """Read output until the process ends; the limit it broke, if any."""
    limits = job.study.trial.limits
    most = limits.memory or processes.container_memory()
    begun = polled = beaten = time.monotonic()
    while process.poll() is None:
        _read(process, output, READ_SECONDS)
        now = time.monotonic()
        if now - begun > limits.time:
            return f"time must be at most {limits.time:g} s, got {now - begun:.1f} s; raise trial.limits.time"
        if now - beaten >= pulse.seconds:
            output.look()
            pulse.beat()
            beaten = now
        if most is not None and now - polled >= POLL_SECONDS:
            used = processes.memory(process)
            if used > most:
                remedy = "raise trial.limits.memory" if limits.memory else "give the container of a trial more"
                return f"memory must be at most {most} bytes, got {used}; {remedy}"
            polled = time.monotonic()
    return None


def _read(process: subprocess.Popen[bytes], output: _Output, timeout: float) -> bool:
    """Move what the trial has printed into its log and stream; False when nothing came."""
    assert process.stdout is not None  # noqa: S101 - for the type checker
    ready, _, _ = select.select([process.stdout], [], [], timeout)
    chunk = os.read(process.stdout.fileno(), CHUNK) if ready else b""
    if ready and not chunk:  # closed by the trial, which may live on
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout)
    output.write(chunk)
    return bool(chunk)


def _drain(process: subprocess.Popen[bytes], output: _Output) -> None:
    """Read what the pipe still holds, and no more: nobody is left who ought to write."""
    for _ in range(MOST_IN_PIPE // CHUNK):
        if not _read(process, output, 0.0):
            return


def _finished(job: Job, ended: _Ended) -> Finished:
    tail = ended.log.last_lines()
    gpu = (job.directory / GPU).is_file()
    if ended.state == "STOPPED":
        metrics = last_values(job.directory / STREAM)
        return Finished(state="STOPPED", reason=ended.reason, metrics=metrics, log_tail=tail, gpu=gpu)
    if not isinstance(job.study.trial, CommandTrial):
        _raise_input_error(job.directory / "error.json")
    try:
        reported = read_metrics(job.directory / "metrics.json")
    except ReportError as error:
        return Finished(state="FAILED", reason=ended.reason or str(error), log_tail=tail, gpu=gpu)
    metrics = reported.metrics if reported else {}
    own = reported is not None and not isinstance(
        job.study.trial, CommandTrial
    )  # words that only built-in trainers know
    failed = reported.written.get("failed") if own and reported else None
    reason = ended.reason or (sound(str(failed)) if failed else _exit_reason(ended.code))
    if not reason and reported and reported.infeasible is not None:
        return Finished(state="INFEASIBLE", reason=reported.infeasible, metrics=metrics, log_tail=tail, gpu=gpu)
    if not reason and isinstance(job.study.trial, CommandTrial):
        reported = reported or _printed(job.study.trial, ended.log) or _events(ended.events)
        metrics = reported.metrics if reported else {}
        reason = missing_reason(job.study.objective, reported) or ""
    return Finished(
        state="FAILED" if reason else "TRAINED", reason=sound(reason), metrics=metrics, log_tail=tail, gpu=gpu
    )


def _printed(trial: CommandTrial, log: CappedLog) -> Reported | None:
    return None if trial.stdout_pattern is None else match_output(trial.stdout_pattern, log.content())


def _events(last: dict[str, float]) -> Reported | None:
    return Reported(metrics=last, written=dict(last)) if last else None


def _exit_reason(code: int) -> str:
    if code == 0:
        return ""
    if code == -signal.SIGKILL:
        return (
            "killed by SIGKILL, which is how the kernel ends a process when memory runs out; lower the trial's memory"
        )
    if code < 0:
        known = {number.value: number.name for number in signal.Signals}
        return f"killed by {known.get(-code, f'signal {-code}')}"
    if code == 127:
        return "exit code 127: the command, or one that it calls, was not found; check trial.command"
    return f"exit code {code}; the log says why"


def _raise_input_error(path: Path) -> None:
    """Raise again what a built-in trainer's worker has found wrong with study or data."""
    if not path.is_file():
        return
    error = json.loads(path.read_text())
    raise {"DataInvalid": DataInvalid}.get(error["type"], InputError)(error["message"])
