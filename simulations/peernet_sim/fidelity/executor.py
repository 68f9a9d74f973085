"""Boxes and job hosts without processes: they take virtual time, and run the function of the job in this process.

The product's runtime drives them by the same protocols as its own boxes (`peernet.sandbox`).
"""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable, Sequence
from pathlib import Path

import trio

from peernet.box.hostmessages import HostOpened
from peernet.box.limits import Limits
from peernet.box.messages import Status
from peernet.errors import BoxError, CannotEncodeError, ProjectError, TaskError
from peernet.identity.digest import digest
from peernet.project import FailedCall
from peernet.project.narrowing import Differences
from peernet.results import encode
from peernet.sandbox import Box, Cuts, EncodedValue, HostBox, Outcome
from peernet.types import Digest
from peernet_sim.boxes import HOST_SECONDS, JITTER, OPEN_SECONDS, STEP_SECONDS
from peernet_sim.fidelity.seat import Seat
from peernet_sim.tasks import Task, Tasks

RSS = 32 * 1024 * 1024
"""What a slice says that it took of memory."""

Report = Callable[[Seat, list[object]], list[object] | None]
"""What a peer reports in place of what it computed; None for nothing, ever."""


class VirtualExecutor:
    """An `Executor`. tasks: what the bundles of the run hold. report: what hostile peers make of results."""

    tier: str | None = "A"

    def __init__(self, seat: Seat, tasks: Tasks, rng: random.Random, report: Report) -> None:
        self._seat = seat
        self._tasks = tasks
        self._rng = rng
        self._report = report

    async def open_box(
        self, bundle: bytes, limits: Limits, slots: int, *, environment: Path | None = None, reuse: bool = False
    ) -> Box:
        """See `Executor.open_box`."""
        task = self._tasks.get(digest(bundle))
        await trio.sleep(OPEN_SECONDS)
        if task is None:
            raise BoxError("the bundle is of no job of this simulation")
        return VirtualBox(self, task, slots)

    async def open_host(
        self, bundle: bytes, overrides: dict[str, object], on_output: Callable[[str], None]
    ) -> HostBox:
        """See `Executor.open_host`."""
        task = self._tasks.get(digest(bundle))
        await trio.sleep(HOST_SECONDS)
        if task is None:
            raise ProjectError("the bundle is of no job of this simulation")
        return VirtualHost(task, overrides)

    async def aclose(self) -> None:
        """See `Executor.aclose`."""
        await trio.lowlevel.checkpoint()

    async def run(self, task: Task, data: bytes, limits: Limits, seed: bytes, calls: tuple[int, ...]) -> Outcome:
        """Run a slice: wait as long as it takes, and return what this peer says came out."""
        computed = self._tasks.compute(task, data, seed, calls)
        size = task.slice_size or computed.calls
        share = min(1.0, computed.calls / size) if size else 1.0
        jitter = self._rng.lognormvariate(0.0, JITTER)
        seconds = task.plan.seconds * share * self._seat.slowness * jitter / self._seat.spec.speed
        await trio.sleep(min(seconds, limits.seconds))
        if seconds > limits.seconds:
            return _failed(Status.TIMEOUT, f"the slice ran longer than {limits.seconds:g} s", None, "", seconds)
        if computed.values is None:
            failure = computed.failure
            assert failure is not None
            return _failed(Status.ERROR, failure.error, failure.call, failure.traceback, seconds)
        values = self._report(self._seat, list(computed.values))
        if values is None:
            await trio.sleep_forever()
        self._seat.executed += 1
        try:
            value = encode(values, classes=(FailedCall,))
        except CannotEncodeError as error:
            return _failed(Status.UNENCODABLE, str(error), None, "", seconds)
        return Outcome(Status.OK, value, "", None, "", "", seconds, seconds, RSS)


