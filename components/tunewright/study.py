"""The study: what is searched, for what, with what budget, on what data.

A study is immutable once created. Its digest covers the space, the objective, the trial template and the identity of the data,
and nothing else: budget, seed, stopping and agent settings may differ from session to session. A stopping rule decides which trials get a
full result, not what a full result means: a complete trial of a session with a rule compares with one of a session without.

In Python, mistakes are told in the words of a file by `tunewright.tune` and `study_file.study_from`, which take a mapping; ``Study(...)`` leaves
them to pydantic.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, Field, TypeAdapter, ValidationError, model_validator

from .container import ENVIRONMENT_NAME, IMAGE, Files, JobSettings
from .early import NoStopping, Stopping
from .preset import AgentSettings
from .quantity import Duration, Size
from .rules import PARAMETER_NAME, cross_problems
from .space import MAX_PARAMETERS, Condition, IntParameter, Model, Parameter, Space, Value

NAME = r"^[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?$"
METRIC_NAME = r"^[A-Za-z_][A-Za-z0-9_./@-]{0,126}$"
MAX_ROUNDS = 80
MAX_ATTEMPTS = 20


class Objective(Model):
    """What is optimised."""

    metric: str = Field(pattern=METRIC_NAME)
    """Name of the metric that a trial reports. Built-in trainers know accuracy, log_loss, f1 (mean over the classes, also of
    two), roc_auc (one against rest), rmse, mae and r2."""
    direction: Literal["maximize", "minimize"] = "maximize"
    """Whether larger or smaller is better."""
    goal: float | None = None
    """The session ends when a trial reaches this."""

    def reward(self, value: float) -> float:
        """``value`` with the sign that makes larger better."""
        return value if self.direction == "maximize" else -value

    def reached(self, value: float) -> bool:
        """True when ``value`` meets the goal."""
        return self.goal is not None and self.reward(value) >= self.reward(self.goal)


class Budget(Model):
    """When a session ends; whichever limit is reached first, or when every configuration of the space has been tried."""

    trials: int = Field(default=50, ge=1, le=100_000)
    """Trials of one session."""
    parallel_trials: int = Field(default=2, ge=1, le=256)
    """Trials of one round, run side by side."""
    rounds: int = Field(default=MAX_ROUNDS, ge=1, le=MAX_ROUNDS)
    """Rounds of one session. At most 80: Argo stops a template that calls itself at about 99; the next session continues."""
    wall_time: Duration | None = None
    """No round begins later than this after the session's start, by the clock on the wall: the time for which a session was broken off counts."""
    failed_trials: int | None = Field(default=None, ge=1)
    """End the session with an error when this many of its trials failed (FAILED or LOST; infeasible ones do not count)."""
    failed_share: float | None = Field(default=0.8, gt=0, le=1)
    """The same as a share of the session's trials, asked once at least 10 have ended."""

    @property
    def most_trials(self) -> int:
        """Trials that one session can run: the rounds may end it before ``trials`` are spent."""
        return min(self.trials, self.rounds * self.parallel_trials)


class HoldOut(Model):
    """Score on one part of the data that training does not see."""

    holdout: float = Field(gt=0, lt=1)
    """Share of the rows held out."""


class KFold(Model):
    """Score on each of k parts, trained on the others; the metric is the mean."""

    folds: int = Field(ge=2, le=20)
    """Number of parts."""


def _source(value: str) -> str:
    if value.startswith(("sklearn:", "s3://")):
        return value
    if "://" in value:
        raise ValueError(f"must be a path, s3://bucket/key or sklearn:NAME, got {value!r}")
    return value


