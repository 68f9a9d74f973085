"""All connections of one peer: dials, accepts, and lets the runtime call peers by their ids.

Nothing passes in the clear: there is no other way to a connection than `net.greeting.greet`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random

import trio

from peernet.config.net import NetConfig
from peernet.core.events import Event, Received, Requested
from peernet.errors import CallTimeoutError, PeernetError, UnreachableError
from peernet.identity.keys import Identity, Verifier
from peernet.identity.multiaddr import Multiaddr
from peernet.net.asked import Asked
from peernet.net.blobs import BlobSource
from peernet.net.connection import Connection
from peernet.net.dialer import Dialer
from peernet.net.door import Door
from peernet.net.fetching import fetch_over
from peernet.net.greeting import Greeted, Self, greet
from peernet.net.links import Links
from peernet.net.transport import WILDCARDS, Listener, Transport
from peernet.types import Digest, Instance, PeerId
from peernet.wire.link import Body


class Pool:
    """The connections of one peer. `run` it first; then everything else may be used until it ends.

    identity, instance: who this peer is, and which run of it. transport: what carries the bytes. blobs: what
    other peers may pull. on_event: told at once of PeerConnected, PeerLost, Received and Requested; must not
    block. For each connection PeerConnected comes first and PeerLost last, each once. random: for jitter.
    secret: n secret random bytes. verify: checks signatures. wall: seconds since 1970.
    """

    def __init__(
        self,
        identity: Identity,
        instance: Instance,
        transport: Transport,
        config: NetConfig,
        blobs: BlobSource,
        on_event: Callable[[Event], None],
        random: Random,
        secret: Callable[[int], bytes],
        verify: Verifier,
        wall: Callable[[], float],
    ) -> None:
        self.counters: Counter[str] = Counter()
        self.listening: tuple[str, ...] = ()
        self._announced: tuple[str, ...] = ()
        self._me = Self(identity, instance, secret, verify, wall)
        self._transport = transport
        self._config = config
        self._blobs = blobs
        self._on_event = on_event
        self._links = Links(identity.peer_id, instance, config, on_event, self._on_linked, self.counters)
        self._dialer = Dialer(transport, config, random, self._enter, self._links.get, self.counters)
        self._door = Door(config, self._welcome, self.counters)
        self._asked = Asked()
        self._listener: Listener | None = None
        self._nursery: trio.Nursery | None = None

    @property
    def peers(self) -> tuple[PeerId, ...]:
        """Who is connected now."""
        return self._links.peers()

    async def run(
        self, host: str, port: int, *, task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Listen and serve until cancelled, or until `aclose`. `started` gives the port in use.

        Raises PortInUseError or UsageError if the host and port can't be listened at.
        """
        self._listener = await self._transport.listen(host, port, self._config.backlog)
        try:
            self.listening, self._announced = _addresses(host, self._listener)
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                self._dialer.start(nursery)
                nursery.start_soon(self._tidy)
                task_status.started(self._listener.port)
                await self._door.run(self._listener)
        finally:
            self._nursery = None
            self._dialer.stop()
            with trio.CancelScope(shield=True):
                await self._listener.aclose()

    async def aclose(self) -> None:
        """Say goodbye to all peers, wait until they have heard it, at most `goodbye_seconds`, and end
        `run`."""
        self._dialer.stop()
        if self._listener is not None:
            await self._listener.aclose()
        connections = self._links.all()
        with trio.move_on_after(self._config.goodbye_seconds):
            async with trio.open_nursery() as nursery:
                for connection in connections:
                    connection.close("the peer is leaving")
                    nursery.start_soon(connection.ended.wait)
        if self._nursery is not None:
            self._nursery.cancel_scope.cancel()

    # What the runtime asks for.

    async def dial(self, address: Multiaddr) -> PeerId:
        """Connect to an address, unless its peer is connected, and return who answers there.

        An address that has failed lately is tried all the same: this is for what the user asks for.

        Raises UnreachableError, WrongPeerError, BusyError, or ConnectionLostError if the peer refuses.
        """
        return await self._dialer.dial(address)

    async def knock(self, address: Multiaddr) -> None:
        """See whether anybody accepts connections at an address. Nothing is said there.

        Raises UnreachableError, or BusyError if too many are being knocked at.
        """
        await self._dialer.knock(address)

    async def call(self, peer: PeerId, addresses: tuple[str, ...], body: Body, timeout: float) -> Body:
        """Ask a peer, connecting first if need be, and return its answer within `timeout` seconds in all.

        addresses: where it may be dialled, if it is not connected. The type of the answer is for the caller
        to check.

        Raises UnreachableError, WrongPeerError, ConnectionLostError, CallTimeoutError, BusyError, or
        RemoteCallError with the text of the peer's refusal.
        """
        connection = self._links.get(peer)
        if connection is None:
            deadline = trio.current_time() + timeout
            try:
                with trio.fail_after(timeout):
                    connection = await self._dialer.reach(peer, addresses)
            except trio.TooSlowError:
                raise CallTimeoutError("the peer was not reached in time") from None
            timeout = deadline - trio.current_time()
        return await connection.call(body, timeout)

    def call_soon(
        self,
        peer: PeerId,
        addresses: tuple[str, ...],
        body: Body,
        timeout: float,
        then: Callable[[Body | PeernetError], None],
    ) -> None:
        """What `call` does, without a task of its own: `then` gets the answer or the error, once, and never
        before this returns. The cheaper way when the peer is connected already."""
        connection = self._links.get(peer)
        if connection is not None:
            try:
                connection.start_call(body, timeout, then)
                return
            except PeernetError:
                pass  # It is told in the task below, which meets the same error.
        self._running().start_soon(self._call_in_task, peer, addresses, body, timeout, then)

    def send(self, peer: PeerId, addresses: tuple[str, ...], body: Body) -> None:
        """Send a notice, connecting first if need be. Lost, and counted, if the peer can't be reached or a
        queue is full."""
        connection = self._links.get(peer)
        if connection is not None:
            connection.notify(body)
        else:
            self._dialer.send(peer, addresses, body)

    def reply(self, peer: PeerId, call: int, body: Body | str) -> None:
        """Answer a `Requested`; a str refuses it. Without effect if the connection is gone."""
        self._asked.answer(call, body)

    async def fetch(
        self,
        peer: PeerId,
        addresses: tuple[str, ...],
        digest: Digest,
        size: int,
        sink: Callable[[bytes], None],
        offset: int = 0,
    ) -> None:
        """Pull a blob of `size` bytes from `offset` on, in order, into `sink`, which may raise to end it.

        When the connection breaks on the way, the rest is pulled over a new one. The digest is for the caller
        to check, over all bytes.

        Raises what `call` does (CallTimeoutError also when it comes too slowly as a whole), BlobMissingError if
        the peer does not hold the blob, and ProtocolError for chunks that do not fit.
        """
        await fetch_over(lambda: self._reach(peer, addresses), digest, size, offset, sink, self._config)

    async def _reach(self, peer: PeerId, addresses: tuple[str, ...]) -> Connection:
        return self._links.get(peer) or await self._dialer.reach(peer, addresses)

    def disconnect(self, peer: PeerId, reason: str) -> None:
        """End the connection to a peer with a goodbye, if there is one."""
        connection = self._links.get(peer)
        if connection is not None:
            self._links.drop(connection, reason)

    def hold(self, peer: PeerId, why: str, on: bool) -> None:
        """Keep the connection to this peer when others are closed for want of room or use, while any reason
        stands."""
        self._links.hold(peer, why, on)

    @property
    def sent(self) -> dict[str, int]:
        """How many messages of the core were sent since the pool was made, by their types' names."""
        marked = ((name.partition("sent "), number) for name, number in self.counters.items())
        return {kind: number for (before, mark, kind), number in marked if mark and not before}

    def rtt(self, peer: PeerId) -> float | None:
        """The last measured round trip to a connected peer, in seconds."""
        connection = self._links.get(peer)
        return None if connection is None else connection.rtt

    # What connections tell (`net.connection.Owner`).

    def on_notice(self, connection: Connection, body: Body) -> None:
        """See `Owner`."""
        if self._links.knows(connection):
            self._on_event(Received(connection.peer, body))

    def on_request(self, connection: Connection, call: int, body: Body) -> None:
        """See `Owner`."""
        if not self._links.knows(connection):
            raise UnreachableError("this connection is being closed")
        number = self._asked.add(connection, call)
        try:
            self._on_event(Requested(connection.peer, number, body))
        except PeernetError as error:
            self._asked.answer(number, str(error))

    # How connections begin and end.

    async def _welcome(self, stream: trio.abc.Stream, host: str) -> Callable[[], Awaitable[None]]:
        """An inbound connection (`net.door.Welcome`)."""
        greeted = await greet(stream, host, self._me, self._announced, self._config, dialled=None)
        connection = await self._admit(greeted)
        return partial(self._serve, connection)

    async def _enter(self, stream: trio.abc.Stream, host: str, address: Multiaddr) -> PeerId:
        """An outbound connection (`net.dialer.Enter`)."""
        greeted = await greet(stream, host, self._me, self._announced, self._config, dialled=address)
        connection = await self._admit(greeted)
        self._running().start_soon(self._serve, connection)
        return connection.peer

    async def _admit(self, greeted: Greeted) -> Connection:
        connection = Connection(greeted, self._config, self._blobs, self, self.counters)
        try:
            await self._links.admit(connection, self._running().start_soon)
        except PeernetError as error:
            connection.close(str(error))
            await connection.run()
            raise
        except BaseException:
            with trio.CancelScope(shield=True):
                await greeted.secure.aclose()
            raise
        return connection

    async def _serve(self, connection: Connection) -> None:
        try:
            await self._links.serve(connection)
        finally:
            self._asked.forget(connection)

    async def _tidy(self) -> None:
        """Close connections that nobody needs, now and then."""
        while True:
            await trio.sleep(self._config.spare_check_seconds)
            self._links.close_spare()

    def _on_linked(self, connection: Connection) -> None:
        self._dialer.on_linked(connection)

    async def _call_in_task(
        self,
        peer: PeerId,
        addresses: tuple[str, ...],
        body: Body,
        timeout: float,
        then: Callable[[Body | PeernetError], None],
    ) -> None:
        try:
            result: Body | PeernetError = await self.call(peer, addresses, body, timeout)
        except PeernetError as error:
            result = error
        then(result)

    def _running(self) -> trio.Nursery:
        if self._nursery is None:
            raise UnreachableError("this peer's network is not running")
        return self._nursery


def _addresses(host: str, listener: Listener) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Where this peer listens, as far as it knows, and what its Hello says: a wildcard means every host that
    it is seen at."""
    port = listener.port
    known = tuple(str(Multiaddr(known, port)) for known in listener.hosts)
    return known, (f"/tcp/{port}",) if host in WILDCARDS else known
