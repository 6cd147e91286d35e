"""The policy network: an LSTM that decides one hyperparameter after another (paper, section "Agent").

Notation: ``B`` configurations, ``T`` parameters, ``K`` largest number of choices (0 when none), ``W = 2 + K``.
``x: (B, T)`` unit coordinates in declared order, NaN where inactive; ``action: (B, T)`` draws in declared order (see `heads`);
``active: (B, T)`` bool. Outputs are in declared order; only this module knows the order of decision.

Where the paper is silent, this was chosen: sigma between two bounds through a sigmoid (`heads`); first weights uniform within
1/sqrt(fan-in), those of the output a tenth of it, drawn from ``settings.seed``; an inactive parameter feeds zeros and counts nothing;
draws outside [-1, 1] are clipped to the range's ends when they become values, while their log-probability is that of the draw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from ..preset import AgentSettings
from . import streams
from .grid import Array, Grid
from .heads import Heads, heads
from .order import order


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """Configurations with the draws that made them."""

    x: Array  #: (B, T) snapped unit coordinates
    action: Tensor  #: (B, T)
    active: Tensor  #: (B, T) bool

    def rows(self, keep: np.typing.NDArray[np.bool_]) -> Rollout:
        """The rows where ``keep`` is true."""
        chosen = torch.from_numpy(np.flatnonzero(keep))
        return Rollout(x=self.x[keep], action=self.action[chosen], active=self.active[chosen])


class Policy(nn.Module):
    """pi(configuration) as a product over parameters in order of decision.

    ``decision`` and ``feed`` choose what a parameter may depend on: sequential with ``value`` on the values before it; sequential with
    ``distribution`` on (mu, sigma) before it, hence on nothing drawn; ``one-step`` decides all at once from the first input.
    """

    def __init__(self, grid: Grid, settings: AgentSettings) -> None:
        super().__init__()
        self.grid = grid
        self.order = order(grid, settings)
        mixed = settings.distribution == "mixed"
        counts = [grid.cardinality[t] or 0 if mixed and not grid.ordered[t] else 0 for t in range(len(grid))]
        self.choices = torch.tensor(counts)
        self.width = 2 + max(counts)
        self.position = settings.position
        self.one_step = settings.decision == "one-step"
        self.autoregressive = settings.feed == "value" and not self.one_step
        steps = len(grid)
        with torch.random.fork_rng(
            devices=[]
        ):  # constructors draw from the global generator; what they draw is replaced
            self.embed = nn.Linear(self.width + steps * self.position, settings.embedding, dtype=torch.float64)
            self.lstm = nn.LSTM(
                settings.embedding, settings.hidden, settings.layers, batch_first=True, dtype=torch.float64
            )
            self.output = nn.Linear(settings.hidden, self.width * (steps if self.one_step else 1), dtype=torch.float64)
        self._initialise(streams.generator(settings.seed, "policy"))

    def _initialise(self, generator: torch.Generator) -> None:
        for module, scale in ((self.embed, 1.0), (self.lstm, 1.0), (self.output, 0.1)):
            fan_in = module.hidden_size if isinstance(module, nn.LSTM) else module.in_features
            for parameter in module.parameters():
                nn.init.uniform_(parameter, -scale * fan_in**-0.5, scale * fan_in**-0.5, generator=generator)

    def heads(self, x: Array | None = None) -> Heads:
        """Distributions of every parameter, given the values ``x`` before it.

        Shapes are ``(B, T)`` when the policy is autoregressive (``x`` is needed), else ``(1, T)``: one for all configurations.
        """
        if self.one_step:
            state = self.lstm(self._input(self._first(1), 0))[0]
            output = self.output(state).view(1, len(self.order), self.width)
        elif self.autoregressive:
            if x is None:
                raise ValueError("an autoregressive policy needs the values x")
            output = self.output(self.lstm(self._teacher_inputs(x))[0])
        else:
            output = self._self_fed()
        back = torch.tensor(np.argsort(self.order))
        return heads(output[:, back], self.choices)

    def draw(self, count: int, generator: torch.Generator) -> Rollout:
        """``count`` configurations; constraints are not asked."""
        with torch.no_grad():
            return self._draw_in_turn(count, generator) if self.autoregressive else self._draw_at_once(count, generator)

    def actions(self, x: Array) -> Rollout:
        """Given configurations as if they had been drawn: numbers at their snapped coordinates, choices by index."""
        coordinates = torch.from_numpy(np.nan_to_num(x, nan=0.5))
        index = torch.floor(coordinates * self.choices)
        action = torch.where(self.choices > 0, index, 2 * coordinates - 1)
        return Rollout(x=x, action=action, active=torch.from_numpy(~np.isnan(x)))

    def log_prob(self, rollout: Rollout) -> Tensor:
        """Log-probability of every decision: ``(B, T)``, 0 where inactive."""
        return torch.where(rollout.active, self.heads(rollout.x).log_prob(rollout.action), 0.0)

    def _draw_at_once(self, count: int, generator: torch.Generator) -> Rollout:
        action = self.heads().draw(count, generator)
        x = np.full((count, len(self.order)), np.nan)
        for t in self.order:
            x[:, t] = self._place(t, x, action[:, t])
        return Rollout(x=x, action=action, active=torch.from_numpy(~np.isnan(x)))

    def _draw_in_turn(self, count: int, generator: torch.Generator) -> Rollout:
        action = torch.zeros(count, len(self.order), dtype=torch.float64)
        x = np.full((count, len(self.order)), np.nan)
        fed, state = self._first(count), None
        for step, t in enumerate(self.order):
            hidden, state = self.lstm(self._input(fed, step), state)
            action[:, t] = heads(self.output(hidden), self.choices[[t]]).draw(count, generator)[:, 0]
            x[:, t] = self._place(t, x, action[:, t])
            fed = self._fed(t, x)
        return Rollout(x=x, action=action, active=torch.from_numpy(~np.isnan(x)))

    def _place(self, t: int, x: Array, action: Tensor) -> Array:
        """Snapped coordinates ``(B,)`` of draws of parameter ``t``, NaN where inactive (``h`` rescaled to the range)."""
        count = int(self.choices[t])
        u = (action.numpy() + 0.5) / count if count else (action.numpy() + 1) / 2
        return np.where(self.grid.active(t, x), self.grid.snap(t, u), np.nan)

    def _first(self, count: int) -> Tensor:
        """First input (paper): (0, 1), a standard normal. ``(B, W)``"""
        first = torch.zeros(count, self.width, dtype=torch.float64)
        first[:, 1] = 1.0
        return first

    def _fed(self, t: int, x: Array) -> Tensor:
        """What the value of parameter ``t`` feeds to the next step ``(B, W)``: (h, 0) or the choice, zeros where inactive."""
        column = torch.from_numpy(x[:, t])
        active = ~column.isnan()
        count = int(self.choices[t])
        fed = torch.zeros(len(x), self.width, dtype=torch.float64)
        if count:
            index = torch.where(active, torch.floor(column.nan_to_num(0.0) * count), 0.0).long()
            fed[torch.arange(len(x)), 2 + index] = active.to(fed.dtype)
        else:
            fed[:, 0] = torch.where(active, 2 * column - 1, 0.0)
        return fed

    def _input(self, fed: Tensor, step: int) -> Tensor:
        """Embedded input of one step ``(B, 1, E)``; ``position`` adds which parameter is decided now."""
        if self.position:
            here = torch.zeros(len(fed), len(self.order), dtype=torch.float64)
            here[:, self.order[step]] = 1.0
            fed = torch.cat([fed, here], dim=1)
        embedded: Tensor = self.embed(fed)
        return embedded.unsqueeze(1)

    def _teacher_inputs(self, x: Array) -> Tensor:
        fed = [self._first(len(x)), *(self._fed(t, x) for t in self.order[:-1])]
        return torch.cat([self._input(value, step) for step, value in enumerate(fed)], dim=1)

    def _self_fed(self) -> Tensor:
        """Outputs ``(1, T, W)`` when every step sees the distribution of the step before it (paper's figure)."""
        fed, state, outputs = self._first(1), None, []
        for step, t in enumerate(self.order):
            hidden, state = self.lstm(self._input(fed, step), state)
            output = self.output(hidden)
            outputs.append(output)
            here = heads(output, self.choices[[t]])
            chosen = bool(here.categorical[0])
            numbers = torch.zeros(1, 2, dtype=torch.float64) if chosen else torch.cat([here.mu, here.sigma], dim=1)
            choices = here.logits[:, 0].exp() if chosen else torch.zeros(1, self.width - 2, dtype=torch.float64)
            fed = torch.cat([numbers, choices], dim=1)
        return torch.cat(outputs, dim=1)
