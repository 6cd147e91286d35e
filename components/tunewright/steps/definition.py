"""Every step, stated once: the command line, the KFP components and the Argo templates are derived from this.

Types are those that a pipeline can carry: ``text``, ``integer``, ``number`` and ``json`` are small values; ``dataset`` and ``model``
are artifacts, a file and a folder. Every output is written as a file or folder named after itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Literal


@dataclass(frozen=True, kw_only=True)
class Input:
    """An argument of a step: ``--name value``."""

    name: str
    type: Literal["text", "integer"] = "text"
    description: str
    optional: bool = False

    @property
    def flag(self) -> str:
        return f"--{self.name}"

    @property
    def variable(self) -> str:
        """Its name in Python and in Kubeflow."""
        return self.name.replace("-", "_")


@dataclass(frozen=True, kw_only=True)
class Output:
    """A value that the graph carries on."""

    name: str
    type: Literal["text", "integer", "number", "json", "dataset", "model"] = "text"
    description: str
    default: str = ""
    """What the graph sees when the step is skipped; artifacts have none."""

    @property
    def artifact(self) -> bool:
        """True when it is a file or folder that the pipeline stores, not a value that it carries."""
        return self.type in ("dataset", "model")


@dataclass(frozen=True, kw_only=True)
class Step:
    """One verb of the loop."""

    name: str
    summary: str
    description: str
    again: str
    """What happens when the step runs a second time."""
    image: Literal["agent", "trainer"]
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...] = ()

    def run(self, **arguments: Any) -> dict[str, Any]:
        """Do it. Returns one value per output. Raises TunewrightError; its ``exit_code`` is the step's."""
        module = import_module(f".{self.name.replace('-', '_')}", __package__)
        result: dict[str, Any] = module.main(**arguments)
        return result


_STUDY = Input(name="study", description="Address of the study: the store's address, a slash, the study's name.")
_SESSION = Input(name="session", description="Id of the session, e.g. the scheduled time of tonight's run.")
_ROUND = Input(name="round", type="integer", description="The round, as propose gave it.")
_SLOT = Input(name="slot", type="integer", description="The trial's place in the round's plan.")
_DONE = Output(name="done", description="true when the session has ended.", default="true")
_ROUND_OUT = Output(name="round", type="integer", description="The round that is open.", default="0")
_SLOTS = Output(name="slots", type="json", description="Places of the round's plan, e.g. [0, 1, 2, 3].", default="[]")

