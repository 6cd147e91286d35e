"""The worker of a built-in trainer, which notes beside its request what CPU time had passed when the first round or epoch began, and at its end.

What comes before is the start of a process: libraries, data, the layout of a network. `early_stopping` puts it in the worker's place.
"""

from __future__ import annotations

import importlib
import json
import resource
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tunewright.training import worker

BEGAN, ENDED = "began.json", "ended.json"
FIRST = {"xgboost": "_boost", "cnn": "_epoch"}  #: of each trainer's module, what its training begins with


def _note(path: Path) -> None:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    path.write_text(json.dumps(usage.ru_utime + usage.ru_stime))


def _noted(call: Callable[..., Any], path: Path) -> Callable[..., Any]:
    def noting(*arguments: Any, **named: Any) -> Any:
        if not path.exists():
            _note(path)
        return call(*arguments, **named)

    return noting


def main(request: Path) -> int:
    kind = json.loads(request.read_text())["study"]["trial"]["kind"]
    trainer = importlib.import_module(f"tunewright.training.{kind}")
    setattr(trainer, FIRST[kind], _noted(getattr(trainer, FIRST[kind]), request.with_name(BEGAN)))
    code = worker.main(request)
    _note(request.with_name(ENDED))
    return code


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
