"""What was learnt on other tasks helps spaces of boosted trees, whatever their ranges, and no others."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.agent.spaces import conditional, observed, unit

from tunewright.agent import knowledge, weights
from tunewright.agent.grid import Grid
from tunewright.agent.surrogate.kernel import Hyperparameters, Process, covariance, expectation, variance
from tunewright.agent.verbs import fit, predict, propose
from tunewright.errors import ArtifactCorrupt
from tunewright.preset import AgentSettings
from tunewright.space import Configuration, FloatParameter, IntParameter, Parameter, Space
from tunewright.steps.knowledge import knowledge_for, shipped

DEPTH = IntParameter(type="int", low=1, high=25)
ROUNDS = IntParameter(type="int", low=50, high=1200)
SETTINGS = AgentSettings(candidates=32, model_updates=2, hidden=8)


def trees(**others: Parameter) -> Space:
    rate = FloatParameter(type="float", low=0.001, high=0.1)
    return Space({"learning_rate": rate, "n_estimators": ROUNDS, "max_depth": DEPTH, **others})


def reward(configuration: Configuration) -> float:
    return -abs(float(configuration["max_depth"]) - 6.0) / 25


def told(space: Space) -> knowledge.Knowledge:
    found = knowledge.load(shipped(), Grid(space))
    assert found is not None
    return found


def value(space: Space, **configuration: float) -> torch.Tensor:
    return told(space)(Grid(space).encode([configuration]))


def test_other_spaces_are_left_alone() -> None:
    assert knowledge.load(shipped(), Grid(unit())) is None
    assert knowledge.load(shipped(), Grid(conditional())) is None
    assert knowledge.load(None, Grid(trees())) is None


def test_damaged_knowledge_is_refused() -> None:
    with pytest.raises(ArtifactCorrupt, match="damaged"):
        knowledge.load(shipped()[:100], Grid(trees()))


def test_values_count_not_places_scales_or_ranges() -> None:
    given = {"learning_rate": 0.02, "n_estimators": 300, "max_depth": 4}
    rate = FloatParameter(type="float", low=0.01, high=0.05, scale="log")
    rounds = IntParameter(type="int", low=100, high=500, step=50)
    depth = IntParameter(type="int", low=1, high=9, scale="log")
    extra = FloatParameter(type="float", low=0.0, high=1.0)
    other = Space({"extra": extra, "max_depth": depth, "n_estimators": rounds, "learning_rate": rate})
    torch.testing.assert_close(value(trees(), **given), value(other, extra=0.3, **given))


def test_values_beyond_the_range_that_was_learnt_on_count_as_its_ends() -> None:
    rate = FloatParameter(type="float", low=0.001, high=1.0)
    wide = Space({"learning_rate": rate, "n_estimators": ROUNDS, "max_depth": DEPTH})
    at = {"n_estimators": 300, "max_depth": 4}
    torch.testing.assert_close(value(wide, learning_rate=0.5, **at), value(wide, learning_rate=0.9, **at))


def test_a_portfolio_is_of_different_rows_and_suits_the_tasks_better_than_chance() -> None:
    grid = Grid(trees())
    x = grid.random(256, np.random.default_rng(0))
    known = told(trees())
    worth = known(x)[:, :1] + known(x)[:, 1:] @ known.stored.tensors["tasks"].double().T
    chosen = known.portfolio(x, 4)
    assert len(set(chosen.tolist())) == 4
    assert worth[chosen].max(0).values.mean() > worth[np.arange(4)].max(0).values.mean()


def test_the_opening_is_the_portfolio_then_the_surrogate_proposes() -> None:
    state = {"space": trees(), "settings": SETTINGS, "pending": [], "policy": None, "surrogate": None, "seed": 1}
    first = propose(**state, history=[], count=4, knowledge=shipped())
    plain = propose(**state, history=[], count=4)
    assert [one.origin for one in first] == ["initial"] * 4
    worth = [
        float(told(trees())(Grid(trees()).encode([one.configuration for one in ones]))[:, 0].max())
        for ones in (first, plain)
    ]
    assert worth[0] > worth[1]
    history = observed(trees(), reward, 4)
    fitted = fit(space=trees(), settings=SETTINGS, history=history, previous=None, seed=0, knowledge=shipped())
    later = propose(**{**state, "surrogate": fitted.weights}, history=history, count=2, knowledge=shipped())
    assert {one.origin for one in later} <= {"policy", "neighbour", "random"}


def test_the_surrogate_keeps_what_it_was_told() -> None:
    state = {"space": trees(), "settings": SETTINGS}
    history = observed(trees(), reward, 8)
    fitted = fit(**state, history=history, previous=None, seed=0, knowledge=shipped())
    plain = fit(**state, history=history, previous=None, seed=0)
    query = [one.configuration for one in observed(trees(), reward, 5, seed=1)]
    assert fitted.weights is not None
    assert plain.weights is not None
    beliefs = [predict(**state, surrogate=data, configurations=query) for data in (fitted.weights, plain.weights)]
    assert not np.allclose(beliefs[0][0], beliefs[1][0])
    assert fitted.weights == fit(**state, history=history, previous=None, seed=0, knowledge=shipped()).weights


def test_after_knowledge_trials_the_study_speaks_alone() -> None:
    state = {"space": trees(), "settings": AgentSettings(knowledge_trials=6), "previous": None, "seed": 0}
    history = observed(trees(), reward, 7)
    assert fit(**state, history=history, knowledge=shipped()).weights == fit(**state, history=history).weights
    assert fit(**state, history=history[:6], knowledge=shipped()).weights != fit(**state, history=history[:6]).weights


def test_a_study_that_forgets_its_knowledge_goes_on_from_the_surrogate_that_had_it() -> None:
    history = observed(trees(), reward, 12)
    state = {"space": trees(), "settings": AgentSettings(knowledge_trials=8), "seed": 0, "knowledge": shipped()}
    before = fit(**state, history=history[:8], previous=None)
    assert fit(**state, history=history, previous=before.weights).fitted


def test_the_paper_begins_with_nothing() -> None:
    assert knowledge_for(AgentSettings(preset="paper")) is None
    assert knowledge_for(AgentSettings()) == shipped()


def test_the_density_is_that_of_the_covariance_written_out() -> None:
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(9, 5, generator=generator, dtype=torch.float64)  # two inputs, a prior mean, two features
    y = torch.randn(9, generator=generator, dtype=torch.float64)
    groups = torch.arange(2)
    scales = torch.tensor([0.5, 2.0], dtype=torch.float64)
    at = Hyperparameters(lengthscale=scales, noise=0.1, mean=0.3, scale=0.4, amplitude=1.5)
    process = Process(groups, informed=True).double()
    process.place(at)
    with torch.no_grad():
        prior = sum(float(law.log_prob(value(module)).sum()) for _, module, law, value, _ in process.named_priors())
    prior -= 0.5 * ((np.log(0.4) + 0.7) / 0.7) ** 2 + 0.5 * (np.log(1.5) / 0.7) ** 2
    matrix = covariance(x, x, at, groups)
    torch.testing.assert_close(matrix.diagonal(), variance(x, at, groups))
    normal = torch.distributions.MultivariateNormal(
        expectation(x, at, groups), matrix + 0.1 * torch.eye(9, dtype=torch.float64)
    )
    with torch.no_grad():
        assert float(process(x, y)) * 9 - prior == pytest.approx(float(normal.log_prob(y)), rel=1e-6)


def test_what_is_shipped_is_small_and_says_what_it_knows() -> None:
    stored = weights.unpack(shipped(), (knowledge.KIND,))
    assert len(shipped()) < 20_000
    assert set(knowledge.REQUIRED) <= set(stored.notes["parameters"])


@pytest.mark.parametrize("kind", ["gp", "ensemble"])
def test_a_model_that_began_with_knowledge_is_read_again_with_trials_under_way(kind: str) -> None:
    space, settings = trees(), SETTINGS.model_copy(update={"reward_model": kind})
    history = observed(space, reward, 8)
    fitted = fit(space=space, settings=settings, history=history, previous=None, seed=0, knowledge=shipped())
    proposed = propose(
        space=space, settings=settings, history=history, pending=[], policy=None, surrogate=fitted.weights, count=3, seed=0,
        knowledge=shipped(),
    )  # fmt: skip
    assert len({tuple(suggestion.configuration.values()) for suggestion in proposed}) == 3


def test_an_opening_under_constraints_that_leave_little_is_still_an_opening() -> None:
    space = Space(trees().parameters, ["n_estimators == 100 * max_depth"])
    proposed = propose(
        space=space, settings=SETTINGS, history=[], pending=[], policy=None, surrogate=None, count=2, seed=0,
        knowledge=shipped(),
    )  # fmt: skip
    assert len(proposed) == 2
    assert all(space.feasible(suggestion.configuration) for suggestion in proposed)
