"""The exception tree: drawn once, with exit codes that tell a retry from a refusal."""

from __future__ import annotations

import inspect
import re

import pytest

from tunewright import errors
from tunewright.errors import (
    InputError,
    Problem,
    StudyInvalid,
    TransientError,
    TrialInfeasible,
    TunewrightError,
    nearest,
)

TREE = [
    value
    for value in vars(errors).values()
    if inspect.isclass(value) and issubclass(value, TunewrightError) and value is not TunewrightError
]


def test_the_drawing_names_every_exception_once_and_nothing_else():
    drawn = re.findall(r"(?:├──|└──) (\w+)", errors.__doc__)
    assert sorted(drawn) == sorted(error.__name__ for error in TREE)


def test_the_drawing_shows_who_inherits_from_whom():
    parents: list[str] = []
    for line in errors.__doc__.splitlines():
        if match := re.match(r"    ((?:[│ ]   )*)(?:├──|└──) (\w+)", line):
            depth = len(match[1]) // 4
            parents[depth:] = [match[2]]
            expected = parents[depth - 1] if depth else "TunewrightError"
            assert getattr(errors, match[2]).__base__.__name__ == expected


@pytest.mark.parametrize("error", TREE)
def test_exit_codes_tell_a_retry_from_a_refusal(error):
    expected = (
        2
        if issubclass(error, InputError)
        else 75
        if issubclass(error, TransientError)
        else 0
        if error is TrialInfeasible
        else 70
    )
    assert error.exit_code == expected
    assert error.__doc__


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (
            Problem(field="space.x.low", message="must be < high", file="study.yaml", line=7),
            "study.yaml:7: space.x.low: must be < high",
        ),
        (Problem(field="study", message="must be UTF-8", file="study.yaml"), "study.yaml: study: must be UTF-8"),
        (Problem(field="seed", message="must be >= 0"), "seed: must be >= 0"),
    ],
)
def test_a_problem_reads_as_file_line_field_and_message(problem, text):
    assert str(problem) == text


def test_an_invalid_study_tells_all_its_problems():
    problems = [Problem(field="a", message="one"), Problem(field="b", message="two")]
    assert str(StudyInvalid(problems)) == "the study has 2 mistakes:\n  a: one\n  b: two"
    assert str(StudyInvalid(problems[:1])).startswith("the study has 1 mistake:\n")
    assert StudyInvalid(problems).problems == problems


def test_the_remedy_for_a_wrong_name_is_the_nearest_one_or_what_is_known():
    assert nearest("hgih", ["low", "high"]) == "did you mean 'high'?"
    assert nearest("zzz", ["low", "high"]) == "known are low, high"
    assert nearest("zzz", [str(number) for number in range(30)]).endswith("18, 19 and 10 more")
