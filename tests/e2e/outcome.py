"""What must be true of a study's documents, whatever happened on the way."""

from __future__ import annotations

from tunewright.steps.ledger import Ledger
from tunewright.store import layout
from tunewright.trial import Result, Status


def assert_every_trial_ended_once(ledger: Ledger, *, rounds: int, parallel: int, lost: bool = False) -> list[Result]:
    """Every planned trial has exactly one terminal result, is in exactly one sealed round, and there is nothing else."""
    head, _ = ledger.head()
    assert head.round == rounds, head
    plans = [ledger.plan(number) for number in range(rounds)]
    planned = [slot.trial for plan in plans if plan is not None for slot in plan.slots]
    assert len(planned) == len(set(planned)) == rounds * parallel
    results = [key.split("/")[1] for key in keys(ledger, "trials/") if key.endswith("/result.json")]
    assert sorted(results) == sorted(planned)
    sealed = [result for round_ in ledger.sealed(range(rounds)) for result in round_.results]
    assert sorted(result.trial for result in sealed) == sorted(planned)
    own = [ledger.result(result.trial) for result in sealed]
    assert [result and result.model_copy(update={"log_tail": ""}) for result in own] == sealed
    if not lost:
        assert {result.status for result in sealed} == {Status.COMPLETE}
    assert ledger.plan(rounds) is None
    return sealed


def keys(ledger: Ledger, prefix: str) -> list[str]:
    return [entry.key for entry in ledger.store.list(prefix)]


def attempts(ledger: Ledger, result: Result) -> int:
    """Attempts that the trial took."""
    return len(layout.attempt_numbers(ledger.store, result.trial))