class Data(Model):
    """What the trials train on."""

    source: Annotated[str, Field(min_length=1), AfterValidator(_source)]
    """A CSV, TSV (both `.gz` too), Parquet or NPZ file, `s3://bucket/key` of one, or `sklearn:breast_cancer` and other sets of scikit-learn."""
    target: str | None = None
    """Column to predict; not needed for scikit-learn's own sets and NPZ files (`x`, `y`)."""
    drop: list[str] = Field(default_factory=list)
    """Columns to leave out: identifiers, leaks."""
    task: Literal["auto", "classification", "regression"] = "auto"
    """Auto: regression when the target is a number with more than 20 values, else classification. The network only classifies."""
    validation: KFold | HoldOut = HoldOut(holdout=0.25)
    """How the score is made: `{folds: 3}` or `{holdout: 0.25}`."""
    split_seed: int = Field(default=0, ge=0, lt=2**32)
    """Seed of the split; part of the identity of the data, so that scores stay comparable."""
    sha256: str | None = Field(default=None, pattern=r"^[0-9a-f]{64}$")
    """Digest the file must have; computed when the study is created if not given."""


class Resources(Model):
    """Time and memory of a program."""

    time: Duration = 3600.0
    """The trial is ended and FAILED after this."""
    memory: Size | None = None
    """Resident memory of all its processes; more ends it and makes it FAILED. None sets no limit here, and 2 GiB where it
    runs as a Kubernetes Job."""


class Limits(Resources):
    """What one trial may use."""

    attempts: int = Field(default=5, ge=1, le=MAX_ATTEMPTS)
    """Attempts that may be lost to the platform (killed from outside) before the trial is LOST. At most 20: on a cluster, they share a step's
    retries with what else may end its pods."""
    log: Size = 2**20
    """Bytes of its output kept: the first tenth and the last nine tenths."""


class _Template(Model):
    limits: Limits = Limits()
    """Time, memory, attempts, log."""
    job: JobSettings | None = None
    """On a cluster: where and with what each trial runs as a Kubernetes Job. A command always does; a built-in trainer runs in the step's own
    pod unless this is given. Not part of the study's identity, so that it may differ from session to session."""

    @model_validator(mode="after")
    def _check_job(self) -> Self:
        if self.job is not None and self.job.nodes > 1 and not isinstance(self, CommandTrial):
            raise ValueError(f"job.nodes must be 1 for a built-in trainer, got {self.job.nodes}; leave it out")
        return self


class XGBoostTrial(_Template):
    """Boosted trees on a table."""

    kind: Literal["xgboost"]
    fixed: dict[str, Value] = Field(default_factory=dict)
    """Parameters of XGBoost that are not searched."""
    early_stopping_rounds: int | None = Field(default=None, ge=1)
    """Stop boosting when a tenth of the training part has not improved for this many rounds; the scored part is never used."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Auto uses a GPU when XGBoost finds one."""
    threads: int = Field(default=1, ge=1, le=256)
    """Threads of one trial."""


class CNNTrial(_Template):
    """A convolutional network with the paper's layout on image arrays `(N, H, W)` or `(N, C, H, W)`."""

    kind: Literal["cnn"]
    fixed: dict[str, Value] = Field(default_factory=dict)
    """Hyperparameters of the network that are not searched."""
    epochs: int = Field(default=5, ge=1, le=1000)
    """Passes over the training part."""
    layers: int = Field(default=2, ge=1, le=4)
    """Convolution and fully connected layers, each; the paper has two."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Auto uses a GPU when torch finds one."""
    threads: int = Field(default=1, ge=1, le=256)
    """Threads of one trial."""


class Evaluator(Model):
    """A program that scores the model of a trial when its training has ended and its GPUs are free. On a cluster it is a Kubernetes Job of its own,
    with the volumes, secrets, queue and placement of `job`."""

    command: list[str] = Field(min_length=1)
    """Program and arguments, with the placeholders of the trial's command, and `{model}`: a directory with what training left in `{output}`,
    verified. It writes `metrics.json` as a trial does."""
    image: str | None = Field(default=None, pattern=IMAGE)
    """On a cluster: its container image. Default is the trial's."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Environment variables, templates like the command. TUNEWRIGHT_MODEL is set besides those of a trial."""
    limits: Resources = Resources()
    """Time and memory."""
    gpus: int = Field(default=0, ge=0, le=64)
    """GPUs while it scores."""

    @model_validator(mode="after")
    def _check(self) -> Evaluator:
        _check_names(self.environment)
        return self


