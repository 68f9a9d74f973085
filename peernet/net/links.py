"""Which connections stand: one for each peer, the rules for a second one, and who makes room.

A second connection of a peer is, by what the peer said of itself in its Hello:

| instance | dialled by | then |
|---|---|---|
| same | the other side | both dialled at once: the one dialled by the smaller id is kept, on both sides |
| same | the same side | the dialler has lost the first one: it is replaced |
| other | any | the first is pinged. It answers: a cloned key, the second is refused. Else: a restart, replaced |

What is not kept of two that crossed goes on serving what is under way on it, and closes when it is idle. The
core is told of one connection: `PeerConnected` before anything else of it, `PeerLost` once.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import trio

from peernet.config.net import NetConfig
from peernet.core.events import Event, PeerConnected, PeerLost, Received
from peernet.errors import BusyError, ConnectionLostError, UnreachableError, WrongPeerError
from peernet.net.connection import Connection, Ending
from peernet.types import Instance, PeerId
from peernet.wire.link import KeyCloned

Spawn = Callable[..., None]
"""Starts a task: an async function and its arguments."""


class Links:
    """The live connections of a pool, by peer.

    on_event: told of PeerConnected and PeerLost. on_linked: told of each connection that becomes a peer's
    own.
    """

    def __init__(
        self,
        me: PeerId,
        instance: Instance,
        config: NetConfig,
        on_event: Callable[[Event], None],
        on_linked: Callable[[Connection], None],
        counters: Counter[str],
    ) -> None:
        self._me = me
        self._instance = instance
        self._config = config
        self._on_event = on_event
        self._on_linked = on_linked
        self._counters = counters
        self._links: dict[PeerId, Connection] = {}
        self._spares: dict[PeerId, Connection] = {}
        self._checking: set[PeerId] = set()
        self._held: dict[PeerId, frozenset[str]] = {}
        self.get = self._links.get

    def __len__(self) -> int:
        return len(self._links)

    def peers(self) -> tuple[PeerId, ...]:
        """Who is connected, in order of connecting."""
        return tuple(self._links)

    def all(self) -> list[Connection]:
        """All connections, those that are kept and those that are not."""
        return [*self._links.values(), *self._spares.values()]

    def knows(self, connection: Connection) -> bool:
        """Whether what arrives on this connection is to be heard."""
        peer = connection.peer
        return self._links.get(peer) is connection or self._spares.get(peer) is connection

    def hold(self, peer: PeerId, why: str, on: bool) -> None:
        """Keep the peer's connection when room is needed or it is idle, as long as any reason stands."""
        reasons = self._held.get(peer, frozenset())
        reasons = reasons | {why} if on else reasons - {why}
        if not reasons:
            self._held.pop(peer, None)
        elif peer in self._held or len(self._held) < self._config.holds:
            self._held[peer] = reasons
        else:
            self._counters["holds refused"] += 1
        connection = self._links.get(peer)
        if connection is not None:
            connection.needed = peer in self._held

    def close_spare(self) -> None:
        """Close what neither side needs and nobody has used for `spare_seconds`; the `spare_connections` that were
        used last stay all the same."""
        spare = [link for link in self._links.values() if not (link.needed or link.needed_there or link.closing)]
        spare.sort(key=lambda link: link.last_used)
        since = trio.current_time() - self._config.spare_seconds
        for link in spare[: max(0, len(spare) - self._config.spare_connections)]:
            if link.last_used <= since and link.idle:
                self._counters["closed unused"] += 1
                self.drop(link, "nobody needs it", spare=True)

    async def admit(self, connection: Connection, spawn: Spawn) -> None:
        """Take a fresh connection in, by the rules above. It must be served with `serve` then.

        Raises BusyError (no room), ConnectionLostError (refused), UnreachableError (this peer itself) or
        WrongPeerError (this peer's own key, cloned); the connection should be closed then with that reason.
        """
        peer, instance = connection.peer, connection.greeted.instance
        if peer == self._me:
            self._meet_myself(connection)
        while (old := self._current(peer)) is not None:
            if old.greeted.instance == instance:
                return self._settle_twins(old, connection, spawn)
            if await self._is_alive(old):
                if self._links.get(peer) is old:
                    self._refuse_clone(old, connection)
            elif self._links.get(peer) is old:
                old.abort("the peer has restarted")
        self._link(connection)

    async def serve(self, connection: Connection) -> None:
        """Run an admitted connection until it ends, and tell of its end."""
        try:
            await connection.run()
        finally:
            self._forget(connection)
            connection.fail_calls()

    def drop(self, connection: Connection, reason: str, spare: bool = False) -> None:
        """Tell that the peer is lost, and say goodbye to it. spare: as nobody needs the connection."""
        connection.close(reason, spare)
        self._forget(connection, Ending(reason, clean=True, spare=spare))

    # Second connections.

    def _current(self, peer: PeerId) -> Connection | None:
        """The peer's connection. One that has ended, and whose task has not yet come to it, is taken off
        first."""
        old = self._links.get(peer)
        while old is not None and old.ending is not None:
            self._forget(old)
            old = self._links.get(peer)
        return old

    def _settle_twins(self, old: Connection, new: Connection, spawn: Spawn) -> None:
        if old.greeted.inbound == new.greeted.inbound:
            self._counters["replaced"] += 1
            old.abort("the peer has connected again")
            self._current(old.peer)
            self._link(new)
            return
        if old.peer in self._spares:
            raise BusyError("two connections to this peer stand already")
        self._counters["crossed"] += 1
        outbound_is_kept = self._me < old.peer
        if new.greeted.inbound == outbound_is_kept:
            self._spares[old.peer] = new
            spawn(self._drain, old, new)
        elif trio.current_time() - old.since < self._config.twin_seconds:
            self._links[old.peer] = new
            new.needed = old.needed
            self._spares[old.peer] = old
            self._on_linked(new)
            spawn(self._drain, new, old)
        else:
            old.abort("the peer has connected again")
            self._current(old.peer)
            self._link(new)

    async def _drain(self, kept: Connection, spare: Connection) -> None:
        """See that the connection that is kept is alive; if so, close the spare one when nothing is under way
        on it."""
        config = self._config
        if not await kept.ping(config.clone_seconds):
            kept.abort("it no longer answers, and the peer has connected again")
            return
        await trio.sleep(config.drain_seconds)
        for _ in range(config.drain_checks):
            if spare.idle or spare.closing:
                break
            await trio.sleep(config.drain_seconds)
        if self._spares.get(spare.peer) is spare:
            spare.close("another connection to this peer is used")

    async def _is_alive(self, old: Connection) -> bool:
        if old.peer in self._checking:
            raise BusyError("another connection under this key is being looked at")
        self._checking.add(old.peer)
        try:
            return await old.ping(self._config.clone_seconds)
        finally:
            self._checking.remove(old.peer)

    def _refuse_clone(self, old: Connection, new: Connection) -> None:
        self._counters["clones"] += 1
        old.notify(KeyCloned(new.greeted.instance, new.greeted.host))
        new.notify(KeyCloned(old.greeted.instance, old.greeted.host))
        raise ConnectionLostError("two running peers use this key: the first one is kept")

    def _meet_myself(self, connection: Connection) -> None:
        greeted = connection.greeted
        if greeted.instance == self._instance:
            raise UnreachableError("this is the address of this peer itself: give that of another one")
        self._counters["clones"] += 1
        self._on_event(Received(self._me, KeyCloned(greeted.instance, greeted.host)))
        raise WrongPeerError(f"another running peer at {greeted.host} uses the key of this one")

    # The table.

    def _link(self, connection: Connection) -> None:
        """Make a connection the peer's own, and tell of it. Raises BusyError if all others are held."""
        if len(self._links) >= self._config.connections:
            self._make_room()
        self._links[connection.peer] = connection
        connection.needed = connection.peer in self._held
        greeted = connection.greeted
        self._on_event(
            PeerConnected(
                peer=greeted.peer,
                instance=greeted.instance,
                addresses=greeted.addresses,
                host=greeted.host,
                observed=greeted.observed,
                inbound=greeted.inbound,
                rtt=greeted.rtt,
                ahead=greeted.ahead,
            )
        )
        self._on_linked(connection)

    def _make_room(self) -> None:
        free = [link for link in self._links.values() if link.peer not in self._held]
        if not free:
            raise BusyError("no room: all connections are in use")
        self._counters["made room"] += 1
        self.drop(min(free, key=lambda link: (not link.idle, link.last_used)), "no room", spare=True)

    def _forget(self, connection: Connection, ending: Ending | None = None) -> None:
        """Take a connection off the table, once. The spare one of its peer, if any, takes its place."""
        peer = connection.peer
        if self._spares.get(peer) is connection:
            del self._spares[peer]
        if self._links.get(peer) is not connection:
            return
        del self._links[peer]
        ending = ending or connection.ending
        assert ending is not None
        if ending.fault:
            self._counters["protocol broken"] += 1
        self._on_event(PeerLost(peer, ending.reason, ending.clean, ending.spare))
        spare = self._spares.pop(peer, None)
        if spare is not None and not spare.closing:
            self._link(spare)
