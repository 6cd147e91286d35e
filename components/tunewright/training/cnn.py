"""The paper's convolutional network on image arrays.

One network a fold, trained on the fold's training part by Adam on the cross-entropy (both open in the paper). Folds advance together,
epoch by epoch, so that the stream of metrics is one learning curve. ``N`` images ``(N, C, H, W)``.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from ..errors import ArtifactCorrupt, InputError
from ..space import Configuration
from ..study import CNNTrial, Data, Study
from . import artifact, checkpoint, device, metrics
from .artifact import Manifest
from .images import Images, load_images
from .layout import Layout, plan, whole
from .metrics import check_objective
from .runner import TrialFailed
from .split import Part, parts

KIND = "cnn"
SCORE_BATCH = 256


@dataclass(frozen=True, kw_only=True)
class _Fold:
    """One network in training."""

    part: Part
    network: nn.Sequential
    optimizer: torch.optim.Optimizer
    shuffle: torch.Generator
    x: torch.Tensor  #: (N, C, H, W), standardised by the training part, on the device
    target: torch.Tensor  #: (N,)


def train(study: Study, configuration: Configuration, seed: int, output: Path, stream: Path, checkpoints: Path) -> None:
    """Train one network a fold into ``output``, a line an epoch into ``stream``.

    Args:
        checkpoints: folder of the checkpoint, which is resumed if it is one of this configuration, seed and data.

    Raises:
        TrialInfeasible: the layout leaves nothing of the image; found before training.
        TrialFailed: the loss is no number any more.
        DataInvalid: the images cannot be trained on.
        InputError: a value has the wrong type, or the objective is not one of a classification.
    """
    trial, data = _study_parts(study)
    values = {**trial.fixed, **configuration}
    images = load_images(data)
    check_objective(study.objective, "classification")
    layout = plan(values, trial.layers, _shape(images), len(images.classes))
    torch.set_num_threads(trial.threads)
    torch.backends.cudnn.deterministic = True
    where = device.choose(trial.device, built=torch.version.cuda is not None and torch.cuda.is_available())
    device.note(where, output)
    folds = [
        _fold(images, part, layout, float(values["learning_rate"]), (seed + number) % 2**63, where)
        for number, part in enumerate(parts(data, images.target, images.classes))
    ]
    batch = whole(values, "batch_size")
    trained = {"configuration": configuration, "seed": seed}
    owner = artifact.digest([trained, values, trial.layers, _describe(images), len(images.target), where])
    begun, keeper = _resume(folds, checkpoints, owner), checkpoint.Keeper(checkpoints, owner)
    with stream.open("a") as lines:
        for epoch in range(begun + 1, trial.epochs + 1):
            loss = float(np.mean([_epoch(fold, batch) for fold in folds]))
            if not math.isfinite(loss):
                raise TrialFailed(f"training loss must be finite, got {loss} in epoch {epoch}; lower learning_rate")
            scores = metrics.mean([_score(fold.network, fold.x, fold.part, images) for fold in folds])
            lines.write(json.dumps({"step": epoch, "train_loss": loss, **scores}) + "\n")
            lines.flush()
            if epoch < trial.epochs:
                keeper.save(partial(_state, folds, epoch))
    _save(output, folds, images, trained)


def evaluate(study: Study, configuration: Configuration, model: Path, seed: int) -> dict[str, float]:
    """Mean over folds of every metric of a classification, on the images that training has not seen, on the CPU.

    Raises:
        ArtifactCorrupt: a file of the model is damaged, or belongs to other data.
        SchemaUnknown: the model was written by another trainer or release.
        DataInvalid: the images have changed.
    """
    trial, data = _study_parts(study)
    manifest = artifact.read(model, KIND, configuration, seed)
    images = load_images(data)
    folds = parts(data, images.target, images.classes)
    if (manifest.features, manifest.classes, len(manifest.files)) != (_describe(images), images.classes, len(folds)):
        raise ArtifactCorrupt(
            f"{model}: must be trained on images, classes and folds of {data.source}, got others; train it again"
        )
    layout = plan({**trial.fixed, **configuration}, trial.layers, _shape(images), len(images.classes))
    scores = []
    for name, part in zip(manifest.files, folds, strict=True):
        network = load(model / name, layout)
        scores.append(_score(network, _standardise(images, part), part, images))
    return metrics.mean(scores)


def build(layout: Layout) -> nn.Sequential:
    """The network of a layout."""
    modules: list[nn.Module] = []
    for layer in layout.convolutions:
        pool = nn.MaxPool2d if layer.pool == "max" else nn.AvgPool2d
        modules += [
            nn.Conv2d(layer.channels_in, layer.channels, layer.kernel, layer.stride, layer.padding),
            nn.ReLU(),
            pool(layer.pool_kernel, layer.pool_stride),
        ]
    modules.append(nn.Flatten())
    for inputs, outputs in layout.fully_connected:
        modules += [nn.Linear(inputs, outputs), nn.ReLU()]
    return nn.Sequential(*modules[:-1])


def load(path: Path, layout: Layout) -> nn.Sequential:
    """A network with the weights of a safetensors file. Raises ArtifactCorrupt."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    with torch.device("meta"):  # no random weights are drawn only to be overwritten
        network = build(layout)
    try:
        network.load_state_dict(load_file(path), assign=True)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise ArtifactCorrupt(
            f"{path}: must hold weights of this network, got {str(error)[:200]}; train it again"
        ) from error
    return network


