"""A job host whose results are pickles: what it keeps, folds and returns are the values themselves."""

from __future__ import annotations

import pickle
from fractions import Fraction

import pytest

from peernet.box.host import JobHost
from peernet.box.hostmessages import Finish, Fold, Folded, HostOpen, Value
from peernet.config.box import BoxConfig
from peernet.errors import CannotDecodeError, TaskError
from peernet.project import FailedCall, bundle_project, parallel
from peernet.project.pickledresults import pickle_result
from peernet.results import decode, encode


@pytest.fixture
def open_host(tmp_path):
    opened = []

    def make(**options):
        made = JobHost(tmp_path, BoxConfig())
        opened.append(made)
        bundle, _ = bundle_project(parallel(over=range(9), results="pickle", **options)(abs))
        assert made.answer(HostOpen({}, bundle.encode())).pickles
        return made

    yield make
    for host in opened:
        host.close()


def fold(host, index, *values):
    body = encode([pickle_result(value) for value in values])
    answer = host.answer(Fold(index, True, body))
    assert isinstance(answer, Folded)
    return answer.hit


def finish(host, slices, skipped=0):
    answer = host.answer(Finish(slices))
    assert isinstance(answer, Value) and answer.skipped == skipped
    return pickle.loads(decode(answer.body))


def test_what_is_kept_comes_back_as_one_pickle_of_the_list(open_host):
    host = open_host(keep_if=lambda value: value > 0)
    assert not fold(host, 1, Fraction(1, 3), Fraction(-1, 3))
    assert not fold(host, 0, Fraction(0), Fraction(1, 2))
    assert finish(host, 2) == [Fraction(1, 2), Fraction(1, 3)]


def test_nothing_kept_is_an_empty_list(open_host):
    host = open_host(keep_if=lambda value: False)
    fold(host, 0, object)
    assert finish(host, 1) == []


def test_values_with_code_of_their_own_may_be_kept(open_host):
    host = open_host(keep_if=lambda function: function(2) == 4)
    fold(host, 0, lambda n: n * n, lambda n: n)
    fold(host, 1, lambda n: n + 2)
    assert [function(3) for function in finish(host, 2)] == [9, 5]


def test_what_is_kept_may_be_reduced_and_may_end_the_job(open_host):
    host = open_host(
        keep_if=lambda value: value.denominator > 1,
        reduce=lambda one, other: one + other,
        stop_when=lambda value: value == 7,
    )
    assert not fold(host, 0, Fraction(1, 2), Fraction(3))
    assert fold(host, 1, Fraction(1, 3), Fraction(7))
    assert finish(host, 2) == Fraction(5, 6)


def test_calls_that_failed_are_skipped(open_host):
    host = open_host(keep_if=lambda value: value > 0, on_error="skip")
    fold(host, 0, Fraction(1, 2), FailedCall("ValueError", 1))
    assert finish(host, 1, skipped=1) == [Fraction(1, 2)]


def test_a_keep_if_that_raises_is_the_users_failure(open_host):
    host = open_host(keep_if=lambda value: value.missing)
    with pytest.raises(TaskError, match="keep_if raised AttributeError"):
        fold(host, 0, Fraction(1))


def test_what_is_no_pickle_is_refused(open_host):
    host = open_host(keep_if=bool)
    for wrong in ([1], [b"nonsense"], b"", []):
        with pytest.raises(CannotDecodeError):
            host.answer(Fold(0, True, encode(wrong)))
