"""The documents that a study is made of: plans, attempts, results, rounds, the head.

All of them are immutable once written except `Head` and `Champion`, which change by compare-and-swap. Times are UTC seconds since
the epoch; they are for people and for cost, never for deciding who wins.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from enum import StrEnum
from typing import Any, ClassVar, Literal, TypeAlias

from pydantic import Field

from .container import JobSettings
from .early import NoStopping, Stopping
from .preset import AgentSettings
from .space import Configuration, Model
from .study import Budget, Study


class Status(StrEnum):
    """How a trial ended. Every trial ends in exactly one of these, once."""

    COMPLETE = "COMPLETE"  #: trained and scored
    FAILED = "FAILED"  #: the trial's own fault: crash, NaN, time or memory limit, metric missing
    INFEASIBLE = "INFEASIBLE"  #: this configuration cannot be trained at all
    STOPPED = "STOPPED"  #: ended early on purpose, with what it had reached
    LOST = "LOST"  #: the platform's fault: no result when its round was sealed


Origin = Literal["default", "initial", "policy", "neighbour", "random", "warm-start", "promotion", "curve"]


class Document(Model):
    """Something stored as JSON under one key. ``kind`` and ``schema_version`` are written by the store's layout."""

    kind: ClassVar[str]
    schema_version: ClassVar[int] = 1


class Slot(Model):
    """One trial of a plan."""

    trial: str
    configuration: Configuration
    log_prob: float | None = None
    """Log-probability of the configuration under the policy that planned it; None when it did not come from one."""
    origin: Origin
    resumes: str | None = None
    """The stopped trial whose checkpoint this one goes on from, with the same configuration and seed (``promotion``)."""
    shown_by: str | None = None
    """The trial whose learning curve showed what this configuration is worth: the same but for fewer steps, with the same seed (``curve``)."""


class Plan(Document):
    """What a round tries. Create-once."""

    kind = "plan"
    round: int = Field(ge=0)
    session: str
    generation: int
    """Generation of the head whose policy made it."""
    seed: int
    slots: list[Slot]


def of_default(slots: Iterable[Slot]) -> set[str]:
    """Trials of the space's default configuration, those included that go on from one that was stopped. Slots in their order."""
    found: set[str] = set()
    for slot in slots:
        if slot.origin == "default" or slot.resumes in found:
            found.add(slot.trial)
    return found


class AttemptStart(Document):
    """The lease of one attempt. Create-once; the holder renews it by rewriting ``alive.json``."""

    kind = "attempt"
    trial: str
    attempt: int = Field(ge=1)
    host: str
    boot: str
    """Identifies the boot of the host, so that a process id is never compared across one."""
    pid: int
    process_started: float
    """Seconds after the boot at which the process began: no clock that is set moves it."""
    started: float


Ending: TypeAlias = Literal["TRAINED", "FAILED", "INFEASIBLE", "STOPPED", "LOST", "GIVEN-BACK"]


class AttemptCost(Model):
    """What one attempt cost, whatever became of it."""

    attempt: int
    ended: Ending
    """LOST: it died, or something outside ended it; GIVEN-BACK: it ended in order without training to the end."""
    seconds: float
    gpu_seconds: float = 0.0
    """That it ran, times the GPUs that it had."""
    reason: str = ""
    """Why it was lost, when somebody was left to say so."""


class Cost(Model):
    """What a trial cost, in seconds, all its attempts included and those to score it."""

    train_seconds: float = 0.0
    evaluate_seconds: float = 0.0
    gpu_seconds: float = 0.0
    """Of training and scoring, each GPU counted; without the time that Jobs waited."""
    attempts: list[AttemptCost] = Field(default_factory=list)
    """Every attempt that began; their seconds make up ``train_seconds``."""


class Outcome(Document):
    """How training ended, before evaluation. Create-once per attempt."""

    kind = "outcome"
    schema_version = 2
    trial: str
    attempt: int
    state: Literal["TRAINED", "FAILED", "INFEASIBLE", "STOPPED"]
    reason: str = ""
    metrics: dict[str, float] = Field(default_factory=dict)
    """What the trial itself reported; built-in trainers report in evaluation instead."""
    model: dict[str, str] = Field(default_factory=dict)
    """Relative file name to SHA-256 of every file of the model."""
    log_tail: str = ""
    started: float
    ended: float
    gpu_seconds: float = 0.0
    """That it ran, times the GPUs that it had."""


class Loss(Document):
    """Something outside ended an attempt, or one to score its model: the platform's fault, another is made. Create-once each."""

    kind = "loss"
    schema_version = 2
    trial: str
    attempt: int
    reason: str
    refused: bool = False
    """It was the study's fault: the same again would end alike."""
    log_tail: str = ""
    started: float
    ended: float
    gpu_seconds: float = 0.0
    """That it ran, times the GPUs that it had."""


class Saved(Document):
    """What the pod of an attempt has put into the store after its trial ended. Create-once per attempt."""

    kind = "saved"
    trial: str
    attempt: int
    model: dict[str, str] = Field(default_factory=dict)
    """Relative file name to SHA-256 of every file of the model."""
    left_out: list[str] = Field(default_factory=list)
    """Files that are not stored: names that no key can hold, too large, unreadable."""


LARGE = 1e5  #: from which on a metric is shown with more digits


def shown(value: float) -> str:
    """A metric as people read it: six significant digits, ten of a large number, where the first six are often the same."""
    return f"{value:.10g}" if abs(value) >= LARGE else f"{value:.6g}"


