"""What the job host does for a slice whose results differ in a few calls."""

from __future__ import annotations

from pathlib import Path

import pytest

from peernet.config.project import MAX_NARROWED_CALLS
from peernet.errors import CannotDecodeError
from peernet.project import FailedCall, LoadedFunction, TaskFailure, numpy_rng, rng, run_slice
from peernet.project.cut import encode_input, open_input
from peernet.project.narrowing import Narrower
from peernet.project.pickledresults import pickle_result
from peernet.results import encode

NARROWER = Narrower(apart=True)


def coded(values):
    return encode(values, classes=(FailedCall,))


def differences(inputs, *results, also=(), most=10, narrower=NARROWER):
    values = [coded(result) for result in results]
    return narrower.differences(encode_input(inputs), len(inputs), values, also, most)


@pytest.mark.parametrize(
    "inputs", [range(0, 40, 2), list(range(20)), ["a", "b"] * 10, [{1: (2,)}] * 20, [complex, len] * 10]
)
def test_the_input_of_the_differing_calls_is_made(inputs):
    right = list(range(20))
    wrong = [*right[:7], -7, *right[8:12], -12, *right[13:]]
    found = differences(inputs, right, wrong)
    assert found.counts == (0, 2) and found.places == ((), (7, 12))
    assert found.narrowed == (7, 12)
    assert list(open_input(found.input)) == [inputs[7], inputs[12]]


def test_all_that_differ_in_few_calls_are_in_it_and_what_differs_in_many_is_not():
    right = list(range(20))
    found = differences(right, right, [-1, *right[1:]], [*right[:-1], -1], [-1] * 20, also=(5,), most=3)
    assert found.counts == (0, 1, 1, 20)
    assert found.narrowed == (0, 5, 19)


@pytest.mark.parametrize("other", ["no list", [1, 2], list(range(21)), []])
def test_what_is_no_result_of_each_call_can_not_be_compared(other):
    right = list(range(20))
    found = differences(right, right, other)
    assert found.counts == (0, None) and found.narrowed == () and found.input == b""


def test_nothing_can_be_compared_with_what_is_no_result():
    right = list(range(20))
    assert differences(right, "no list", right).counts == (None, None)


def test_too_many_calls_are_counted_and_the_first_named():
    right = list(range(2 * MAX_NARROWED_CALLS))
    found = differences(right, right, [-1] * len(right), most=MAX_NARROWED_CALLS)
    assert found.counts == (0, len(right)) and found.places[1] == tuple(range(MAX_NARROWED_CALLS))
    assert found.narrowed == ()


@pytest.mark.parametrize("most", [0, 1])
def test_no_more_calls_than_asked_for(most):
    right = list(range(20))
    assert differences(right, right, [-1, -1, *right[2:]], most=most).narrowed == ()


def test_a_function_of_whole_slices_is_compared_and_not_narrowed():
    right = list(range(20))
    found = differences(right, right, [-1, *right[1:]], narrower=Narrower(apart=False))
    assert found.counts == (0, 1) and found.narrowed == ()


def test_a_call_that_the_slice_has_not_is_not_executed():
    right = list(range(20))
    assert differences(right, right, [-1, *right[1:]], also=(20,)).narrowed == ()


def test_inputs_that_can_not_travel_alone_are_not_narrowed():
    right = list(range(20))
    values = [encode(right), encode([-1, *right[1:]])]
    broken = NARROWER.differences(b"Pnonsense", 20, values, (), 10)
    assert broken.counts == (0, 1) and broken.narrowed == ()
    short = NARROWER.differences(encode_input(range(3)), 20, values, (), 10)
    assert short.narrowed == ()


def test_a_part_is_put_into_the_whole():
    whole = NARROWER.compose(encode([1, 2, 3, 4]), (1, 3), encode(["b", "d"]))
    assert whole == encode([1, "b", 3, "d"])


@pytest.mark.parametrize("part", [b"", b"\xff", encode("bd"), encode(["b"]), encode(["b", "d", "e"])])
def test_a_part_that_is_nothing_of_the_kind_is_told(part):
    assert NARROWER.compose(encode([1, 2, 3, 4]), (1, 3), part) is None


def test_a_whole_that_is_too_large_is_no_result(monkeypatch):
    monkeypatch.setattr("peernet.project.narrowing.MAX_RESULT_BYTES", 8)
    assert NARROWER.compose(encode([1, 2, 3, 4]), (1,), encode(["b" * 9])) is None


def test_calls_that_failed_and_pickles_are_compared_by_their_bytes():
    failed = FailedCall("ValueError", 1)
    found = differences([0, 1], [0, failed], [0, 1])
    assert found.counts == (0, 1) and found.narrowed == (1,)
    pickles = [[pickle_result(value) for value in values] for values in ([1, 2], [1, 3])]
    assert differences([0, 1], *pickles).narrowed == (1,)


# --- executing some calls alone ---


def function(call, **options):
    return LoadedFunction(call, False, Path(), **options)


def test_random_numbers_are_those_of_the_whole_slice():
    def draw(_):
        return rng().random()

    whole = run_slice(function(draw), range(10), b"seed")
    assert run_slice(function(draw), [3, 7], b"seed", calls=(3, 7)) == [whole[3], whole[7]]


def test_numpys_random_numbers_too():
    pytest.importorskip("numpy")

    def draw(_):
        return float(numpy_rng().random())

    whole = run_slice(function(draw), range(10), b"seed")
    assert run_slice(function(draw), [3, 7], b"seed", calls=(3, 7)) == [whole[3], whole[7]]


def test_failures_have_the_number_that_the_call_has_in_the_whole_slice():
    def fail(number):
        if number == 7:
            raise ValueError("no")
        return number

    with pytest.raises(TaskFailure) as whole:
        run_slice(function(fail), range(10))
    with pytest.raises(TaskFailure) as part:
        run_slice(function(fail), [3, 7], calls=(3, 7))
    assert part.value.index == whole.value.index == 7
    skipped = run_slice(function(fail, skips=True), [3, 7], calls=(3, 7))
    assert skipped == [3, FailedCall("ValueError", 7)]


@pytest.mark.parametrize("whole_slice", [False, True])
def test_inputs_that_are_not_those_of_the_calls_are_refused(whole_slice):
    with pytest.raises(CannotDecodeError, match="3 inputs came for 2 calls of a slice"):
        run_slice(LoadedFunction(len, whole_slice, Path()), [1, 2, 3], calls=(3, 7))
