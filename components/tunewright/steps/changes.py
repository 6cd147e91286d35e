"""What differs between what the store holds and what is asked for now, by field with old and new value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..diagnosis import dotted, shown
from ..rules import Place
from ..study import Study
from ..trial import SessionRecord

BEFORE = 20  #: characters that are shown before the first that differs
#: where a session's settings stand in the study
_PLACES: dict[str, Place] = {
    "budget": ("budget",),
    "goal": ("objective", "goal"),
    "seed": ("seed",),
    "agent": ("agent",),
    "stopping": ("stopping",),
    "source": ("data", "source"),
    "job": ("trial", "job"),
}


def study_changes(old: Study, new: Study) -> list[str]:
    """Differences in what the digest covers."""
    found = [_told(*change) for change in _changes(_covered(old), _covered(new))]
    if list(old.space) != list(new.space) and set(old.space) == set(new.space):
        found.append(f"the order of space was {', '.join(old.space)}, now {', '.join(new.space)}")
    return found


def session_changes(old: SessionRecord, new: SessionRecord) -> list[str]:
    """Differences in the settings of a session."""
    before, after = (record.model_dump(mode="json", include=set(_PLACES)) for record in (old, new))
    return [_told(*change) for name, place in _PLACES.items() for change in _changes(before[name], after[name], place)]


def _covered(study: Study) -> dict[str, Any]:
    """The parts of `Study.identity` with every default written out."""
    part = study.model_dump(mode="json", include={*study.identity()})
    part["objective"].pop("goal")
    part["trial"].pop("job")
    if part["data"] and part["data"]["sha256"]:
        part["data"].pop("source")
    return part


def _changes(old: Any, new: Any, place: Place = ()) -> Iterator[tuple[Place, Any, Any]]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*old, *new]):
            yield from _changes(old.get(key), new.get(key), (*place, key))
    elif isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        for index, pair in enumerate(zip(old, new, strict=True)):
            yield from _changes(*pair, (*place, index))
    elif old != new:
        yield place, old, new


def _told(place: Place, old: Any, new: Any) -> str:
    if isinstance(old, str) and isinstance(new, str):
        differs = (i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b)
        same = next(differs, min(len(old), len(new))) - BEFORE
        old, new = (f"…{text[same:]}" if same > 0 else text for text in (old, new))
    return f"{dotted(place)} was {shown(old)}, now {shown(new)}"
