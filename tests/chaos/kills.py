"""Kills studies at random points and counts what is left.

A study of 40 trials runs in a child process; after a random time one of these happens: SIGKILL to the loop, SIGKILL to one of its
slots' processes or their children, or the loop dies in the middle of writing an object. Then the same call goes on. In the end there
must be exactly 40 terminal results, each counted once, each with the score of its own configuration. Every other study searches without a
reward model, in rounds so short that kills fall between steps; the rest with the default agent, so that they fall into its steps.
"""

from __future__ import annotations

import contextlib
import os
import random
import signal
import stat
import sys
import time
import traceback
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil
from tests.steps.studies import shell_study

from tunewright.embedded.loop import run_study
from tunewright.steps.ledger import Ledger
from tunewright.store import layout
from tunewright.store.directory import DirectoryStore
from tunewright.store.opening import open_store, study_store
from tunewright.study import Study
from tunewright.trial import Result, Status

TRIALS = 40
AGENTS: tuple[dict[str, Any], ...] = ({}, {"reward_model": "none", "proposal": "policy"})
WEIGHTS = {"loop": 5, "descendant": 3, "write": 2}  #: how often each kind of kill is drawn


@dataclass
class Account:
    """What a campaign of kills left behind."""

    kills: Counter[str] = field(default_factory=Counter)
    studies: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    trainings: int = 0  #: times a trial's program ran to its end, all studies


def chaos_study(journal: Path, agent: dict[str, Any]) -> Study:
    """40 trials; every program notes in ``journal`` that it ran."""
    command = [
        "sh",
        "-c",
        f'echo ran >> {journal}; sleep 0.05; echo "{{{{\\"score\\": {{x}}}}}}" > "$TUNEWRIGHT_METRICS"',
    ]
    budget = {"trials": TRIALS, "parallel_trials": 4, "failed_share": None}
    return shell_study("chaos", command=command, budget=budget, agent=agent)


def campaign(folder: Path, kills: int, *, per_study: int, seed: int, tell: bool = False) -> Account:
    """Run studies until ``kills`` processes have been killed; raises AssertionError when a count is off."""
    rng = random.Random(seed)
    account = Account()
    while sum(account.kills.values()) < kills:
        here = folder / f"study-{account.studies}"
        here.mkdir(parents=True)
        study = chaos_study(here / "journal", AGENTS[account.studies % len(AGENTS)])
        left = min(per_study, kills - sum(account.kills.values()))
        while not _life(study, str(here / "store"), rng, account, may_kill=left > 0):
            left -= 1
        _check(study, str(here / "store"), here / "journal", account)
        account.studies += 1
        if tell:
            print(f"{sum(account.kills.values())} kills, {account.studies} studies: {dict(account.kills)}", flush=True)
    return account


def _life(study: Study, store: str, rng: random.Random, account: Account, *, may_kill: bool) -> bool:
    """Run until the study is done (True) or has been hit (False)."""
    kind = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0] if may_kill else None
    writes = rng.randrange(1, 30) if kind == "write" else None
    child = _fork(study, store, writes, rng.random())
    if kind in (None, "write"):
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        if code == -signal.SIGKILL:
            account.kills["write"] += 1
            return False
        assert code == 0, f"the loop ended with {code}"
        return True
    # Counted from the first slot's process on or from the beginning: on a busy machine a loop takes seconds to get that far.
    at_work = kind == "descendant" or rng.random() < 0.5
    seconds = rng.uniform(0.05, 4.0)
    deadline = None if at_work else time.monotonic() + seconds
    while deadline is None or time.monotonic() < deadline:
        pid, status = os.waitpid(child, os.WNOHANG)
        if pid:
            assert os.waitstatus_to_exitcode(status) == 0
            return True
        if deadline is None and psutil.Process(child).children():
            deadline = time.monotonic() + seconds
        time.sleep(0.005)
    if kind == "descendant":
        with contextlib.suppress(psutil.Error, IndexError):
            rng.choice(psutil.Process(child).children(recursive=True)).kill()
            account.kills["descendant"] += 1
        time.sleep(rng.uniform(0.0, 0.5))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    account.kills["loop"] += 1
    return False


def _fork(study: Study, store: str, writes: int | None, cut: float) -> int:
    pid = os.fork()
    if pid:
        return pid
    try:
        if writes is not None:
            _cut_write(writes, cut)
        run_study(study, store=store)
        code = 0
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stderr.flush()
    os._exit(code)


def _cut_write(number: int, cut: float) -> None:
    """From now on the ``number``-th file that this process writes is cut short, and the process dies with it."""
    count, original = 0, os.fsync

    def fsync(descriptor: int) -> None:
        nonlocal count
        count += stat.S_ISREG(os.fstat(descriptor).st_mode)
        if count == number:
            os.ftruncate(descriptor, int(os.fstat(descriptor).st_size * cut))
            os.kill(os.getpid(), signal.SIGKILL)
        original(descriptor)

    os.fsync = fsync


def _check(study: Study, store: str, journal: Path, account: Account) -> None:
    ledger = Ledger(study_store(open_store(store), study.name))
    head, _ = ledger.head()
    assert head.finished, "the session must have ended"
    plans = [ledger.plan(round_) for round_ in range(head.round)]
    planned = [slot for plan in plans if plan for slot in plan.slots]
    assert len(planned) == TRIALS
    assert len({slot.trial for slot in planned}) == TRIALS, "a trial stands in two plans"
    stored = [entry.key for entry in ledger.store.list("trials/") if entry.key.endswith("/result.json")]
    assert len(stored) == TRIALS, f"{len(stored)} results"
    results = {key: layout.read(ledger.store, Result, key) for key in stored}
    counted = [result for sealed in ledger.sealed(range(head.round)) for result in sealed.results]
    assert Counter(result.trial for result in counted) == Counter({slot.trial: 1 for slot in planned})
    configurations = {slot.trial: slot.configuration for slot in planned}
    for result in results.values():
        if result.status is Status.COMPLETE:
            assert result.objective == configurations[result.trial]["x"]
    for result in counted:
        assert result.status is results[layout.result(result.trial)].status, "sealed and stored results differ"
    assert isinstance(open_store(store), DirectoryStore)
    account.statuses.update(result.status.value for result in results.values())
    account.trainings += len(journal.read_text().splitlines())