def _study_parts(study: Study) -> tuple[CNNTrial, Data]:
    if not isinstance(study.trial, CNNTrial) or study.data is None:
        raise InputError(f"trial.kind: must be cnn with data, got {study.trial.kind}")
    return study.trial, study.data


def _shape(images: Images) -> tuple[int, int, int]:
    _, channels, height, width = images.x.shape
    return channels, height, width


def _describe(images: Images) -> str:
    return artifact.digest(_shape(images))


def _standardise(images: Images, part: Part) -> torch.Tensor:
    """All images, scaled by mean and deviation of the training part."""
    seen = images.x[part.train]
    return torch.from_numpy((images.x - seen.mean()) / (seen.std() or np.float32(1.0)))


def _fold(images: Images, part: Part, layout: Layout, learning_rate: float, seed: int, where: device.Device) -> _Fold:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = build(layout).to(where)
    return _Fold(
        part=part,
        network=network,
        optimizer=torch.optim.Adam(network.parameters(), lr=learning_rate),
        shuffle=torch.Generator().manual_seed(seed),
        x=_standardise(images, part).to(where),
        target=torch.from_numpy(images.target).to(where),
    )


def _epoch(fold: _Fold, batch: int) -> float:
    """One pass over the training part; the mean loss."""
    fold.network.train()
    rows = torch.from_numpy(fold.part.train)[torch.randperm(len(fold.part.train), generator=fold.shuffle)]
    losses = []
    for chosen in _batches(rows, batch):
        index = chosen.to(fold.x.device)
        loss = nn.functional.cross_entropy(fold.network(fold.x[index]), fold.target[index])
        fold.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        fold.optimizer.step()
        losses.append(loss.detach() * len(chosen))
    return float(torch.stack(losses).sum()) / len(rows)


def _batches(rows: torch.Tensor, size: int) -> list[torch.Tensor]:
    return [rows[start : start + size] for start in range(0, len(rows), size)]


def _score(network: nn.Sequential, x: torch.Tensor, part: Part, images: Images) -> dict[str, float]:
    network.eval()
    with torch.inference_mode():
        rows = torch.from_numpy(part.score).to(x.device)
        logits = torch.cat([network(x[chosen]) for chosen in _batches(rows, SCORE_BATCH)])
        probability = logits.double().softmax(dim=1).cpu().numpy()
    if not np.isfinite(probability).all():
        raise TrialFailed("predictions must be finite, got NaN; lower learning_rate")
    return metrics.classification(images.target[part.score], probability)


def _state(folds: list[_Fold], epoch: int) -> dict[str, bytes]:
    """Weights, Adam's moments and the state of the shuffling of every fold."""
    from safetensors.torch import save

    files = {"epoch": str(epoch).encode()}
    for number, fold in enumerate(folds):
        moments = fold.optimizer.state_dict()["state"]
        tensors = {
            **{f"network.{name}": tensor for name, tensor in fold.network.state_dict().items()},
            **{f"adam.{index}.{name}": tensor for index, some in moments.items() for name, tensor in some.items()},
            "shuffle": fold.shuffle.get_state(),
        }
        files[f"fold-{number}"] = save({name: tensor.cpu().contiguous() for name, tensor in tensors.items()})
    return files


def _resume(folds: list[_Fold], checkpoints: Path, owner: str) -> int:
    """Set the folds to their checkpoint, if there is one; returns the epochs they have seen."""
    from safetensors.torch import load as parse

    saved = checkpoint.read(checkpoints, owner)
    if saved is None:
        return 0
    for number, fold in enumerate(folds):
        tensors = parse(saved[f"fold-{number}"])
        fold.network.load_state_dict(_below("network.", tensors))
        moments: dict[int, dict[str, torch.Tensor]] = {}
        for name, tensor in _below("adam.", tensors).items():
            index, _, kind = name.partition(".")
            moments.setdefault(int(index), {})[kind] = tensor
        fold.optimizer.load_state_dict({**fold.optimizer.state_dict(), "state": moments})
        fold.shuffle.set_state(tensors["shuffle"])
    return int(saved["epoch"])


def _below(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}


def _save(output: Path, folds: list[_Fold], images: Images, trained: dict[str, Any]) -> None:
    from safetensors.torch import save

    files = {}
    for number, fold in enumerate(folds):
        path = output / f"fold-{number}.safetensors"
        path.write_bytes(save({name: tensor.cpu().contiguous() for name, tensor in fold.network.state_dict().items()}))
        files[path.name] = artifact.file_digest(path)
    artifact.write(
        output,
        Manifest(
            kind=KIND,
            task="classification",
            classes=images.classes,
            features=_describe(images),
            trained=trained,
            files=files,
        ),
    )
