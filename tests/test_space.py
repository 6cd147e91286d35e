"""The space: activity, encoding, membership, sampling."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tunewright.space import (
    BoolParameter,
    CategoricalParameter,
    FloatParameter,
    IntParameter,
    OrdinalParameter,
    Space,
)


def choices(*values, **rest):
    return CategoricalParameter(type="categorical", choices=list(values), **rest)


def number(low, high, **rest):
    return FloatParameter(type="float", low=low, high=high, **rest)


def whole(low, high, **rest):
    return IntParameter(type="int", low=low, high=high, **rest)


def tree() -> Space:
    """Conditions two deep, on one value and on several."""
    return Space(
        {
            "booster": choices("gbtree", "dart", "gblinear", default="gbtree"),
            "depth": whole(1, 12, default=6, when={"booster": ["gbtree", "dart"]}),
            "drop": BoolParameter(type="bool", default=False, when={"booster": "dart"}),
            "rate": number(0.0, 0.5, step=0.1, default=0.1, when={"drop": True, "booster": "dart"}),
            "eta": number(1e-4, 1.0, scale="log", default=0.3),
            "bins": OrdinalParameter(type="ordinal", choices=[16, 64, 256], default=64),
        },
        ["booster != 'dart' or depth <= 8"],
    )


cube = st.lists(st.floats(0, 1), min_size=6, max_size=6)


@given(cube)
def test_decoding_gives_what_belongs_and_encoding_gives_it_back(u):
    space = tree()
    configuration = space.decode(u)
    space.check(configuration)
    again = space.decode(np.nan_to_num(space.encode(configuration), nan=0.123))
    eta, eta_again = configuration.pop("eta"), again.pop("eta")
    assert again == configuration
    assert math.isclose(eta, eta_again, rel_tol=1e-9)


@given(cube)
def test_encoding_is_nan_exactly_where_a_parameter_is_inactive(u):
    space = tree()
    configuration = space.decode(u)
    assert [name in configuration for name in space.names] == [not math.isnan(x) for x in space.encode(configuration)]


@given(cube, st.floats(0, 1))
def test_coordinates_of_inactive_parameters_do_not_matter(u, other):
    space = tree()
    configuration = space.decode(u)
    changed = [x if name in configuration else other for name, x in zip(space.names, u, strict=True)]
    assert space.decode(changed) == configuration


@given(cube)
def test_grandchildren_need_their_parent_to_be_active(u):
    configuration = tree().decode(u)
    assert ("rate" in configuration) == (configuration.get("drop") is True)


def test_conditions_tell_true_from_one():
    space = Space({"flag": choices(True, 1), "x": number(0, 1, when={"flag": 1})})
    assert space.names == ["flag", "x"]
    assert not space.active("x", {"flag": True})
    assert space.active("x", {"flag": 1})


def test_a_vector_of_another_length_is_refused():
    with pytest.raises(ValueError, match="shorter"):
        tree().decode([0.5, 0.5])


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        (
            {"booster": "gblinear", "eta": 0.1, "bins": 16, "dept": 3},
            "dept must be a parameter of the space, known are booster",
        ),
        ({"booster": "gblinear", "eta": 0.1}, "bins must be given, got"),
        ({"booster": "gbtree", "eta": 0.1, "bins": 16}, r"depth must be given under its condition \{'booster'"),
        ({"booster": "gblinear", "depth": 3, "eta": 0.1, "bins": 16}, "depth must be absent under its condition"),
        ({"booster": "gblinear", "eta": 2.0, "bins": 16}, r"eta must be in \[0.0001, 1.0\], got 2.0"),
        ({"booster": "gblinear", "eta": math.nan, "bins": 16}, "eta must be in .*, got nan"),
        ({"booster": "gblinear", "eta": 0.1, "bins": 17}, r"bins must be one of \[16, 64, 256\], got 17"),
        ({"booster": "linear", "eta": 0.1, "bins": 16}, "booster must be one of .*, got 'linear'"),
        ({"booster": "gbtree", "depth": True, "eta": 0.1, "bins": 16}, "depth must be a number"),
    ],
)
def test_a_configuration_from_elsewhere_is_refused_with_name_rule_and_value(configuration, message):
    with pytest.raises(ValueError, match=message):
        tree().check(configuration)


def test_the_defaults_are_the_active_ones():
    assert tree().default() == {"booster": "gbtree", "depth": 6, "eta": 0.3, "bins": 64}


def test_there_is_no_default_configuration_when_one_is_missing_or_breaks_a_constraint():
    assert Space({"x": number(0, 1, default=0.5), "y": number(0, 1)}).default() is None
    assert Space({"x": number(0, 1, default=0.5)}, ["x > 0.7"]).default() is None


def test_a_default_is_of_the_type_of_its_choice():
    space = Space({"n": OrdinalParameter(type="ordinal", choices=[16, 32], default=16.0)})
    assert repr(space.default()) == "{'n': 16}"


def test_a_missing_default_of_an_inactive_parameter_is_no_loss():
    space = Space({"a": choices("x", "y", default="x"), "b": whole(1, 3, when={"a": "y"})})
    assert space.default() == {"a": "x"}


def test_samples_are_feasible_many_and_the_same_for_a_seed():
    first, again, other = (tree().sample(np.random.default_rng(seed), 200) for seed in (1, 1, 2))
    assert len(first) == 200
    assert first == again != other
    assert all(tree().feasible(configuration) for configuration in first)
    assert {configuration["booster"] for configuration in first} == {"gbtree", "dart", "gblinear"}


def test_sampling_is_uniform_in_the_unit_cube():
    configurations = tree().sample(np.random.default_rng(0), 2000)
    eta = np.log10([configuration["eta"] for configuration in configurations])
    assert np.allclose(np.quantile(eta, [0.25, 0.5, 0.75]), [-3, -2, -1], atol=0.15)
    bins = [configuration["bins"] for configuration in configurations]
    assert all(abs(bins.count(value) / 2000 - 1 / 3) < 0.05 for value in (16, 64, 256))


def test_sampling_goes_on_through_a_narrow_feasible_region():
    space = Space({"x": number(0, 1), "y": number(0, 1)}, ["abs(x - y) < 0.01"])
    assert len(space.sample(np.random.default_rng(0), 100)) == 100


def test_sampling_gives_up_on_what_cannot_be_satisfied():
    assert Space({"x": number(0, 1)}, ["x > 2"]).sample(np.random.default_rng(0), 1000) == []


def test_a_condition_on_a_stepped_float_holds_at_the_step_however_it_was_computed():
    for default in (0.3, 0.1 + 0.2):
        space = Space(
            {
                "p": number(0.1, 0.5, step=0.1, default=default),
                "exact": whole(1, 3, when={"p": 0.3}),
                "sum": whole(1, 3, when={"p": [0.1 + 0.2, 0.5]}),
            }
        )
        assert space.defaults() is None, "the children have no default, so they are active"
        assert {"exact", "sum"} <= space.decode([0.5, 0.5, 0.5]).keys()
        assert "exact" not in space.decode([0.1, 0.5, 0.5])