class Checkpoint(Document):
    """The newest whole checkpoint of an attempt; rewritten after its files are stored."""

    kind = "checkpoint"
    trial: str
    attempt: int
    files: dict[str, str]
    """Relative file name to SHA-256, under which the file is stored."""
    size: int
    """Bytes of all files."""
    written: dict[str, float] = Field(default_factory=dict)
    """When each was last written, in UTC seconds since the epoch: programs look for the newest."""


class Result(Document):
    """The terminal result of a trial. Create-once: the first wins."""

    kind = "result"
    schema_version = 2
    trial: str
    round: int
    slot: int
    status: Status
    objective: float | None = None
    """The objective's metric; set if and only if COMPLETE or STOPPED with a value."""
    metrics: dict[str, float] = Field(default_factory=dict)
    curve: list[tuple[int, float]] = Field(default_factory=list)
    """Step and value of the objective's metric in the trial's stream; of a long one some points, the first and the last among them."""
    reason: str = ""
    refused: bool = False
    """LOST because its last attempt was refused, which no other attempt would have mended."""
    log_tail: str = ""
    attempt: int = 0
    cost: Cost = Cost()
    started: float = 0.0
    ended: float = 0.0

    @property
    def ending(self) -> str:
        """How the trial ended, for people: what was refused is no loss."""
        return "REFUSED" if self.refused else self.status.value


class SealedRound(Document):
    """All plans' slots of a round with their terminal results, in one object. A copy that saves reads; create-once."""

    kind = "sealed-round"
    schema_version = 2
    round: int
    session: str
    slots: list[Slot]
    results: list[Result]


class SurrogateRecord(Document):
    """What update-surrogate did in a round. Create-once."""

    kind = "surrogate-record"
    round: int
    model: str
    """Kind of reward model."""
    blob: str | None
    """SHA-256 of its weights; None when there is none yet."""
    fitted: bool
    """True when it was fitted in this round rather than carried over."""
    observations: int
    r2: float | None
    """Held-out coefficient of determination; None when it cannot be computed."""


class PolicyRecord(Document):
    """What update-policy did in a round. Create-once."""

    kind = "policy-record"
    round: int
    blob: str
    real_updates: int
    predicted_updates: int
    kl: list[float]
    """KL(policy when fitted || policy) after each update on predicted rewards."""
    horizon: str
    """Why the use of the surrogate ended in this round, e.g. `kl 0.41 > 0.4`."""
    metrics: dict[str, float] = Field(default_factory=dict)
    """PPO's own: approx_kl, clipfrac, entropy, policy_loss."""


class Best(Model):
    """The incumbent."""

    trial: str
    objective: float


class Head(Document):
    """The one mutable object: who may write, and where the study stands. Compare-and-swap."""

    kind = "head"
    epoch: int
    """Grows by one with every session that claims the study; only the session of the newest epoch may write."""
    session: str
    generation: int
    """Grows by one with every change, so that two heads never have equal bytes."""
    writer: str
    first_round: int = 0
    """The round that was open when the session claimed the study."""
    round: int
    """The round that is open."""
    policy: str | None = None
    surrogate: str | None = None
    best: Best | None = None
    finished: str | None = None
    """Why the session ended; None while it runs."""
    failed: bool = False
    """True when the session ended because too many of its trials failed, or none of them could be run."""


class SessionRecord(Document):
    """One run of the pipeline on a study. Create-once."""

    kind = "session"
    id: str
    epoch: int
    first_round: int
    started: float
    budget: Budget
    goal: float | None = None
    seed: int
    agent: AgentSettings
    stopping: Stopping = NoStopping()
    source: str | None = None
    """Where the data of the study lies in this session; its identity is in the study."""
    job: JobSettings | None = None
    """How trials run as Kubernetes Jobs in this session."""


class StudyRecord(Document):
    """The study as created. Create-once."""

    kind = "study"
    digest: str
    study: Study
    created: float


class Champion(Document):
    """The best model so far, re-scored before it was promoted. Compare-and-swap."""

    kind = "champion"
    trial: str
    session: str
    round: int
    configuration: Configuration
    objective: float
    model: dict[str, str]
    """Key of every file of the model to its SHA-256."""
    generation: int


class Heartbeat(Document):
    """Rewritten by a live attempt. A waiting process watches for change, so that clocks need not agree."""

    kind = "heartbeat"
    attempt: int
    beat: int


DOCUMENTS: tuple[type[Document], ...] = (
    StudyRecord, SessionRecord, Head, Plan, AttemptStart, Heartbeat, Checkpoint, Loss, Saved, Outcome, Result,
    SealedRound, SurrogateRecord, PolicyRecord, Champion,
)  # fmt: skip


def trial_id(digest: str, round_: int, slot: int) -> str:
    """Name of the trial in ``slot`` of ``round_``: 16 hexadecimal digits of a hash."""
    return hashlib.sha256(f"{digest}/{round_}/{slot}".encode()).hexdigest()[:16]


def plain(document: Model) -> dict[str, Any]:
    """A document as plain JSON data."""
    return document.model_dump(mode="json")


def resumed(trials: Iterable[tuple[Slot, Result | None]]) -> set[str]:
    """Trials that another one has gone on from and ended. One that was LOST has not: what it resumed may be promoted again."""
    ended = (
        (slot.resumes, result) for slot, result in trials if result is not None and result.status is not Status.LOST
    )
    return {trial for trial, _ in ended if trial is not None}
