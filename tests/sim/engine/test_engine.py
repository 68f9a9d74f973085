from __future__ import annotations

import random

import pytest

from peernet_sim.engine import SLOTS, Engine
from peernet_sim.violations import Broken


def test_acts_run_in_order_of_time_and_then_of_asking() -> None:
    engine = Engine()
    seen: list[tuple[str, float]] = []

    def see(name: str) -> None:
        seen.append((name, engine.now))

    engine.at(2.0, see, "late")
    engine.at(1.0, see, "first")
    engine.at(1.0, see, "second")
    engine.run(3.0)

    assert seen == [("first", 1.0), ("second", 1.0), ("late", 2.0)]
    assert engine.now == 3.0


def test_what_is_set_for_later_waits_for_the_next_run() -> None:
    engine = Engine()
    seen: list[float] = []
    engine.after(5.0, lambda: seen.append(engine.now))

    engine.run(4.0)
    assert seen == [] and engine.now == 4.0
    engine.run(6.0)
    assert seen == [5.0]


def test_an_act_may_ask_for_more_at_the_same_time() -> None:
    engine = Engine()
    seen: list[int] = []
    engine.at(1.0, lambda: engine.after(0.0, seen.append, 2))
    engine.at(1.0, seen.append, 1)
    engine.run(1.0)
    assert seen == [1, 2]


def test_what_is_wanted_soon_comes_before_what_was_set_for_the_same_time() -> None:
    engine = Engine()
    seen: list[str] = []

    def act() -> None:
        engine.soon(engine.soon, seen.append, "third")
        engine.soon(seen.append, "second")
        seen.append("first")

    engine.at(1.0, act)
    engine.at(1.0, seen.append, "last")
    engine.run(1.0)
    assert seen == ["first", "second", "third", "last"]
    assert (len(engine), engine.steps) == (0, 2)


def test_order_is_that_of_a_sort_whenever_something_is_set_and_however_often_it_is_stopped() -> None:
    rng = random.Random(1)
    engine = Engine()
    asked: list[tuple[float, int]] = []
    seen: list[tuple[float, int]] = []

    def ask() -> None:
        # Some in the slot that is open, some at its very edge, some for one time.
        when = engine.now + rng.choice((0.0, rng.random() / SLOTS, rng.random(), 1 / SLOTS, 2.0))
        asked.append((when, len(asked)))
        engine.at(when, act, len(asked) - 1, when)

    def act(number: int, when: float) -> None:
        assert engine.now == when
        seen.append((when, number))
        if len(asked) < 4000:
            ask()

    for _ in range(100):
        ask()
    while len(engine):
        engine.run(engine.now + rng.random() / 50)
        assert len(seen) == sum(when <= engine.now for when, _ in asked)
    assert seen == sorted(asked) and engine.steps == 4000


def test_the_past_is_refused() -> None:
    engine = Engine()
    engine.at(2.0, lambda: engine.at(1.0, lambda: None))
    with pytest.raises(Broken, match="virtual time"):
        engine.run(3.0)


def test_stop_ends_the_run_where_it_is() -> None:
    engine = Engine()
    engine.at(1.0, engine.stop)
    engine.at(2.0, lambda: pytest.fail("it went on"))
    engine.run(3.0)
    assert engine.now == 1.0
