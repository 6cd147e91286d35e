"""What a study no longer needs. Plans, results and everything that counts trials are never garbage: deleting re-opens create-once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ..early import HalvingStopping
from ..store import layout
from ..trial import Champion, PolicyRecord, Result, Status, SurrogateRecord, resumed
from .ledger import Ledger
from .peers import known

GRACE_SECONDS = 3600.0  #: younger blobs may belong to a step that has not named them yet


@dataclass(frozen=True, kw_only=True)
class Garbage:
    """One object that can go."""

    key: str
    size: int
    why: str


def garbage(ledger: Ledger, *, now: float, keep_models: int | None = None) -> Iterator[Garbage]:
    """Unreferenced weights, checkpoints of ended trials that nothing goes on from, and, if asked, models beyond the best ``keep_models``.

    Args:
        now: UTC seconds since the epoch, by a clock close to the store's.
        keep_models: models of this many best trials stay, those of the best and of the champion in any case; None keeps all.
    """
    referenced = _referenced(ledger)
    ended, kept = _trials(ledger, keep_models)
    resumable = _resumable(ledger)
    for entry in ledger.store.list():
        parts = entry.key.split("/")
        if entry.key.startswith("blobs/") and parts[-1] not in referenced and now - entry.modified > GRACE_SECONDS:
            yield Garbage(key=entry.key, size=entry.size, why="weights that no open round needs")
        elif entry.key.startswith("probe/") and now - entry.modified > GRACE_SECONDS:
            yield Garbage(key=entry.key, size=entry.size, why="left over by a check of the store")
        elif parts[0] == "trials" and len(parts) > 4 and parts[1] in ended:
            if parts[4] in ("checkpoint", "checkpoint.json") and parts[1] not in resumable:
                yield Garbage(key=entry.key, size=entry.size, why="checkpoint of a trial that has ended")
            elif parts[4] == "model" and keep_models is not None and parts[1] not in kept:
                yield Garbage(
                    key=entry.key, size=entry.size, why=f"model of a trial that is not among the best {keep_models}"
                )


def _referenced(ledger: Ledger) -> set[str]:
    """Digests that the head or the open round names."""
    head, _ = ledger.head()
    surrogate = layout.find(ledger.store, SurrogateRecord, layout.surrogate(head.round))
    policy = layout.find(ledger.store, PolicyRecord, layout.policy(head.round))
    named = (head.policy, head.surrogate, surrogate.blob if surrogate else None, policy.blob if policy else None)
    return {digest for digest in named if digest is not None}


def _trials(ledger: Ledger, keep: int | None) -> tuple[set[str], set[str]]:
    """Trials that have ended in a sealed round, and those among them whose models stay."""
    head, _ = ledger.head()
    reward = ledger.record().study.objective.reward
    results = [result for sealed in ledger.sealed(range(head.round)) for result in sealed.results]
    scored: list[tuple[float, Result]] = [
        (reward(result.objective), result)
        for result in results
        if result.status is Status.COMPLETE and result.objective is not None
    ]
    scored.sort(key=lambda pair: -pair[0])
    kept = {result.trial for _, result in scored[: keep if keep is not None else len(scored)]}
    champion = layout.find(ledger.store, Champion, layout.CHAMPION)
    # the best becomes champion when its session ends
    needed = {one.trial for one in (champion, head.best) if one is not None}
    return {result.trial for result in results}, kept | needed


def remove(ledger: Ledger, item: Garbage, *, now: float) -> bool:
    """Remove it, unless it is needed again: weights of the same bytes may have been stored and named since it was found."""
    if item.key.startswith("blobs/"):
        young = any(now - entry.modified <= GRACE_SECONDS for entry in ledger.store.list(item.key))
        if young or item.key.split("/")[-1] in _referenced(ledger):
            return False
    ledger.store.delete(item.key)
    return True


def _resumable(ledger: Ledger) -> set[str]:
    """Stopped trials that a session like the latest may still promote, and those that a trial of the open round goes on from."""
    head, _ = ledger.head()
    sealed, plan = ledger.sealed(range(head.round)), ledger.plan(head.round)
    under_way = {slot.resumes for slot in plan.slots} if plan else set()
    if not isinstance(ledger.session(head.session).stopping, HalvingStopping):
        return {trial for trial in under_way if trial is not None}
    stopped = {result.trial for round_ in sealed for result in round_.results if result.status is Status.STOPPED}
    return (stopped - resumed(known(sealed))) | {trial for trial in under_way if trial is not None}
