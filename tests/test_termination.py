"""How processes end."""

from __future__ import annotations

import os
import subprocess
import sys


def test_leaving_flushes_what_was_said_and_gives_the_code() -> None:
    script = (
        "import atexit, sys; from tunewright.termination import leave;"
        "atexit.register(print, 'torn down'); print('said'); print('warned', file=sys.stderr); leave(75)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (75, "said\n", "warned\n")


def test_leaving_where_nobody_reads_keeps_the_code() -> None:
    script = "import os; from tunewright.termination import leave; r, w = os.pipe(); os.close(r); os.dup2(w, 1); print('said'); leave(3)"
    buffered = {**os.environ, "PYTHONUNBUFFERED": ""}
    assert subprocess.run([sys.executable, "-c", script], env=buffered, check=False).returncode == 3
