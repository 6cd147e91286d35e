"""Parent process of one trial: when it goes, everything the trial has started goes.

Run as ``python -I -S guard.py LAUNCHER_PID COMMAND...``; standard library only. It is a subreaper, so that daemons which
leave the session of the trial become its children instead of escaping. It kills all that is left when the command ends,
when it gets SIGTERM, and when its launcher dies (PR_SET_PDEATHSIG). It ends as the command ended: same exit code, same
signal.

Outside Linux there is neither PR_SET_PDEATHSIG nor a subreaper; there it kills the process group of the command.
"""

import ctypes
import os
import resource
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
WATCHED = {signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP}


def prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def descendants(root: int) -> list[int]:
    """Process ids below ``root``, from /proc."""
    children: dict[int, list[int]] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = path.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        children.setdefault(int(fields[1]), []).append(int(path.parent.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found[1:]


def kill(group: int) -> None:
    """Kill the process group and all descendants until none is left."""
    while True:
        for send, pid in [(os.killpg, group), *((os.kill, pid) for pid in descendants(os.getpid()))]:
            try:
                send(pid, signal.SIGKILL)
            except (ProcessLookupError, PermissionError):
                continue
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def start(command: list[str]) -> int:
    """Fork and execute the command as leader of its own session; returns its process id."""
    guard = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    os.setsid()
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != guard:
        os._exit(1)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, WATCHED)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them; a trial expects the usual ones
        signal.signal(number, signal.SIG_DFL)
    try:
        os.execvp(command[0], command)  # noqa: S606 - no shell is meant
    except OSError as error:
        sys.stderr.write(f"cannot start {command[0]}: {error.strerror}\n")
        sys.stderr.flush()
        os._exit(126 if isinstance(error, PermissionError) else 127)
    os._exit(127)


def wait(command: int) -> int | None:
    """Wait status of the command when it ends; None when the guard is told to end first."""
    while True:
        if signal.sigwait(WATCHED) != signal.SIGCHLD:
            return None
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                pid, status = 0, 0
            if pid == command:
                return status
            if pid == 0:
                break


def end_like(status: int) -> None:
    """Exit as a process with this wait status did."""
    code = os.waitstatus_to_exitcode(status)
    if code < 0:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if -code not in (signal.SIGKILL, signal.SIGSTOP):
            signal.signal(-code, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {-code})
        os.kill(os.getpid(), -code)
    os._exit(code)


def main(launcher: int, command: list[str]) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # where it is inherited as ignored, no end of a child is told
    signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    prctl(PR_SET_CHILD_SUBREAPER, 1)
    prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != launcher:
        return
    pid = start(command)
    status = wait(pid)
    kill(pid)
    end_like(signal.SIGTERM if status is None else status)  # a number of a signal is the wait status of who ends by it


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
