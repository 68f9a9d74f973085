"""Running slices and folding their results."""

from __future__ import annotations

import operator
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peernet.config.project import MAX_TRACEBACK_CHARS
from peernet.errors import JobError, TaskError
from peernet.project import FailedCall, Folder, LoadedFunction, TaskFailure, collect, run_slice


def test_a_function_is_called_for_each_input_or_once_for_all() -> None:
    assert run_slice(LoadedFunction(lambda n: n * 2, False, Path()), range(3)) == [0, 2, 4]
    assert run_slice(LoadedFunction(sum, True, Path()), range(4)) == [6]
    assert run_slice(LoadedFunction(len, False, Path()), []) == []


FAILING = """
import peernet
class Own(Exception):
    pass
def inner(n):
    raise Own(f"bad {n}")
@peernet.parallel(over=range(3))
def f(n):
    if n == 2:
        try:
            1 / 0
        except ZeroDivisionError as error:
            inner(n)
    return n
"""


def test_a_failure_tells_the_call_the_type_and_the_users_frames(workshop: Any) -> None:
    bundle = collect(workshop.write(main=FAILING), None, [])
    texts = []
    for _ in range(2):  # in two boxes, in different folders
        with pytest.raises(TaskFailure) as failed:
            run_slice(workshop.function(bundle), range(5))
        failure = failed.value
        assert (failure.type_name, failure.index, str(failure)) == ("main.Own", 2, "main.Own: bad 2")
        texts.append(failure.traceback)
    assert texts[0] == texts[1]
    assert 'File "main.py", line 6, in inner\n    raise Own(f"bad {n}")' in texts[0]
    assert "ZeroDivisionError" in texts[0] and "run_slice" not in texts[0] and "run.py" not in texts[0]


@pytest.mark.parametrize(
    ("error", "name"),
    [
        (SystemExit(3), "SystemExit"),
        (KeyboardInterrupt(), "KeyboardInterrupt"),
        (RecursionError("deep"), "RecursionError"),
    ],
)
def test_whatever_leaves_the_function_is_its_failure(error: BaseException, name: str) -> None:
    def call(_: Any) -> None:
        raise error

    with pytest.raises(TaskFailure) as failed:
        run_slice(LoadedFunction(call, True, Path()), [1])
    assert (failed.value.type_name, failed.value.index) == (name, None)


class Mute(Exception):
    def __str__(self) -> str:
        raise RuntimeError("no text")


def test_exceptions_without_a_text_or_with_a_huge_one_are_bounded() -> None:
    def mute(_: Any) -> None:
        raise Mute

    def huge(_: Any) -> None:
        raise ValueError("x" * 10_000_000)

    with pytest.raises(TaskFailure, match="Mute"):
        run_slice(LoadedFunction(mute, False, Path()), [1])
    with pytest.raises(TaskFailure) as failed:
        run_slice(LoadedFunction(huge, False, Path()), [1])
    assert len(str(failed.value)) <= 500 and len(failed.value.traceback) < MAX_TRACEBACK_CHARS + 100


