"""A method in a process of its own environment, spoken to in lines of JSON; see `tests.benchmarks.rivals.serve`."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

ROOT = Path(__file__).parents[3]
RIVALS = ROOT / "tests" / "benchmarks" / "rivals" / ".venv" / "bin" / "python"
ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")


class MethodFailedError(Exception):
    """A method ended with an error of its own. The run is not completed, which is reported."""


class Client:
    """Methods of one environment, one run at a time.

    Raises:
        FileNotFoundError: the rivals' environment is not there; ``make benchmark-setup`` makes it.
    """

    def __init__(self, environment: str) -> None:
        python = Path(sys.executable) if environment == "project" else RIVALS
        if not python.exists():
            raise FileNotFoundError(f"{python} must be there for the rivals; run make benchmark-setup")
        self.process = subprocess.Popen(
            [str(python), "-W", "ignore", "-m", "tests.benchmarks.rivals.serve"],
            cwd=ROOT,
            env={**os.environ, **ONE_THREAD},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def start(self, method: str, problem: dict[str, Any], settings: dict[str, Any] | None = None) -> None:
        """Begin a run; the one before is forgotten."""
        self._call({"start": method, "problem": problem, "settings": settings})

    def ask(self, count: int) -> tuple[list[dict[str, Any]], float]:
        """Proposals, ``configuration`` and ``share``, and the CPU seconds that they took."""
        answer = self._call({"ask": count})
        return answer["proposals"], answer["seconds"]

    def tell(self, observed: Sequence[dict[str, Any]]) -> float:
        """CPU seconds that the method took to learn."""
        return float(self._call({"tell": list(observed)})["seconds"])

    def _call(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps(request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise MethodFailedError(f"the method's process ended with {self.process.wait()}")
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise MethodFailedError(answer["error"] + "\n" + answer["trace"])
        return answer

    def close(self) -> None:
        """End the process."""
        self.process.terminate()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
