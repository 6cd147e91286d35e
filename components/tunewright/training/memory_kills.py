"""Whether the kernel has ended a process of ours because memory ran out: what tells a trial that took too much from one that was killed."""

from __future__ import annotations

import re
from pathlib import Path

COUNTERS = ("memory.events", "memory.oom_control")  #: of control groups, version 2 and 1; both have a line "oom_kill N"


def memory_kills(root: Path = Path("/sys/fs/cgroup"), process: Path = Path("/proc/self/cgroup")) -> int | None:
    """Processes of this process's control group and those below it that were ended for memory so far; None where nobody counts."""
    try:
        groups = process.read_text().splitlines()
    except OSError:
        return None
    for folder in _folders(root, groups):
        for name in COUNTERS:
            try:
                found = re.search(r"^oom_kill (\d+)$", (folder / name).read_text(), re.MULTILINE)
            except OSError:
                continue
            if found:
                return int(found[1])
    return None


def _folders(root: Path, groups: list[str]) -> list[Path]:
    """Where the group may be seen: by its own path, or as the root of a container's own tree."""
    found = []
    for line in groups:
        _, controllers, path = line.split(":", 2)
        if controllers in ("", "memory"):
            base = root / controllers
            found += [base / path.lstrip("/"), base]
    return found