def test_calls_that_raise_are_skipped_where_the_project_says_so() -> None:
    told: list[TaskFailure] = []

    def goes_on(failure: TaskFailure, error: BaseException) -> bool:
        told.append(failure)
        return True

    skipping = LoadedFunction(lambda n: 10 // n, False, Path(), skips=True)
    results = run_slice(skipping, [5, 0, 1, 0], b"", goes_on)
    assert results == [2, FailedCall("ZeroDivisionError", 1), 10, FailedCall("ZeroDivisionError", 3)]
    assert [failure.index for failure in told] == [1, 3] and "10 // n" in told[0].traceback
    whole = LoadedFunction(lambda batch: batch[7], True, Path(), skips=True)
    assert run_slice(whole, [1]) == [FailedCall("IndexError", 0)]


@pytest.mark.parametrize("error", [MemoryError, SystemExit, KeyboardInterrupt])
def test_what_is_no_fault_of_a_call_is_not_skipped(error: type[BaseException]) -> None:
    def task(n: int) -> int:
        raise error

    with pytest.raises(TaskFailure):
        run_slice(LoadedFunction(task, False, Path(), skips=True), [1])


def test_where_it_is_said_not_to_go_on_a_slice_fails_as_ever() -> None:
    with pytest.raises(TaskFailure, match="ZeroDivisionError"):
        run_slice(LoadedFunction(lambda n: 1 // n, False, Path(), skips=True), [0], b"", lambda *_: False)


def test_calls_that_failed_are_left_out_of_a_fold() -> None:
    folder = Folder(operator.add)
    folder.fold(0, [1, FailedCall("ValueError", 1), 2])
    folder.fold(1, [FailedCall("ValueError", 0)])
    assert folder.finish(2) == 3


@given(st.lists(st.lists(st.text(max_size=2), min_size=1, max_size=3), max_size=40), st.randoms())
def test_the_order_of_inputs_is_kept_in_any_order_of_arrival(
    slices: list[list[str]], order: random.Random
) -> None:
    folder = Folder(operator.add, "nothing")
    arrival = list(enumerate(slices))
    order.shuffle(arrival)
    for index, values in arrival:
        folder.fold(index, values)
        folder.fold(index, values)  # told twice, counted once
    expected = "".join("".join(values) for values in slices) if slices else "nothing"
    assert folder.finish(len(slices)) == expected


def test_floats_give_one_sum_in_every_order_of_arrival() -> None:
    source = random.Random(5)
    slices = [[source.uniform(-1e9, 1e9) for _ in range(3)] for _ in range(200)]
    sums = set()
    for _ in range(10):
        folder = Folder(operator.add)
        for index in source.sample(range(200), 200):
            folder.fold(index, slices[index])
        sums.add(folder.finish(200))
    assert len(sums) == 1


def test_partial_values_stay_few_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("peernet.project.fold.MAX_FOLD_PARTIALS", 14)
    folder = Folder(operator.add)
    for index in range(10_000):
        folder.fold(index, [index])
    assert folder.finish(10_000) == sum(range(10_000))
    monkeypatch.setattr("peernet.project.fold.MAX_FOLD_PARTIALS", 10)
    gaps = Folder(operator.add)
    with pytest.raises(JobError, match="more than 10 partial results"):
        for index in range(0, 100, 2):
            gaps.fold(index, [1])


def test_an_empty_input_gives_initial_or_none() -> None:
    assert Folder(operator.add).finish(0) is None
    assert Folder(operator.add, 0).finish(0) == 0


@given(st.lists(st.lists(st.integers(0, 9), min_size=1, max_size=3), max_size=40), st.randoms())
def test_results_that_are_kept_are_listed_or_reduced_in_the_order_of_the_input(
    slices: list[list[int]], order: random.Random
) -> None:
    listing = Folder(None, keep_if=lambda n: n > 6)
    joining = Folder(operator.add, (), keep_if=lambda parts: parts[0] > 6)
    arrival = list(enumerate(slices))
    order.shuffle(arrival)
    for index, values in arrival:
        listing.fold(index, values)
        joining.fold(index, [(value,) for value in values])
    kept = [value for values in slices for value in values if value > 6]
    assert listing.finish(len(slices)) == kept
    assert joining.finish(len(slices)) == tuple(kept)


def test_nothing_kept_gives_an_empty_list_or_initial_or_none() -> None:
    for folder, nothing in (
        (Folder(None, keep_if=bool), []),
        (Folder(operator.add, keep_if=bool), None),
        (Folder(operator.add, "initial", keep_if=bool), "initial"),
    ):
        assert folder.afresh().finish(0) == nothing
        folder.fold(1, [0])
        folder.fold(0, [0, None])
        folder.fold(2, [False])
        assert folder.finish(3) == nothing


def test_none_may_be_a_result_that_is_kept() -> None:
    folder = Folder(None, keep_if=lambda value: value is None)
    folder.fold(0, [1, None])
    assert folder.finish(1) == [None]


def test_a_keep_if_that_raises_is_told_with_its_traceback() -> None:
    def choose(value: int) -> bool:
        raise ArithmeticError("never")

    with pytest.raises(TaskError, match="keep_if raised ArithmeticError: never") as failed:
        Folder(None, keep_if=choose).fold(0, [1, 2])
    assert "in choose" in failed.value.traceback


def test_missing_slices_are_a_bug_of_the_caller() -> None:
    folder = Folder(operator.add)
    folder.fold(1, [1])
    with pytest.raises(ValueError, match="only 1 of 2"):
        folder.finish(2)
    with pytest.raises(ValueError, match="slice 0 has no results"):
        folder.fold(0, [])


def test_a_reduce_that_raises_is_told_with_its_traceback() -> None:
    def refuse(left: int, right: int) -> int:
        raise ArithmeticError("never")

    with pytest.raises(TaskError, match="reduce raised ArithmeticError: never") as failed:
        Folder(refuse).fold(0, [1, 2])
    assert "in refuse" in failed.value.traceback
