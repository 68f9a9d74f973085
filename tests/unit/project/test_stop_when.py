"""`stop_when` where calls are made, and where results are folded."""

from __future__ import annotations

import operator
import threading
from pathlib import Path
from typing import Any

import pytest

from peernet.errors import CannotTravelError, TaskError
from peernet.project import (
    Bundle,
    FailedCall,
    Folder,
    LoadedFunction,
    TaskFailure,
    bundle_project,
    collect,
    parallel,
    run_slice,
)
from peernet.project.checks import Checker
from peernet.project.load import load_function
from peernet.project.pickledresults import load_results


def loaded(call: Any, stop_when: Any, *, whole_slice: bool = False, **more: Any) -> LoadedFunction:
    return LoadedFunction(call, whole_slice, Path(), stop_when=stop_when, **more)


def test_a_slice_ends_with_its_first_hit() -> None:
    called: list[int] = []

    def task(n: int) -> int:
        called.append(n)
        return n * n

    assert run_slice(loaded(task, lambda square: square in (9, 25)), range(10)) == [0, 1, 4, 9]
    assert called == [0, 1, 2, 3]


def test_without_a_hit_a_slice_runs_to_its_end() -> None:
    assert run_slice(loaded(abs, lambda n: n > 5), range(3)) == [0, 1, 2]
    assert run_slice(loaded(abs, bool), []) == []


def test_a_whole_slice_is_judged_by_its_one_value() -> None:
    seen: list[int] = []
    assert run_slice(loaded(sum, lambda total: seen.append(total), whole_slice=True), range(4)) == [6]
    assert seen == [6]


def test_a_call_that_failed_is_never_a_hit() -> None:
    results = run_slice(loaded(lambda n: 4 // n, lambda _: True, skips=True), [0, 2, 1])
    assert results == [FailedCall("ZeroDivisionError", 0), 2]
    assert not Folder(None, stop_when=lambda _: True).hits([FailedCall("ValueError", 0)])


def test_results_that_travel_as_pickles_are_judged_before_they_are_pickled() -> None:
    results = run_slice(loaded(complex, lambda z: z == 2j / 1j, pickles=True), range(5))
    assert load_results(results) == [0j, 1 + 0j, 2 + 0j]


@pytest.mark.parametrize("error", [ValueError, SystemExit, KeyboardInterrupt])
def test_what_the_predicate_raises_on_a_worker_is_no_hit(error: type[BaseException]) -> None:
    def stop_when(_: Any) -> bool:
        raise error

    assert run_slice(loaded(abs, stop_when), [-1, -2]) == [1, 2]


def test_where_memory_runs_out_in_the_predicate_the_slice_fails() -> None:
    def stop_when(n: int) -> bool:
        if n:
            raise MemoryError
        return False

    with pytest.raises(TaskFailure) as failed:
        run_slice(loaded(abs, stop_when), [0, 1])
    assert (failed.value.type_name, failed.value.index) == ("MemoryError", 1)


def test_what_the_predicate_raises_in_the_job_host_is_told_with_its_traceback() -> None:
    def over(_: Any) -> bool:
        raise ArithmeticError("never")

    with pytest.raises(TaskError, match="stop_when raised ArithmeticError: never") as failed:
        Folder(None, stop_when=over).hits([1])
    assert "in over" in failed.value.traceback


@pytest.mark.parametrize(
    ("folder", "value"),
    [
        (Folder(None, stop_when=bool), [1, 2, 7]),
        (Folder(None, keep_if=lambda n: n > 1, stop_when=bool), [2, 7]),
        (Folder(operator.add, stop_when=bool), 10),
        (Folder(operator.add, keep_if=lambda n: n > 1, stop_when=bool), 9),
    ],
)
def test_a_job_that_ends_early_has_the_value_of_what_was_accepted(folder: Folder, value: object) -> None:
    assert folder.has_work
    for index, values in ((6, [7]), (2, [1, 2])):
        folder.fold(index, values)
    assert folder.finish(9, partial=True) == value
    with pytest.raises(ValueError, match="2 of 9"):
        folder.finish(9)


@pytest.mark.parametrize(("folder", "value"), [(Folder(None, stop_when=bool), []), (Folder(max, 0), 0)])
def test_nothing_accepted_is_the_value_of_nothing(folder: Folder, value: object) -> None:
    assert folder.finish(3, partial=True) == value


def test_another_folder_of_the_same_kind_knows_hits_too() -> None:
    assert Folder(None, stop_when=bool).afresh().hits([0, 1])


def test_results_that_prove_themselves_may_end_with_a_hit_and_nowhere_else() -> None:
    folder = Folder(None, stop_when=lambda n: n == 4)
    checker = Checker(lambda given, value: given * 2 == value, False, folder.hits)
    assert checker.proves([1, 2, 3], [2, 4]) and checker.proves([1, 2, 3], [2, 4, 6])
    assert not checker.proves([1, 2, 3], [2]) and not checker.proves([1, 2, 3], [])
    assert not checker.proves([1, 2, 3], [4]) and not checker.proves([1, 2], [2, 4, 6])


SEARCH = """
import peernet
@peernet.parallel(over=range(9), stop_when=lambda n: n == 4)
def double(n):
    return 2 * n
"""


def test_workers_get_the_predicate_with_the_source(workshop: Any) -> None:
    bundle = collect(workshop.write(main=SEARCH), None, [])
    assert run_slice(workshop.function(bundle), range(9)) == [0, 2, 4]


def test_workers_get_the_predicate_with_the_pickle(tmp_path: Path) -> None:
    limit = 4
    project = parallel(over=range(9), stop_when=lambda n: n == limit)(lambda n: 2 * n)
    for worker in (bundle_project(project)[1], Bundle.decode(bundle_project(project)[1].encode())):
        assert worker.kind == "pickle"
        assert run_slice(load_function(worker, tmp_path), range(9)) == [0, 2, 4]


def test_a_predicate_that_can_not_travel_is_named() -> None:
    lock = threading.Lock()
    with pytest.raises(CannotTravelError, match=r"stop_when .*can't travel"):
        bundle_project(parallel(over=range(9), stop_when=lambda n: lock.locked())(lambda n: n))
