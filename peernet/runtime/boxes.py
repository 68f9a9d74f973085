"""Carries out the core's effects on boxes: a worker's boxes by job, and the job hosts of one's own jobs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import trio

from peernet.box.limits import Limits, default_limits
from peernet.config import Config
from peernet.core.effects import (
    Check,
    CloseBox,
    CloseHost,
    Compare,
    Compose,
    Cut,
    Differ,
    Finish,
    Fold,
    KillSlice,
    LockPackages,
    OpenBox,
    OpenHost,
    Replay,
    RunSlice,
)
from peernet.core.events import (
    Began,
    CutSlice,
    CutsMade,
    DifferencesFound,
    Done,
    Event,
    Failed,
    Failure,
    HostOpened,
    JobValue,
    SliceOutcome,
)
from peernet.errors import BoxError, LockError, PeernetError
from peernet.runtime.failures import to_failure
from peernet.runtime.numericboxes import NumericBoxes
from peernet.runtime.packages import Packages
from peernet.runtime.payloads import Payloads
from peernet.sandbox import Box, Executor, HostBox
from peernet.types import JobId, Payload

BoxEffect = (
    OpenBox
    | RunSlice
    | KillSlice
    | CloseBox
    | OpenHost
    | LockPackages
    | Cut
    | Replay
    | Fold
    | Check
    | Compare
    | Differ
    | Compose
    | Finish
    | CloseHost
)

E = TypeVar("E", bound=BoxEffect)

_OVERRIDES = ("slice_size", "replicas", "quorum", "timeout", "memory", "scratch", "confidence", "numeric")
"""What a submission may say in place of the project."""


class Boxes:
    """The boxes of one peer.

    Args:
        executor: starts them. packages: what jobs need installed. numeric: what they compute alike with. payloads:
            turns digests into bytes and back.
        post: takes outcomes.
        nursery: where the work runs. printed: is told what a project prints in its job host.
    """

    def __init__(
        self,
        executor: Executor,
        packages: Packages,
        numeric: NumericBoxes,
        payloads: Payloads,
        config: Config,
        post: Callable[[Event], None],
        nursery: trio.Nursery,
        printed: Callable[[JobId, str], None],
    ) -> None:
        self._executor = executor
        self._packages = packages
        self._numeric = numeric
        self._payloads = payloads
        self._limits = default_limits(config.box)
        self._post = post
        self._nursery = nursery
        self._printed = printed
        self._boxes: dict[JobId, Box] = {}
        self._hosts: dict[JobId, HostBox] = {}
        self._running: dict[int, trio.CancelScope] = {}
        self._openings: dict[JobId, trio.CancelScope] = {}

    def carry(self, effect: BoxEffect) -> None:
        """Carry out one effect; its outcome is posted later."""
        match effect:
            case OpenBox():
                self._start(effect.id, self._open_box, effect)
            case RunSlice():
                self._start(effect.id, self._run_slice, effect)
            case KillSlice():
                scope = self._running.get(effect.id)
                if scope is not None:
                    scope.cancel()
            case CloseBox():
                self._close(effect.job, self._boxes.pop(effect.job, None))
            case OpenHost():
                self._start(effect.id, self._open_host, effect)
            case LockPackages():
                self._start(effect.id, self._lock, effect)
            case Cut():
                self._start(effect.id, self._cut, effect)
            case Replay():
                self._start(effect.id, self._replay, effect)
            case Fold():
                self._start(effect.id, self._fold, effect)
            case Check():
                self._start(effect.id, self._check, effect)
            case Compare():
                self._start(effect.id, self._compare, effect)
            case Differ():
                self._start(effect.id, self._differ, effect)
            case Compose():
                self._start(effect.id, self._compose, effect)
            case Finish():
                self._start(effect.id, self._finish, effect)
            case CloseHost():
                self._close(effect.job, self._hosts.pop(effect.job, None))

    def _close(self, job: JobId, box: Box | HostBox | None) -> None:
        if job in self._openings:
            self._openings[job].cancel()
        if box is not None:
            self._nursery.start_soon(box.aclose)

    def _start(self, number: int, work: Callable[[E], Awaitable[object]], effect: E) -> None:
        self._nursery.start_soon(self._settle, number, work, effect)

    async def _settle(self, number: int, work: Callable[[E], Awaitable[object]], effect: E) -> None:
        """Do the work and post exactly one outcome."""
        scope = self._running[number] = trio.CancelScope()
        outcome: Done | Failed = Failed(number, Failure("box", "stopped"))
        try:
            with scope:
                outcome = Done(number, await work(effect))
        except PeernetError as error:
            outcome = Failed(number, to_failure(error))
        finally:
            del self._running[number]
        self._post(outcome)

    async def _open_box(self, effect: OpenBox) -> None:
        if effect.job in self._boxes:
            return
        with self._opening(effect.job) as scope:
            bundle = await self._payloads.get(Payload(effect.bundle, 0))
            opener = partial(self._open_fit_box, effect, bundle)
            box = await self._packages.equip(opener, effect.lock, effect.own) if effect.lock else await opener()
            await self._close_if_cancelled(scope, box)
            self._boxes[effect.job] = box

    async def _open_fit_box(self, effect: OpenBox, bundle: bytes, environment: Path | None = None) -> Box:
        await self._numeric.require(effect.numeric, environment)
        return await self._executor.open_box(
            bundle, self._allowed(effect), effect.slots, environment=environment, reuse=effect.reuse
        )

    async def _run_slice(self, effect: RunSlice) -> SliceOutcome:
        box = self._boxes.get(effect.job)
        if box is None:
            raise BoxError("the box of the job is closed")
        data = await self._payloads.get(effect.input)
        began = partial(self._post, Began(effect.id))
        ran = await box.run(data, self._allowed(effect), began, seed=effect.seed, calls=effect.calls)
        value = None if ran.value is None else await self._payloads.keep(ran.value)
        return SliceOutcome(
            status=ran.status.value,
            value=value,
            error=ran.error,
            call=ran.call,
            traceback=ran.traceback,
            cpu_seconds=ran.cpu_seconds,
            wall_seconds=ran.wall_seconds,
        )

    def _allowed(self, effect: OpenBox | RunSlice) -> Limits:
        """The limits of a slice. It has one slot, so it may use a core for as long as it may run; the second more
        leaves the wall clock to end what computes on one core all the time."""
        limits = self._limits
        seconds = effect.seconds or limits.seconds
        return replace(
            limits,
            seconds=seconds,
            cpu_seconds=seconds + 1,
            memory=effect.memory or limits.memory,
            scratch=effect.scratch or limits.scratch,
        )

    async def _open_host(self, effect: OpenHost) -> HostOpened:
        with self._opening(effect.job) as scope:
            bundle = await self._payloads.get(Payload(effect.bundle, 0))
            overrides: dict[str, object] = {
                name: getattr(effect, name) for name in _OVERRIDES if getattr(effect, name) is not None
            }
            host = await self._executor.open_host(bundle, overrides, lambda text: self._printed(effect.job, text))
            await self._close_if_cancelled(scope, host)
            self._hosts[effect.job] = host
        opened = host.opened
        return HostOpened(
            name=opened.name,
            length=opened.length,
            slice_size=opened.slice_size,
            replicas=opened.replicas,
            quorum=opened.quorum,
            timeout=opened.timeout,
            whole_slice=opened.whole_slice,
            reduces=opened.reduces,
            memory=opened.memory,
            scratch=opened.scratch,
            python=opened.python,
            packages=tuple(opened.packages.split("\n")) if opened.packages else (),
            reuse=opened.reuse,
            pickles=opened.pickles,
            confidence=opened.confidence,
            checks=opened.checks,
            retries=opened.retries,
            compares=opened.compares,
            numeric=opened.numeric,
        )

    async def _lock(self, effect: LockPackages) -> bytes:
        try:
            return await self._packages.lock(effect.packages)
        except LockError as error:
            self._printed(effect.job, f"warning: {error}")
            return b""

    async def _cut(self, effect: Cut) -> CutsMade:
        made = await self._host(effect.job).cut(effect.calls, effect.count)
        cuts = [CutSlice(calls, await self._payloads.keep(data)) for calls, data in made.cuts]
        return CutsMade(tuple(cuts), made.end)

    async def _replay(self, effect: Replay) -> None:
        await self._host(effect.job).replay(effect.cuts)

    async def _fold(self, effect: Fold) -> bool:
        value = await self._payloads.get(effect.value)
        return await self._host(effect.job).fold(effect.index, value, keep=effect.keep)

    async def _check(self, effect: Check) -> bool:
        given, value = await self._payloads.get(effect.input), await self._payloads.get(effect.value)
        return await self._host(effect.job).check(given, value)

    async def _compare(self, effect: Compare) -> tuple[int, ...]:
        values = [await self._payloads.get(value) for value in effect.values]
        return await self._host(effect.job).compare(values)

    async def _differ(self, effect: Differ) -> DifferencesFound:
        given = await self._payloads.get(effect.input)
        values = [await self._payloads.get(value) for value in effect.values]
        found = await self._host(effect.job).differ(given, effect.calls, values, effect.also, effect.most)
        kept = await self._payloads.keep(found.input) if found.input else None
        return DifferencesFound(found.counts, found.places, found.narrowed, kept)

    async def _compose(self, effect: Compose) -> Payload | None:
        base, part = await self._payloads.get(effect.base), await self._payloads.get(effect.part)
        composed = await self._host(effect.job).compose(base, effect.calls, part)
        return None if composed is None else await self._payloads.keep(composed)

    async def _finish(self, effect: Finish) -> JobValue:
        host = self._host(effect.job)
        encoded = await host.finish(effect.slices, partial=effect.partial, without=effect.without)
        return JobValue(await self._payloads.keep(encoded.data), encoded.skipped)

    def _host(self, job: JobId) -> HostBox:
        host = self._hosts.get(job)
        if host is None:
            raise BoxError("the job host is closed")
        return host

    @contextmanager
    def _opening(self, job: JobId) -> Iterator[trio.CancelScope]:
        """A close that comes while a box is being opened cancels the opening. The job's box may be opened anew
        before the first opening has come to its end."""
        with trio.CancelScope() as scope:
            self._openings[job] = scope
            try:
                yield scope
            finally:
                if self._openings.get(job) is scope:
                    del self._openings[job]
        if scope.cancelled_caught:
            raise BoxError("closed while it was being opened")

    async def _close_if_cancelled(self, scope: trio.CancelScope, box: Box | HostBox) -> None:
        """A close may come in the very moment in which the box is ready: then nobody else would close it."""
        if scope.cancel_called:
            with trio.CancelScope(shield=True):
                await box.aclose()
            raise BoxError("closed while it was being opened")
