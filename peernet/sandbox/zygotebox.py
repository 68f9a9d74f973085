"""The box of a job on a worker: the peer's side of a zygote."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from peernet.box.frames import Message
from peernet.box.limits import Limits
from peernet.box.messages import FROM_ZYGOTE, Done, Kill, Open, Opened, Refused, Run, Started, Status
from peernet.config.box import BoxConfig
from peernet.errors import BoxError
from peernet.sandbox.executor import Outcome
from peernet.sandbox.process import BoxProcess

_STATUSES = frozenset(Status)


@dataclass(slots=True)
class _Running:
    """A slice handed to the zygote and not yet ended."""

    on_start: Callable[[], None]
    started: bool = False
    outcome: Outcome | None = None
    ended: trio.Event = field(default_factory=trio.Event)


class ZygoteBox:
    """A `Box` around one zygote. `serve` runs in a task of the executor for as long as the box lives."""

    def __init__(self, process: BoxProcess, slots: int, config: BoxConfig) -> None:
        self._process = process
        self._slots = slots
        self._config = config
        self._numbers = itertools.count()
        self._free = trio.Semaphore(slots)
        self._running: dict[int, _Running] = {}
        # A slot has at most one order, its kill, and a kill that came too late under way, so sending never waits.
        self._outbox, self._orders = trio.open_memory_channel[Message](3 * slots)
        self._failure: BoxError | None = None
        self._printed = bytearray()
        self._scope = trio.CancelScope()
        self._silent = trio.Event()
        self._opened = trio.Event()
        self._gone = trio.Event()

    @property
    def pid(self) -> int:
        """The zygote's process id."""
        return self._process.pid

    async def serve(self, bundle: bytes, *, reuse: bool) -> None:
        """Open the box and pass messages until it ends. Raises nothing but cancellation."""
        try:
            with self._scope:
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._read_output)
                    await self._handshake(bundle, reuse)
                    if self._failure is None:
                        self._opened.set()
                        nursery.start_soon(self._send_orders)
                        await self._listen()
        finally:
            self._fail("the box was closed")
            await self._process.end()
            self._outbox.close()
            self._opened.set()
            self._gone.set()

    async def opened(self) -> None:
        """Wait until the box is open. Raises BoxError if it does not open."""
        await self._opened.wait()
        if self._failure is not None:
            raise BoxError(str(self._failure))

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
        await self._free.acquire()
        if self._failure is not None:
            self._free.release()
            raise BoxError(str(self._failure))
        number = next(self._numbers)
        running = self._running[number] = _Running(on_start)
        self._outbox.send_nowait(Run(number, limits, data, seed, calls))
        with trio.move_on_after(limits.seconds + self._config.grace_seconds) as patience:
            try:
                await running.ended.wait()
            except trio.Cancelled:
                if not running.ended.is_set():
                    running.on_start = _nobody
                    self._outbox.send_nowait(Kill(number))
                raise
        if patience.cancelled_caught:
            self._fail(f"the box did not end a slice {self._config.grace_seconds:g} s after its deadline")
        if running.outcome is None:
            raise BoxError(str(self._failure))
        return running.outcome

    async def aclose(self) -> None:
        """See `Box.aclose`."""
        self._scope.cancel()
        with trio.CancelScope(shield=True):
            await self._gone.wait()

    # --- the conversation -------------------------------------------------------------------------------------

    async def _handshake(self, bundle: bytes, reuse: bool) -> None:
        with trio.move_on_after(self._config.start_seconds) as patience:
            try:
                preload = " ".join(self._config.preload)
                await self._process.send(Open(self._slots, preload, reuse, bundle))
                answer = await self._process.receive(FROM_ZYGOTE)
            except BoxError as error:
                # Whatever ended it may have told why.
                await self._silent.wait()
                self._fail(str(error))
                return
            if isinstance(answer, Refused):
                self._fail(f"the box did not open: {answer.message}")
            elif not isinstance(answer, Opened):
                self._fail("the box spoke out of turn")
        if patience.cancelled_caught:
            self._fail(f"the box did not open within {self._config.start_seconds:g} s")

    async def _send_orders(self) -> None:
        try:
            async for order in self._orders:
                await self._process.send(order)
        except BoxError as error:
            self._fail(str(error))

    async def _listen(self) -> None:
        try:
            while self._failure is None:
                self._take(await self._process.receive(FROM_ZYGOTE))
        except BoxError as error:
            self._fail(str(error))

    def _take(self, message: Message) -> None:
        match message:
            case Started(id=number):
                running = self._expect(number)
                if running.started:
                    raise BoxError(f"the box started the slice {number} twice")
                running.started = True
                running.on_start()
            case Done():
                running = self._expect(message.id)
                running.outcome = _outcome(message)
                del self._running[message.id]
                self._free.release()
                running.ended.set()
            case Refused():
                raise BoxError(f"the box failed: {message.message}")
            case _:
                raise BoxError("the box spoke out of turn")

    def _expect(self, number: int) -> _Running:
        try:
            return self._running[number]
        except KeyError:
            raise BoxError(f"the box speaks of a slice {number} that does not run") from None

    async def _read_output(self) -> None:
        await self._process.read_output(self._keep_output)
        self._silent.set()

    def _keep_output(self, data: bytes) -> None:
        self._printed += data
        del self._printed[: -self._config.output_tail]

    # --- the end ----------------------------------------------------------------------------------------------

    def _fail(self, reason: str) -> None:
        """Give up the box. Every slice in it ends with a BoxError; only the first reason counts."""
        if self._failure is None:
            printed = self._printed.decode("utf-8", "replace").strip()
            self._failure = BoxError(f"{reason}\n{printed}" if printed else reason)
        self._scope.cancel()
        for running in self._running.values():
            running.ended.set()
            self._free.release()
        self._running.clear()


def _nobody() -> None:
    """Called instead of an `on_start` that nobody waits for any more."""


def _outcome(done: Done) -> Outcome:
    if done.status not in _STATUSES:
        raise BoxError(f"the box reports the unknown status {done.status!r:.50}")
    status = Status(done.status)
    return Outcome(
        status=status,
        value=done.body if status is Status.OK else None,
        error=done.error,
        call=done.call,
        traceback=done.traceback,
        output=done.output,
        cpu_seconds=done.cpu,
        wall_seconds=done.wall,
        max_rss=done.max_rss,
    )
