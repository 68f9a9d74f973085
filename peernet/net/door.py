"""The listening side: strangers get a bounded place for a bounded time to prove who they are."""

from __future__ import annotations

import errno
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable
from itertools import count

import trio

from peernet.config.net import NetConfig
from peernet.errors import HandshakeError, PeernetError, ProtocolError
from peernet.net.transport import Listener

# The system has no descriptors or memory left, for now. Anything else is about one connection only.
_EXHAUSTED = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


Welcome = Callable[[trio.abc.Stream, str], Awaitable[Callable[[], Awaitable[None]]]]
"""Takes a stranger's stream and host through handshake, greeting and admission; returns what serves the
connection from then on. Raises PeernetError if it is not let in; the stream is closed then."""


class Door:
    """Accepts connections. At most `config.strangers` may be unproven at once; the oldest makes room for the
    next, so that silent ones never keep a peer out."""

    def __init__(self, config: NetConfig, welcome: Welcome, counters: Counter[str]) -> None:
        self._config = config
        self._welcome = welcome
        self._counters = counters
        self._strangers: OrderedDict[int, trio.CancelScope] = OrderedDict()
        self._numbers = count()

    @property
    def strangers(self) -> int:
        """How many are in their handshake now."""
        return len(self._strangers)

    async def run(self, listener: Listener) -> None:
        """Accept until the listener is closed, then serve those let in until they end."""
        async with trio.open_nursery() as nursery:
            while True:
                try:
                    stream, host = await listener.accept()
                except trio.ClosedResourceError:
                    return
                except OSError as error:
                    await self._survive(error)
                    continue
                self._counters["accepted"] += 1
                if len(self._strangers) >= self._config.strangers:
                    self._evict_oldest()
                scope = trio.CancelScope()
                number = next(self._numbers)
                self._strangers[number] = scope
                nursery.start_soon(self._receive, stream, host, number, scope)

    async def _receive(self, stream: trio.abc.Stream, host: str, number: int, scope: trio.CancelScope) -> None:
        serve: Callable[[], Awaitable[None]] | None = None
        with scope:
            try:
                serve = await self._welcome(stream, host)
            except HandshakeError:
                self._counters["handshakes failed"] += 1
            except ProtocolError:
                self._counters["protocol broken"] += 1
            except PeernetError:
                self._counters["not admitted"] += 1
            finally:
                self._strangers.pop(number, None)
        if serve is not None:
            await serve()

    def _evict_oldest(self) -> None:
        _, scope = self._strangers.popitem(last=False)
        scope.cancel()
        self._counters["strangers evicted"] += 1

    async def _survive(self, error: OSError) -> None:
        """Nothing that goes wrong with accepting ends the peer."""
        self._counters["accept errors"] += 1
        if error.errno in _EXHAUSTED:
            if self._strangers:
                self._evict_oldest()
            await trio.sleep(self._config.accept_pause)
        else:
            await trio.lowlevel.checkpoint()
