"""A pipeline of one's own with the search in it: search, train on everything with the best configuration, hand both on.

What a user copies: `search` is one task with typed artifacts for the next ones; the rest stands for what a team has already.
"""

# no `from __future__ import annotations` here: the SDK reads the signatures, and takes no annotation that is text
from collections.abc import Callable
from typing import Any

from kfp import dsl
from tunewright.steps.definition import SEARCH

from ..images import images
from .component import component
from .loop import pipeline
from .pods import Pods

#: the SDK is not typed
container_component: Callable[[Callable[..., dsl.ContainerSpec]], Any] = dsl.container_component

TRAIN = """
import json, pathlib, sys
import xgboost
from sklearn.datasets import load_breast_cancer
best, model = sys.argv[1:]
x, y = load_breast_cancer(return_X_y=True)
booster = xgboost.XGBClassifier(**json.loads(pathlib.Path(best).read_text())).fit(x, y)
pathlib.Path(model).parent.mkdir(parents=True, exist_ok=True)
pathlib.Path(model).write_bytes(booster.get_booster().save_raw("ubj"))
"""
REGISTER = """
import json, pathlib, sys
objective, searched, final, entry = sys.argv[1:]
champion = json.loads((pathlib.Path(searched) / "champion.json").read_text())
card = {"trial": champion["trial"], "objective": float(objective), "configuration": champion["configuration"],
        "bytes": pathlib.Path(final).stat().st_size}
pathlib.Path(entry).parent.mkdir(parents=True, exist_ok=True)
pathlib.Path(entry).write_text(json.dumps(card))
"""


@container_component
def train_final(best: dsl.Input[dsl.Dataset], model: dsl.Output[dsl.Model]) -> dsl.ContainerSpec:
    """Train on all data with the configuration that the search found."""
    return dsl.ContainerSpec(image=images()["trainer"], command=["python", "-c", TRAIN], args=[best.path, model.path])


@container_component
def register(
    objective: float,
    searched: dsl.Input[dsl.Model],
    final: dsl.Input[dsl.Model],
    entry: dsl.Output[dsl.Artifact],
) -> dsl.ContainerSpec:
    """Write the entry of a model registry."""
    return dsl.ContainerSpec(
        image=images()["trainer"],
        command=["python", "-c", REGISTER],
        args=[objective, searched.path, final.path, entry.path],
    )


def example(pods: Pods) -> Any:
    """The pipeline as the SDK's compiler takes it."""

    @pipeline(name="search-train-register", description="Search, train with what was found, register.")
    def search_train_register(study_text: str, store: str) -> None:
        # the run's own id: another run searches on, a retried task goes on where it was
        found = component(SEARCH)(study_text=study_text, store=store, session=dsl.PIPELINE_JOB_ID_PLACEHOLDER)
        pods.settle(found, SEARCH)
        final = train_final(best=found.outputs["best"])
        outputs = {"objective": found.outputs["objective"], "searched": found.outputs["model"]}
        register(**outputs, final=final.outputs["model"])

    return search_train_register
