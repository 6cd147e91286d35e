"""Lanes: processes that train and evaluate slots side by side; tried again when the platform was at fault, ended with the loop."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from ..errors import EXIT_BUG, EXIT_INPUT, EXIT_OK
from ..training.processes import readable

PR_SET_PDEATHSIG = 1
EXIT_LOST = 76  #: of a lane whose slot has lost an attempt: how many it may lose, the steps know
TRIES = 6  #: lanes that may die over one slot in one life of the loop, besides those
BACKOFF_SECONDS = 0.5  #: before a slot's second try; doubles with each
BACKOFF_DOUBLINGS = 4
GRACE_SECONDS = 10.0  #: between SIGTERM and SIGKILL
KEPT = 10_000  #: last bytes of what a lane says


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A slot that will not be tried again."""

    slot: int
    code: int
    message: str  #: last line on standard error


@dataclass
class _Work:
    slot: int
    tries: int = 0
    lost: int = 0  #: of these, those that cost an attempt
    not_before: float = 0.0


class _Lane:
    """One process."""

    def __init__(self, study: str, session: str, folder: Path) -> None:
        self.work: _Work | None = None
        self._said = b""
        program = [sys.executable, "-P", "-m", "tunewright.embedded"]  # -P: the working directory is the user's
        self._process = subprocess.Popen(
            [*program, study, session, str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,  # no file: a lane tells of a full disk too
            start_new_session=True,  # Ctrl-C reaches the loop alone, which ends its lanes in order
            preexec_fn=partial(_end_with, os.getpid()),  # noqa: PLW1509 - the loop has one thread
        )

    def give(self, round_: int, work: _Work) -> None:
        """Start a slot. A lane that has died meanwhile shows at the next look."""
        self.work = work
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.write(f"{round_} {work.slot}\n".encode())
                self._process.stdin.flush()

    def answered(self) -> bool:
        """True when the slot is done and the lane is free."""
        out = self._process.stdout
        return out is not None and readable(out) and bool(os.read(out.fileno(), 100))

    def died(self) -> int | None:
        """Exit code of a lane that is no more."""
        self._listen()
        return self._process.poll()

    def end(self) -> None:
        """Ask the process to end."""
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(signal.SIGTERM)

    def close(self, deadline: float) -> str:
        """Wait for the process until ``deadline``, then kill it. Returns the last line of its standard error."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(max(0.0, deadline - time.monotonic()))
        if self._process.returncode is None:
            self._process.kill()
            self._process.wait()
        self._listen()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        lines = self._said.decode(errors="replace").strip().splitlines()
        return lines[-1] if lines else ""

    def _listen(self) -> None:
        """Take what the process has said, so that a full pipe never holds it up."""
        said = self._process.stderr
        while said is not None and readable(said) and (chunk := os.read(said.fileno(), 2**16)):
            self._said = (self._said + chunk)[-KEPT:]


class Workers:
    """The lanes of a session.

    Args:
        study: address of the study.
        session: id of the session.
        parallel: how many lanes.
        folder: where commands start.
    """

    def __init__(self, study: str, session: str, parallel: int, folder: Path) -> None:
        self.study = study
        self._session = session
        self._folder = folder
        self._parallel = parallel
        self._lanes: list[_Lane] = []

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        for lane in self._lanes:
            lane.end()
        deadline = time.monotonic() + GRACE_SECONDS
        for lane in self._lanes:
            lane.close(deadline)
        self._lanes.clear()

    def run(self, round_: int, slots: list[int], poll: float = 0.05) -> Iterator[Ended | None]:
        """Yields each slot of the round as it ends, and None at every look in between, until all have ended."""
        waiting = [_Work(slot) for slot in slots]
        while waiting or self.active:
            self._give(round_, waiting)
            for lane in [lane for lane in self._lanes if lane.work is not None]:
                ended = self._look(lane, waiting)
                if ended is not None:
                    yield ended
            yield None
            time.sleep(poll)

    @property
    def active(self) -> list[int]:
        """Slots that run now."""
        return [lane.work.slot for lane in self._lanes if lane.work is not None]

    def _give(self, round_: int, waiting: list[_Work]) -> None:
        for work in [work for work in waiting if work.not_before <= time.monotonic()]:
            lane = next((lane for lane in self._lanes if lane.work is None), None)
            if lane is None and len(self._lanes) < self._parallel:
                lane = _Lane(self.study, self._session, self._folder)
                self._lanes.append(lane)
            if lane is not None:
                waiting.remove(work)
                lane.give(round_, work)

    def _look(self, lane: _Lane, waiting: list[_Work]) -> Ended | None:
        work = lane.work
        if work is None:
            return None
        if lane.answered():
            lane.work = None
            return Ended(slot=work.slot, code=EXIT_OK, message="")
        code = lane.died()
        if code is None:
            return None
        self._lanes.remove(lane)
        message = lane.close(time.monotonic())
        work.tries += 1
        work.lost += code == EXIT_LOST
        if code in (EXIT_INPUT, EXIT_BUG) or work.tries - work.lost >= TRIES:
            return Ended(slot=work.slot, code=code, message=message)
        work.not_before = time.monotonic() + BACKOFF_SECONDS * 2 ** min(work.tries - 1, BACKOFF_DOUBLINGS)
        waiting.append(work)
        return None


def _end_with(parent: int) -> None:
    """In the child: SIGTERM when the loop dies, also by SIGKILL."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)
