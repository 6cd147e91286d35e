"""Learns from the tables of the development tasks what boosted trees like in general, for the agent to begin with.

    python -m tests.benchmarks.knowledge            # writes what the product ships, and one for each fold of left-out tasks
    python -m tests.benchmarks.knowledge --check    # writes nothing; prints how well left-out tasks are ranked

A task's targets are its rewards as the agent scales them. The network's first answer fits all tasks together, the others are weighted
for each task anew; weights are then whitened, so that a new task's are about standard normal (`tunewright.agent.knowledge`). Figures on development
tasks are made with the fold that has not seen the task; test tasks are never learnt from. The same tables give the same bytes.

Notation: ``N`` runs of ``K`` tasks, ``I`` inputs, ``H`` hidden nodes, ``L`` directions.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from scipy.stats import spearmanr
from tests.benchmarks.tables import store
from tests.benchmarks.tasks.listing import Task, of_role
from torch import Tensor

from tunewright.agent import knowledge, streams, weights
from tunewright.agent.adam import Adam
from tunewright.agent.surrogate.targets import scale
from tunewright.agent.threads import single_threaded

SHIPPED = Path(knowledge.__file__).with_name("knowledge.safetensors")
HELD_OUT = Path(__file__).with_name("knowledge_folds")
FOLDS = 5
DIRECTIONS = 4  #: three to five rank left-out tasks alike
HIDDEN = 32
STEPS = 600
LEARNING_RATE = 0.01
WEIGHT_DECAY = 3e-4  #: of the network
TASK_DECAY = 0.05  #: of a task's weights, so that what tasks share goes to the first answer
DEFAULTS = {
    "max_depth": 6,
    "learning_rate": 0.1,
    "n_estimators": 100,
    "gamma": 0.05,
    "min_child_weight": 1,
    "subsample": 1.0,
    "colsample_bytree": 1.0,
    "colsample_bylevel": 1.0,
    "reg_alpha": 0.1,
    "reg_lambda": 0.1,
}
"""What a trainer takes where a study does not say: XGBoost's own, within the ranges of the tables."""
TERMS: list[tuple[bool, dict[str, float]]] = [
    *((False, {name: 1.0}) for name in DEFAULTS if name != "n_estimators"),
    *((True, {name: 1.0}) for name in ("max_depth", "learning_rate", "n_estimators")),
    (True, {"learning_rate": 1.0, "n_estimators": 1.0}),
    (True, {"min_child_weight": 1.0, "subsample": -1.0}),
    (True, {"colsample_bytree": 1.0, "colsample_bylevel": 1.0}),
]
"""Inputs of the network: values, logarithms, the distance walked, the least rows of a leaf, the columns that a split sees."""


def examples(task: Task) -> tuple[pd.DataFrame, npt.NDArray[np.float64]] | None:
    """Parameters and scaled rewards of a task's table; None where there is nothing to learn: all runs score alike."""
    table = store.read(task)
    once = table[(table["replicate"] == 0) & table["accuracy_0"].notna()] if len(table) else table
    rewards = once[f"accuracy_{store.FINAL}"].to_numpy(dtype=np.float64)
    scaled = scale(rewards) if len(rewards) and rewards.std() > 0 else None
    return None if scaled is None else (store.numbers(task, store.configurations(task, once)), scaled[0])


def fold(task: str) -> int:
    """The fold that is left out for a development task; the order of the list decides."""
    return [found.name for found in of_role("dev")].index(task) % FOLDS


def held_out(task: str) -> bytes:
    """Knowledge that has not seen a development task."""
    return (HELD_OUT / f"fold-{fold(task)}.safetensors").read_bytes()


@single_threaded
def learn(tables: Sequence[tuple[pd.DataFrame, npt.NDArray[np.float64]]]) -> bytes:
    """Knowledge from the tables of tasks."""
    parameters = pd.concat([table for table, _ in tables])
    notes = _notes(parameters)
    x = knowledge.inputs({name: parameters[name].to_numpy(dtype=np.float64) for name in DEFAULTS}, notes["terms"])
    y = torch.from_numpy(np.concatenate([targets for _, targets in tables]))
    task = torch.from_numpy(np.repeat(np.arange(len(tables)), [len(targets) for _, targets in tables]))
    learnt = _whitened(_descend(x, y, task))
    tensors = {name: tensor.to(torch.float32) for name, tensor in learnt.items()}
    return weights.pack(weights.Weights(kind=knowledge.KIND, tensors=tensors, notes=notes))


def _notes(parameters: pd.DataFrame) -> dict[str, Any]:
    terms = []
    for log, of in TERMS:
        columns = [parameters[name].to_numpy(dtype=np.float64) for name in of]
        parts = [
            power * (np.log(values) if log else values) for values, power in zip(columns, of.values(), strict=True)
        ]
        value = np.sum(parts, axis=0)
        terms.append(
            {"log": log, "of": of, "center": round(float(value.mean()), 4), "spread": round(float(value.std()), 4)}
        )
    ranges = {name: [float(parameters[name].min()), float(parameters[name].max())] for name in DEFAULTS}
    return {"terms": terms, "parameters": {name: [*ends, DEFAULTS[name]] for name, ends in ranges.items()}}


