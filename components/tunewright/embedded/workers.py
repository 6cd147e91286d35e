"""Processes of a round's slots: started side by side, tried again when the platform was at fault, ended with the loop."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import IO

from ..errors import EXIT_BUG, EXIT_INPUT, EXIT_OK

PR_SET_PDEATHSIG = 1
TRIES = 6  #: starts of one slot in one life of the loop
BACKOFF_SECONDS = 0.5  #: before the second start; doubles with each
GRACE_SECONDS = 10.0  #: between SIGTERM and SIGKILL


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A slot whose process will not be started again."""

    slot: int
    code: int
    message: str  #: last line on standard error


@dataclass
class _Running:
    slot: int
    tries: int
    process: subprocess.Popen[bytes] | None = None
    errors: IO[bytes] | None = None
    not_before: float = field(default=0.0)


class Workers:
    """Slots of one round.

    Args:
        arguments: study address, session and round, as the slot's process takes them.
        slots: which slots to run.
        parallel: how many at once.
    """

    def __init__(self, arguments: list[str], slots: list[int], parallel: int) -> None:
        self._arguments = arguments
        self._waiting = [_Running(slot, 0) for slot in slots]
        self._parallel = parallel
        self._running: list[_Running] = []

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def run(self, poll: float = 0.05) -> Iterator[Ended | None]:
        """Yields each slot as it ends, and None at every look in between, until all have ended."""
        while self._waiting or self._running:
            self._start()
            for worker in list(self._running):
                ended = self._look(worker)
                if ended is not None:
                    yield ended
            yield None
            time.sleep(poll)

    @property
    def active(self) -> list[int]:
        """Slots that run now."""
        return [worker.slot for worker in self._running]

    def _start(self) -> None:
        ready = [worker for worker in self._waiting if worker.not_before <= time.monotonic()]
        for worker in ready[: self._parallel - len(self._running)]:
            self._waiting.remove(worker)
            worker.tries += 1
            worker.errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed when the process has ended
            worker.process = subprocess.Popen(
                [sys.executable, "-m", "tunewright.embedded", *self._arguments, str(worker.slot)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=worker.errors,
                start_new_session=True,  # Ctrl-C reaches the loop alone, which ends its slots in order
                preexec_fn=partial(_end_with, os.getpid()),  # noqa: PLW1509 - the loop has one thread
            )
            self._running.append(worker)

    def _look(self, worker: _Running) -> Ended | None:
        code = worker.process.poll() if worker.process else None
        if code is None:
            return None
        self._running.remove(worker)
        message = _last_line(worker.errors)
        if code in (EXIT_OK, EXIT_INPUT, EXIT_BUG) or worker.tries >= TRIES:
            return Ended(slot=worker.slot, code=code, message=message)
        worker.not_before = time.monotonic() + BACKOFF_SECONDS * 2 ** (worker.tries - 1)
        self._waiting.append(worker)
        return None

    def _stop(self) -> None:
        self._waiting.clear()
        for worker in self._running:
            if worker.process:
                with contextlib.suppress(ProcessLookupError):
                    worker.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + GRACE_SECONDS
        for worker in self._running:
            if worker.process:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    worker.process.wait(max(0.0, deadline - time.monotonic()))
                if worker.process.returncode is None:
                    worker.process.kill()
                    worker.process.wait()
            if worker.errors:
                worker.errors.close()
        self._running.clear()


def _end_with(parent: int) -> None:
    """In the child: SIGTERM when the loop dies, also by SIGKILL."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)


def _last_line(errors: IO[bytes] | None) -> str:
    if errors is None:
        return ""
    with errors:
        errors.seek(0)
        lines = errors.read()[-10_000:].decode(errors="replace").strip().splitlines()
    return lines[-1] if lines else ""
