"""What scores a trial's model in a program of the user's own: a job like that of a trial, after it."""

from __future__ import annotations

from dataclasses import replace

from ..container import JobSettings
from ..errors import AttemptLost, InputError
from ..study import CommandTrial, Limits, Study
from .runner import Finished, Job, Runner


def scoring(study: Study) -> Study | None:
    """The study whose command scores a model; None when trials measure themselves.

    It has files and working directory of the trial, and of its Job all but GPUs and nodes.
    """
    trial = study.trial
    if not isinstance(trial, CommandTrial) or trial.evaluate is None:
        return None
    program, settings = trial.evaluate, trial.job or JobSettings()
    return study.model_copy(
        update={
            "trial": CommandTrial(
                kind="command",
                command=program.command,
                image=program.image or trial.image,
                environment=program.environment,
                files=trial.files,
                directory=trial.directory,
                stdout_pattern=trial.stdout_pattern,
                limits=Limits(time=program.limits.time, memory=program.limits.memory, log=trial.limits.log),
                job=settings.model_copy(update={"gpus": program.gpus, "nodes": 1}),
            )
        }
    )


def run(runner: Runner, job: Job) -> Finished:
    """Score a model. What went wrong is told in the words of `trial.evaluate`. Raises as `Runner.run`."""
    try:
        finished = runner.run(job, lambda: None)
    except (AttemptLost, InputError) as error:
        error.args = tuple(_renamed(str(words)) for words in error.args)
        raise
    return replace(finished, reason=f"scoring its model: {_renamed(finished.reason)}") if finished.reason else finished


def _renamed(reason: str) -> str:
    for field in ("command", "image", "limits"):
        reason = reason.replace(f"trial.{field}", f"trial.evaluate.{field}")
    return reason
