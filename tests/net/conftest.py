"""Whole pools, joined in memory on a virtual clock, and raw peers that misbehave."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any

import pytest
import trio

from peernet.config.net import NetConfig
from peernet.core.events import Event, PeerConnected, PeerLost, Requested
from peernet.errors import BlobMissingError
from peernet.identity.keys import KeyPair, verify
from peernet.identity.multiaddr import Multiaddr
from peernet.net import MemoryNetwork, MemoryTransport, Pool, Transport
from peernet.net.frames import append_frame
from peernet.net.greeting import Greeted, Self, greet
from peernet.types import Digest, Instance, PeerId
from peernet.wire.kad import Alive, Probe
from peernet.wire.link import Body, Frame

START = 1_800_000_000.0


class Blobs:
    """A `BlobSource` in memory. on_read: called before each read."""

    def __init__(self) -> None:
        self.held: dict[Digest, bytes] = {}
        self.on_read: Callable[[int], None] = lambda offset: None

    def size(self, digest: Digest) -> int | None:
        held = self.held.get(digest)
        return None if held is None else len(held)

    def read(self, digest: Digest, offset: int, length: int) -> bytes:
        self.on_read(offset)
        if digest not in self.held:
            raise BlobMissingError("gone")
        return self.held[digest][offset : offset + length]


@dataclass
class Node:
    """A pool and what it has told. answer: what a call is answered with, None for never."""

    pool: Pool
    key: KeyPair
    host: str
    blobs: Blobs
    port: int = 0
    events: list[Event] = field(default_factory=list)
    answer: Callable[[Body], Body | str | None] = lambda body: Alive()

    @property
    def peer(self) -> PeerId:
        return self.key.peer_id

    @property
    def address(self) -> Multiaddr:
        return Multiaddr(self.host, self.port, self.peer)

    @property
    def addresses(self) -> tuple[str, ...]:
        return (str(self.address),)

    def take(self, event: Event) -> None:
        self.events.append(event)
        if isinstance(event, Requested):
            answer = self.answer(event.body)
            if answer is not None:
                self.pool.reply(event.peer, event.call, answer)

    def told(self, *kinds: type[Any]) -> list[Any]:
        """The events of these kinds, in order."""
        return [event for event in self.events if isinstance(event, kinds)]

    @property
    def connections(self) -> list[str]:
        """Which ends and beginnings of connections were told, in order."""
        return [type(event).__name__ for event in self.told(PeerConnected, PeerLost)]

    async def probe(self, other: Node, timeout: float = 5.0) -> Body:
        return await self.pool.call(other.peer, other.addresses, Probe(), timeout)


class World:
    """Makes nodes on one network. Seeds are counted, so every run is the same."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.network = MemoryNetwork()
        self.nursery = nursery
        self._seeds = count(1)

    def _bytes(self, n: int) -> bytes:
        return random.Random(next(self._seeds)).randbytes(n)

    def me(self, key: KeyPair | None = None) -> Self:
        """An identity with an instance of its own."""
        key = key or KeyPair.from_seed(self._bytes(32))
        return Self(key, Instance(self._bytes(16)), self._bytes, verify, lambda: START)

    async def node(
        self,
        *,
        key: KeyPair | None = None,
        transport: Transport | None = None,
        host: str = "",
        port: int = 0,
        config: NetConfig | None = None,
        **bounds: Any,
    ) -> Node:
        """A running pool. bounds: fields of NetConfig that differ from the default."""
        me = self.me(key)
        host = host or f"10.0.0.{next(self._seeds) % 250 + 1}"
        blobs = Blobs()
        node: Node
        pool = Pool(
            me.identity,
            me.instance,
            transport or MemoryTransport(self.network, host),
            replace(config or NetConfig(), **bounds),
            blobs,
            lambda event: node.take(event),
            random.Random(next(self._seeds)),
            self._bytes,
            verify,
            lambda: START,
        )
        assert isinstance(me.identity, KeyPair)
        node = Node(pool, me.identity, host, blobs)
        node.port = await self.nursery.start(pool.run, host, port)
        return node

    async def raw(self, node: Node, me: Self | None = None, host: str = "10.1.0.1") -> RawPeer:
        """A peer that has greeted a node, and from then on does only what the test does."""
        stream, _ = await MemoryTransport(self.network, host).dial(node.host, node.port)
        return RawPeer(await greet(stream, node.host, me or self.me(), (), NetConfig(), dialled=node.address))


@dataclass
class RawPeer:
    """The far end of a connection, by hand."""

    greeted: Greeted

    async def send(self, *frames: Frame) -> None:
        buffer = bytearray()
        for frame in frames:
            append_frame(buffer, frame)
        await self.greeted.secure.send(buffer)

    async def receive(self) -> list[Frame]:
        """The next frames, one or more; none at the end of the stream."""
        while records := await self.greeted.secure.receive():
            if frames := [frame for record in records for frame in self.greeted.frames.feed(record)]:
                return frames
        return []


@pytest.fixture
async def world(nursery: trio.Nursery) -> World:
    return World(nursery)


@pytest.fixture
def node(world: World) -> Callable[..., Awaitable[Node]]:
    return world.node


@pytest.fixture
def new_world() -> type[World]:
    """For tests that end the pools themselves."""
    return World


@pytest.fixture
def raw_peer() -> type[RawPeer]:
    """Makes a raw peer of a connection that the test has greeted itself."""
    return RawPeer
