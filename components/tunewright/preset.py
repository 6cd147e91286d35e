"""Settings of the agent, and the named presets.

``paper`` follows Wu, Chen and Liu (2020) wherever it speaks; fields that the paper leaves open say so and what was chosen.
``default`` is this project's own: same structure, choices made by measurement.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from .space import Model

PRESETS: dict[str, dict[str, Any]] = {
    "default": {},
    "paper": {
        "initial_trials": 0,
        "knowledge_trials": 0,
        "order": "random",
        "feed": "distribution",
        "distribution": "normal",
        "layers": 3,
        "hidden": 35,
        "embedding": 2,
        "position": False,
        "learning_rate": 0.007,
        "advantage": "raw",
        "reward_model": "ensemble",
        "predicted_reward": "mean",
        "proposal": "policy",
        "kl_limit": 0.4,
        "overstep": "keep",
        "model_updates": 200,
        "r2_limit": None,
        "refit_every": 25,
        "history": 25,
        "entropy": 0.0,
        "curves": False,
    },
}


class AgentSettings(Model):
    """How the agent searches. A preset fills every field that the study does not set."""

    preset: Literal["default", "paper"] = "default"
    """Named settings: `paper` is the method as published, `default` what measured best here."""
    initial_trials: int = Field(default=8, ge=0, le=1000)
    """Trials drawn from a space-filling design before the policy proposes; at most 4, of what suits most tasks, in spaces of boosted trees where
    `knowledge_trials` is not 0. The paper has none."""
    knowledge_trials: int = Field(default=32, ge=0)
    """Results up to which the surrogate begins with what was learnt on other tasks, in spaces of boosted trees: it helped before, and hindered
    after. Any but 0 also lets it read learning_rate times n_estimators as one number. The paper has none."""
    seed: int = Field(default=0, ge=0)
    """What must agree between all steps of a study is drawn from it: the policy's first weights, a random order, the initial design."""
    order: Literal["declared", "random"] = "declared"
    """Order in which the policy decides parameters (parents always before children); paper section on order: random."""
    decision: Literal["sequential", "one-step"] = "sequential"
    """One parameter after another (paper), or the whole configuration at once (the paper's ablation)."""
    feed: Literal["value", "distribution"] = "value"
    """What the next step sees: the value drawn (autoregressive), or (mu, sigma) as in the paper's figure."""
    distribution: Literal["mixed", "normal"] = "mixed"
    """Mixed draws choices from a categorical; normal treats every parameter as a number, as the paper does."""
    layers: int = Field(default=1, ge=1, le=8)
    """LSTM layers; paper: 3."""
    hidden: int = Field(default=32, ge=1, le=1024)
    """Nodes of each LSTM layer; paper: 35."""
    embedding: int = Field(default=16, ge=1, le=256)
    """Nodes of the input embedding; paper: 2."""
    position: bool = True
    """Whether the network is told which parameter it decides; the paper's is not."""
    learning_rate: float = Field(default=0.002, gt=0, lt=1)
    """Adam's learning rate; paper: 0.007, with which one update often oversteps the KL limit."""
    clip_coef: float = Field(default=0.2, gt=0, lt=1)
    """PPO's clip; open in the paper, 0.2 is PPO's own default."""
    update_epochs: int = Field(default=4, ge=1, le=100)
    """PPO epochs over one batch; open in the paper, 4 is PPO's usual choice."""
    max_grad_norm: float = Field(default=0.5, gt=0)
    """Gradient clipping by norm; open in the paper."""
    entropy: float = Field(default=0.01, ge=0)
    """Weight of the entropy bonus; open in the paper, none in its preset."""
    advantage: Literal["raw", "zscore", "rank"] = "rank"
    """Scale of the terminal reward before PPO: as it is minus a moving baseline (paper), z-scores or ranks within the batch."""
    reward_model: Literal["gp", "ensemble", "none"] = "gp"
    """The surrogate: Gaussian process, ensemble of small neural networks, or none (model-free)."""
    predicted_reward: Literal["mean", "expected-improvement", "thompson"] = "expected-improvement"
    """What the surrogate pays the policy for a drawn configuration; paper: the predicted mean."""
    proposal: Literal["policy", "competition"] = "competition"
    """Draw from the policy (paper), or let policy, neighbours of the best and random draws compete under the surrogate."""
    candidates: int = Field(default=512, ge=8, le=65536)
    """Candidates of one competition."""
    policy_share: float = Field(default=0.4, ge=0, le=1)
    """Candidates that the policy adds, as a share of `candidates`, which are neighbours of the best and random. 0 does without a policy."""
    posterior_share: float = Field(default=0.5, ge=0, le=1)
    """Choices of a competition under hyperparameters of the Gaussian process that are drawn from their posterior, as a share; the others are under
    the fitted ones. More finds more where results are noisy, less where they are exact."""
    kl_limit: float = Field(default=0.4, gt=0)
    """Delta: the surrogate pays the policy while KL(policy when fitted || policy now) is at most this; paper: 0.4."""
    overstep: Literal["undo", "keep"] = "undo"
    """What becomes of the update on predicted rewards that takes the KL over its limit; the paper's loop keeps it."""
    r2_limit: float | None = 0.0
    """Least held-out R2 of a surrogate that may be used at all; None never asks (paper)."""
    model_updates: int = Field(default=30, ge=0, le=10000)
    """Most PPO updates on predicted rewards in one round, whatever the KL says; the paper has no such limit, its preset a distant one."""
    model_batch: int = Field(default=64, ge=2, le=65536)
    """Configurations of one update on predicted rewards; open in the paper."""
    refit_every: int = Field(default=1, ge=1, le=10000)
    """New real results that fill D_F and make the surrogate fit again; paper: 25 or 100."""
    history: int | None = Field(default=None, ge=2)
    """Latest results the surrogate is fitted on (the size of D_F); None takes all."""
    curves: bool = True
    """Where a learning curve shows what shorter training would have given, and that beats the best, try it: one trial a round. Built-in boosted
    trees show it of `n_estimators`, a command of what `trial.steps` names. The paper has none of it."""

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, data: Any) -> Any:
        if isinstance(data, dict):
            return {**PRESETS.get(str(data.get("preset", "default")), {}), **data}
        return data
