"""A trial with PyTorch and the helper: parameters, a curve epoch by epoch, and an infeasible corner."""

import os
from pathlib import Path

import torch
from torch import nn

from tunewright.trial_script import finish, infeasible, parameters, report

chosen = parameters()
if chosen["hidden"] % chosen["heads"]:
    infeasible(f"hidden must be a multiple of heads, got {chosen['hidden']} and {chosen['heads']}")

torch.manual_seed(int(os.environ["TUNEWRIGHT_SEED"]))
x = torch.randn(256, 4)
y = (x.prod(dim=1) > 0).long()
network = nn.Sequential(nn.Linear(4, chosen["hidden"]), nn.ReLU(), nn.Linear(chosen["hidden"], 2))
optimizer = torch.optim.Adam(network.parameters(), lr=chosen["learning_rate"])
for epoch in range(1, 31):
    loss = nn.functional.cross_entropy(network(x[:192]), y[:192])
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    accuracy = (network(x[192:]).argmax(dim=1) == y[192:]).float().mean()
    report(epoch, accuracy=accuracy, loss=loss.item())
torch.save(network.state_dict(), Path(os.environ["TUNEWRIGHT_OUTPUT"], "weights.pt"))
finish(accuracy=accuracy)
