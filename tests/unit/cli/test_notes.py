"""Notes of a running peer: each once a minute, and never a flood."""

from __future__ import annotations

import pytest

from peernet_cli.notes import BURST, BURST_SECONDS, REPEAT_SECONDS, TEXTS_KEPT, Notes


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def written() -> list[str]:
    return []


@pytest.fixture
def notes(written: list[str], clock: Clock) -> Notes:
    return Notes(written.append, clock)


def test_the_same_text_is_told_once_a_minute(notes: Notes, written: list[str], clock: Clock) -> None:
    for _ in range(5):
        notes.tell("refused: signature")
        clock.now += 10
    notes.tell("another")
    clock.now = REPEAT_SECONDS
    notes.tell("refused: signature")
    assert written == ["refused: signature", "another", "refused: signature (4 more times since)"]


def test_new_texts_without_end_are_not_a_flood(notes: Notes, written: list[str], clock: Clock) -> None:
    for number in range(10 * BURST):
        notes.tell(f"text {number}")
    assert len(written) == BURST
    clock.now = BURST_SECONDS
    notes.tell("the last")
    assert written[BURST:] == [f"{9 * BURST} more lines were left out", "the last"]


def test_what_is_remembered_is_bounded(notes: Notes, clock: Clock) -> None:
    for number in range(3 * TEXTS_KEPT):
        notes.tell(f"text {number}")
        clock.now += BURST_SECONDS
    assert len(notes._told) == TEXTS_KEPT
