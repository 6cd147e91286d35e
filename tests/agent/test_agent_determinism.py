"""Same arguments, same bytes: in one process, in another, with more threads."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from tests.agent.spaces import conditional

from tunewright.agent.verbs import propose
from tunewright.preset import AgentSettings

LOOP = """
import hashlib, sys
import torch
torch.set_num_threads(int(sys.argv[2]))
torch.rand(int(sys.argv[2]))
from tests.agent.spaces import conditional
from tunewright.agent.verbs import Observation, fit, propose, update
from tunewright.preset import AgentSettings

def run(preset):
    digest = hashlib.sha256()
    small = {"refit_every": 4, "history": 8} if preset == "paper" else {"initial_trials": 3}
    state = {"space": conditional(["rounds <= 900"]), "settings": AgentSettings(preset=preset, model_updates=3, **small)}
    history, policy, surrogate = [], None, None
    for seed in range(3):
        suggestions = propose(**state, history=history, pending=[], policy=policy, surrogate=surrogate, count=4, seed=seed)
        batch = [Observation(configuration=s.configuration, reward=float(s.configuration["rate"]), round=seed) for s in suggestions]
        history = history + batch
        fitted = fit(**state, history=history, previous=surrogate, seed=seed)
        surrogate = fitted.weights
        done = update(**state, history=history, batch=batch, policy=policy, surrogate=surrogate, fitted=fitted.fitted, r2=fitted.r2, seed=seed)
        policy = done.weights
        digest.update(repr((suggestions, fitted, done)).encode())
    return digest.hexdigest()

print(run(sys.argv[1]), run(sys.argv[1]))
"""


@pytest.mark.parametrize("preset", ["default", "paper"])
def test_the_same_seed_gives_the_same_bytes(preset: str) -> None:
    digests: list[str] = []
    for threads in (1, 3):
        command = [sys.executable, "-c", LOOP, preset, str(threads)]
        digests += subprocess.run(
            command, check=True, capture_output=True, text=True, env=_environment()
        ).stdout.split()
    assert len(digests) == 4
    assert len(set(digests)) == 1


def _environment() -> dict[str, str]:
    root = Path(__file__).parents[2]
    return {**os.environ, "PYTHONPATH": f"{root}:{root / 'components'}", "PYTHONHASHSEED": "random"}


def test_another_seed_gives_another_proposal() -> None:
    state = {
        "space": conditional(),
        "settings": AgentSettings(preset="paper"),
        "history": [],
        "pending": [],
        "policy": None,
        "surrogate": None,
    }
    assert propose(**state, count=2, seed=1) == propose(**state, count=2, seed=1)
    assert propose(**state, count=2, seed=1) != propose(**state, count=2, seed=2)
