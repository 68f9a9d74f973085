"""Results that prove themselves: the project's own check, and what it may not do."""

from __future__ import annotations

import math
from typing import Any

import pytest

from peernet.errors import ProjectError, TaskError
from peernet.project import parallel
from peernet.project.checks import Checker


def factors_of(number: int, factors: object) -> bool:
    return isinstance(factors, list) and math.prod(factors) == number


def test_every_call_of_a_slice_has_to_pass() -> None:
    checker = Checker(factors_of, whole_slice=False)
    assert checker.proves([6, 8], [[2, 3], [2, 2, 2]])
    assert not checker.proves([6, 8], [[2, 3], [2, 2, 3]])
    assert not checker.proves([6, 8], [None, [8]])


@pytest.mark.parametrize("values", [[], [[6]], [[6], [8], [1]]])
def test_results_that_are_too_few_or_too_many_do_not_pass(values: list[Any]) -> None:
    assert not Checker(factors_of, whole_slice=False).proves([6, 8], values)


def test_a_whole_slice_has_one_result() -> None:
    checker = Checker(lambda batch, total: sum(batch) == total, whole_slice=True)
    assert checker.proves(range(4), [6])
    assert not checker.proves(range(4), [7])
    assert not checker.proves(range(4), [0, 1, 2, 3])


def test_the_truth_of_numpy_is_true() -> None:
    numpy = pytest.importorskip("numpy")
    checker = Checker(lambda given, value: numpy.int64(given) == value, whole_slice=False)
    assert checker.proves([3], [3])
    assert not checker.proves([3], [4])


def test_what_check_raises_is_told_with_its_frames() -> None:
    with pytest.raises(TaskError, match="check raised ZeroDivisionError") as raised:
        Checker(lambda given, value: given % value == 0, whole_slice=False).proves([3], [0])
    assert "test_checks.py" in raised.value.traceback


@pytest.mark.parametrize("answer", [None, 1, "yes"])
def test_a_check_has_to_say_true_or_false(answer: object) -> None:
    with pytest.raises(TaskError, match=f"check returned builtins.{type(answer).__name__}: it must return True"):
        Checker(lambda given, value: answer, whole_slice=False).proves([3], [0])


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(ProjectError, match="check=5: it must be a function of an input and its result"):
        parallel(over=range(3), check=5)  # type: ignore[arg-type]
