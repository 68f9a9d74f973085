"""Dials: shared by all who want the same peer, a bounded number at once, with back-off for each address."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Awaitable, Callable
from random import Random

import trio

from peernet.config.net import NetConfig
from peernet.errors import (
    AddressError,
    BusyError,
    ConnectionLostError,
    HandshakeError,
    NetworkError,
    PeernetError,
    ProtocolError,
    UnreachableError,
    WrongPeerError,
)
from peernet.identity.multiaddr import Multiaddr
from peernet.identity.peerid import short_peer_id
from peernet.net.backoff import Backoff, Place
from peernet.net.connection import Connection
from peernet.net.transport import Transport
from peernet.types import PeerId
from peernet.wire.link import Body

Enter = Callable[[trio.abc.Stream, str, Multiaddr], Awaitable[PeerId]]
"""Takes a fresh stream to a host, which an address has led to, through handshake, greeting and admission.
Raises PeernetError; the stream is closed then."""


class _Dial:
    """One attempt to reach a peer, at one address after another. Whoever wants the same peer waits for it."""

    def __init__(self, config: NetConfig) -> None:
        self.todo: dict[Multiaddr, bool] = {}
        self.notices: deque[Body] = deque()
        self.done = trio.Event()
        self.error: PeernetError | None = None
        self.answered: PeerId | None = None
        self.connecting: trio.CancelScope | None = None
        self._limit = config.dial_addresses
        self._seen: set[Multiaddr] = set()

    def add(self, address: Multiaddr, force: bool) -> None:
        """Try this address as well, once. force: although it has failed lately."""
        if address not in self._seen and len(self._seen) < self._limit:
            self._seen.add(address)
            self.todo[address] = force

    def finish(self, answered: PeerId | None, error: PeernetError | None) -> None:
        """Wake all who wait. The first outcome counts."""
        if not self.done.is_set():
            self.answered = answered
            self.error = error
            self.done.set()


class Dialer:
    """Reaches peers. See `Pool` for what its methods promise.

    enter: makes a connection of a stream. linked: the live connection of a peer, or None.
    """

    def __init__(
        self,
        transport: Transport,
        config: NetConfig,
        random: Random,
        enter: Enter,
        linked: Callable[[PeerId], Connection | None],
        counters: Counter[str],
    ) -> None:
        self._config = config
        self._transport = transport
        self._enter = enter
        self._linked = linked
        self._counters = counters
        self._backoff = Backoff(config, random)
        self._dials: dict[PeerId | Place, _Dial] = {}
        self._slots = trio.Semaphore(config.dials_at_once)
        self._nursery: trio.Nursery | None = None
        self._knocks = 0

    def start(self, nursery: trio.Nursery) -> None:
        """Dials run in this nursery."""
        self._nursery = nursery

    def stop(self) -> None:
        """Begin no dial any more."""
        self._nursery = None

    async def dial(self, address: Multiaddr) -> PeerId:
        """See `Pool.dial`."""
        if address.peer is not None and self._linked(address.peer) is not None:
            await trio.lowlevel.checkpoint()
            return address.peer
        dial = self._begin(address.peer or (address.host, address.port))
        dial.add(address, True)
        return await self._outcome(dial)

    async def knock(self, address: Multiaddr) -> None:
        """See `Pool.knock`."""
        if self._knocks >= self._config.knocks:
            raise BusyError(f"{self._knocks} peers are being knocked at already")
        self._knocks += 1
        try:
            with trio.move_on_after(self._config.dial_seconds):
                stream, _ = await self._transport.dial(address.host, address.port)
                await stream.aclose()
                return
        finally:
            self._knocks -= 1
        raise UnreachableError(f"nobody answers at {address} within {self._config.dial_seconds:g} s")

    async def reach(self, peer: PeerId, addresses: tuple[str, ...]) -> Connection:
        """The connection of a peer, dialling if need be. Raises what `Pool.call` does."""
        while True:
            connection = self._linked(peer)
            if connection is not None:
                await trio.lowlevel.checkpoint()
                return connection
            await self._outcome(self._reach(peer, addresses))

    def send(self, peer: PeerId, addresses: tuple[str, ...], body: Body) -> None:
        """Dial, and send a notice when that succeeds."""
        try:
            dial = self._reach(peer, addresses)
        except PeernetError:
            self._counters["notices dropped"] += 1
            return
        if len(dial.notices) < self._config.dial_notices:
            dial.notices.append(body)
        else:
            self._counters["notices dropped"] += 1

    def on_linked(self, connection: Connection) -> None:
        """A peer is connected, whoever dialled: who waited for it can go on."""
        for text in connection.greeted.addresses:
            address = Multiaddr.parse(text)
            self._backoff.succeeded((address.host, address.port))
        dial = self._dials.get(connection.peer)
        if dial is not None:
            while dial.notices:
                connection.notify(dial.notices.popleft())
            dial.finish(connection.peer, None)
            if dial.connecting is not None:
                dial.connecting.cancel()

    def _reach(self, peer: PeerId, addresses: tuple[str, ...]) -> _Dial:
        """The dial to a peer that is not connected, with these addresses added to it."""
        found = [
            address for address in map(_parsed, addresses) if address is not None and address.peer in (None, peer)
        ]
        if not found and peer not in self._dials:
            raise UnreachableError(f"{short_peer_id(peer)} is not connected, and no address of it is known")
        dial = self._begin(peer)
        for address in found:
            dial.add(address.with_peer(peer), False)
        return dial

    def _begin(self, key: PeerId | Place) -> _Dial:
        dial = self._dials.get(key)
        if dial is None:
            if self._nursery is None:
                raise UnreachableError("this peer's network is not running")
            if len(self._dials) >= self._config.dials:
                raise BusyError(f"{len(self._dials)} peers are being dialled already: try again later")
            dial = self._dials[key] = _Dial(self._config)
            self._nursery.start_soon(self._run, key, dial)
        return dial

    async def _outcome(self, dial: _Dial) -> PeerId:
        await dial.done.wait()
        if dial.error is not None:
            raise type(dial.error)(*dial.error.args)  # A copy for each who waits: raising adds to a traceback.
        assert dial.answered is not None
        return dial.answered

    async def _run(self, key: PeerId | Place, dial: _Dial) -> None:
        error: PeernetError = UnreachableError("this peer has stopped")
        try:
            async with self._slots:
                error = await self._try_all(dial)
        finally:
            del self._dials[key]
            self._counters["notices dropped"] += len(dial.notices)
            dial.finish(None, error)

    async def _try_all(self, dial: _Dial) -> PeernetError:
        """Try addresses until one answers, or none is left. Returns the most telling error, for the latter
        case."""
        worst: PeernetError = UnreachableError("no address is left to try")
        while dial.todo and not dial.done.is_set():
            address = next(iter(dial.todo))
            force = dial.todo.pop(address)
            try:
                dial.finish(await self._try(dial, address, force), None)
            except NetworkError as error:
                if not isinstance(worst, WrongPeerError):
                    worst = error
        return worst

    async def _try(self, dial: _Dial, address: Multiaddr, force: bool) -> PeerId:
        place = (address.host, address.port)
        pause = 0.0 if force else self._backoff.wait(place, trio.current_time())
        if pause > 0:
            raise UnreachableError(
                f"{address} has failed lately: it is tried again in {pause:.1f} s at the earliest"
            )
        self._counters["dials"] += 1
        try:
            stream, host = await self._connect(dial, address)
            peer = await self._enter(stream, host, address)
        except (HandshakeError, ProtocolError) as reason:
            error: NetworkError = UnreachableError(f"what answers at {address} is no peer: {reason}")
        except ConnectionLostError as reason:
            error = UnreachableError(f"{address} was reached, but {reason}")
        except NetworkError as reason:
            error = reason
        else:
            self._backoff.succeeded(place)
            return peer
        self._counters["dials failed"] += 1
        self._backoff.failed(place, trio.current_time())
        raise error

    async def _connect(self, dial: _Dial, address: Multiaddr) -> tuple[trio.abc.Stream, str]:
        """A stream to an address. Given up when it takes too long, or when the peer has connected
        meanwhile."""
        try:
            with trio.move_on_after(self._config.dial_seconds) as dial.connecting:
                return await self._transport.dial(address.host, address.port)
        finally:
            dial.connecting = None  # From here on the other side may use the connection: it must not be cut.
        raise UnreachableError(f"nobody answers at {address} within {self._config.dial_seconds:g} s")


def _parsed(text: str) -> Multiaddr | None:
    """Addresses come from other peers: one that is none is passed over."""
    try:
        return Multiaddr.parse(text)
    except AddressError:
        return None
