"""Progress: when a line is due, and what it says."""

from __future__ import annotations

import pytest

from peernet.wire.control import JobRow
from peernet_cli.progress import FIRST_SECONDS, Lines
from peernet_cli.stats import duration, progress_line, project_time, stats_of, summary_of


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def row(**changes: object) -> JobRow:
    fields: dict[str, object] = {"job": "j" * 52, "name": "n", "state": "running", "submitted": 10.0}
    return JobRow(**(fields | changes))  # type: ignore[arg-type]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told() -> list[JobRow]:
    return []


@pytest.fixture
def lines(clock: Clock, told: list[JobRow]) -> Lines:
    return Lines(told.append, 3.0, clock)


def test_short_jobs_need_no_line(lines: Lines, clock: Clock, told: list[JobRow]) -> None:
    lines.tick()
    lines.show(row(waiting="no peers yet"))
    clock.now += FIRST_SECONDS / 2
    lines.tick()
    assert told == []


def test_the_latest_state_is_told_even_when_nothing_follows(
    lines: Lines, clock: Clock, told: list[JobRow]
) -> None:
    lines.show(row(accepted=1))
    lines.show(row(waiting="3 peers lack numpy"))
    clock.now += FIRST_SECONDS
    lines.tick()
    assert told == [row(waiting="3 peers lack numpy")]


def test_lines_keep_their_distance(lines: Lines, clock: Clock, told: list[JobRow]) -> None:
    clock.now += FIRST_SECONDS
    for accepted in range(31):
        lines.show(row(accepted=accepted))
        lines.tick()
        clock.now += 0.5
    assert [state.accepted for state in told] == [0, 6, 12, 18, 24, 30]


def test_the_same_line_is_not_told_twice(lines: Lines, clock: Clock, told: list[JobRow]) -> None:
    for _ in range(5):
        clock.now += 10
        lines.show(row(accepted=1))
        lines.tick()
    assert len(told) == 1


@pytest.mark.parametrize(
    ("state", "line"),
    [
        (row(state="preparing"), "preparing: loading the project"),
        (row(accepted=1, working=1), "running: 1 slice, 1 peer working"),
        (
            row(accepted=3, slices=9, working=2, eta=4.2),
            "running: 3 of 9 slices, 2 peers working, about 4.2 s left",
        ),
        (row(slices=9, disagreements=1), "running: 0 of 9 slices, 0 peers working, 1 disagreement"),
        (row(slices=9, waiting="too few"), "waiting: too few (0 of 9 slices)"),
    ],
)
def test_the_state_in_a_line(state: JobRow, line: str) -> None:
    assert progress_line(state) == line


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (60, "1 min 00 s"), (3599, "59 min 59 s"), (7290, "2 h 01 min")],
)
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


def test_project_time_is_from_submission_to_the_end() -> None:
    assert project_time(row(ended=12.34567)) == 2.346
    assert project_time(row()) == 0.0
    assert project_time(row(ended=9.0)) == 0.0  # the clock was set back meanwhile


def test_slices_of_an_ended_job_are_all_of_them() -> None:
    assert stats_of(row(slices=7, accepted=5))["slices"] == 7
    assert stats_of(row(accepted=5))["slices"] == 5
    assert summary_of(row(slices=1, ended=11.0)) == "1 slice, 0 peers, 1.0 s"


@pytest.mark.parametrize(
    ("skipped", "words"), [(None, ""), (0, ""), (1, ", 1 call skipped"), (20, ", 20 calls skipped")]
)
def test_calls_that_are_not_in_the_value_are_told(skipped: int | None, words: str) -> None:
    ended = row(slices=1, ended=11.0, skipped=skipped)
    assert summary_of(ended) == f"1 slice, 0 peers, 1.0 s{words}"
    assert stats_of(ended)["skipped"] == skipped
