"""The paper's convolutional network on images of the list, scored on the way.

The network and its layout are the product's; the loop stands here because it stops at shares of an epoch. Notation: ``N`` images, ``K`` classes.
"""

from __future__ import annotations

import time

import numpy as np
import numpy.typing as npt
import torch
from tests.benchmarks.evaluation.metrics import accuracy, log_loss, mean, score
from tests.benchmarks.evaluation.splits import Rows, split
from tests.benchmarks.evaluation.trial import SHARES, Answer, Question, Score, split_seed
from tests.benchmarks.tasks.listing import Task
from tests.benchmarks.tasks.prepared import images
from torch import Tensor, nn

from tunewright.errors import TrialInfeasible
from tunewright.training.cnn import build
from tunewright.training.layout import Layout, plan, whole

EPOCHS = 5
LAYERS = 2
SCORE_BATCH = 500


class NetworkEvaluator:
    """Evaluates configurations of one task under the folds of one seed, on one core."""

    def __init__(self, task: Task, seed: int) -> None:
        found = images(task)
        self.x = torch.from_numpy(found.x[:, None].astype(np.float32))
        self.target = found.y
        self.classes = len(np.unique(found.y))
        self.cut = split(found.y, split_seed(task.name, seed), found.part)

    def __call__(self, question: Question) -> Answer:
        torch.set_num_threads(1)
        began = time.process_time()
        try:
            layout = plan(question.configuration, LAYERS, tuple(self.x.shape[1:]), self.classes)
        except TrialInfeasible as error:
            return Answer(curve=(), held_out_accuracy=None, held_out_log_loss=None, seconds=0.0, reason=str(error))
        folds = [self._fold(question, layout, train, rows) for train, rows in self.cut.folds]
        scores, held_out = zip(*folds, strict=True)
        together, target = np.mean(held_out, axis=0), self.target[self.cut.held_out]
        return Answer(
            curve=tuple(mean(parts) for parts in zip(*scores, strict=True)),
            held_out_accuracy=accuracy(target, together) if len(target) else None,
            held_out_log_loss=log_loss(target, together) if len(target) else None,
            seconds=time.process_time() - began,
        )

    def _fold(
        self, question: Question, layout: Layout, train: Rows, rows: Rows
    ) -> tuple[list[Score], npt.NDArray[np.float64]]:
        """Scores at every share of the training, and probabilities of the held-out images."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(question.replicate)
            network = build(layout)
        x = (self.x - self.x[train].mean()) / self.x[train].std()
        optimizer = torch.optim.Adam(network.parameters(), lr=float(question.configuration["learning_rate"]))
        batches = _batches(train, whole(question.configuration, "batch_size"), question.replicate)
        began, done, scores = time.process_time(), 0, []
        for share in SHARES:
            stop = max(1, round(share * len(batches)))
            _train(network, optimizer, x, torch.from_numpy(self.target), batches[done:stop])
            done = max(done, stop)
            scores.append(score(share, self.target[rows], _probability(network, x[rows]), time.process_time() - began))
        return scores, _probability(network, x[self.cut.held_out])


def _batches(train: Rows, size: int, seed: int) -> list[Tensor]:
    """Rows of every step of the whole training."""
    shuffle = torch.Generator().manual_seed(seed)
    rows = torch.from_numpy(train)
    return [batch for _ in range(EPOCHS) for batch in rows[torch.randperm(len(rows), generator=shuffle)].split(size)]


def _train(
    network: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, target: Tensor, batches: list[Tensor]
) -> None:
    for batch in batches:
        loss = nn.functional.cross_entropy(network(x[batch]), target[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def _probability(network: nn.Module, x: Tensor) -> npt.NDArray[np.float64]:
    """``(N, K)``; where training has diverged all classes are alike, so that the trial is poor and not broken."""
    with torch.inference_mode():
        logits = [network(part) for part in x.split(SCORE_BATCH)] if len(x) else [torch.empty(0, 1)]
    probability = torch.cat(logits).double().softmax(dim=1).numpy()
    return np.where(np.isfinite(probability), probability, 1.0 / probability.shape[1])
