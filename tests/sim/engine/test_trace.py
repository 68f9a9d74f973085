"""The trace: its digest is over everything, its ring holds the latest."""

from __future__ import annotations

from peernet_sim.trace import Trace


def fill(trace: Trace, count: int) -> None:
    for number in range(count):
        trace.add(float(number), number % 3, "tick" if number % 2 else "tock", other=number % 5, size=number)


def test_the_digest_does_not_depend_on_how_much_is_kept_or_on_when_it_is_asked_for() -> None:
    small, large = Trace(ring=4), Trace(ring=1000)
    for trace in (small, large):
        fill(trace, 7)
    assert small.digest() == large.digest()
    before = small.digest()
    fill(small, 6)
    fill(large, 6)
    assert small.digest() == large.digest() != before


def test_the_digest_differs_where_an_event_differs() -> None:
    one, other = Trace(), Trace()
    one.add(1.0, 2, "tick", 3, 4)
    other.add(1.0, 2, "tick", 3, 5)
    assert one.digest() != other.digest()


def test_a_story_is_of_the_latest_events_the_earliest_first() -> None:
    trace = Trace(ring=4)
    fill(trace, 3)
    assert [line.split()[0] for line in trace.story(())] == ["0.000000", "1.000000", "2.000000"]
    fill(trace, 7)
    assert [line.split()[0] for line in trace.story(())] == ["3.000000", "4.000000", "5.000000", "6.000000"]


def test_a_story_is_of_those_whom_it_concerns() -> None:
    trace = Trace()
    trace.add(1.0, 1, "tick", other=2)
    trace.add(2.0, 3, "tick")
    assert trace.story((2,)) == ("    1.000000 s  peer 1: tick from peer 2",)
