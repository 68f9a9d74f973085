"""The canary of what is private to trio, and virtual time."""

from __future__ import annotations

import time
from functools import partial
from typing import Any

import pytest
import trio

from peernet.errors import UsageError
from peernet_sim.fidelity import determinism
from peernet_sim.fidelity.clock import VirtualClock
from peernet_sim.fidelity.determinism import check_determinism, run_seeded


def race(seed: int) -> list[tuple[int, float]]:
    """Who woke when, of tasks that wake each other in ways that leave the order to the scheduler."""
    order: list[tuple[int, float]] = []

    async def sleeper(number: int, event: trio.Event) -> None:
        await event.wait()
        order.append((number, trio.current_time()))
        with trio.move_on_after(number % 3):
            await trio.sleep_forever()
        order.append((number, trio.current_time()))

    async def main() -> None:
        event = trio.Event()
        async with trio.open_nursery() as nursery:
            for number in range(40):
                nursery.start_soon(sleeper, number, event)
            await trio.sleep(1.0)
            event.set()

    run_seeded(seed, main, VirtualClock())
    return order


def test_the_canary_lives() -> None:
    check_determinism()


def test_a_seed_is_an_order_of_tasks() -> None:
    assert race(7) == race(7)
    assert race(7) != race(8)


def test_the_flag_and_the_state_of_trio_are_left_as_they_were() -> None:
    module: Any = trio._core._run
    before = module._ALLOW_DETERMINISTIC_SCHEDULING, module._r.getstate()
    with determinism.seeded_scheduling(3):
        assert module._ALLOW_DETERMINISTIC_SCHEDULING is True
    assert (module._ALLOW_DETERMINISTIC_SCHEDULING, module._r.getstate()) == before


@pytest.mark.parametrize("name", ["_ALLOW_DETERMINISTIC_SCHEDULING", "_r"])
def test_a_trio_without_them_is_refused(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delattr(f"trio._core._run.{name}")
    with pytest.raises(UsageError, match=r"--mode scale.*") as caught:
        check_determinism()
    assert trio.__version__ in str(caught.value)


def test_a_trio_that_ignores_the_seed_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    orders = iter([[1, 2], [2, 1], [1, 2]])
    monkeypatch.setattr(determinism, "_race", lambda seed: next(orders))
    with pytest.raises(UsageError, match="does not follow the seed"):
        check_determinism()


def test_time_jumps_and_never_waits() -> None:
    clock, began = VirtualClock(), time.perf_counter()

    async def main() -> list[float]:
        seen = []
        for seconds in (0.1, 3600.0, 86_400.0):
            await trio.sleep(seconds)
            seen.append(trio.current_time())
        return seen

    assert run_seeded(1, main, clock) == pytest.approx([0.1, 3600.1, 90_000.1])
    assert time.perf_counter() - began < 5.0


def test_the_pump_acts_between_tasks_in_order() -> None:
    clock = VirtualClock()
    acts: list[tuple[str, float]] = []

    async def main() -> None:
        event = trio.Event()
        clock.pump.at(2.0, event.set)
        clock.pump.at(1.0, lambda: acts.append(("first", clock.time)))
        clock.pump.at(1.0, lambda: acts.append(("second", clock.time)))
        await trio.sleep(0.5)
        assert not acts
        await event.wait()
        acts.append(("woken", trio.current_time()))

    run_seeded(1, main, clock)
    assert acts == [("first", 1.0), ("second", 1.0), ("woken", 2.0)]


def test_a_run_in_which_nothing_can_happen_any_more_ends() -> None:
    clock = VirtualClock()

    async def main() -> None:
        await trio.Event().wait()

    with pytest.raises(RuntimeError, match="can ever run again"):
        run_seeded(1, partial(clock.watch, main), clock)
