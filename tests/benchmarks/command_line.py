"""``python -m tests.benchmarks.command_line``: CPU seconds until the command line answers."""

from __future__ import annotations

import argparse
import resource
import statistics
import subprocess
import sys

CALLS = {"--help": ["--help"], "run --help": ["run", "--help"], "status --help": ["status", "--help"]}


def cpu_seconds(arguments: list[str]) -> float:
    """User and system seconds of one call."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-m", "tunewright", *arguments], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=11)
    runs = parser.parse_args().runs
    bare = [_python() for _ in range(runs)]
    print(f"python -c pass: median {statistics.median(bare):.3f} s of CPU, least {min(bare):.3f} s, over {runs} runs")
    for name, arguments in CALLS.items():
        seconds = [cpu_seconds(arguments) for _ in range(runs)]
        print(
            f"tunewright {name}: median {statistics.median(seconds):.3f} s of CPU, least {min(seconds):.3f} s, over {runs} runs"
        )


def _python() -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
