"""Weights as bytes: round trips, damage, foreign kinds."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.agent.spaces import conditional, observed, unit

from tunewright.agent import weights
from tunewright.agent.grid import Grid
from tunewright.agent.learner import restore
from tunewright.agent.verbs import fit, predict, propose, update
from tunewright.errors import ArtifactCorrupt, SchemaUnknown
from tunewright.preset import AgentSettings

STORED = weights.Weights(
    kind="policy", tensors={"b": torch.arange(3.0), "a": torch.eye(2).double()}, notes={"n": [1, 2.5, None]}
)


def test_a_round_trip_keeps_everything() -> None:
    loaded = weights.unpack(weights.pack(STORED), ("policy",))
    assert loaded.notes == STORED.notes
    assert loaded.kind == "policy"
    for name, tensor in STORED.tensors.items():
        assert torch.equal(loaded.tensors[name], tensor)
        assert loaded.tensors[name].dtype == tensor.dtype


@given(at=st.floats(0, 0.9999), bit=st.integers(0, 7))
@settings(max_examples=150, deadline=None)
def test_any_flipped_bit_is_found(at: float, bit: int) -> None:
    data = bytearray(weights.pack(STORED))
    data[int(at * len(data))] ^= 1 << bit
    with pytest.raises((ArtifactCorrupt, SchemaUnknown)):
        weights.unpack(bytes(data), ("policy",))


@given(at=st.floats(0, 0.9999))
@settings(max_examples=50, deadline=None)
def test_any_truncation_is_found(at: float) -> None:
    data = weights.pack(STORED)
    with pytest.raises(ArtifactCorrupt):
        weights.unpack(data[: int(at * len(data))], ("policy",))


@pytest.mark.parametrize("data", [b"", b"{}", b"\x00" * 100, b"\xff" * 100, b"PK\x03\x04" + b"\x00" * 60])
def test_foreign_bytes_are_refused(data: bytes) -> None:
    with pytest.raises(ArtifactCorrupt, match="safetensors"):
        weights.unpack(data, ("policy",))


def test_another_kind_is_refused_by_name() -> None:
    with pytest.raises(SchemaUnknown, match="kind must be one of surrogate-gp, got 'policy'"):
        weights.unpack(weights.pack(STORED), ("surrogate-gp",))


def test_a_newer_version_is_refused_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "SCHEMA_VERSION", 7)
    data = weights.pack(STORED)
    monkeypatch.undo()
    with pytest.raises(SchemaUnknown, match="schema_version must be 1, got 7"):
        weights.unpack(data, ("policy",))


def test_the_header_is_readable_by_anyone() -> None:
    data = weights.pack(STORED)
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert json.loads(header["__metadata__"]["tunewright"])["kind"] == "policy"


def test_a_learner_goes_on_from_its_bytes_as_if_it_had_never_stopped() -> None:
    space, agent = conditional(), AgentSettings(advantage="raw")
    history = observed(space, lambda c: float(c["rate"]), 12)
    arguments = {"space": space, "settings": agent, "history": history, "surrogate": None, "fitted": False, "r2": None}
    first = update(**arguments, batch=history[:6], policy=None, seed=1).weights
    learner, anew = restore(Grid(space), agent, first)
    assert not anew
    assert learner.pack() == first
    assert learner.baseline is not None
    assert float(learner.optimizer.state["adam.step"]) == agent.update_epochs


def test_a_later_session_with_another_network_begins_anew_and_says_so() -> None:
    space = unit(count=2)
    history = observed(space, lambda c: float(c["x0"]), 6)
    arguments = {
        "space": space,
        "history": history,
        "batch": history,
        "surrogate": None,
        "fitted": False,
        "r2": None,
        "seed": 1,
    }
    old = update(**arguments, settings=AgentSettings(hidden=8), policy=None).weights
    new = update(**arguments, settings=AgentSettings(hidden=9), policy=old)
    assert new.metrics["policy_restarted"] == 1.0
    assert new.weights == update(**arguments, settings=AgentSettings(hidden=9), policy=None).weights


@pytest.mark.parametrize("reward_model", ["gp", "ensemble"])
def test_a_surrogate_predicts_the_same_from_its_bytes(reward_model: str) -> None:
    space, agent = conditional(), AgentSettings(reward_model=reward_model)
    history = observed(space, lambda c: float(c["rate"]) + float(c["rounds"]) / 1000, 60)
    weights_ = fit(space=space, settings=agent, history=history, previous=None, seed=1).weights
    assert weights_ is not None
    asked = [observation.configuration for observation in history]
    mean, std = predict(space=space, settings=agent, surrogate=weights_, configurations=asked)
    truth = np.array([observation.reward for observation in history])
    assert mean.shape == std.shape == (60,)
    assert np.corrcoef(mean, truth)[0, 1] > 0.8
    assert (std > 0).all()
    assert np.abs(mean - truth).mean() < 0.2


def test_damaged_bytes_are_refused_by_every_verb() -> None:
    state = {"space": unit(), "settings": AgentSettings(initial_trials=0)}
    history = observed(unit(), lambda c: float(c["x0"]), 5)
    bad = b"damaged"
    with pytest.raises(ArtifactCorrupt):
        propose(**state, history=history, pending=[], policy=bad, surrogate=None, count=1, seed=0)
    with pytest.raises(ArtifactCorrupt):
        propose(**state, history=history, pending=[], policy=None, surrogate=bad, count=1, seed=0)
    with pytest.raises(ArtifactCorrupt):
        fit(**state, history=history, previous=bad, seed=0)
    with pytest.raises(ArtifactCorrupt):
        update(**state, history=history, batch=history, policy=bad, surrogate=None, fitted=False, r2=None, seed=0)
    with pytest.raises(ArtifactCorrupt):
        predict(**state, surrogate=bad, configurations=[])


def test_a_surrogate_of_another_space_is_refused() -> None:
    history = observed(unit(count=2), lambda c: float(c["x0"]), 5)
    weights_ = fit(space=unit(count=2), settings=AgentSettings(), history=history, previous=None, seed=0).weights
    with pytest.raises(ArtifactCorrupt, match="another study"):
        predict(space=unit(count=3), settings=AgentSettings(), surrogate=weights_ or b"", configurations=[])
