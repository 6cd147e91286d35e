"""``python -m tests.benchmarks.rivals.serve``: optimisers of this environment behind lines of JSON.

In: ``{"start": METHOD, "settings": …, "problem": …}``, ``{"ask": COUNT}``, ``{"tell": [OBSERVED, …]}``. Out, a line each: what was asked,
with the CPU seconds that the optimiser took, loading of libraries left out; or ``{"error": TEXT}``.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from dataclasses import asdict, replace
from importlib.metadata import version
from typing import Any

from .methods import METHODS, make
from .port import Observed, Optimiser, Problem, space_from


class Server:
    """One optimiser at a time."""

    def __init__(self) -> None:
        self.optimiser: Optimiser | None = None

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        if "start" in request:
            return self._start(request)
        assert self.optimiser is not None
        began = time.process_time()
        if "ask" in request:
            proposals = self.optimiser.ask(request["ask"])
            return {"proposals": [asdict(proposal) for proposal in proposals], "seconds": time.process_time() - began}
        self.optimiser.tell([Observed(**entry) for entry in request["tell"]])
        return {"seconds": time.process_time() - began}

    def _start(self, request: dict[str, Any]) -> dict[str, Any]:
        method = METHODS[request["start"]]
        if request.get("settings") is not None:
            method = replace(method, settings=request["settings"])
        problem = request["problem"]
        self.optimiser = make(method, Problem(**{**problem, "space": space_from(problem["space"])}))
        return {"version": version(method.package) if method.package else None}


def main() -> None:
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what a library prints must not look like an answer
    server = Server()
    for line in sys.stdin:
        try:
            answer = server.answer(json.loads(line))
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}", "trace": traceback.format_exc()[-2000:]}
        channel.write(json.dumps(answer) + "\n")
        channel.flush()


if __name__ == "__main__":
    main()
