"""The verdict on a trial whose processes are gone, whichever runner ran it."""

from __future__ import annotations

import json
import signal
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from ..errors import DataInvalid, InputError
from ..study import CommandTrial
from .command import ERROR, METRICS
from .output import CappedLog
from .reported import Reported, ReportError, finite, match_output, missing_reason, read_metrics, sound
from .runner import STREAM, Finished, Job, State
from .stream import last_values


@dataclass(frozen=True, kw_only=True)
class End:
    """Why the processes are gone: by themselves, or ended by the runner with ``state`` and ``reason``."""

    code: int
    log: CappedLog
    events: dict[str, float]  #: last values in TensorBoard's event files, not finite ones too
    state: State | None = None
    reason: str = ""
    gpu_seconds: float = 0.0


def verdict(job: Job, ended: End) -> Finished:
    """How the attempt ended, from what it reported and how its processes went.

    Raises:
        InputError: a built-in trainer has found study or data wrong.
    """
    finished = partial(Finished, log_tail=ended.log.last_lines(), gpu_seconds=ended.gpu_seconds)
    if ended.state == "STOPPED":
        if not _has_reported(job):
            return finished(state="STOPPED", reason=ended.reason, metrics=last_values(job.directory / STREAM))
        ended = replace(ended, code=0, state=None, reason="")  # it was as good as done
    if not isinstance(job.study.trial, CommandTrial):
        _raise_input_error(job.directory / ERROR)
    try:
        reported = read_metrics(job.directory / METRICS)
    except ReportError as error:
        return finished(state="FAILED", reason=ended.reason or str(error))
    metrics = reported.metrics if reported else {}
    # words that only built-in trainers know
    own = reported is not None and not isinstance(job.study.trial, CommandTrial)
    failed = reported.written.get("failed") if own and reported else None
    reason = ended.reason or (sound(str(failed)) if failed else _exit_reason(ended.code, job))
    if not reason and reported and reported.infeasible is not None:
        return finished(state="INFEASIBLE", reason=reported.infeasible, metrics=metrics)
    if not reason and isinstance(job.study.trial, CommandTrial):
        reported = reported or _printed(job.study.trial, ended.log) or _events(ended.events)
        metrics = reported.metrics if reported else {}
        if job.study.trial.evaluate is None:  # it measures later
            reason = missing_reason(job.study.objective, reported, job.study.trial.stdout_pattern) or ""
    return finished(state="FAILED" if reason else "TRAINED", reason=sound(reason), metrics=metrics)


def _has_reported(job: Job) -> bool:
    """Whether a built-in trainer has written its report, which it does when all is done; a script may write one after every epoch."""
    return not isinstance(job.study.trial, CommandTrial) and (job.directory / METRICS).is_file()


def _printed(trial: CommandTrial, log: CappedLog) -> Reported | None:
    return None if trial.stdout_pattern is None else match_output(trial.stdout_pattern, log.content())


def _events(last: dict[str, float]) -> Reported | None:
    return Reported(metrics=finite(last), written=dict(last)) if last else None


def _exit_reason(code: int, job: Job) -> str:
    if code == 0:
        return ""
    if code == -signal.SIGKILL:
        return (
            "killed by SIGKILL, which is how the kernel ends a process when memory runs out; lower the trial's memory"
        )
    if code < 0:
        known = {number.value: number.name for number in signal.Signals}
        return f"killed by {known.get(-code, f'signal {-code}')}"
    if code == 126:
        return "exit code 126: the command, or one that it calls, must be executable; chmod +x it, or name its interpreter in trial.command"
    if code == 127:
        return "exit code 127: the command, or one that it calls, was not found; check trial.command" + _items(job)
    return f"exit code {code}; the log says why"


def _raise_input_error(path: Path) -> None:
    """Raise again what a built-in trainer's worker has found wrong with study or data."""
    if not path.is_file():
        return
    error = json.loads(path.read_text())
    raise {"DataInvalid": DataInvalid}.get(error["type"], InputError)(error["message"])


def _items(job: Job) -> str:
    """What is wrong with a command that was written as one item."""
    trial = job.study.trial
    one = isinstance(trial, CommandTrial) and " " in trial.command[0]
    return ", in which program and arguments are items of their own" if one else ""
