"""Create the study and claim it for a session."""

from __future__ import annotations

import logging
import math
import os
import time
from pathlib import Path
from typing import Any

from ..errors import Conflict, InputError, SessionFenced, StudyChanged
from ..preset import AgentSettings
from ..store import layout
from ..store.opening import open_store, study_store
from ..store.probe import require_atomic
from ..study import Study
from ..study_file import parse_study
from ..training.data_check import check_data
from ..training.parameters import check_parameters, parameter_mistakes
from ..trial import Head, SessionRecord, StudyRecord
from .changes import session_changes, study_changes
from .ledger import Ledger

LOG = logging.getLogger(__name__)
SINGLE_WRITER = "TUNEWRIGHT_SINGLE_WRITER"  #: environment variable; 1 allows a store without atomic writes


def main(*, store: str, study_text: str, session: str) -> dict[str, Any]:
    """Entry point of the step."""
    no_key(session, "a session id")
    study = received(study_text)
    address = f"{store.rstrip('/')}/{study.name}"
    single = os.environ.get(SINGLE_WRITER) == "1"
    head = open_session(store, study, session, base=Path.cwd(), now=time.time(), single_writer=single)
    turns = most_rounds(Ledger.at(address), session)
    return {"study": address, "session": session, "turns": list(range(turns)), "done": head.finished is not None}


def received(study_text: str) -> Study:
    """The study that a step was given as an argument.

    Raises:
        StudyInvalid: it breaks rules, of its trainer too.
        InputError: Kubernetes has put a key of the store in the place of such as ``$(AWS_SECRET_ACCESS_KEY)``.
    """
    no_key(study_text, "a study")
    return parse_study(study_text, "study.yaml", [parameter_mistakes])


