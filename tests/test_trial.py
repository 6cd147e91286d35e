"""Documents: names of trials, and what stored data must look like."""

from __future__ import annotations

import math
import re

import pytest
from pydantic import ValidationError

from tunewright.trial import DOCUMENTS, Result, Slot, Status, plain, trial_id

DIGEST = "a" * 64


def test_trial_ids_are_what_they_have_always_been():
    """A change here would count every stored trial anew."""
    assert trial_id(DIGEST, 0, 0) == "61aae88fedf83ae2"
    assert trial_id(DIGEST, 12, 3) == "da8a41b03a0940a7"


def test_trial_ids_do_not_collide_over_rounds_slots_and_studies():
    digests = [f"{number:064x}" for number in range(5)]
    ids = [trial_id(digest, round_, slot) for digest in digests for round_ in range(300) for slot in range(64)]
    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch("[0-9a-f]{16}", id_) for id_ in ids)


def test_rounds_and_slots_whose_digits_run_together_differ():
    assert trial_id(DIGEST, 1, 11) != trial_id(DIGEST, 11, 1)


def test_every_document_has_a_kind_of_its_own_and_a_version():
    kinds = [document.kind for document in DOCUMENTS]
    assert len(set(kinds)) == len(kinds) > 0
    assert all(document.schema_version >= 1 for document in DOCUMENTS)


def test_a_result_survives_plain_json_data():
    result = Result(trial="0" * 16, round=1, slot=2, status=Status.COMPLETE, objective=0.5, metrics={"accuracy": 0.5})
    assert plain(result)["status"] == "COMPLETE"
    assert Result.model_validate(plain(result)) == result


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_result_holds_finite_numbers_only(value):
    with pytest.raises(ValidationError, match="finite"):
        Result(trial="0" * 16, round=1, slot=2, status=Status.COMPLETE, objective=value)
    with pytest.raises(ValidationError, match="finite"):
        Slot(trial="0" * 16, configuration={"x": value}, origin="policy")


def test_a_configuration_keeps_the_types_of_its_values():
    values = {"flag": True, "count": 1, "rate": 1.0, "text": "1"}
    slot = Slot(trial="0" * 16, configuration=values, origin="policy")
    again = Slot.model_validate_json(slot.model_dump_json())
    assert [(type(v), v) for v in again.configuration.values()] == [(type(v), v) for v in values.values()]


def test_unknown_fields_and_changes_are_refused():
    with pytest.raises(ValidationError, match="Extra inputs"):
        Result(trial="0" * 16, round=1, slot=2, status=Status.FAILED, reson="typo")
    with pytest.raises(ValidationError, match="frozen"):
        Result(trial="0" * 16, round=1, slot=2, status=Status.FAILED).slot = 3