class VirtualBox:
    """A `Box`: so many slices at once, the others wait."""

    def __init__(self, executor: VirtualExecutor, task: Task, slots: int) -> None:
        self._executor = executor
        self._task = task
        self._free = trio.Semaphore(slots)
        self._scopes: dict[trio.CancelScope, None] = {}
        self._closed = False

    async def run(
        self,
        data: bytes,
        limits: Limits,
        on_start: Callable[[], None],
        *,
        seed: bytes = b"",
        calls: tuple[int, ...] = (),
    ) -> Outcome:
        """See `Box.run`."""
        outcome: Outcome | None = None
        with trio.CancelScope() as scope:
            self._scopes[scope] = None
            try:
                async with self._free:
                    if not self._closed:
                        on_start()
                        outcome = await self._executor.run(self._task, data, limits, seed, calls)
            finally:
                del self._scopes[scope]
        if outcome is None:
            raise BoxError("the box was closed")
        return outcome

    async def aclose(self) -> None:
        """See `Box.aclose`."""
        self._closed = True
        for scope in list(self._scopes):
            scope.cancel()
        await trio.lowlevel.checkpoint()


class VirtualHost:
    """A `HostBox`: the project's input and its reduction."""

    def __init__(self, task: Task, overrides: dict[str, object]) -> None:
        self._cutter = task.cutter()
        self._folder = task.folder()
        self._narrower = task.narrower()
        declared = task.opened(self._cutter)
        names = [field.name for field in dataclasses.fields(HostOpened)]
        values = {name: getattr(declared, name) for name in names} | {"packages": "\n".join(declared.packages)}
        self._opened = HostOpened(**(values | overrides))

    @property
    def opened(self) -> HostOpened:
        """See `HostBox.opened`."""
        return self._opened

    async def cut(self, calls: int, count: int) -> Cuts:
        """See `HostBox.cut`."""
        await trio.sleep(STEP_SECONDS)
        cuts: list[tuple[int, bytes]] = []
        for _ in range(count):
            cut = self._cutter.cut(calls)
            if cut is None:
                return Cuts(tuple(cuts), True)
            cuts.append((cut.calls, cut.data))
        return Cuts(tuple(cuts), False)

    async def replay(self, slices: Sequence[tuple[int, Digest]]) -> None:
        """See `HostBox.replay`."""
        await trio.sleep(STEP_SECONDS)
        self._cutter.replay(slices)

    async def fold(self, index: int, value: bytes, *, keep: bool = False) -> bool:
        """See `HostBox.fold`."""
        await trio.sleep(STEP_SECONDS)
        if self._folder is None:
            raise TaskError("there is nothing to fold")
        return self._folder.fold(index, value, keep=keep)

    async def check(self, given: bytes, value: bytes) -> bool:
        """See `HostBox.check`."""
        raise ProjectError("the projects of simulations have no check")

    async def compare(self, values: Sequence[bytes]) -> tuple[int, ...]:
        """See `HostBox.compare`."""
        raise ProjectError("the projects of simulations have no equal")

    async def differ(
        self, given: bytes, calls: int, values: Sequence[bytes], also: Sequence[int], most: int
    ) -> Differences:
        """See `HostBox.differ`."""
        await trio.sleep(STEP_SECONDS)
        return self._narrower.differences(given, calls, values, also, most)

    async def compose(self, base: bytes, calls: Sequence[int], part: bytes) -> bytes | None:
        """See `HostBox.compose`."""
        await trio.sleep(STEP_SECONDS)
        return self._narrower.compose(base, calls, part)

    async def finish(self, slices: int, *, partial: bool = False, without: Sequence[int] = ()) -> EncodedValue:
        """See `HostBox.finish`."""
        await trio.sleep(STEP_SECONDS)
        if self._folder is None:
            raise TaskError("the project does not reduce")
        value, skipped = self._folder.finish(slices, partial=partial, without=without)
        return EncodedValue(encode(value), skipped)

    async def aclose(self) -> None:
        """See `HostBox.aclose`."""
        await trio.lowlevel.checkpoint()


def _failed(status: Status, error: str, call: int | None, traceback: str, seconds: float) -> Outcome:
    return Outcome(status, None, error, call, traceback, "", seconds, seconds, RSS)
