"""Groups of results that count as equal: the same whatever the order, and each around its medoid."""

from __future__ import annotations

import hashlib
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peernet.errors import ProjectError, TaskError
from peernet.project import FailedCall, parallel
from peernet.project.comparing import Comparer, medoids

NUMBERS = st.lists(st.integers(0, 40), min_size=1, max_size=12, unique=True)


def name(number: int) -> bytes:
    return hashlib.sha256(str(number).encode()).digest()


def grouped(numbers: list[int], tolerance: int) -> dict[int, int]:
    found = medoids(
        [name(number) for number in numbers], lambda one, other: abs(numbers[one] - numbers[other]) <= tolerance
    )
    return {number: numbers[place] for number, place in zip(numbers, found, strict=True)}


@given(NUMBERS, st.integers(0, 10), st.randoms(use_true_random=False))
def test_groups_do_not_depend_on_the_order(numbers: list[int], tolerance: int, source: random.Random) -> None:
    shuffled = list(numbers)
    source.shuffle(shuffled)
    assert grouped(numbers, tolerance) == grouped(shuffled, tolerance)


@given(NUMBERS, st.integers(0, 10))
def test_everybody_is_equal_to_its_medoid_which_is_its_own(numbers: list[int], tolerance: int) -> None:
    found = grouped(numbers, tolerance)
    assert all(abs(number - medoid) <= tolerance for number, medoid in found.items())
    assert all(found[medoid] == medoid for medoid in found.values())


@given(NUMBERS, st.integers(0, 10))
def test_the_largest_group_is_that_of_the_one_with_most_equals(numbers: list[int], tolerance: int) -> None:
    found = list(grouped(numbers, tolerance).values())
    most = max(sum(abs(one - other) <= tolerance for other in numbers) for one in numbers)
    assert max(map(found.count, found)) == most


def test_a_chain_is_held_together_by_its_middle() -> None:
    assert grouped([0, 2, 4], 2) == {0: 2, 2: 2, 4: 2}
    assert set(grouped([0, 2, 4, 6], 2).values()) in ({2, 6}, {0, 4})


def compared(equal: object, *results: list[object] | None) -> tuple[int, ...]:
    return Comparer(equal).medoids([bytes([n]) for n in range(len(results))], results)  # type: ignore[arg-type]


def test_results_are_equal_if_all_their_calls_are() -> None:
    def near(one: float, other: float) -> bool:
        return abs(one - other) < 0.1

    assert compared(near, [1.0, 2.0], [1.01, 2.01]) == (0, 0)
    assert compared(near, [1.0, 2.0], [1.01, 3.0], [1.0]) == (0, 1, 2)
    assert compared(near, [1.0], None, None) == (0, 1, 2)


def test_allclose_takes_numbers_arrays_and_lists_and_nothing_else() -> None:
    numpy = pytest.importorskip("numpy")
    assert compared("allclose", [0.1 + 0.2, 1], [0.3, 1]) == (0, 0)
    assert compared("allclose", [numpy.ones(3)], [numpy.ones(3) + 1e-12]) == (0, 0)
    assert compared("allclose", [[1.0, float("nan")]], [[1.0 + 1e-12, float("nan")]]) == (0, 0)
    assert compared("allclose", [[1.0, 1.0]], [[1.0]]) == (0, 1)
    for lie in ("text", None, {"a": 1}, [[1], [1, 2]], 10**400, b"x"):
        assert compared("allclose", [1.0], [lie]) == (0, 1)


def test_failed_calls_are_equal_where_they_are_the_same() -> None:
    failed = FailedCall("ValueError", 0)
    for equal in ("allclose", lambda one, other: one < other + 1):
        assert compared(equal, [failed, 1.0], [failed, 1.0 + 1e-12]) == (0, 0)
        assert compared(equal, [failed], [1.0], [FailedCall("KeyError", 0)]) == (0, 1, 2)


def test_allclose_without_numpy_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ProjectError, match='equal="allclose": numpy is not installed here; install it'):
        Comparer("allclose")


def test_what_equal_raises_is_told_with_its_frames() -> None:
    with pytest.raises(TaskError, match="equal raised TypeError") as raised:
        compared(lambda one, other: one < other, [1], ["one"])
    assert "test_comparing.py" in raised.value.traceback
    with pytest.raises(TaskError, match=r"equal returned builtins\.NoneType: it must return True or False"):
        compared(lambda one, other: None, [1], [2])


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"equal": 5}, 'equal=5: it must be "allclose", or a function of two results'),
        ({"equal": "close"}, "equal='close'"),
        (
            {"equal": "allclose", "check": max},
            "and equal='allclose': a result that proves itself is compared with no",
        ),
    ],
)
def test_wrong_values_are_named_with_the_remedy(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ProjectError, match=words):
        parallel(over=range(3), **wrong)  # type: ignore[arg-type]
