"""What is asked for and not answered in time."""

from __future__ import annotations

from typing import Any

import pytest

from peernet.core.events import Event, Failed
from peernet_sim.crypto import Keys
from peernet_sim.deadlines import Deadlines
from peernet_sim.engine import Engine
from peernet_sim.machine import Machine
from peernet_sim.model import PeerSpec


@pytest.fixture
def machine() -> Machine:
    keys = Keys(1, real=False, minted={})
    return Machine(PeerSpec(0), keys.make(0, 0), "10.0.0.1", 4001, None)


@pytest.fixture
def failed() -> list[tuple[float, int]]:
    """When which request failed."""
    return []


@pytest.fixture
def run(machine: Machine, failed: list[tuple[float, int]]) -> tuple[Engine, Deadlines]:
    engine = Engine()

    def post(to: Machine, life: int, event: Event) -> None:
        assert (to, life) == (machine, machine.life)
        assert isinstance(event, Failed) and event.failure.kind == "timeout"
        failed.append((engine.now, event.id))

    return engine, Deadlines(engine, post)


def test_what_is_not_answered_fails_at_its_time(run: Any, machine: Machine, failed: Any) -> None:
    engine, deadlines = run

    def ask(handle: int, timeout: float) -> None:
        machine.asked[handle] = (None, 100 + handle)
        deadlines.add(machine, handle, timeout)

    for at, handle, timeout in ((0.0, 1, 5.0), (1.0, 2, 5.0), (1.0, 3, 2.0), (2.0, 4, 5.0)):
        engine.at(at, ask, handle, timeout)
    engine.at(3.5, machine.asked.pop, 2)
    engine.run(20.0)
    assert failed == [(3.0, 103), (5.0, 101), (7.0, 104)]
    assert not machine.asked and len(engine) == 0


def test_another_life_hears_nothing_of_it(run: Any, machine: Machine, failed: Any) -> None:
    engine, deadlines = run
    machine.asked[1] = (None, 1)
    deadlines.add(machine, 1, 5.0)
    engine.at(2.0, machine.reset)
    engine.run(20.0)
    assert failed == []
