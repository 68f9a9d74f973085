"""Timers and the address book of the core's context."""

from __future__ import annotations

import random
from typing import Any

import pytest

from peernet.config import Config
from peernet.core.context import AddressBook, Context
from peernet.core.events import Now
from peernet.types import Instance, PeerId


@pytest.fixture
def ctx() -> Context:
    return Context(
        me=PeerId(b"m" * 32),
        instance=Instance(b"i" * 16),
        config=Config(),
        random=random.Random(1),
        secret=random.Random(2).randbytes,
        sign=lambda data: bytes(64),
        verify=lambda peer, data, signature: True,
        book=AddressBook(2),
    )


def at(ctx: Any, mono: float) -> None:
    ctx.now = Now(mono, 0.0)
    ctx.run_timers()


def test_timers_run_in_the_order_of_their_time_and_then_of_their_setting(ctx: Any) -> None:
    ran: list[str] = []
    ctx.at(2.0, lambda: ran.append("c"))
    ctx.at(1.0, lambda: ran.append("a"))
    ctx.at(1.0, lambda: ran.append("b"))
    assert ctx.next_deadline() == 1.0
    at(ctx, 1.5)
    assert ran == ["a", "b"]
    at(ctx, 2.0)
    assert ran == ["a", "b", "c"]
    assert ctx.next_deadline() == float("inf")


def test_a_cancelled_timer_neither_runs_nor_wakes(ctx: Any) -> None:
    ran: list[str] = []
    ctx.at(1.0, lambda: ran.append("never")).cancel()
    ctx.at(3.0, lambda: ran.append("late"))
    assert ctx.next_deadline() == 3.0
    at(ctx, 5.0)
    assert ran == ["late"]


def test_cancelled_timers_do_not_pile_up_and_live_ones_are_kept_in_order(ctx: Any) -> None:
    ran: list[int] = []
    for number in range(10_000):
        timer = ctx.at(1000.0 + number, lambda number=number: ran.append(number))
        if number % 1000:
            timer.cancel()
    assert len(ctx._timers) < 100
    at(ctx, 20_000.0)
    assert ran == list(range(0, 10_000, 1000))


def test_a_timer_set_by_a_timer_that_is_due_runs_at_once(ctx: Any) -> None:
    ran: list[str] = []
    ctx.at(1.0, lambda: ctx.at(1.0, lambda: ran.append("second")))
    at(ctx, 1.0)
    assert ran == ["second"]


def test_what_is_at_leisure_runs_with_the_first_event_of_its_span_or_at_its_end(ctx: Any) -> None:
    ran: list[str] = []
    ctx.between(1.0, 4.0, lambda: ran.append("a"))
    ctx.between(2.0, 3.0, lambda: ran.append("b"))
    assert (ctx.ready, ctx.wake, ctx.next_deadline()) == (1.0, 3.0, 3.0)
    at(ctx, 0.9)
    assert ran == []
    at(ctx, 1.5)
    assert ran == ["a"]
    assert (ctx.ready, ctx.wake) == (2.0, 3.0)
    at(ctx, 3.0)
    assert ran == ["a", "b"]
    assert (ctx.ready, ctx.wake) == (float("inf"), float("inf"))


def test_what_is_at_leisure_runs_once_and_not_after_it_was_cancelled(ctx: Any) -> None:
    ran: list[str] = []
    ctx.between(1.0, 3.0, lambda: ctx.between(1.0, 5.0, lambda: ran.append("next time")))
    ctx.between(1.0, 4.0, lambda: ran.append("never")).cancel()
    last = ctx.between(1.0, 2.0, lambda: ran.append("cancelled by a timer"))
    ctx.at(1.5, last.cancel)
    at(ctx, 1.5)
    assert ran == []
    at(ctx, 1.5)
    assert ran == ["next time"]
    at(ctx, 9.0)
    assert ran == ["next time"]


def test_cancelled_ones_at_leisure_do_not_pile_up(ctx: Any) -> None:
    for _ in range(10_000):
        ctx.between(1.0, 2.0, lambda: None).cancel()
    assert len(ctx._leisurely) < 100


def test_the_address_book_forgets_the_least_recently_learned() -> None:
    book = AddressBook(4)
    one, two, three, four, five = (PeerId(bytes([number]) * 32) for number in range(5))
    for peer in (one, two, three, four):
        book.learn(peer, ("a",))
    book.learn(three, ("b",))
    assert [book.get(peer) for peer in (one, two, three, four)] == [("a",), ("a",), ("b",), ("a",)]
    book.learn(two, ("c",))
    book.learn(four, ())
    assert [book.get(peer) for peer in (one, two, three, four)] == [(), ("c",), ("b",), ("a",)]
    book.learn(five, ("d",))
    book.learn(one, ("e",))
    assert [book.get(peer) for peer in (one, two, three, four, five)] == [("e",), ("c",), (), (), ("d",)]
    assert len(book) <= 4
