"""Plays the runs of a contest that are still missing, side by side, and keeps each as it ends."""

from __future__ import annotations

import time
from collections.abc import Sequence
from concurrent.futures import as_completed
from functools import lru_cache

import numpy as np
from tests.benchmarks.contest import runs
from tests.benchmarks.contest.client import Client, MethodFailedError
from tests.benchmarks.contest.play import Ask, play
from tests.benchmarks.contest.request import Request
from tests.benchmarks.evaluation.evaluator import evaluator
from tests.benchmarks.rivals.methods import METHODS
from tests.benchmarks.tables import store
from tests.benchmarks.tables.interpolator import LEAST_RUNS, Interpolator, usable
from tests.benchmarks.tasks.listing import named
from tests.benchmarks.workers import pool

_CLIENTS: dict[str, Client] = {}


def do(request: Request) -> str:
    """Play one run in this process and keep it; what became of it, in words."""
    began = time.monotonic()
    try:
        record = play(request, client_of(METHODS[request.method].environment), objective(request), budget(request))
        line = runs.line_of(request, record)
    except MethodFailedError as error:
        _CLIENTS.pop(METHODS[request.method].environment).close()
        line = runs.line_of(request, None, str(error))
    runs.add(request, line)
    words = line["failure"].splitlines()[0] if line["failure"] else f"{runs.row(line)['best'][-1]:.4f}"
    return f"{request.kind} {request.task} {request.method} seed {request.seed}: {words} in {time.monotonic() - began:.0f} s"


def client_of(environment: str) -> Client:
    """This process's client of an environment."""
    if environment not in _CLIENTS:
        _CLIENTS[environment] = Client(environment)
    return _CLIENTS[environment]


def objective(request: Request) -> Ask:
    """What answers for a configuration."""
    return _table(request.task) if request.kind == "table" else evaluator(request.task, request.seed)


@lru_cache(maxsize=8)
def _table(task: str) -> Interpolator:
    return Interpolator(named([task])[0])


@lru_cache(maxsize=256)
def _median_seconds(task: str) -> float:
    """CPU seconds of the median trial in the space, from real runs."""
    seconds = store.read(named([task])[0])[f"seconds_{store.FINAL}"].to_numpy(dtype=np.float64)
    if not (seconds > 0).any():
        raise ValueError(f"{task}: a budget of cost needs a table, got none; grow it")
    return float(np.nanmedian(seconds))


def budget(request: Request) -> float:
    """CPU seconds of training that a run may spend: those of as many median trials as it has."""
    return request.trials * _median_seconds(request.task) if request.budget == "cost" else np.inf


@lru_cache(maxsize=256)
def _is_thin(task: str) -> bool:
    return len(usable(store.read(named([task])[0]))[1]) < LEAST_RUNS


def run(wanted: Sequence[Request], workers: int, minutes: float) -> None:
    """Play what is not finished yet, until it is or the time is over."""
    done = runs.finished(wanted)
    left = [request for request in wanted if request.id() not in done]
    print(f"{len(wanted) - len(left)} of {len(wanted)} runs are finished", flush=True)
    thin = {request.task for request in left if request.kind == "table" and _is_thin(request.task)}
    if thin:
        left = [request for request in left if request.task not in thin]
        print(
            f"left out, because their tables are too thin (make benchmark-tables): {', '.join(sorted(thin))}",
            flush=True,
        )
    stop = time.monotonic() + 60 * minutes
    with pool(workers) as working:
        futures = [working.submit(do, request) for request in left]
        for future in as_completed(futures):
            if future.cancelled():
                continue
            print(future.result(), flush=True)
            if time.monotonic() > stop:
                for other in futures:
                    other.cancel()
