"""Trials as subprocesses of this machine, or of the pod that the step runs in."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import site
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from ..errors import EXIT_TRANSIENT, AttemptLost, InputError
from ..study import CommandTrial
from . import processes
from .command import FILES, PARAMS, user_command, variables, write_files
from .data import local
from .memory_kills import memory_kills
from .output import CappedLog
from .parameters import check_parameters
from .processes import MARKER, reap
from .runner import CHECKPOINT, GPU, LOG, OUTPUT, STREAM, Finished, Job, State, StopTrial
from .scratch import no_space, remove
from .stream import printed_stream
from .tensorboard import EventFiles
from .verdict import End, verdict

POLL_SECONDS = 0.2  #: between two looks at memory
READ_SECONDS = 0.1  #: longest wait for output, so that a beat comes in time
EVENTS_SECONDS = 1.0  #: between two looks for event files
CHUNK = 2**16
MOST_IN_PIPE = 2**20  #: bytes, the largest pipe that Linux gives an ordinary user
ASKED_TO_END = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_PACKAGES = Path(__file__).resolve().parents[2]
_INSTALLED = any(Path(place).resolve() == _PACKAGES for place in (*site.getsitepackages(), site.getusersitepackages()))
"""Whether these packages are found without being named; named, they would come before the standard library."""

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
        if ended and self._printed is not None:
            self._printed.end()
        now = time.monotonic()
        if self.events is not None and (ended or now - self._looked >= EVENTS_SECONDS):
            with contextlib.suppress(OSError):  # of what a trial moves or closes to others meanwhile
                self.events.look()
            self._looked = now


@dataclass(frozen=True, kw_only=True)
class LocalRunner:
    """Runs trials as subprocesses with limits on time, memory and output; leaves no process behind."""

    beat_seconds: float = 0.1
    """Time between two beats of a live trial."""
    folder: str | None = None
    """Where commands start; None: in the working directory."""
    keys: bool = False
    """Whether trials may see variables like those that hold keys of a store; not where the store has keys, which are theirs."""

    def run(self, job: Job, beat: Callable[[], None]) -> Finished:
        """See `Runner.run`."""
        check_parameters(job.study)
        (job.directory / OUTPUT).mkdir()
        (job.directory / CHECKPOINT).mkdir(exist_ok=True)
        command = _user_command(job, self.folder) if job.study.trial.kind == "command" else _worker_command(job)
        kills = memory_kills()
        seen = dict(os.environ) if self.keys else processes.environment(os.environ)
        ended = _supervise(job, command, _Pulse(beat=beat, seconds=self.beat_seconds), seen)
        if ended.state is None and ended.code == EXIT_TRANSIENT and not isinstance(job.study.trial, CommandTrial):
            raise no_space(job.directory.parent)
        _write_log(job.directory, ended.log.content())
        if ended.state is None and _from_outside(-ended.code, kills):
            raise AttemptLost(
                f"killed by {signal.Signals(-ended.code).name} from outside; it is tried again",
                log_tail=ended.log.last_lines(),
                gpu_seconds=ended.gpu_seconds,
            )
        return verdict(job, ended)

    @property
    def here(self) -> bool:
        """See `Runner.here`."""
        return True

    def goes_on(self, trial: str, attempt: int) -> bool:
        """See `Runner.goes_on`: processes die with the one that started them."""
        return False

    def discard(self, trial: str, *, own: bool = False) -> None:
        """See `Runner.discard`."""
        reap(trial)


def _write_log(folder: Path, content: bytes) -> None:
    """Write the log, whatever the trial has made of its folder and of the file's name."""
    path = folder / LOG
    if path.is_dir() and not path.is_symlink():
        remove(path)
    path.unlink(missing_ok=True)
    folder.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _from_outside(number: int, kills: int | None) -> bool:
    """Whether a signal says that somebody wanted the process to end; SIGKILL only where the kernel has ended nothing for want of memory.

    Args:
        kills: what `memory_kills` said before.
    """
    if number == signal.SIGKILL:
        return kills is not None and memory_kills() == kills
    return number in ASKED_TO_END


