"""A lane: trains and evaluates one slot after another. ``python -m tunewright.embedded STUDY SESSION FOLDER``.

Reads a line ``ROUND SLOT`` for each and answers with the slot's number once its result is written. The first slot that goes wrong ends
the process with its exit code, so that a lease never outlives the work it stands for. Living on between slots saves the import of the
trainer's libraries, which takes longer than a small trial.
"""

from __future__ import annotations

import os
import sys

from ..errors import EXIT_BUG, EXIT_OK, AttemptLost, TunewrightError, code_once_let_in
from ..termination import Terminated, raise_on_signals
from .workers import EXIT_LOST


def run(study: str, session: str, folder: str | None = None) -> int:
    """Commands start in ``folder``; in a pod that may make Jobs, trials that want one get one.

    Returns the exit code; the last line on standard error says why it is not 0.
    """
    raise_on_signals()
    try:
        from ..steps.evaluate import evaluate
        from ..steps.ledger import Ledger
        from ..steps.train import train
        from ..training.job import runner_for

        ledger = Ledger.at(study)
        opened = ledger.study(ledger.session(session))
        trains, scores = (runner_for(opened, study, scores=scoring, folder=folder) for scoring in (False, True))
        with os.fdopen(os.dup(1), "w") as answers:
            os.dup2(2, 1)  # what libraries print is no answer
            for line in sys.stdin:
                round_, slot = (int(part) for part in line.split())
                train(ledger, session, round_, slot, runner=trains)
                evaluate(ledger, session, round_, slot, runner=scores)
                print(slot, file=answers, flush=True)
    except TunewrightError as error:
        print(error, file=sys.stderr)  # noqa: T201 - read by the loop
        return EXIT_LOST if isinstance(error, AttemptLost) else code_once_let_in(error)
    except Terminated as end:
        return end.exit_code
    except Exception as error:
        import traceback

        traceback.print_exc()
        print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_BUG
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(run(*sys.argv[1:]))
