"""One slot of a round: train, then evaluate. ``python -m tunewright.embedded STUDY SESSION ROUND SLOT``."""

from __future__ import annotations

import sys

from ..errors import EXIT_BUG, EXIT_OK, TunewrightError
from ..termination import Terminated, raise_on_signals


def run(study: str, session: str, round_: int, slot: int) -> int:
    """Returns the exit code; the last line on standard error says why it is not 0."""
    raise_on_signals()
    try:
        from ..steps.evaluate import evaluate
        from ..steps.ledger import Ledger
        from ..steps.train import train
        from ..training.local import LocalRunner

        ledger = Ledger.at(study)
        train(ledger, session, round_, slot, runner=LocalRunner())
        evaluate(ledger, session, round_, slot)
    except TunewrightError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201 - read by the loop
        return error.exit_code
    except Terminated as end:
        return end.exit_code
    except Exception as error:
        import traceback

        traceback.print_exc()
        print(f"{type(error).__name__}: {error}", file=sys.stderr)  # noqa: T201
        return EXIT_BUG
    return EXIT_OK


if __name__ == "__main__":
    sys.exit(run(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