OPEN = Step(
    name="open",
    summary="Create the study and claim it for a session",
    description="Checks the study file, creates the study or verifies that it is the same one, creates the session and claims the next epoch of "
    "the head, which fences every older session.",
    again="The same session claims it again; an older one is refused.",
    image="agent",
    inputs=(
        Input(name="store", description="Address of the store: a directory or s3://bucket/prefix."),
        Input(name="study-text", description="The study file's text (YAML)."),
        _SESSION,
    ),
    outputs=(
        Output(name="study", description="Address of the study."),
        Output(
            name="session",
            description="Id of the session as the other steps take it: what a key cannot hold is replaced by a hyphen.",
        ),
        Output(
            name="turns",
            type="json",
            description="One number for each round the session can have, for graphs whose loops are counted.",
            default="[]",
        ),
        _DONE,
    ),
)
PROPOSE = Step(
    name="propose",
    summary="Plan the next round's trials",
    description="Draws configurations from the policy, lets the surrogate choose among them and their rivals, and writes the plan of the round. "
    "Stopped trials that have proved to be among the best of their step go on in it.",
    again="An existing plan is returned as it is.",
    image="agent",
    inputs=(_STUDY, _SESSION),
    outputs=(_ROUND_OUT, _SLOTS, _DONE),
)
TRAIN = Step(
    name="train",
    summary="Train one trial",
    description="Takes the lease of the trial, trains it within its limits, keeps model, stream, checkpoints and log, and asks the session's "
    "stopping rule, with the curves of the other trials, whether it goes on.",
    again="A trial that has ended, or is trained by a live process, is not trained again; the newest checkpoint of any attempt is resumed.",
    image="trainer",
    inputs=(_STUDY, _SESSION, _ROUND, _SLOT),
)
EVALUATE = Step(
    name="evaluate",
    summary="Score trials and write their terminal results",
    description="Loads the trained model, verifies its digests, computes the metrics on the validation data and writes the result. Failed, "
    "infeasible and stopped trials get theirs here too.",
    again="The first terminal result wins.",
    image="trainer",
    inputs=(
        _STUDY,
        _SESSION,
        _ROUND,
        Input(
            name="slot",
            type="integer",
            description="The trial's place in the round's plan; without it all of them, one after the other.",
            optional=True,
        ),
    ),
)
UPDATE_SURROGATE = Step(
    name="update-surrogate",
    summary="Seal the round and fit the reward model",
    description="Writes LOST for every trial of the round that has no result, seals the round, fits the reward model on all results, and ends "
    "what Jobs of LOST trials are left.",
    again="Same inputs, same bytes: what is stored is returned.",
    image="trainer",
    inputs=(_STUDY, _SESSION, _ROUND),
)
UPDATE_POLICY = Step(
    name="update-policy",
    summary="Train the policy and advance the head",
    description="PPO on the round's real rewards, then on predicted rewards as long as the horizon allows; then moves the head to the next round.",
    again="A head that is past the round is left as it is.",
    image="agent",
    inputs=(_STUDY, _SESSION, _ROUND),
    outputs=(_DONE,),
)
ADVANCE = Step(
    name="advance",
    summary="All that follows training, in one container",
    description="evaluate for every trial of a round, then update-surrogate and update-policy, then propose for the next round: one container "
    "instead of three and one for every trial. Without a round it only proposes.",
    again="As its parts.",
    image="trainer",
    inputs=(
        _STUDY,
        _SESSION,
        Input(
            name="round",
            type="integer",
            description="The round that has been trained; none at the start.",
            optional=True,
        ),
    ),
    outputs=(_ROUND_OUT, _SLOTS, _DONE),
)
REPORT = Step(
    name="report",
    summary="Write the report and promote the champion",
    description="Draws the session's page from the stored objects, and makes the best trial the champion when it beats the champion so far "
    "and, with a built-in trainer, its model loads and scores again. Ends what Jobs are left of a round that the session leaves open.",
    again="A pure function of the objects.",
    image="trainer",
    inputs=(_STUDY, _SESSION),
)

SEARCH = Step(
    name="search",
    summary="Run the whole search in one container",
    description="The loop from open to report with its trials as processes of this container, or as Jobs where the study says so, for a pipeline "
    "of one's own: a study goes in, the best configuration and its model come out.",
    again="Goes on where the session stood; a finished session only hands its result out again.",
    image="trainer",
    inputs=(
        Input(name="store", description="Address of the store: a directory or s3://bucket/prefix."),
        Input(name="study-text", description="The study file's text (YAML)."),
        Input(
            name="session",
            description="Id of the session; a new one searches on. Without it the latest session goes on.",
            optional=True,
        ),
    ),
    outputs=(
        Output(name="objective", type="number", description="The objective's metric of the best model."),
        Output(
            name="best", type="dataset", description="The best configuration: one JSON object from parameter to value."
        ),
        Output(
            name="model",
            type="model",
            description="The best model: a folder with its files and champion.json, which says where it came from.",
        ),
    ),
)

STEPS: tuple[Step, ...] = (OPEN, PROPOSE, TRAIN, EVALUATE, UPDATE_SURROGATE, UPDATE_POLICY, ADVANCE, REPORT)
"""The steps of the loop."""
COMMANDS: tuple[Step, ...] = (*STEPS, SEARCH)
"""All that containers can run."""
HANDLES_JOBS = ("train", "evaluate", "update-surrogate", "advance", "report", "search")
"""Those that make Kubernetes Jobs of the user's own programs and wait for them, or end those that nobody waits for any more."""
BY_NAME: dict[str, Step] = {step.name: step for step in STEPS}