def _check_names(environment: Mapping[str, str]) -> None:
    for name in environment:
        if not re.fullmatch(ENVIRONMENT_NAME, name):
            raise ValueError(f"environment names must match {ENVIRONMENT_NAME}, got {name!r}")


class CommandTrial(_Template):
    """Any program. It reads its parameters and writes `metrics.json`."""

    kind: Literal["command"]
    command: list[str] = Field(min_length=1)
    """Program and arguments. `{name}` is replaced by the parameter's value, `{params}` by the path of a JSON file with all of them,
    `{output}` by a directory whose files are kept as the model, `{data}` by the data's source, `{files}` by the directory of `files`. `{{` and
    `}}` are braces. Where a parameter is not active, its argument is left out, and with `{name}` alone the flag before it too."""
    image: str | None = Field(default=None, pattern=IMAGE)
    """On a cluster: the container image that the command runs in, which needs nothing of tunewright. Default is the trainer's own image, with
    Python, XGBoost, scikit-learn and torch. A run on one machine starts the command there."""
    files: Files = Field(default_factory=dict)
    """Text files that come with the study, by relative path; `{files}` is where they are."""
    environment: dict[str, str] = Field(default_factory=dict)
    """Environment variables, templates like the command. TUNEWRIGHT_PARAMS, TUNEWRIGHT_OUTPUT, TUNEWRIGHT_METRICS,
    TUNEWRIGHT_STREAM, TUNEWRIGHT_CHECKPOINT (a folder that a later attempt gets back) and TUNEWRIGHT_SEED (a whole number below 2**31 to seed
    the program with: the same for every attempt, and for a trial that follows a curve up) are always set."""
    directory: str | None = None
    """Working directory, from the study file's folder, which is the default. On a cluster: of the container; default is its image's."""
    evaluate: Evaluator | None = None
    """What scores the model apart from training. Default: the command measures itself."""
    stdout_pattern: str | None = None
    """Fall-back when no metrics.json is written: a regular expression with groups `name` and `value`; the last match of each name counts.
    With a group `step` too, every match is a line of the stream. Of a line of more than 8192 characters its first and
    last 4096 count. TensorBoard's event files in `{output}` are read without being asked."""
    steps: str | None = None
    """A whole-number parameter that counts the steps of the stream: after step 40 a trial has what one with this parameter at 40 ends with, as
    with trees of a boosted model, or epochs when no schedule looks ahead. Its curve then speaks for configurations that nobody has tried;
    not where `evaluate` scores the model, which the stream does not say."""

    @model_validator(mode="after")
    def _check(self) -> CommandTrial:
        _check_names(self.environment)
        if self.stdout_pattern is not None:
            try:
                groups = re.compile(self.stdout_pattern).groupindex
            except re.error as error:
                raise ValueError(
                    f"stdout_pattern must be a regular expression, got {self.stdout_pattern!r} ({error})"
                ) from None
            if not {"name", "value"} <= groups.keys():
                raise ValueError(
                    f"stdout_pattern needs groups (?P<name>...) and (?P<value>...), got {self.stdout_pattern!r}"
                )
        return self


TrialTemplate: TypeAlias = Annotated[XGBoostTrial | CNNTrial | CommandTrial, Field(discriminator="kind")]