def _user_command(job: Job, folder: str | None) -> _Command:
    trial = job.study.trial
    assert isinstance(trial, CommandTrial)  # noqa: S101 - for the type checker; `run` has asked
    directory = Path(folder or "") / (trial.directory or "")
    if not directory.is_dir():
        raise InputError(
            f"trial.directory: must be an existing directory, got {str(directory)!r}; create it or leave it out"
        )
    (job.directory / PARAMS).write_text(json.dumps(job.configuration))
    write_files(job.directory / FILES, trial.files)
    data = local(job.study.data, job.directory).source if job.study.data is not None else None
    command = user_command(job, trial, job.directory, data)
    return _Command(arguments=command.arguments, environment=command.environment, directory=str(directory))


def _worker_command(job: Job) -> _Command:
    study = job.study
    if study.data is not None:
        study = study.model_copy(update={"data": local(study.data, job.directory)})
    request = job.directory / "request.json"
    request.write_text(
        json.dumps({"study": study.model_dump(mode="json"), "configuration": job.configuration, "seed": job.seed})
    )
    path = os.pathsep.join(filter(None, ["" if _INSTALLED else str(_PACKAGES), os.environ.get("PYTHONPATH")]))
    threads = "1" if isinstance(study.trial, CommandTrial) else str(study.trial.threads)
    return _Command(
        arguments=[sys.executable, "-P", "-m", "tunewright.training.worker", str(request)],
        environment={"PYTHONPATH": path, "OMP_NUM_THREADS": threads},
        directory=str(job.directory),
    )


def _environment(job: Job, command: _Command, mark: str, seen: Mapping[str, str]) -> dict[str, str]:
    return {
        "PYTHONUNBUFFERED": "1",  # what it prints is its stream, and its log when it is ended
        **seen,
        **command.environment,
        MARKER: mark,
        **variables(job.directory, job.seed),
    }


def _supervise(job: Job, command: _Command, pulse: _Pulse, seen: Mapping[str, str]) -> End:
    """Run the command, which sees these variables of ours, to its end, or to the first limit it breaks."""
    output = _Output(job)
    state: State = "FAILED"
    reason: str | None = None
    mark = processes.marker(job.trial, job.attempt)
    begun = time.monotonic()
    process = processes.start(
        command.arguments, env=_environment(job, command, mark, seen), directory=command.directory
    )
    assert process.stdout is not None  # noqa: S101 - for the type checker
    with process.stdout:
        try:
            reason = _watch(job, process, output, pulse)
        except StopTrial as stop:
            if process.poll() is None:  # else it has ended before
                reason, state = str(stop), "STOPPED"
        finally:
            processes.end(process, mark)
        seconds = time.monotonic() - begun
        _drain(process, output)
    output.look(ended=True)
    return End(
        code=process.wait(),
        log=output.log,
        events=output.events.last if output.events else {},
        reason=reason or "",
        state=state if reason is not None else None,
        gpu_seconds=seconds if (job.directory / GPU).is_file() else 0.0,
    )


def _watch(job: Job, process: subprocess.Popen[bytes], output: _Output, pulse: _Pulse) -> str | None:
    """Read output until the process ends; the limit it broke, if any."""
    limits = job.study.trial.limits
    most = min(filter(None, (limits.memory, processes.container_memory())), default=None)
    begun = polled = beaten = time.monotonic()
    while process.poll() is None:
        _read(process, output, READ_SECONDS)
        now = time.monotonic()
        if now - begun > limits.time:
            return f"time must be at most {limits.time:g} s, got {now - begun:.1f} s; raise trial.limits.time, under a new study name"
        if now - beaten >= pulse.seconds:
            output.look()
            pulse.beat()
            beaten = now
        if most is not None and now - polled >= POLL_SECONDS:
            used = processes.memory(process, most)
            if used > most:
                remedy = (
                    "raise trial.limits.memory, under a new study name"
                    if limits.memory
                    else "give the container of a trial more"
                )
                return f"memory must be at most {most} bytes, got {used}; {remedy}"
            polled = time.monotonic()
    return None


def _read(process: subprocess.Popen[bytes], output: _Output, timeout: float) -> bool:
    """Move what the trial has printed into its log and stream; False when nothing came."""
    assert process.stdout is not None  # noqa: S101 - for the type checker
    ready = processes.readable(process.stdout, timeout)
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
