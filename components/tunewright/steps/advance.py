"""The three agent steps in one process."""

from __future__ import annotations

from typing import Any

from .ledger import Ledger
from .propose import propose
from .update_policy import update_policy
from .update_surrogate import update_surrogate


def main(*, study: str, session: str, round: int | None = None) -> dict[str, Any]:  # noqa: A002 - the step's argument
    """Entry point of the step."""
    ledger = Ledger.at(study)
    if round is not None:
        update_surrogate(ledger, session, round)
        update_policy(ledger, session, round)
    return propose(ledger, session)
