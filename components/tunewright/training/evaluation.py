"""Scores of a trained model on the validation data, apart from training: no GPU is held."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ..space import Configuration
from ..study import CNNTrial, CommandTrial, Study
from .data import local


def evaluate(study: Study, configuration: Configuration, model: Path, seed: int) -> dict[str, float]:
    """Every metric of a trained model that applies to the study's task, mean over the folds.

    Args:
        study: names trainer, data and validation.
        configuration: what the model must have been trained with.
        model: folder of the model's files; all of them are checked before use.
        seed: what it must have been trained with.

    Returns:
        Finite values by name. Empty for a command, which reports its metrics itself.

    Raises:
        ArtifactCorrupt: the model is damaged, or belongs to other data or to another trial.
        DataInvalid: the data cannot be read or has changed.
    """
    if isinstance(study.trial, CommandTrial) or study.data is None:
        return {}
    with tempfile.TemporaryDirectory(prefix="tunewright-") as directory:
        study = study.model_copy(update={"data": local(study.data, Path(directory))})
        if isinstance(study.trial, CNNTrial):
            from . import cnn

            return cnn.evaluate(study, configuration, model, seed)
        from . import xgboost

        return xgboost.evaluate(study, configuration, model, seed)