def _descend(x: Tensor, y: Tensor, task: Tensor) -> dict[str, Tensor]:
    """Network, and weights ``tasks: (K, L)`` and level ``levels: (K,)`` of each task, by gradient descent on all runs at once."""
    count = int(task.max()) + 1
    learnt = _initial(x.shape[1], count)
    optimizer = Adam(learnt, LEARNING_RATE)
    share = 1.0 / (torch.bincount(task)[task] * count)  # every task counts alike
    network = [name for name in learnt if name.startswith("w")]
    for step in range(STEPS):
        optimizer.learning_rate = LEARNING_RATE * (1 - step / STEPS) + 1e-4
        known = knowledge.answers(learnt, x)
        fitted = known[:, 0] + (known[:, 1:] * learnt["tasks"][task]).sum(1) + learnt["levels"][task]
        loss = (share * (fitted - y).square()).sum()
        loss = loss + TASK_DECAY * learnt["tasks"].square().sum() / count
        loss = loss + WEIGHT_DECAY * torch.stack([learnt[name].square().sum() for name in network]).sum()
        optimizer.step(dict(zip(learnt, torch.autograd.grad(loss, list(learnt.values())), strict=True)))
    return {name: tensor.detach() for name, tensor in learnt.items()}


def _initial(inputs: int, count: int) -> dict[str, Tensor]:
    generator = streams.generator(0, "knowledge")

    def normal(*shape: int, spread: float) -> Tensor:
        return (torch.randn(*shape, generator=generator, dtype=torch.float64) * spread).requires_grad_()

    sizes = (inputs, HIDDEN, HIDDEN, 1 + DIRECTIONS)
    learnt = {f"w{at}": normal(sizes[at - 1], sizes[at], spread=sizes[at - 1] ** -0.5) for at in (1, 2, 3)}
    learnt |= {f"b{at}": normal(sizes[at], spread=0.0) for at in (1, 2, 3)}
    return {**learnt, "tasks": normal(count, DIRECTIONS, spread=0.3), "levels": normal(count, spread=0.0)}


def _whitened(learnt: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same functions with weights of mean 0 and unit covariance over the tasks; levels, which say nothing of a new task, go."""
    tasks = learnt["tasks"]
    mean = tasks.mean(0)
    root = torch.linalg.cholesky(torch.cov(tasks.T) + 1e-6 * torch.eye(DIRECTIONS, dtype=tasks.dtype))
    mixing = torch.cat([torch.cat([torch.ones(1, dtype=tasks.dtype), mean])[:, None], _below(root)], dim=1)
    white = torch.linalg.solve_triangular(root, (tasks - mean).T, upper=False).T
    kept = {name: learnt[name] for name in ("w1", "b1", "w2", "b2")}
    return {**kept, "w3": learnt["w3"] @ mixing, "b3": learnt["b3"] @ mixing, "tasks": white}


def _below(root: Tensor) -> Tensor:
    return torch.cat([torch.zeros(1, root.shape[1], dtype=root.dtype), root])


def ranked(data: bytes, parameters: pd.DataFrame, targets: npt.NDArray[np.float64]) -> float:
    """Spearman's rank correlation of an average task with this one, before any result."""
    stored = weights.unpack(data, (knowledge.KIND,))
    values = {name: parameters[name].to_numpy(dtype=np.float64) for name in DEFAULTS}
    network = {name: tensor.double() for name, tensor in stored.tensors.items()}
    worth = knowledge.answers(network, knowledge.inputs(values, stored.notes["terms"]))[:, 0]
    return float(spearmanr(worth.numpy(), targets).statistic)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="print ranks of left-out tasks, write nothing")
    arguments = parser.parse_args()
    found = {task.name: examples(task) for task in of_role("dev") if task.model == "xgboost"}
    tables = {name: table for name, table in found.items() if table is not None}
    told = {left: learn([table for name, table in tables.items() if fold(name) != left]) for left in range(FOLDS)}
    ranks = {name: ranked(told[fold(name)], *table) for name, table in tables.items()}
    for name, rank in ranks.items():
        print(f"{name:40}{rank:7.2f}")
    print(f"{'mean over ' + str(len(ranks)) + ' tasks':40}{np.mean(list(ranks.values())):7.2f}")
    if not arguments.check:
        HELD_OUT.mkdir(exist_ok=True)
        for left, data in told.items():
            (HELD_OUT / f"fold-{left}.safetensors").write_bytes(data)
        SHIPPED.write_bytes(learn(list(tables.values())))


if __name__ == "__main__":
    main()
