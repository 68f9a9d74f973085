"""The job host: the peer's side of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate, pairwise
from typing import TypeVar

import trio

from peernet.box.frames import Message
from peernet.box.hostmessages import (
    FROM_HOST,
    Check,
    Checked,
    Compare,
    Compared,
    Compose,
    Composed,
    Cut,
    Differ,
    Differing,
    Failed,
    Failure,
    Finish,
    Fold,
    Folded,
    HostOpen,
    HostOpened,
    Replay,
    Replayed,
    Value,
    WereCut,
)
from peernet.config.box import BoxConfig
from peernet.config.project import MAX_NARROWED_CALLS
from peernet.errors import (
    BoxError,
    CannotDecodeError,
    CannotEncodeError,
    CannotTravelError,
    PeernetError,
    ProjectError,
    TaskError,
)
from peernet.project.narrowing import Differences
from peernet.sandbox.executor import Cuts, EncodedValue
from peernet.sandbox.process import BoxProcess
from peernet.types import Digest

Answer = TypeVar("Answer", bound=Message)

_ERRORS: dict[str, type[PeernetError]] = {
    Failure.CANNOT_TRAVEL: CannotTravelError,
    Failure.UNENCODABLE: CannotEncodeError,
    Failure.UNDECODABLE: CannotDecodeError,
    Failure.INTERNAL: BoxError,
}


class HostProcess:
    """A `HostBox` around one job host. `serve` runs in a task of the executor for as long as the host lives."""

    def __init__(self, process: BoxProcess, on_output: Callable[[str], None], config: BoxConfig) -> None:
        self._process = process
        self._lines = _Lines(on_output, config.line)
        self._config = config
        self._opened: HostOpened | None = None
        self._turn = trio.Lock()
        self._broken = False
        self._scope = trio.CancelScope()
        self._gone = trio.Event()

    @property
    def pid(self) -> int:
        """The host's process id."""
        return self._process.pid

    @property
    def opened(self) -> HostOpened:
        """See `HostBox.opened`."""
        assert self._opened is not None
        return self._opened

    async def serve(self) -> None:
        """Hand on what the host prints until it is closed."""
        try:
            with self._scope:
                await self._process.read_output(self._lines.feed)
                await trio.sleep_forever()
        finally:
            self._broken = True
            self._lines.end()
            await self._process.end()
            self._gone.set()

    async def open(self, bundle: bytes, overrides: dict[str, object]) -> None:
        """Load the project. Called once, before anything else."""
        self._opened = await self._ask(HostOpen(overrides, bundle), HostOpened)

    async def cut(self, calls: int, count: int) -> Cuts:
        """See `HostBox.cut`."""
        answer = await self._ask(Cut(calls, min(count, self._config.cuts_count)), WereCut)
        ends = list(accumulate(answer.sizes, initial=0))
        if len(answer.calls) != len(answer.sizes) or ends[-1] != len(answer.body):
            raise self._break("the job host's slices do not add up")
        data = [answer.body[start:end] for start, end in pairwise(ends)]
        return Cuts(tuple(zip(answer.calls, data, strict=True)), answer.end)

    async def replay(self, slices: Sequence[tuple[int, Digest]]) -> None:
        """See `HostBox.replay`."""
        for start in range(0, len(slices), self._config.replay_count):
            part = slices[start : start + self._config.replay_count]
            digests = b"".join(digest for _, digest in part)
            await self._ask(Replay(tuple(calls for calls, _ in part), digests), Replayed)

    async def fold(self, index: int, value: bytes, *, keep: bool = False) -> bool:
        """See `HostBox.fold`."""
        return (await self._ask(Fold(index, keep, value), Folded)).hit

    async def check(self, given: bytes, value: bytes) -> bool:
        """See `HostBox.check`."""
        return (await self._ask(Check(len(given), given + value), Checked)).proven

    async def compare(self, values: Sequence[bytes]) -> tuple[int, ...]:
        """See `HostBox.compare`."""
        medoids = (await self._ask(Compare(tuple(map(len, values)), b"".join(values)), Compared)).medoids
        if len(medoids) != len(values) or not all(0 <= place < len(values) for place in medoids):
            raise self._break("the job host's groups do not add up")
        return medoids

    async def differ(
        self, given: bytes, calls: int, values: Sequence[bytes], also: Sequence[int], most: int
    ) -> Differences:
        """See `HostBox.differ`."""
        sizes, body = tuple(map(len, values)), b"".join((given, *values))
        answer = await self._ask(Differ(len(given), calls, tuple(also), most, sizes, body), Differing)
        counts = tuple(count - 1 if count else None for count in answer.counts)
        ends = list(accumulate((min(count or 0, MAX_NARROWED_CALLS) for count in counts), initial=0))
        if len(counts) != len(values) or ends[-1] != len(answer.places):
            raise self._break("the job host's differences do not add up")
        places = tuple(answer.places[start:end] for start, end in pairwise(ends))
        if len(answer.narrowed) > most or bool(answer.narrowed) != bool(answer.body):
            raise self._break("the job host's narrowed slice does not add up")
        return Differences(counts, places, answer.narrowed, answer.body)

    async def compose(self, base: bytes, calls: Sequence[int], part: bytes) -> bytes | None:
        """See `HostBox.compose`."""
        return (await self._ask(Compose(tuple(calls), len(base), base + part), Composed)).body or None

    async def finish(self, slices: int, *, partial: bool = False, without: Sequence[int] = ()) -> EncodedValue:
        """See `HostBox.finish`."""
        named = b"".join(index.to_bytes(8, "big") for index in without)
        answer = await self._ask(Finish(slices, partial, named), Value)
        return EncodedValue(answer.body, answer.skipped)

    async def aclose(self) -> None:
        """See `HostBox.aclose`."""
        self._scope.cancel()
        with trio.CancelScope(shield=True):
            await self._gone.wait()

    async def _ask(self, request: Message, expected: type[Answer]) -> Answer:
        async with self._turn:
            if self._broken:
                raise BoxError("the job host has ended")
            # Until the answer is here the conversation is half-way: nothing may follow a cancelled request.
            self._broken = True
            await self._process.send(request)
            answer = await self._process.receive(FROM_HOST)
            self._broken = False
        if isinstance(answer, Failed):
            raise _error(answer)
        if not isinstance(answer, expected):
            raise self._break("the job host answered something else than it was asked")
        return answer

    def _break(self, reason: str) -> BoxError:
        self._broken = True
        return BoxError(reason)


def _error(failed: Failed) -> PeernetError:
    if failed.failure == Failure.TASK:
        return TaskError(failed.message, failed.traceback)
    if failed.failure == Failure.USAGE:
        return ProjectError(failed.message, failed.traceback)
    return _ERRORS.get(failed.failure, BoxError)(failed.message)


class _Lines:
    """Cuts what is printed into lines of bounded length."""

    def __init__(self, on_line: Callable[[str], None], limit: int) -> None:
        self._on_line = on_line
        self._limit = limit
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            self._hand_on(line)
        while len(self._rest) > self._limit:
            self._hand_on(self._rest[: self._limit])
            self._rest = self._rest[self._limit :]

    def end(self) -> None:
        if self._rest:
            self._hand_on(self._rest)
            self._rest = b""

    def _hand_on(self, line: bytes) -> None:
        for start in range(0, max(1, len(line)), self._limit):
            self._on_line(line[start : start + self._limit].decode("utf-8", "replace"))
