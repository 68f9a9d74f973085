"""Calls under way: each has one outcome."""

from __future__ import annotations

import math
from itertools import count

import pytest

from peernet.errors import BusyError, CallTimeoutError, ConnectionLostError
from peernet.net.calls import Calls


def test_each_call_has_one_outcome():
    calls, got = Calls[str](10, count(1)), []
    call = calls.add(5.0, got.append)
    assert calls.settle(call, "answer")
    assert not calls.settle(call, "again")
    assert got == ["answer"]
    assert len(calls) == 0


def test_answers_to_what_was_not_asked_are_told_apart():
    assert not Calls[str](10, count(1)).settle(77, "answer")


def test_calls_over_the_limit_are_refused():
    calls = Calls[str](2, count(1))
    for _ in range(2):
        calls.add(5.0, lambda outcome: None)
    with pytest.raises(BusyError):
        calls.add(5.0, lambda outcome: None)


def test_overdue_calls_end_each_with_an_error_of_its_own():
    calls, got = Calls[str](10, count(1)), []
    for deadline in (3.0, 1.0, 2.0):
        calls.add(deadline, got.append)
    assert calls.next_deadline() == 1.0
    assert calls.expire(2.0, CallTimeoutError) == 2
    assert [type(error) for error in got] == [CallTimeoutError] * 2
    assert got[0] is not got[1]
    assert calls.next_deadline() == 3.0
    calls.fail_all(ConnectionLostError)
    assert isinstance(got[2], ConnectionLostError)
    assert calls.next_deadline() == math.inf


def test_a_forgotten_call_is_told_nothing():
    calls, got = Calls[str](10, count(1)), []
    call = calls.add(1.0, got.append)
    calls.forget(call)
    calls.forget(call)
    calls.fail_all(ConnectionLostError)
    assert got == []
