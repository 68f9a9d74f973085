"""The driver: records before effects, grouped commits, a disk that refuses, deadlines, commands."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio

from peernet.core.effects import Answer, Disconnect, Effect, Forget, Note, Save
from peernet.core.events import (
    Done,
    Event,
    LeaveAsked,
    Listening,
    Now,
    PeerLost,
    Received,
    Requested,
    Tick,
)
from peernet.core.records import MineRecord
from peernet.errors import BusyError, StorageError
from peernet.runtime import driver as driver_module
from peernet.runtime.driver import Driver
from peernet.storage.journal import Change, Journal, Removal
from peernet.types import PeerId
from peernet.wire.kad import Probe

BOB = PeerId(b"b" * 32)


class ScriptedCore:
    """A core that answers each event with what the script says."""

    def __init__(self, script: Callable[[Event], list[Effect]]) -> None:
        self.script = script
        self.handled: list[Event] = []
        self.deadline = float("inf")

    def handle(self, event: Event, now: Now) -> list[Effect]:
        self.handled.append(event)
        return self.script(event)

    def next_deadline(self) -> float:
        return self.deadline


class Fixture:
    """A driver with a scripted core, a real journal and a record of all that left."""

    def __init__(self, folder: Path, script: Callable[[Event], list[Effect]]) -> None:
        self.journal = Journal.open(folder / "journal.sqlite")
        self.core = ScriptedCore(script)
        self.left: list[Effect] = []
        self.notes: list[str] = []
        self.in_journal: list[int] = []
        self.driver = Driver(
            self.core,  # type: ignore[arg-type]
            self.journal,
            lambda: Now(trio.current_time(), 1_800_000_000.0 + trio.current_time()),
            self.carry,
            lambda note: self.notes.append(note.text),
        )

    def carry(self, effect: Effect) -> None:
        self.in_journal.append(len(list(self.journal.load("mine"))))
        self.left.append(effect)


@pytest.fixture
def make_driver(tmp_path: Path) -> Callable[[Callable[[Event], list[Effect]]], Fixture]:
    return lambda script: Fixture(tmp_path, script)


async def run_for(fixture: Fixture, seconds: float, *events: Event) -> None:
    with trio.move_on_after(seconds):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fixture.driver.run, [])
            for event in events:
                fixture.driver.post(event)


async def test_records_are_on_disk_before_any_effect_leaves(make_driver: Any, autojump_clock: Any) -> None:
    fixture = make_driver(lambda event: [Disconnect(BOB, "first"), Save(MineRecord(BOB)), Disconnect(BOB, "last")])
    await run_for(fixture, 1.0, Listening(1))
    assert [effect.reason for effect in fixture.left] == ["first", "last"]
    assert fixture.in_journal == [1, 1]


async def test_events_that_wait_together_are_one_commit(
    make_driver: Any, autojump_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture = make_driver(lambda event: [Save(MineRecord(PeerId(bytes([event.port]) * 32)))])
    commits: list[int] = []
    commit = fixture.journal.commit

    def counted(changes: list[Change | Removal]) -> None:
        commits.append(len(changes))
        commit(changes)

    monkeypatch.setattr(fixture.journal, "commit", counted)
    await run_for(fixture, 1.0, *(Listening(number) for number in range(10)))
    assert commits == [10]


async def test_saving_and_forgetting_keep_their_order(make_driver: Any, autojump_clock: Any) -> None:
    fixture = make_driver(lambda event: [Save(MineRecord(BOB)), Forget("mine", BOB), Save(MineRecord(BOB))])
    await run_for(fixture, 1.0, Listening(1))
    assert [key for key, _ in fixture.journal.load("mine")] == [BOB]


async def test_a_disk_that_refuses_holds_everything_back_until_there_is_room(
    make_driver: Any, autojump_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    fixture = make_driver(lambda event: [Save(MineRecord(BOB)), Disconnect(BOB, "after")])
    commit, full = fixture.journal.commit, [True]

    def refusing(changes: list[Change | Removal]) -> None:
        if full[0]:
            raise StorageError("the disk is full")
        commit(changes)

    monkeypatch.setattr(fixture.journal, "commit", refusing)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fixture.driver.run, [])
        fixture.driver.post(Listening(1))
        await trio.sleep(10)
        assert fixture.left == []
        assert "the disk is full" in fixture.notes[0]
        full[0] = False
        await trio.sleep(2)
        assert [effect.reason for effect in fixture.left] == ["after"]
        nursery.cancel_scope.cancel()


async def test_a_due_deadline_comes_as_a_tick(make_driver: Any, autojump_clock: Any) -> None:
    fixture = make_driver(lambda event: [])
    fixture.core.deadline = trio.current_time() + 5.0

    def script(event: Event) -> list[Effect]:
        fixture.core.deadline = float("inf")
        return []

    fixture.core.script = script
    await run_for(fixture, 4.0)
    assert fixture.core.handled == []
    await run_for(fixture, 2.0)
    assert fixture.core.handled == [Tick()]


async def test_a_command_gets_its_answer(make_driver: Any, autojump_clock: Any) -> None:
    fixture = make_driver(lambda event: [Answer(event.id, "left")] if isinstance(event, LeaveAsked) else [])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fixture.driver.run, [])
        assert await fixture.driver.ask(LeaveAsked) == "left"
        nursery.cancel_scope.cancel()


async def test_notes_reach_the_watcher_and_nothing_else(make_driver: Any, autojump_clock: Any) -> None:
    fixture = make_driver(lambda event: [Note("warning", "look here")])
    await run_for(fixture, 1.0, PeerLost(BOB, "gone", True))
    assert fixture.notes == ["look here"]
    assert fixture.left == []


async def test_a_flood_of_other_peers_messages_never_costs_an_outcome(
    make_driver: Any, autojump_clock: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(driver_module, "QUEUE_LIMIT", 8)
    fixture = make_driver(lambda event: [])
    for _ in range(100):
        fixture.driver.post(Received(BOB, Probe()))
    with pytest.raises(BusyError):
        fixture.driver.post(Requested(BOB, 1, Probe()))
    outcomes = [Done(number, None) for number in range(100)]
    await run_for(fixture, 1.0, *outcomes, PeerLost(BOB, "gone", False))
    assert [event for event in fixture.core.handled if isinstance(event, Done)] == outcomes
    assert len([event for event in fixture.core.handled if isinstance(event, Received)]) == 8
    assert isinstance(fixture.core.handled[-1], PeerLost)
    assert fixture.driver.dropped == 93


async def test_an_answer_that_nobody_waits_for_any_more_is_handed_on(
    make_driver: Any, autojump_clock: Any
) -> None:
    asked: list[int] = []

    def silent(event: Any) -> list[Effect]:
        asked.append(event.id)
        return []

    fixture = make_driver(silent)
    unwanted: list[object] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(fixture.driver.run, [])
        with trio.move_on_after(1):
            await fixture.driver.ask(LeaveAsked, unwanted.append)
        with trio.move_on_after(1):
            await fixture.driver.ask(LeaveAsked)
        fixture.core.script = lambda event: [Answer(number, number) for number in asked]
        fixture.driver.post(Listening(1))
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert unwanted == [asked[0]]
    assert len(asked) == 2
