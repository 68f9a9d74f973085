"""The one loop Event -> Core -> Effect of a real peer, on trio.

Events that wait together are handled together: their records are committed in one transaction, then their other
effects are carried out in order. When the disk refuses a commit nothing leaves; the commit is tried again until
there is room, and the peer says so.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Sequence

import trio

from peernet.core.effects import Answer, Effect, Forget, Note, Save
from peernet.core.events import Event, Received, Requested, Tick
from peernet.core.node import NodeCore
from peernet.core.records import encode_record
from peernet.errors import BusyError, StorageError
from peernet.runtime.clock import Clock
from peernet.storage.journal import Change, Journal, Removal

BATCH = 256
"""Events handled for one commit: a commit costs what handling a few events does, and latency stays low."""

QUEUE_LIMIT = 65_536
"""Events that may wait before those that other peers can cause at will are turned away: 256 connections send
faster than a disk that refuses takes. All others are bounded by what the core itself has asked for."""

RETRY_SECONDS = 1.0

Carry = Callable[[Effect], None]


class Driver:
    """Drives a core. `post` takes events from anywhere in the trio thread; `run` does the work.

    Args:
        core: the state; nobody else calls its `handle`.
        journal: where records go before effects leave.
        clock: reads both clocks.
        carry: carries out an effect that is neither a record nor an answer nor a note. Must not block.
        on_note: is told of every note.
    """

    def __init__(
        self,
        core: NodeCore,
        journal: Journal,
        clock: Clock,
        carry: Carry,
        on_note: Callable[[Note], None],
    ) -> None:
        self.core = core
        self._journal = journal
        self._clock = clock
        self._carry = carry
        self._on_note = on_note
        self._events: deque[Event] = deque()
        self._woken = trio.Event()
        self._answers: dict[int, Callable[[object], None]] = {}
        self._next_answer = 0
        self.dropped = 0

    def post(self, event: Event) -> None:
        """Take in an event. Returns at once.

        When too many wait, a notice is dropped, as notices may be, and a call is refused. An outcome, or the begin
        or end of a connection, is always taken: the core waits for it, and for each there is one at most.

        Raises:
            BusyError: the event is a peer's call, and too many events wait.
        """
        if len(self._events) >= QUEUE_LIMIT and isinstance(event, Received | Requested):
            self.dropped += 1
            if isinstance(event, Requested):
                raise BusyError("busy: try again later")
            return
        self._events.append(event)
        self._woken.set()

    async def ask(self, make: Callable[[int], Event], unwanted: Callable[[object], None] | None = None) -> object:
        """Post a command of the local user and wait for its `Answer`'s value. unwanted: takes the value when the
        one who asked has been cancelled meanwhile."""
        self._next_answer += 1
        number = self._next_answer
        send, receive = trio.open_memory_channel[object](1)
        self._answers[number] = send.send_nowait
        self.post(make(number))
        try:
            return await receive.receive()
        except trio.Cancelled:
            if number in self._answers and unwanted is not None:
                self._answers[number] = unwanted
            else:
                self._answers.pop(number, None)
            raise

    async def run(self, first: Sequence[Effect]) -> None:
        """Carry out the effects of the core's start, then loop until cancelled."""
        await self._carry_out(first)
        while True:
            await self._wait()
            effects: list[Effect] = []
            now = self._clock()
            if self.core.next_deadline() <= now.mono:
                effects += self.core.handle(Tick(), now)
            for _ in range(min(BATCH, len(self._events))):
                effects += self.core.handle(self._events.popleft(), now)
            await self._carry_out(effects)

    async def _wait(self) -> None:
        """Return when there is an event or a deadline; let other tasks run in any case."""
        if self._events:
            await trio.lowlevel.checkpoint()
            return
        self._woken = trio.Event()
        wait = self.core.next_deadline() - self._clock().mono
        with trio.move_on_after(max(0.0, wait)) if math.isfinite(wait) else trio.CancelScope():
            await self._woken.wait()

    async def _carry_out(self, effects: Sequence[Effect]) -> None:
        await self._commit(effects)
        for effect in effects:
            if isinstance(effect, Save | Forget):
                continue
            if isinstance(effect, Answer):
                answer = self._answers.pop(effect.id, None)
                if answer is not None:
                    answer(effect.value)
            elif isinstance(effect, Note):
                self._on_note(effect)
            else:
                self._carry(effect)

    async def _commit(self, effects: Sequence[Effect]) -> None:
        changes: list[Change | Removal] = []
        for effect in effects:
            if isinstance(effect, Save):
                record = effect.record
                changes.append(Change(record.space, record.key(), encode_record(record)))
            elif isinstance(effect, Forget):
                changes.append(Removal(effect.space, effect.prefix))
        while changes:
            try:
                self._journal.commit(changes)
                return
            except StorageError as error:
                self._on_note(Note("warning", f"{error}; nothing is sent until the journal can be written"))
                await trio.sleep(RETRY_SECONDS)
