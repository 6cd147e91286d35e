"""Parameters: domains, unit coordinates, and what is refused."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from tunewright.parameter import (
    MAX_STEPS,
    MAX_WHOLE,
    BoolParameter,
    CategoricalParameter,
    FloatParameter,
    IntParameter,
    OrdinalParameter,
    Parameter,
)

PARAMETER = TypeAdapter(Parameter)
units = st.floats(0, 1)


def made(**fields):
    return PARAMETER.validate_python(fields, strict=True)


def refused(**fields):
    """The message about a parameter that must be refused."""
    with pytest.raises(ValidationError) as caught:
        made(**fields)
    return "\n".join(error["msg"] for error in caught.value.errors())


@st.composite
def integers(draw):
    scale = draw(st.sampled_from(["linear", "log"]))
    low = draw(st.integers(1 if scale == "log" else -MAX_WHOLE, MAX_WHOLE - 1))
    high = draw(st.integers(low + 1, MAX_WHOLE))
    steps = st.integers(1, max(1, high - low)).filter(lambda step: step == 1 or step * MAX_STEPS >= high - low)
    return IntParameter(type="int", low=low, high=high, scale=scale, step=1 if scale == "log" else draw(steps))


@st.composite
def reals(draw):
    scale = draw(st.sampled_from(["linear", "log"]))
    bounds = st.floats(5e-324 if scale == "log" else -1e300, 1e300)
    low, high = sorted((draw(bounds), draw(bounds)))
    assume(low < high and (scale == "linear" or math.log(low) < math.log(high)))
    return FloatParameter(type="float", low=low, high=high, scale=scale)


@st.composite
def stepped(draw):
    """Ranges as people write them: decimals."""
    digits = draw(st.integers(0, 9))
    step = draw(st.integers(1, 500))
    low = draw(st.integers(-(10**6), 10**6))
    high = low + step * draw(st.integers(1, 5000)) + draw(st.integers(0, step - 1))
    low, high, step = (float(f"{number}e-{digits}") for number in (low, high, step))
    return FloatParameter(type="float", low=low, high=high, step=step)


scalars = st.one_of(st.booleans(), st.integers(-100, 100), st.floats(-10, 10), st.text(max_size=3))
listed = st.builds(
    lambda kind, choices: kind(type="ordinal" if kind is OrdinalParameter else "categorical", choices=choices),
    st.sampled_from([CategoricalParameter, OrdinalParameter]),
    st.lists(scalars, min_size=2, max_size=30, unique_by=lambda v: (isinstance(v, bool), v)),
)
discrete = st.one_of(integers(), stepped(), listed, st.just(BoolParameter(type="bool")))


@given(discrete, units)
def test_a_discrete_value_survives_the_way_through_its_unit_coordinate(parameter, u):
    value = parameter.value(u)
    assert 0 <= parameter.unit(value) <= 1
    again = parameter.value(parameter.unit(value))
    assert (type(again), again) == (type(value), value)


@given(reals(), units)
def test_a_continuous_value_stays_in_its_range_and_survives_up_to_rounding(parameter, u):
    value = parameter.value(u)
    assert parameter.low <= value <= parameter.high
    again = parameter.value(parameter.unit(value))
    if parameter.scale == "log":
        assert math.isclose(again, value, rel_tol=1e-9, abs_tol=5e-324)
    else:
        assert abs(again - value) <= 1e-12 * (parameter.high - parameter.low) + 5e-324


@given(st.one_of(integers(), stepped(), listed), st.data())
def test_every_value_of_a_parameter_has_its_own_coordinate(parameter, data):
    count = parameter.cardinality
    first, second = sorted(
        {data.draw(st.integers(0, count - 1)), data.draw(st.integers(0, count - 1))} | {0, count - 1}
    )[:2]
    if isinstance(parameter, IntParameter):
        values = [parameter.low + index * parameter.step for index in (first, second)]
    else:
        values = [parameter.value((index + 0.5) / count) for index in (first, second)]
    assert (type(values[0]), values[0]) != (type(values[1]), values[1]), "false and 0 are two choices"
    assert parameter.unit(values[0]) < parameter.unit(values[1])


def test_false_and_zero_are_two_choices():
    parameter = CategoricalParameter(type="categorical", choices=[False, 0])
    assert (parameter.unit(False), parameter.unit(0)) == (0.25, 0.75)
    assert (parameter.value(0.25), parameter.value(0.75)) == (False, 0)
    assert (type(parameter.value(0.25)), type(parameter.value(0.75))) == (bool, int)


@given(discrete, units, units)
def test_an_ordered_parameter_is_monotone_in_its_coordinate(parameter, a, b):
    assume(parameter.ordered and not isinstance(parameter, OrdinalParameter))
    low, high = sorted((a, b))
    assert parameter.value(low) <= parameter.value(high)


@pytest.mark.parametrize("u", [-1.0, -0.0, 0.0, 1.0, 1.0 + 1e-9, 7.0])
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_coordinates_outside_the_unit_interval_are_clipped_and_the_ends_are_exact(u, scale):
    parameter = FloatParameter(type="float", low=0.1, high=0.7, scale=scale)
    assert parameter.value(u) == (0.1 if u <= 0 else 0.7)


@pytest.mark.parametrize(
    "parameter",
    [
        FloatParameter(type="float", low=0, high=1),
        FloatParameter(type="float", low=0, high=1, step=0.5),
        IntParameter(type="int", low=1, high=9),
        IntParameter(type="int", low=1, high=9, scale="log"),
        BoolParameter(type="bool"),
    ],
)
def test_a_coordinate_that_is_not_a_number_is_refused(parameter):
    with pytest.raises(ValueError, match="must be a number, got nan"):
        parameter.value(math.nan)


def test_steps_are_the_decimals_that_people_wrote():
    parameter = FloatParameter(type="float", low=0.1, high=0.7, step=0.1)
    assert [parameter.value((k + 0.5) / 7) for k in range(7)] == [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7]
    assert parameter.cardinality == 7


def test_a_step_of_the_whole_range_leaves_two_values():
    parameter = FloatParameter(type="float", low=0.2, high=0.3, step=0.1)  # 0.3 - 0.2 < 0.1 in binary
    assert [parameter.value(0.25), parameter.value(0.75)] == [0.2, 0.3]


def test_steps_far_below_one_stay_apart():
    parameter = FloatParameter(type="float", low=0, high=1e-13, step=1e-14)
    assert len({parameter.value((k + 0.5) / 11) for k in range(11)}) == parameter.cardinality == 11


def test_a_step_that_does_not_divide_the_range_ends_below_high():
    parameter = FloatParameter(type="float", low=0, high=1, step=0.3)
    assert parameter.value(1.0) == 0.9
    with pytest.raises(ValueError, match=r"must be low \+ k \* step"):
        parameter.unit(1.0)


def test_a_log_int_from_one_gives_every_value_its_bin():
    parameter = IntParameter(type="int", low=1, high=1000, scale="log")
    assert [parameter.value(parameter.unit(value)) for value in range(1, 1001)] == list(range(1, 1001))
    assert (parameter.value(0), parameter.value(1)) == (1, 1000)


def test_half_of_a_log_range_lies_below_its_geometric_mean():
    parameter = FloatParameter(type="float", low=1e-4, high=1.0, scale="log")
    assert math.isclose(parameter.value(0.5), 1e-2)


def test_minus_zero_is_zero_so_that_equal_studies_have_equal_digests():
    parameter = FloatParameter(type="float", low=-0.0, high=1, default=-0.0)
    assert math.copysign(1, parameter.low) == math.copysign(1, parameter.default) == 1


def test_equality_and_dumps_do_not_see_what_a_parameter_has_computed():
    used, fresh = (IntParameter(type="int", low=1, high=9, scale="log") for _ in range(2))
    used.unit(3)
    assert used == fresh
    assert used.model_dump() == fresh.model_dump()


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"low": 1, "high": 1}, "low must be < high, got low=1.0 and high=1.0"),
        ({"low": 2, "high": 1}, "low must be < high"),
        (
            {"low": 0, "high": 1, "scale": "log"},
            "low must be > 0 on a log scale, got low=0.0; use scale: linear or a positive low",
        ),
        ({"low": -1, "high": 1, "scale": "log"}, "low must be > 0 on a log scale"),
        ({"low": 1, "high": 2, "scale": "log", "step": 0.5}, "step needs a linear scale"),
        ({"low": 0, "high": 1, "step": 2}, "step must be <= high - low = 1.0, got step=2.0"),
        ({"low": 0, "high": 1, "step": 1e-10}, "at most 1000000000 distinct values"),
        ({"low": 1e15, "high": 1e15 + 2, "step": 0.25}, "distinct values"),
        ({"low": 0, "high": 1, "step": 0}, "greater than 0"),
        ({"low": -1e308, "high": 1e308}, "high - low must be finite"),
        ({"low": 1e300, "high": math.nextafter(1e300, math.inf), "scale": "log"}, "must differ on a log scale"),
        ({"low": math.nan, "high": 1}, "finite"),
        ({"low": 0, "high": math.inf}, "finite"),
        (
            {"low": 0, "high": 1, "default": 2},
            "default must be in [0.0, 1.0], got 2.0; choose a default inside the domain",
        ),
        ({"low": 0, "high": 1, "step": 0.5, "default": 0.3}, "default must be low + k * step"),
        ({"low": "0", "high": 1}, "valid number"),
        ({"low": False, "high": 1}, "valid number"),
    ],
)
def test_a_float_range_that_breaks_a_rule_is_refused(fields, message):
    assert message in refused(type="float", **fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"low": 3, "high": 3}, "low must be < high, got low=3 and high=3"),
        ({"low": 0, "high": 8, "scale": "log"}, "low must be > 0 on a log scale"),
        ({"low": 1, "high": 8, "scale": "log", "step": 2}, "step needs a linear scale"),
        ({"low": 1, "high": 8, "step": 9}, "step must be <= high - low = 7"),
        ({"low": 1, "high": 8, "step": 2, "default": 2}, "default must be low + k * step = 1 + k * 2, got 2"),
        ({"low": 1, "high": 8, "default": 9}, "default must be in [1, 8], got 9"),
        ({"low": 1.5, "high": 8}, "valid integer"),
        ({"low": 1, "high": 2**53}, "less than or equal to 1000000000000"),
        ({"low": -(10**400), "high": 1}, "greater than or equal to"),
    ],
)
def test_an_int_range_that_breaks_a_rule_is_refused(fields, message):
    assert message in refused(type="int", **fields)


@pytest.mark.parametrize("kind", ["categorical", "ordinal"])
@pytest.mark.parametrize(
    ("choices", "default", "message"),
    [
        (["a"], None, "at least 2 items"),
        ([], None, "at least 2 items"),
        (["a", "b", "a"], None, "choices must differ, got 'a' 2 times; keep one"),
        ([1, 1.0], None, "choices must differ"),
        (["a", "b"], "c", "default must be one of ['a', 'b'], got 'c'"),
        ([0, 1], True, "default must be one of [0, 1], got True"),
        ([[1], 2], None, "valid"),
        ([math.nan, 2], None, "finite"),
    ],
)
def test_choices_that_break_a_rule_are_refused(kind, choices, default, message):
    assert message in refused(type=kind, choices=choices, **({} if default is None else {"default": default}))


def test_all_broken_rules_of_a_parameter_are_told_at_once():
    message = refused(type="float", low=0, high=-1, scale="log", step=0.5)
    assert "low must be < high" in message
    assert "low must be > 0 on a log scale" in message
    assert "step needs a linear scale" in message


def test_true_one_and_text_one_are_three_choices():
    parameter = made(type="categorical", choices=[True, 1, "1"])
    assert [parameter.value(parameter.unit(value)) for value in (True, 1, "1")] == [True, 1, "1"]


@pytest.mark.parametrize("value", ["3", True, None, 2.5, 10, -1, math.nan, math.inf, [3]])
def test_a_value_outside_the_domain_has_no_coordinate(value):
    with pytest.raises(ValueError, match="must be"):
        IntParameter(type="int", low=1, high=9).unit(value)


def test_long_lists_of_choices_are_cut_in_messages():
    with pytest.raises(ValueError, match="and 980 more"):
        made(type="ordinal", choices=list(range(1000))).unit(-1)
