"""A study as its steps see it: the documents of one study, read and advanced by name."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field

from ..errors import Conflict, InputError, NotFound, SessionFenced
from ..store import layout
from ..store.opening import open_store, split_study, study_store
from ..store.port import Store
from ..study import Study
from ..trial import Best, Head, Plan, Result, SealedRound, SessionRecord, Slot, Status, StudyRecord


@dataclass(frozen=True)
class Ledger:
    """The documents of one study.

    Args:
        store: the store, seen from below the study's prefix.
    """

    store: Store
    _sealed: dict[int, SealedRound] = field(default_factory=dict, repr=False, compare=False)
    """Sealed rounds read so far; they never change."""

    @classmethod
    def at(cls, address: str) -> Ledger:
        """The ledger of the study at ``<store address>/<study name>``."""
        place, name = split_study(address)
        return cls(study_store(open_store(place), name))

    def record(self) -> StudyRecord:
        """The study as created. Raises InputError when there is none."""
        try:
            return layout.read(self.store, StudyRecord, layout.STUDY)
        except NotFound:
            raise InputError(
                f"there must be a study at {self.store.address}, found none; create it with `tunewright run STUDY.yaml`"
            ) from None

    def session(self, id_: str) -> SessionRecord:
        """A session. Raises InputError when there is none."""
        record = layout.find(self.store, SessionRecord, layout.session(id_))
        if record is None:
            known = ", ".join(sorted(record.id for record in self.sessions())) or "none"
            raise InputError(
                f"session {id_!r} must have been opened in {self.store.address}, found {known}; name one of them, or run the step open first"
            )
        found = self.find_head()
        if found is not None and found[0].session == id_:  # rounds may have passed between the record and the claim
            return record.model_copy(update={"first_round": found[0].first_round})
        return record

    def sessions(self) -> list[SessionRecord]:
        """All sessions that were opened, in no order."""
        keys = [entry.key for entry in self.store.list("sessions/") if entry.key.endswith("/session.json")]
        return [record for record in layout.find_all(self.store, SessionRecord, keys) if record is not None]

    def study(self, session: SessionRecord) -> Study:
        """The study with its data and its Jobs' settings as this session has them."""
        study = self.record().study
        study = study.model_copy(update={"trial": study.trial.model_copy(update={"job": session.job})})
        if study.data is not None and session.source is not None:
            return study.model_copy(update={"data": study.data.model_copy(update={"source": session.source})})
        return study

    def head(self) -> tuple[Head, str]:
        """The head and its tag. Raises InputError when no session has been opened."""
        found = self.find_head()
        if found is None:
            raise InputError(
                f"there must be a study at {self.store.address}, found none; check name and store, or create it with `tunewright run STUDY.yaml`"
            )
        return found

    def find_head(self) -> tuple[Head, str] | None:
        """The head and its tag, None before the first session has claimed the study."""
        try:
            return layout.read_tagged(self.store, Head, layout.HEAD)
        except NotFound:
            return None

    def owned(self, session: str) -> tuple[Head, str]:
        """The head and its tag, if this session may write. Raises SessionFenced when a newer one has claimed the study."""
        head, tag = self.head()
        if head.session != session:
            raise SessionFenced(
                f"session {session!r} must own the study {self.store.address}, but session {head.session!r} "
                f"(epoch {head.epoch}) has claimed it since; "
                "this session ends here, its finished trials are kept and used"
            )
        return head, tag

    def advance(self, head: Head, tag: str, **changes: object) -> Head:
        """Swap the head for one with ``changes`` and the next generation. Raises Conflict when somebody was faster."""
        new = head.model_copy(update={**changes, "generation": head.generation + 1})
        data = layout.encode(new)
        try:
            self.store.swap(layout.HEAD, data, tag)
        except Conflict:
            if self.store.get(layout.HEAD).data != data:  # not even by a write of ours whose answer was lost
                raise
        return new

    def plan(self, round_: int) -> Plan | None:
        """The plan of a round, None before it was made."""
        return layout.find(self.store, Plan, layout.plan(round_))

    def slot(self, round_: int, slot: int) -> Slot:
        """One place of a plan. Raises InputError when there is none."""
        plan = self.plan(round_)
        if plan is None or not 0 <= slot < len(plan.slots):
            count = "no plan" if plan is None else f"{len(plan.slots)} slots"
            raise InputError(
                f"round {round_} must have a slot {slot}, but it has {count}; pass the round and slots that propose gave"
            )
        return plan.slots[slot]

    def slots(self, round_: int) -> range:
        """The places of a plan. Raises InputError when the round has none."""
        plan = self.plan(round_)
        if plan is None:
            raise InputError(f"round {round_} of {self.store.address} must have a plan, found none; run propose first")
        return range(len(plan.slots))

    def trial_seed(self, round_: int, slot: int) -> int:
        """Seed of the trial in a slot: the planning session's, whichever session trains, scores or promotes it.

        A trial that resumes another, or that another's learning curve spoke for, has the other's.
        """
        plan = self.plan(round_)
        if plan is None:
            raise InputError(f"round {round_} of {self.store.address} must have a plan, found none; run propose first")
        follows = plan.slots[slot].resumes or plan.slots[slot].shown_by
        before = self.result(follows) if follows is not None else None
        if before is not None:
            return self.trial_seed(before.round, before.slot)
        return seed_for(self.session(plan.session), self.record().digest, round_, f"train/{slot}")

    def result(self, trial: str) -> Result | None:
        """The terminal result of a trial, None before it has ended."""
        return layout.find(self.store, Result, layout.result(trial))

    def results(self, plan: Plan) -> list[Result | None]:
        """The terminal results of a plan's slots, in order; None for trials that have not ended."""
        return layout.find_all(self.store, Result, [layout.result(slot.trial) for slot in plan.slots])

    def with_logs(self, results: list[Result]) -> list[Result]:
        """The same results, of sealed rounds, which are kept without; those that completed stay so."""
        bare = [result.trial for result in results if result.status is not Status.COMPLETE and not result.log_tail]
        found = layout.find_all(self.store, Result, [layout.result(trial) for trial in bare])
        whole = {result.trial: result for result in found if result is not None}
        return [whole.get(result.trial, result) for result in results]

    def ended(self, round_: int) -> list[Result]:
        """The results that a round has up to now."""
        plan = self.plan(round_)
        return [result for result in self.results(plan) if result is not None] if plan else []

    def sealed(self, rounds: range) -> list[SealedRound]:
        """Sealed rounds in order. Raises InputError when one is missing."""
        unread = [round_ for round_ in rounds if round_ not in self._sealed]
        found = layout.find_all(self.store, SealedRound, [layout.sealed(round_) for round_ in unread])
        self._sealed.update({sealed.round: sealed for sealed in found if sealed is not None})
        missing = [round_ for round_ in rounds if round_ not in self._sealed]
        if missing:
            raise InputError(
                f"rounds before the open one must be sealed in {self.store.address}, but {missing} are not; restore them from a backup"
            )
        return [self._sealed[round_] for round_ in rounds]

    def best(self, study: Study, results: list[Result], best: Best | None = None) -> Best | None:
        """The better of ``best`` and every complete result; the earlier wins a tie."""
        for result in results:
            if result.status is Status.COMPLETE and result.objective is not None:
                reward = study.objective.reward(result.objective)
                if best is None or reward > study.objective.reward(best.objective):
                    best = Best(trial=result.trial, objective=result.objective)
        return best


def seed_for(session: SessionRecord, digest: str, round_: int, purpose: str) -> int:
    """A seed of 63 bits for one purpose in one round."""
    text = f"{session.seed}/{digest}/{round_}/{purpose}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1


Clock = Callable[[], float]
