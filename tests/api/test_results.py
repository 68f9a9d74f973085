"""Results that are taken back after they were handed out, while the job runs and after its end."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import pytest

import peernet
from peernet.api.jobs import Job
from peernet.errors import RetractedWarning, TaskError
from peernet.results import encode
from peernet.wire.control import (
    ControlReply,
    ControlRequest,
    FinalValue,
    JobReply,
    JobRow,
    Results,
    RetractedRow,
    Show,
    SliceValue,
    TakenBack,
)

DONE = JobRow(job="abcdefghijkl", name="f", state="done", submitted=1.0, accepted=3)
GONE = RetractedRow("12D3KooWEve", 1, 2, 2.0, "which you have blocked")


class Client:
    """Answers with what it is given, as a control client does."""

    def __init__(self, *replies: ControlReply) -> None:
        self.replies = replies

    def stream(self, request: ControlRequest) -> Iterator[ControlReply]:
        assert isinstance(request, Results)
        return iter(self.replies)

    def ask(self, request: ControlRequest, reply: type[Any]) -> Any:
        assert isinstance(request, Show)
        return self.replies[-1]


def job(*replies: ControlReply) -> Job:
    return Job("abcdefghijkl", Client(*replies))  # type: ignore[arg-type]


def test_what_was_handed_out_and_is_computed_again_is_told_and_corrected() -> None:
    results = job(
        SliceValue(0, encode([0, 1])),
        SliceValue(1, encode([-1, -1])),
        TakenBack(1),
        SliceValue(2, encode([4])),
        SliceValue(1, encode([2, 3])),
        JobReply(DONE),
    ).results()
    with pytest.warns(
        RetractedWarning, match="what stands in places 2 to 3 of job abcdefghij is believed no more"
    ):
        assert list(results) == [0, 1, -1, -1, 4]
    assert results.corrected == {2: 2, 3: 3}
    assert results.retracted == []


def test_the_result_as_a_whole_is_what_is_believed() -> None:
    replies = (SliceValue(0, encode([-1])), TakenBack(0), SliceValue(0, encode([7])), JobReply(DONE))
    with pytest.warns(RetractedWarning, match="result 0 of job abcdefghij is believed no more") as told:
        assert job(*replies).result() == [7]
    assert len(told) == 1


def test_a_job_that_fails_leaves_what_was_taken_back_uncorrected() -> None:
    failed = JobRow(job="abc", name="f", state="failed", submitted=1.0, reason="it broke", reason_kind="task")
    results = job(SliceValue(0, encode([-1])), TakenBack(0), JobReply(failed)).results()
    with pytest.warns(RetractedWarning), pytest.raises(TaskError, match="it broke"):
        list(results)
    assert results.corrected == {}


def test_results_of_an_ended_job_that_are_retracted_are_given_and_told() -> None:
    row = JobReply(
        JobRow(**{name: getattr(DONE, name) for name in DONE.__struct_fields__} | {"retracted": (GONE,)})
    )
    results = job(SliceValue(0, encode([0])), SliceValue(1, encode([1, 4]), retracted=GONE.peer), row).results()
    text = (
        "1 of 3 slices of job abcdefghij are retracted: they rested on 12D3KooWEve, which you have blocked; submit"
    )
    with pytest.warns(RetractedWarning, match=text):
        assert list(results) == [0, 1, 4]
    assert results.retracted == [1, 2]
    with pytest.warns(RetractedWarning, match="submit the job again"):
        assert list(job(FinalValue(encode(14)), row).results()) == [14]


def test_where_nothing_is_taken_back_nothing_is_said() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert job(SliceValue(0, encode([1])), JobReply(DONE)).result() == [1]
    assert peernet.RetractedWarning is RetractedWarning
