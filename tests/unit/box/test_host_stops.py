"""`stop_when` in the job host: hits are told, and a job may finish before all its slices are there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from peernet.box.frames import FrameDecoder
from peernet.box.host import JobHost
from peernet.box.hostmessages import FROM_HOST, TO_HOST, Check, Checked, Finish, Fold, Folded, HostOpen, Value
from peernet.config.box import BoxConfig
from peernet.errors import BoxError, TaskError
from peernet.project import Cutter, FailedCall, bundle_project, parallel
from peernet.results import decode, encode


@pytest.fixture
def open_host(tmp_path):
    opened = []

    def make(**options: Any) -> JobHost:
        made = JobHost(tmp_path, BoxConfig())
        opened.append(made)
        bundle, _ = bundle_project(parallel(over=range(40), **{"stop_when": lambda n: n == 9} | options)(abs))
        assert made.answer(HostOpen({}, bundle.encode())).reduces
        return made

    yield make
    for host in opened:
        host.close()


def fold(host: JobHost, index: int, values: list[Any], keep: bool = True) -> bool:
    answer = host.answer(Fold(index, keep, encode(values, classes=(FailedCall,))))
    assert isinstance(answer, Folded)
    return answer.hit


def finish(host: JobHost, slices: int, *without: int, partial: bool = True, skipped: int = 0) -> Any:
    body = b"".join(index.to_bytes(8, "big") for index in without)
    answer = host.answer(Finish(slices, partial, body))
    assert isinstance(answer, Value) and answer.skipped == skipped
    return decode(answer.body)


@pytest.mark.parametrize("keep", [True, False])
def test_a_hit_is_told_and_all_that_was_accepted_is_the_value(open_host: Callable[..., JobHost], keep: bool):
    host = open_host()
    assert not fold(host, 5, [7, 8], keep)
    assert not fold(host, 0, [1, 2], keep)
    assert fold(host, 3, [5, 9], keep)
    assert finish(host, 8) == [1, 2, 5, 9, 7, 8]


def test_without_a_hit_the_value_is_the_list_of_all_results(open_host: Callable[..., JobHost]):
    host = open_host()
    assert not fold(host, 1, [3])
    assert not fold(host, 0, [1, 2])
    assert finish(host, 2, partial=False) == [1, 2, 3]


def test_what_is_taken_back_now_is_left_out_and_may_be_folded_later(open_host: Callable[..., JobHost]):
    host = open_host()
    assert fold(host, 0, [9])
    assert not fold(host, 1, [1])
    assert not fold(host, 2, [2])
    assert fold(host, 3, [9])
    assert finish(host, 5, 0, 2, 4) == [1, 9]
    assert not fold(host, 0, [0])
    assert finish(host, 5, 2) == [0, 1, 9]
    assert finish(host, 4, partial=False) == [0, 1, 2, 9]
    assert not fold(host, 4, [4])
    assert finish(host, 5, partial=False) == [0, 1, 2, 9, 4]


def test_keep_if_and_reduce_take_what_was_accepted(open_host: Callable[..., JobHost]):
    host = open_host(keep_if=lambda n: n % 2, reduce=lambda a, b: a * b)
    assert fold(host, 4, [2, 9])
    assert not fold(host, 2, [3, 4])
    assert finish(host, 7) == 27


def test_a_call_that_failed_is_no_hit_and_not_in_the_list(open_host: Callable[..., JobHost]):
    host = open_host(stop_when=lambda n: True, on_error="skip")
    assert not fold(host, 0, [FailedCall("ValueError", 0)])
    assert fold(host, 1, [FailedCall("ValueError", 0), 3])
    assert finish(host, 4, skipped=2) == [3]


def test_skipped_calls_are_counted_with_the_results_that_count(open_host: Callable[..., JobHost]):
    host = open_host(keep_if=lambda n: n > 1, on_error="skip")
    failed = FailedCall("ValueError", 0)
    fold(host, 0, [failed, 1, failed])
    fold(host, 1, [failed, 2])
    fold(host, 1, [failed, 2])
    assert finish(host, 2, partial=False, skipped=3) == [2]
    fold(host, 0, [3, 1, failed])
    assert finish(host, 2, partial=False, skipped=2) == [3, 2]
    assert finish(host, 2, 0, skipped=1) == [2]


def test_a_predicate_that_raises_is_the_users_failure(open_host: Callable[..., JobHost]):
    host = open_host(stop_when=lambda n: 1 // n)
    with pytest.raises(TaskError, match="stop_when raised ZeroDivisionError") as failed:
        fold(host, 0, [0])
    assert "1 // n" in failed.value.traceback


def test_results_that_prove_themselves_may_end_with_a_hit(open_host: Callable[..., JobHost]):
    host = open_host(check=lambda given, value: given == value)
    cut = Cutter([8, 9, 10], whole_slice=False).cut(3)
    assert cut is not None
    for values, proven in (([8, 9], True), ([8], False), ([8, 9, 10], True), ([9], False)):
        request = Check(len(cut.data), cut.data + encode(values))
        assert host.answer(request) == Checked(proven)


def test_slices_to_leave_out_that_do_not_add_up_are_refused(open_host: Callable[..., JobHost]):
    host = open_host()
    with pytest.raises(BoxError, match="do not add up"):
        host.answer(Finish(1, True, b"short"))


@pytest.mark.parametrize(
    ("reader", "message"), [(TO_HOST, Finish(3, True, bytes(16))), (FROM_HOST, Folded(True)), (TO_HOST, Finish(3))]
)
def test_what_is_new_in_messages_comes_across(reader, message):
    decoder = FrameDecoder(header=1024, body=1024)
    for part in message.encode():
        decoder.feed(part)
    assert reader.read(decoder.next_frame()) == message