class Study(Model):
    """A study file."""

    name: str = Field(pattern=NAME)
    """Lower-case letters, digits and hyphens, at most 48. Names the study in the store and on the cluster."""
    description: str = Field(default="", max_length=2000)
    """For people."""
    space: dict[str, Parameter] = Field(
        min_length=1, max_length=MAX_PARAMETERS, json_schema_extra={"propertyNames": {"pattern": PARAMETER_NAME}}
    )
    """Name to parameter, in the order in which the policy decides them."""
    constraints: list[str] = Field(default_factory=list, max_length=50)
    """Boolean expressions over parameters, e.g. `max_depth * n_estimators <= 4000`; what breaks one is never tried."""
    objective: Objective
    """Metric, direction, goal."""
    budget: Budget = Budget()
    """Limits of one session."""
    trial: TrialTemplate
    """What is run for every configuration."""
    data: Data | None = None
    """What the trials train on; built-in trainers need it."""
    seed: int = Field(default=0, ge=0, lt=2**63)
    """Seed of all randomness of the search and of the built-in trainers."""
    agent: AgentSettings = AgentSettings()
    """How the agent searches."""
    stopping: Stopping = NoStopping()
    """When a trial is stopped before its end."""

    @model_validator(mode="after")
    def _check(self) -> Study:
        problems = cross_problems(self.model_dump(exclude_unset=True), self.space)
        if problems:
            raise ValueError("; ".join(f"{'.'.join(map(str, place))}: {message}" for place, message in problems))
        return self

    @property
    def as_jobs(self) -> bool:
        """Whether trials run as Kubernetes Jobs on a cluster: a user's command always, so that its container has no key and no token."""
        return isinstance(self.trial, CommandTrial) or self.trial.job is not None

    @property
    def counted(self) -> str | None:
        """The parameter that counts the steps of a learning curve: what a trial has after so many is what one with that value ends with."""
        trial = self.trial
        if isinstance(trial, CommandTrial):
            return trial.steps if trial.evaluate is None else None  # its stream is not what evaluate measures
        if not isinstance(trial, XGBoostTrial) or trial.early_stopping_rounds is not None:
            return None  # rounds that are cut off afterwards end elsewhere
        return "n_estimators" if isinstance(self.space.get("n_estimators"), IntParameter) else None

    def search_space(self) -> Space:
        """The space with its conditions and constraints."""
        return Space(self.space, self.constraints)

    def identity(self) -> dict[str, Any]:
        """What the digest covers: space (in order), constraints, objective, trial template, identity of the data.

        Fields at their defaults are left out, so that a release that adds a field leaves the studies of the one before as they are.
        """
        return {
            "space": [
                [name, parameter.model_dump(mode="json", exclude_defaults=True)]
                for name, parameter in self.space.items()
            ],
            "constraints": self.constraints,
            "objective": {"metric": self.objective.metric, "direction": self.objective.direction},
            "trial": self.trial.model_dump(mode="json", exclude_defaults=True, exclude={"job"}),
            "data": self._data_identity(),
        }

    def _data_identity(self) -> dict[str, Any] | None:
        """The data without its place once its digest is known: a file that moved is the same data."""
        if self.data is None:
            return None
        return self.data.model_dump(
            mode="json", exclude_defaults=True, exclude={"source"} if self.data.sha256 else None
        )

    def digest(self) -> str:
        """SHA-256 over `identity`, in hexadecimal."""
        return hashlib.sha256(json.dumps(self.identity(), sort_keys=True, separators=(",", ":")).encode()).hexdigest()


_PARAMETER: TypeAdapter[Parameter] = TypeAdapter(Parameter)


def parse_parameters(raw: Any) -> dict[str, Parameter]:
    """Those parameters of a raw space section that are valid by themselves."""
    parameters: dict[str, Parameter] = {}
    for name, value in raw.items() if isinstance(raw, Mapping) else ():
        try:
            parameters[str(name)] = _PARAMETER.validate_python(value, strict=True)
        except ValidationError:
            continue
    return parameters


__all__ = ["Budget", "CNNTrial", "CommandTrial", "Condition", "Data", "Limits", "Objective", "Study", "XGBoostTrial"]
