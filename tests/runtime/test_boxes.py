"""Boxes as the driver carries them out: each effect has one outcome, and each box is closed, whatever crosses."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing

from peernet.config import Config
from peernet.config.box import BoxConfig
from peernet.core.effects import CloseBox, OpenBox, RunSlice
from peernet.core.events import Done, Event, Failed, SliceOutcome
from peernet.runtime.boxes import Boxes
from peernet.runtime.numericboxes import NumericBoxes
from peernet.runtime.options import PeerOptions
from peernet.runtime.packages import Packages
from peernet.runtime.payloads import Payloads
from peernet.runtime.surroundings import in_thread
from peernet.sandbox import Limits, Outcome, Status, default_limits
from peernet.storage.blobs import BlobStore
from peernet.types import JobId, Payload

JOB = JobId(b"j" * 32)


class ScriptedBox:
    """A box that counts its closes and keeps the limits of its slices."""

    def __init__(self) -> None:
        self.closed = 0
        self.limits: list[Limits] = []

    async def run(self, data: bytes, limits: Limits, on_start: Callable[[], None], **more: Any) -> Outcome:
        await trio.lowlevel.checkpoint()
        self.limits.append(limits)
        return Outcome(Status.SCRATCH, None, "8 bytes were used; 4 are allowed", 0, "", "", 0.1, 0.2, 1)

    async def aclose(self) -> None:
        await trio.lowlevel.checkpoint()
        self.closed += 1


class SlowExecutor:
    """Opens boxes when it is told to; cleaning up after a cancelled opening takes time, as with real processes."""

    tier = "A"

    def __init__(self) -> None:
        self.boxes: list[ScriptedBox] = []
        self.go = trio.Event()
        self.ready: Callable[[], None] = lambda: None
        self.opened: list[tuple[Limits, dict[str, Any]]] = []

    async def open_box(self, bundle: bytes, limits: Limits, slots: int, **more: Any) -> ScriptedBox:
        self.opened.append((limits, more))
        try:
            await self.go.wait()
        except trio.Cancelled:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            raise
        self.ready()
        self.boxes.append(ScriptedBox())
        return self.boxes[-1]


@pytest.fixture
async def world(tmp_path: Path, nursery: trio.Nursery, autojump_clock: Any) -> Any:
    class World:
        executor = SlowExecutor()
        blobs = BlobStore(tmp_path / "blobs", 1 << 20)
        outcomes: list[Event] = []  # noqa: RUF012
        bundle = blobs.put(b"bundle")

        def __init__(self) -> None:
            self.boxes = Boxes(
                self.executor,  # type: ignore[arg-type]
                Packages(tmp_path / "environments", PeerOptions(tmp_path), in_thread),
                NumericBoxes(self.executor, str, in_thread, BoxConfig(), print),  # type: ignore[arg-type]
                Payloads(self.blobs, in_thread),
                Config(),
                self.outcomes.append,
                nursery,
                lambda job, text: None,
            )

        def open(self, number: int) -> None:
            self.boxes.carry(OpenBox(number, JOB, self.bundle, 1))

    return World()


async def test_a_box_is_opened_anew_while_its_first_opening_is_being_cancelled(world: Any) -> None:
    world.open(1)
    await trio.testing.wait_all_tasks_blocked()
    world.boxes.carry(CloseBox(JOB))
    world.open(2)
    await trio.sleep(0.5)
    world.executor.go.set()
    await trio.sleep(2)
    world.boxes.carry(CloseBox(JOB))
    await trio.testing.wait_all_tasks_blocked()
    assert [(type(outcome), outcome.id) for outcome in world.outcomes] == [(Done, 2), (Failed, 1)]
    assert [box.closed for box in world.executor.boxes] == [1]


async def test_a_close_in_the_moment_of_opening_leaves_no_box_behind(world: Any) -> None:
    world.executor.ready = lambda: world.boxes.carry(CloseBox(JOB))
    world.executor.go.set()
    world.open(1)
    await trio.sleep(2)
    assert [type(outcome) for outcome in world.outcomes] == [Failed]
    assert [box.closed for box in world.executor.boxes] == [1]


async def test_limits_and_reuse_reach_the_box_and_what_broke_a_limit_is_an_outcome(world: Any) -> None:
    world.executor.go.set()
    world.boxes.carry(OpenBox(1, JOB, world.bundle, 1, 5.0, 7 << 20, 9, True))
    await trio.testing.wait_all_tasks_blocked()
    world.boxes.carry(RunSlice(2, JOB, Payload(world.bundle, 6), 5.0, 7 << 20, 9))
    await trio.testing.wait_all_tasks_blocked()
    ((opened, more),) = world.executor.opened
    (ran,) = world.executor.boxes[0].limits
    default = default_limits(Config().box)
    assert more["reuse"] is True
    assert opened == ran
    assert (ran.seconds, ran.cpu_seconds, ran.memory, ran.scratch) == (5.0, 6.0, 7 << 20, 9)
    assert (ran.result, ran.threads, ran.open_files) == (default.result, default.threads, default.open_files)
    outcome = world.outcomes[-1]
    assert isinstance(outcome, Done) and isinstance(outcome.value, SliceOutcome)
    assert (outcome.value.status, outcome.value.error) == ("scratch", "8 bytes were used; 4 are allowed")


async def test_a_slice_without_limits_of_its_own_gets_the_defaults(world: Any) -> None:
    world.executor.go.set()
    world.open(1)
    await trio.testing.wait_all_tasks_blocked()
    world.boxes.carry(RunSlice(2, JOB, Payload(world.bundle, 6), 0.0, 0))
    await trio.testing.wait_all_tasks_blocked()
    (ran,) = world.executor.boxes[0].limits
    default = default_limits(Config().box)
    assert (ran.seconds, ran.memory, ran.scratch) == (default.seconds, default.memory, default.scratch)
