"""What one round of the agent costs: propose + fit + update of a round of 8, in CPU seconds of one core, and resident memory.

    python -m tests.benchmarks.agent_cost
    python -m tests.benchmarks.agent_cost --trials 100 1000 --presets default

The space is the paper's XGBoost one (10 parameters); rewards are a noisy bowl with a tenth of failures. Importing is excluded, as are the
rounds before the one that is measured. Wanted: at most 2 s at 100 trials, 6 s at 1,000, and 700 MB.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import torch

from tunewright.agent.verbs import Observation, fit, propose, update
from tunewright.preset import AgentSettings
from tunewright.space import FloatParameter, IntParameter, Space
from tunewright.steps.knowledge import knowledge_for

SPACE = Space(
    {
        "max_depth": IntParameter(type="int", low=1, high=25),
        "learning_rate": FloatParameter(type="float", low=0.001, high=0.1, scale="log"),
        "n_estimators": IntParameter(type="int", low=50, high=1200),
        "gamma": FloatParameter(type="float", low=0.05, high=0.9),
        "min_child_weight": IntParameter(type="int", low=1, high=9),
        "subsample": FloatParameter(type="float", low=0.5, high=1.0),
        "colsample_bytree": FloatParameter(type="float", low=0.5, high=1.0),
        "colsample_bylevel": FloatParameter(type="float", low=0.5, high=1.0),
        "reg_alpha": FloatParameter(type="float", low=0.1, high=0.9),
        "reg_lambda": FloatParameter(type="float", low=0.01, high=0.1),
    }
)


def observations(count: int, round_: int, rng: np.random.Generator) -> list[Observation]:
    """Random configurations with noisy rewards, a tenth of them failed."""
    found = []
    for configuration in SPACE.sample(rng, count):
        u = SPACE.encode(configuration)
        reward = -float(((u - 0.6) ** 2 * np.linspace(0.1, 1.0, len(u))).sum()) + 0.02 * rng.normal()
        found.append(
            Observation(configuration=configuration, reward=None if rng.random() < 0.1 else reward, round=round_)
        )
    return found


def cost(settings: AgentSettings, trials: int, batch: int, updates_fully: bool) -> dict[str, float]:
    """CPU seconds of the three verbs in one round that ends with ``trials`` past trials, after a round that warmed them up."""
    rng = np.random.default_rng(trials)
    history = observations(trials - batch, 0, rng)
    state = {"space": SPACE, "settings": settings}
    told = knowledge_for(settings)
    before = fit(**state, history=history, previous=None, seed=0, knowledge=told)
    first = {
        "batch": history[-batch:],
        "policy": None,
        "surrogate": before.weights,
        "fitted": before.fitted,
        "r2": before.r2,
    }
    policy = update(**state, history=history, **first, seed=0).weights
    clock = [time.process_time()]
    propose(
        **state,
        history=history,
        pending=[],
        policy=policy,
        surrogate=before.weights,
        count=batch,
        seed=1,
        knowledge=told,
    )
    clock.append(time.process_time())
    new = observations(batch, 1, rng)
    fitted = fit(**state, history=[*history, *new], previous=before.weights, seed=1, knowledge=told)
    clock.append(time.process_time())
    paid = {"fitted": updates_fully or fitted.fitted, "r2": 1.0 if updates_fully else fitted.r2}
    used = update(**state, history=[*history, *new], batch=new, policy=policy, surrogate=fitted.weights, **paid, seed=1)
    clock.append(time.process_time())
    spent = dict(zip(("propose", "fit", "update"), np.diff(clock).tolist(), strict=True))
    return {
        **spent,
        "round": clock[-1] - clock[0],
        "predicted": used.predicted_updates,
        "bytes": len(fitted.weights or b""),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, nargs="*", default=[100, 300, 1000, 2000])
    parser.add_argument("--presets", nargs="*", default=["default", "paper"], choices=["default", "paper"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument(
        "--worst", action="store_true", help="let no KL limit cut the updates on predicted rewards short"
    )
    arguments = parser.parse_args()
    imported = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"resident after import: {imported:.0f} MB with torch {torch.__version__}, which is most of it")
    print(
        f"{'preset':10}{'trials':>7}{'propose':>9}{'fit':>8}{'update':>8}{'round':>8}  CPU s {'predicted':>10}{'surrogate':>12}{'peak':>9}"
    )
    for preset in arguments.presets:
        settings = AgentSettings(preset=preset, **({"kl_limit": 1e9} if arguments.worst else {}))
        for trials in arguments.trials:
            spent = cost(settings, trials, arguments.batch, arguments.worst)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
            row = f"{preset:10}{trials:7}{spent['propose']:9.2f}{spent['fit']:8.2f}{spent['update']:8.2f}{spent['round']:8.2f}        "
            print(f"{row}{spent['predicted']:10.0f}{spent['bytes'] / 1024:9.0f} KB{peak:6.0f} MB", flush=True)


if __name__ == "__main__":
    main()
