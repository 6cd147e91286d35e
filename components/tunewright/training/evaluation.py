"""Scores of a trained model on the validation data, apart from training: no GPU is held."""

from __future__ import annotations

import importlib.util
import tempfile
from pathlib import Path

from ..space import Configuration
from ..study import CNNTrial, CommandTrial, Study
from .data import local


def check_data(study: Study) -> None:
    """Read the data as a built-in trainer will, so that what is wrong with it is said before anything is written.

    Data in a bucket is read when trials train, and so is all data where the trainers' libraries are not installed.

    Raises:
        DataInvalid: unreadable, or the target is missing or cannot be learnt.
        InputError: the objective's metric is not one of the data's task.
    """
    if study.data is None or isinstance(study.trial, CommandTrial) or study.data.source.startswith("s3://"):
        return
    if importlib.util.find_spec("pandas") is None:
        return
    from .metrics import check_objective
    from .table import load_table

    if isinstance(study.trial, CNNTrial):
        from .images import load_images

        load_images(study.data)
        check_objective(study.objective, "classification")
    else:
        check_objective(study.objective, load_table(study.data).task)


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
