"""All that follows training, in one container: evaluate, update-surrogate, update-policy and propose.

Models are scored by a process of its own, while this one imports torch: so the agent's memory is what it is alone, and a model whose
scoring dies takes nobody along.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time
from typing import Any

from ..errors import EXIT_INPUT, EXIT_OK, EXIT_TERMINATED, EXIT_TRANSIENT, InputError, TransientError
from ..training.evaluator import scoring
from ..training.processes import container_memory
from .ledger import Ledger
from .leftovers import discard_lost
from .propose import propose
from .update_policy import update_policy
from .update_surrogate import update_surrogate

LOG = logging.getLogger(__name__)
GRACE_SECONDS = 10.0  #: between SIGTERM and SIGKILL
POLL_SECONDS = 0.1
CHILD_BYTES = 96 * 2**20  #: of one that waits for a Job: measured are 75 MiB
TORCH_BYTES = 400 * 2**20  #: that torch takes here, besides what `container_memory` keeps back for the step
FEW = 8  #: children at a time where nobody says what fits


def main(*, study: str, session: str, round: int | None = None) -> dict[str, Any]:  # noqa: A002 - the step's argument
    """Entry point of the step.

    Raises:
        InputError: as its parts, and when scoring a model was refused.
        TransientError: as its parts, and when scoring could not go on.
    """
    ledger = Ledger.at(study)
    if round is not None:
        evaluate_all(ledger, study, session, round)
        update_surrogate(ledger, session, round)
        discard_lost(ledger, study, session, round)
        update_policy(ledger, session, round)
    return propose(ledger, session)


def evaluate_all(ledger: Ledger, study: str, session: str, round_: int) -> None:
    """Score the round's trials: in one process, or, when each of them waits for a Job of its own, side by side.

    One process that dies is followed by one after the other, so that a trial that cannot be scored is the only one that is LOST. One that was
    killed while it waited for a Job says nothing about its trial: it is followed by another, alone, as often as an attempt may be lost.
    """
    recorded = ledger.record().study
    place = ["--study", study, "--session", session, "--round", str(round_)]
    each = [[*place, "--slot", str(slot)] for slot in ledger.slots(round_)]
    if scoring(recorded) is not None:
        codes = _evaluate(*each)
        for _ in range(recorded.trial.limits.attempts - 1):
            codes = [
                code if code >= 0 else _evaluate(arguments)[0] for arguments, code in zip(each, codes, strict=True)
            ]
    elif _evaluate(place) == [EXIT_OK]:
        return
    else:
        codes = [code for arguments in each for code in _evaluate(arguments)]
    for slot, code in enumerate(codes):
        if code != EXIT_OK:
            LOG.warning("round %d, slot %d is lost: scoring it ended with exit code %d", round_, slot, code)


def _evaluate(*calls: list[str]) -> list[int]:
    """Exit codes of evaluate, called with each of these arguments, as many side by side as fit."""
    command = [sys.executable, "-P", "-m", "tunewright.steps", "evaluate"]
    # one thread is right for the agent's small matrices and wrong for a convolutional network
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"}
    # what they answer is not what this step answers; what they have to say is on standard error
    quiet = subprocess.DEVNULL
    places = _places()
    children: list[subprocess.Popen[bytes]] = []
    try:
        for arguments in calls:
            while sum(child.poll() is None for child in children) >= places:
                time.sleep(POLL_SECONDS)
            children.append(subprocess.Popen([*command, *arguments], env=environment, stdout=quiet))
        import torch  # noqa: F401 - takes as long as scoring most models

        codes = [child.wait() for child in children]
    except BaseException:
        _end(children)
        raise
    if EXIT_INPUT in codes:
        raise InputError("the models of the round must be scored, but that was refused; the lines above say why")
    if {EXIT_TRANSIENT, EXIT_TERMINATED} & {*codes}:
        raise TransientError("the models of the round could not be scored now; the lines above say why")
    return codes


def _places() -> int:
    """Children that fit beside torch into this container: a round may have more slots than that."""
    most = container_memory()
    return FEW if most is None else max(1, (most - TORCH_BYTES) // CHILD_BYTES)


def _end(children: list[subprocess.Popen[bytes]]) -> None:
    """End children that still run, with time to clean up after themselves."""
    for child in children:
        child.terminate()
    for child in children:
        try:
            child.wait(GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            child.kill()
