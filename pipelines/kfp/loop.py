"""The looping pipeline.

::

    tunewright ─ open ─▶ session                                 exit handler of session: report
    session ── turns: one after the other ─ propose ─▶ round     at most as many as the session can have
    round ──── if not done ─ slots: side by side ─ train ─▶ evaluate ─▶ update-surrogate ─▶ update-policy      shape: separate
                                                        └─▶ advance                                           shape: fused

Kubeflow Pipelines has no recursion, so the loop is counted: `open` says how many rounds the session can have at most. A turn that finds
the session done proposes nothing and costs one short pod. The number of the round comes from the store, never from the loop's item.

Values reach `If` and `ParallelFor` as inputs of a nested pipeline: the SDK's local runner does not see other ones, and the size of the
compiled pipeline does not depend on the number of rounds or slots.
"""

# no `from __future__ import annotations` here: the SDK reads the pipelines' signatures, and takes no annotation that is text
from collections.abc import Callable
from typing import Any

from kfp import dsl
from tunewright.steps import definition as steps
from tunewright.steps.definition import Step

from .component import component
from .pods import Pods

NAME = "tunewright"
pipeline: Callable[..., Callable[[Callable[..., None]], Any]] = dsl.pipeline  #: the SDK is not typed


def loop(pods: Pods, *, fused: bool = False, nightly: bool = False) -> Any:
    """The pipeline as the SDK's compiler takes it.

    ``fused`` runs all that follows training in one container. ``nightly`` has no input ``session``: every run is one, under the run's own id.
    """

    def task(step: Step, **arguments: Any) -> Any:
        return pods.settle(component(step, arguments)(**arguments), step)

    @pipeline(name="round")
    def one_round(study: str, session: str, round: int, slots: list[int], done: str) -> None:  # noqa: A002
        place = {"study": study, "session": session, "round": round}
        with dsl.If(done == "false", name="not-done"):
            with dsl.ParallelFor(slots, name="slots") as slot:
                ended = task(steps.TRAIN, **place, slot=slot)
                if not fused:
                    ended = task(steps.EVALUATE, **place, slot=slot).after(ended)
            if fused:
                task(steps.ADVANCE, **place).after(ended)
            else:
                fitted = task(steps.UPDATE_SURROGATE, **place).after(ended)
                task(steps.UPDATE_POLICY, **place).after(fitted)

    @pipeline(name="turns")
    def all_turns(study: str, session: str, turns: list[int]) -> None:
        with dsl.ParallelFor(turns, name="turns", parallelism=1):
            plan = task(steps.PROPOSE, study=study, session=session).outputs
            one_round(study=study, session=session, round=plan["round"], slots=plan["slots"], done=plan["done"])

    @pipeline(name="session")
    def one_session(study: str, session: str, turns: list[int]) -> None:
        with dsl.ExitHandler(task(steps.REPORT, study=study, session=session), name="always-report"):
            all_turns(study=study, session=session, turns=turns)

    def whole(study_text: str, store: str, session: str) -> None:
        opened = task(steps.OPEN, store=store, study_text=study_text, session=session).outputs
        one_session(study=opened["study"], session=opened["session"], turns=opened["turns"])

    described = pipeline(name=NAME, description="Searches for the best hyperparameters of a study: one session of it.")
    if not nightly:
        return described(whole)

    @described
    def every_night(study_text: str, store: str) -> None:
        whole(study_text, store, dsl.PIPELINE_JOB_ID_PLACEHOLDER)

    return every_night
