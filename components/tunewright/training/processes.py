"""Processes of trials: start under a guard, measure, end all of them.

Every process of a run carries ``TUNEWRIGHT_ATTEMPT=<trial>/<attempt>/<pid and start of its launcher>/<run>`` in its environment, by which
left-overs of an attempt whose guard was killed are found on this host. Those of a launcher that lives are none: another store on the host
may hold the same study.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import IO

import psutil

KEPT_BACK = 256 * 2**20  #: bytes of a container's memory for the step itself
MARKER = "TUNEWRIGHT_ATTEMPT"
CLOCK_SECONDS = 0.1  #: by which two processes may see another's start differ
_PROC = Path("/proc")
_BORN = 19  #: place of the start time in /proc/PID/stat after the name, see proc(5)
_GUARD = Path(__file__).with_name("guard.py")
_SECRET_PREFIXES = ("AWS_", "TUNEWRIGHT_S3_", "MINIO_", "MC_HOST_")
_PATIENCE = 10.0  #: seconds a guard has to end its trial before it is killed itself


def environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """The environment that a trial may see: ours without the credentials of the store."""
    return {name: value for name, value in inherited.items() if not name.startswith(_SECRET_PREFIXES)}


def start(command: list[str], *, env: Mapping[str, str], directory: str | Path | None) -> subprocess.Popen[bytes]:
    """Start a command under its guard, in a session of its own; standard output and error arrive in ``stdout``."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(_GUARD), str(os.getpid()), *command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        env=dict(env),
        cwd=directory,
        start_new_session=True,
    )


def readable(pipe: IO[bytes], seconds: float = 0.0) -> bool:
    """Whether something can be read from a pipe, or it has been closed at its other end, within this time. Of any descriptor; `select` knows none
    from 1024 on."""
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    return bool(waiting.poll(seconds * 1000))


def memory(process: subprocess.Popen[bytes], most: int) -> int:
    """Resident bytes of everything below the guard.

    Pages that processes share count once for each, which is quick to ask; when that is more than ``most``, once for all, where the system says so.
    """
    children: list[psutil.Process] = []
    with contextlib.suppress(psutil.Error):
        children = psutil.Process(process.pid).children(recursive=True)
    total = sum(_resident(child) for child in children)
    return total if total <= most else sum(_share(child) for child in children)


def _resident(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return int(process.memory_info().rss)
    return 0


def _share(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error, AttributeError):
        return int(process.memory_full_info().pss)
    return _resident(process)


def born(pid: int) -> float:
    """When a process began: seconds since this host's boot, which a clock that is set does not move.

    Raises:
        psutil.NoSuchProcess: there is none, or none that may be seen.
        psutil.AccessDenied: it is somebody else's, and this host hides what these do.
    """
    if not _PROC.is_dir():  # macOS
        return psutil.Process(pid).create_time()
    try:
        after_name = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        raise psutil.NoSuchProcess(pid) from None
    except PermissionError:
        raise psutil.AccessDenied(pid) from None
    return int(after_name[_BORN]) / os.sysconf("SC_CLK_TCK")


def lives(pid: int, since: float) -> bool | None:
    """Whether the process of this id that began then (`born`) still lives; None where the host hides other people's processes (hidepid)."""
    try:
        return abs(born(pid) - since) < CLOCK_SECONDS and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.AccessDenied:
        return None
    except psutil.Error:
        return False if not _PROC.is_dir() or (_PROC / "1").exists() else None


def marker(trial: str, attempt: int) -> str:
    """What the processes of one run of this launcher carry; another run has another."""
    return f"{trial}/{attempt}/{os.getpid()}@{born(os.getpid())}/{uuid.uuid4().hex}"


def end(process: subprocess.Popen[bytes], mark: str) -> None:
    """Kill every process of a run; returns when none is left."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    _kill_marked(lambda found: found == mark)


def reap(trial: str) -> int:
    """Kill what dead launchers' attempts of a trial have left running on this host; returns the number of processes."""
    return _kill_marked(lambda found: found.split("/")[0] == trial and not _launcher_lives(found))


def _launcher_lives(mark: str) -> bool:
    pid, _, created = mark.split("/")[2].partition("@")
    try:
        return lives(int(pid), float(created)) is not False
    except ValueError:
        return False


def _kill_marked(wanted: Callable[[str], bool]) -> int:
    killed: set[int] = set()
    while found := [process for process in _marked(wanted) if process.pid not in killed]:
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)
            killed.add(process.pid)
        psutil.wait_procs(found, timeout=_PATIENCE)
    return len(killed)


def _marked(wanted: Callable[[str], bool]) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            mark = process.environ().get(MARKER)
        except (psutil.Error, OSError):
            continue
        if mark is not None and mark.count("/") == 3 and wanted(mark) and process.pid != os.getpid():
            found.append(process)
    return found


def container_memory(file: Path = Path("/sys/fs/cgroup/memory.max")) -> int | None:
    """Bytes that the trial may take in this container, None without a limit.

    What the step itself takes is kept back: past the container's limit the kernel ends step and trial together, and nobody is left to say why.
    """
    try:
        most = int(file.read_text())
    except (OSError, ValueError):
        return None
    return max(most - KEPT_BACK, most // 2)
