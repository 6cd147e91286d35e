"""``python -m tests.benchmarks.step_memory``: peak resident memory and CPU seconds of the steps of one round, as containers run them.

Each step is a process of its own, measured by the kernel to its very end; this one stays small, because the kernel counts what a process has
of its parent when it begins. Before the round that is measured stand ``--trials`` results.
Wanted: at most 700 MB for the agent's steps.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.steps.studies import shell_study

WIDTH = 8


def step(name: str, folder: Path, **arguments: str) -> None:
    """Run a step and print what it took. Raises CalledProcessError when it fails."""
    given = [f"--{key.replace('_', '-')}={value}" for key, value in arguments.items()]
    command = [sys.executable, "-m", "tunewright.steps", name, *given, f"--outputs={folder / 'outputs'}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    print(f"{name:18}{usage.ru_maxrss / 1024:8.0f} MiB{usage.ru_utime + usage.ru_stime:8.2f} CPU s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=96)
    arguments = parser.parse_args()
    command = ["sh", "-c", 'echo "{{\\"score\\": {x}}}" > "$TUNEWRIGHT_METRICS"']
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        study = shell_study("memory", command=command, budget={"trials": arguments.trials, "parallel_trials": WIDTH})
        (folder / "study.json").write_text(study.model_dump_json())
        before = ["run", str(folder / "study.json"), f"--store={folder / 'store'}", "--session=before", "--quiet"]
        subprocess.run([sys.executable, "-m", "tunewright", *before], check=True, stdout=subprocess.DEVNULL)
        step("open", folder, store=str(folder / "store"), study_text=study.model_dump_json(), session="measured")
        at = {"study": str(folder / "store" / study.name), "session": "measured"}
        step("propose", folder, **at)
        at["round"] = (folder / "outputs" / "round").read_text()
        for slot in range(WIDTH):
            step("train", folder, **at, slot=str(slot))
            step("evaluate", folder, **at, slot=str(slot))
        for name in ("update-surrogate", "update-policy"):
            step(name, folder, **at)
        step("report", folder, study=at["study"], session=at["session"])


if __name__ == "__main__":
    main()