def no_key(text: str, what: str) -> None:
    """Raise InputError when a text that a step was given, in words ``what`` it is, holds a key of the store."""
    keys = (os.environ.get(name, "").strip() for name in ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"))
    if any(key and key in text for key in keys):
        raise InputError(
            f"{what} must not hold a key of the store, and this one does: Kubernetes replaces $(NAME) in arguments; submit the file with "
            "`tunewright submit`, which sends it as it is"
        )


def most_rounds(ledger: Ledger, session: str) -> int:
    """Rounds that a session can have: every one is full but the last, and the first where a session before has planned it."""
    record = ledger.session(session)
    budget, plan = record.budget, ledger.plan(record.first_round)
    left = budget.trials - (budget.parallel_trials if plan is None else len(plan.slots))
    return min(budget.rounds, 1 + math.ceil(max(0, left) / budget.parallel_trials))


def open_session(
    store: str, study: Study, session: str, *, base: Path, now: float, single_writer: bool = False
) -> Head:
    """Create or verify the study, create the session, claim the head.

    A session that was opened before keeps its settings; that others are asked for now is a warning in the log.

    Args:
        store: address of the store.
        study: the study as its file says.
        session: id of the session.
        base: directory that relative paths of the study's data start from.
        now: UTC seconds since the epoch.
        single_writer: promise that nothing else writes in this session, so that a store without atomic writes will do.

    Raises:
        StudyChanged: the name is taken by another study.
        SessionFenced: a newer session has claimed the study.
        InputError: an open session's data was moved.
        DataInvalid: the data cannot be found or is not what its digest says.
        StoreRefused: the store is not atomic, not writable or not there.
    """
    layout.session(session)  # refuse a bad id before anything is written
    check_parameters(study)
    place = open_store(store)
    ledger = Ledger(study_store(place, study.name))
    study = _with_identity(study, base)
    found = ledger.find_head()
    new = found is None or found[0].session != session
    _create_study(ledger, study, now, probe=new and not single_writer)
    wanted = _session(ledger, study, session, now)
    head = _claim(ledger, wanted)
    kept = layout.read(ledger.store, SessionRecord, layout.session(session))
    if head.finished is None:
        _check_place(kept, wanted)
    if ignored := session_changes(kept, wanted):
        LOG.warning(
            "session %r keeps the settings that it was opened with, but %s; begin a new one for these (`--session new`)",
            session, "; ".join(ignored),
        )  # fmt: skip
    return head


def _check_place(kept: SessionRecord, wanted: SessionRecord) -> None:
    """Raises InputError where a session would look for its data at a path of this machine that is gone."""
    old, new = kept.source, wanted.source
    if old and new and old != new and Path(new).is_file() and Path(old).is_absolute() and not Path(old).exists():
        raise InputError(
            f"session {kept.id!r} must find its data at {old}, which is gone; it is at {new} now: move it back, or begin a new session, which "
            "goes on with all that was learnt (`--session new`)"
        )


def _with_identity(study: Study, base: Path) -> Study:
    if study.data is None:
        return study
    from ..training.data import identify

    return study.model_copy(update={"data": identify(study.data, base)})


def _create_study(ledger: Ledger, study: Study, now: float, *, probe: bool) -> None:
    stored = layout.find(ledger.store, StudyRecord, layout.STUDY)
    if stored is None:
        check_data(study)
    if probe:
        require_atomic(ledger.store)
    if stored is None:
        stored, _ = layout.create(
            ledger.store, StudyRecord(digest=study.digest(), study=study, created=now), layout.STUDY
        )
    if stored.digest != study.digest():
        changes = "; ".join(study_changes(stored.study, study)) or "its definition is another"
        remedy = "give the changed study another name"
        if not _has_result(ledger):
            remedy += (
                f", or remove everything below {ledger.store.address}: it has no result yet, but nothing may run on it"
            )
        raise StudyChanged(
            f"study {study.name!r} in {ledger.store.address} must stay as it was created, but {changes}; {remedy}"
        )


def _has_result(ledger: Ledger) -> bool:
    return any(entry.key.endswith("/result.json") for entry in ledger.store.list("trials/"))


def _session(ledger: Ledger, study: Study, session: str, now: float) -> SessionRecord:
    """The session as the study asks for it; what it claims is open."""
    return SessionRecord(
        id=session,
        epoch=0,
        first_round=0,
        started=now,
        budget=study.budget,
        goal=study.objective.goal,
        seed=study.seed,
        agent=_settings(ledger, study),
        stopping=study.stopping,
        source=study.data.source if study.data else None,
        job=study.trial.job,
    )


def _claim(ledger: Ledger, wanted: SessionRecord) -> Head:
    session = wanted.id
    for _ in range(16):
        current = ledger.find_head()
        if current is not None and current[0].session == session:
            return current[0]
        epoch = (current[0].epoch if current else 0) + 1
        first_round = current[0].round if current else 0
        record, _ = layout.create(
            ledger.store,
            wanted.model_copy(update={"epoch": epoch, "first_round": first_round}),
            layout.session(session),
        )
        if record.epoch != epoch:
            raise SessionFenced(
                f"session {session!r} claimed epoch {record.epoch} of {ledger.store.address}, but epoch {epoch - 1} has been claimed since; "
                "start a new session"
            )
        try:
            return _swap_head(ledger, current, session, epoch)
        except Conflict:
            continue
    raise InputError(
        f"the head of {ledger.store.address} must be claimable, but other sessions kept winning; run one session at a time"
    )


def _settings(ledger: Ledger, study: Study) -> AgentSettings:
    """The agent's settings; its networks and designs begin from the seed that the study was created with, in every session."""
    if "seed" in study.agent.model_fields_set:
        return study.agent
    return study.agent.model_copy(update={"seed": ledger.record().study.seed})


def _swap_head(ledger: Ledger, current: tuple[Head, str] | None, session: str, epoch: int) -> Head:
    if current is not None:
        head, tag = current
        return ledger.advance(
            head,
            tag,
            epoch=epoch,
            session=session,
            first_round=head.round,
            writer=f"{session}/{epoch}",
            finished=None,
            failed=False,
        )
    head = Head(epoch=epoch, session=session, generation=0, writer=f"{session}/{epoch}", round=0)
    stored, mine = layout.create(ledger.store, head, layout.HEAD)
    if not mine:
        raise Conflict(stored.session)
    return stored
