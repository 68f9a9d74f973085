"""A network of gossiping peers in memory: one heap of events, a virtual clock, one seed, faults by rate."""

from __future__ import annotations

import hashlib
import heapq
import random
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest

from peernet.config import Config
from peernet.config.gossip import GossipConfig
from peernet.core.context import AddressBook, Context, Link
from peernet.core.effects import Call, Hold, Note, Send
from peernet.core.events import Done, Failed, Failure, Now
from peernet.core.gossip import Gossip
from peernet.identity.envelope import Opened, peek_author, seal
from peernet.identity.multiaddr import Multiaddr
from peernet.types import Instance, JobId, PeerId
from peernet.wire.codec import encode_body
from peernet.wire.gossip import IHave, Rumour
from peernet.wire.kad import WireContact
from peernet.wire.signed import ADVERT, OFFER, TOMBSTONE, Needs, Offer, Tombstone

WALL = 1_800_000_000.0
JOB = JobId(b"j" * 32)
NEEDS = Needs("", 0, "")


def fake_peer(number: int) -> PeerId:
    return PeerId(hashlib.sha256(b"peer %d" % number).digest())


def fake_sign(peer: PeerId, data: bytes) -> bytes:
    return hashlib.blake2b(data, key=peer).digest()


def fake_verify(peer: PeerId, data: bytes, signature: bytes) -> bool:
    return signature == fake_sign(peer, data)


class FakeKad:
    """The contacts that a peer is said to have."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.contacts: list[PeerId] = []
        self.heard: dict[PeerId, tuple[str, ...]] = {}

    def sample(self, count: int) -> list[PeerId]:
        ctx = self.node.ctx
        chosen = ctx.random.sample(self.contacts, min(count, len(self.contacts)))
        for peer in chosen:
            ctx.book.learn(peer, self.node.world.nodes[peer].addresses)
        return chosen

    def tell_reunions(self, tell: Callable[[PeerId], None]) -> None:
        self.reunited = tell

    def stays(self, peer: PeerId) -> None:
        pass

    def heard_of(self, contact: WireContact) -> None:
        self.heard[contact.peer] = contact.addresses
        self.node.ctx.book.learn(contact.peer, contact.addresses)


class FakeAdverts:
    """An advert of one's own, and who took in whose."""

    def __init__(self, node: Node) -> None:
        self.node = node
        self.envelope = b""
        self.taken: list[tuple[PeerId, PeerId]] = []
        self.refuses = False

    def tell_by(self, tell: Callable[[bytes], None]) -> None:
        self.tell = tell

    def own(self) -> bytes:
        return self.envelope

    def accept(self, envelope: bytes, source: PeerId) -> Opened | None:
        if self.refuses:
            return None
        author = peek_author(envelope)
        self.taken.append((author, source))
        return Opened(author, ADVERT, 0, 0.0, 1.0, 1.0, b"", envelope)


class Node:
    """One peer. mute: it takes in and asks, and neither passes on nor names nor gives anything."""

    def __init__(self, world: World, number: int, config: GossipConfig) -> None:
        self.world = world
        self.number = number
        self.peer = fake_peer(number)
        self.addresses = (str(Multiaddr("10.0.0.1", 1 + number, self.peer)),)
        self.up = True
        self.mute = False
        self.ctx = Context(
            me=self.peer,
            instance=Instance(b"i" * 16),
            config=replace(Config(), gossip=config),
            random=random.Random(number),
            secret=random.Random(number).randbytes,
            sign=lambda data: fake_sign(self.peer, data),
            verify=fake_verify,
            book=AddressBook(256),
            port=1 + number,
        )
        self.ctx.now = world.clock()
        self.kad = FakeKad(self)
        self.adverts = FakeAdverts(self)
        self.offers: dict[bytes, float] = {}
        self.tombstones: list[tuple[PeerId, JobId]] = []
        self.gossip = Gossip(self.ctx, self.kad, self.adverts, self)  # type: ignore[arg-type]
        self.handlers = self.gossip.handlers
        self.sequence = 0

    @property
    def active(self) -> dict[PeerId, Any]:
        return self.gossip.neighbourhood.active

    def on_offer(self, opened: Opened, offer: Offer) -> None:
        self.offers[opened.body] = self.world.now

    def on_tombstone(self, author: PeerId, job: JobId) -> None:
        self.tombstones.append((author, job))

    def seal(self, domain: str, body: bytes, lifetime: float = 60.0) -> bytes:
        self.sequence += 1
        return seal(
            self.ctx.sign,
            self.peer,
            domain,
            body,
            sequence=self.sequence,
            issued=self.ctx.now.wall,
            lifetime=lifetime,
        )

    def offer(self, addresses: tuple[str, ...] = (), job: JobId = JOB, number: int = 1) -> bytes:
        return self.seal(OFFER, encode_body(Offer(job, number, NEEDS, addresses)))

    def tombstone(self, job: JobId = JOB) -> bytes:
        return self.seal(TOMBSTONE, encode_body(Tombstone(job, "done")))

    def hear(self, source: Node, body: Any) -> list[Any]:
        """Take in a notice as if it had come from another peer; return what this peer sends."""
        return self.do(lambda: self.handlers[type(body)](source.peer, body))

    def do(self, act: Callable[[], object]) -> list[Any]:
        """Act, and let the world carry the effects out; return them."""
        if not self.up:
            return []
        self.ctx.now = self.world.clock()
        act()
        effects, self.ctx.effects = self.ctx.effects, []
        for effect in effects:
            self.world.carry_out(self, effect)
        self.world.wake(self)
        return effects

    def refused(self, kind: str) -> int:
        return self.ctx.counters.get(kind, 0)


class World:
    """All peers, the clock and the wires. loss: share of notices that get lost. Latencies are 20 to 100 ms, the
    same for a pair at all times."""

    def __init__(self, seed: int = 1, config: GossipConfig | None = None) -> None:
        self.random = random.Random(seed)
        self.config = config or GossipConfig()
        self.now = 0.0
        self.loss = 0.0
        self.nodes: dict[PeerId, Node] = {}
        self.sent = Counter[str]()
        self.hops: list[int] = []
        self._heap: list[tuple[float, int, Callable[..., Any], tuple[Any, ...]]] = []
        self._number = 0
        self._wakes: dict[PeerId, float] = {}

    def clock(self) -> Now:
        return Now(1000.0 + self.now, WALL + self.now)

    def add(self, *, config: GossipConfig | None = None) -> Node:
        node = Node(self, len(self.nodes), config or self.config)
        self.nodes[node.peer] = node
        node.do(node.gossip.start)
        return node

    def grow(self, count: int, seconds: float = 20.0) -> list[Node]:
        """A network of `count` peers, each of whose DHTs knows some 40 others; it settles for some seconds."""
        nodes = [self.add() for _ in range(count)]
        for node in nodes:
            others = self.random.sample(nodes, min(count, 41))
            node.kad.contacts = [other.peer for other in others if other is not node]
        self.run(seconds)
        return nodes

    def befriend(self, one: Node, other: Node) -> None:
        """Make two peers neighbours, and let them settle."""
        self.link(one, other)
        for here, there in ((one, other), (other, one)):
            here.do(lambda here=here, there=there: here.gossip.neighbourhood._ask(there.peer, by_chance=False))
        self.run(1.0)

    def latency(self, one: Node, other: Node) -> float:
        low, high = sorted((one.number, other.number))
        return 0.02 + 0.08 * ((low * 7919 + high * 104729) % 1009) / 1009

    # --- time ------------------------------------------------------------------------------------------------

    def after(self, seconds: float, act: Callable[..., Any], *arguments: Any) -> None:
        self._number += 1
        heapq.heappush(self._heap, (self.now + seconds, self._number, act, arguments))

    def run(self, seconds: float) -> None:
        limit = self.now + seconds
        while self._heap and self._heap[0][0] <= limit:
            self.now, _, act, arguments = heapq.heappop(self._heap)
            act(*arguments)
        self.now = limit

    def wake(self, node: Node) -> None:
        due = node.ctx.next_deadline() - 1000.0
        if due < self._wakes.get(node.peer, float("inf")):
            self._wakes[node.peer] = due
            self.after(max(0.0, due - self.now), self._tick, node, due)

    def _tick(self, node: Node, due: float) -> None:
        if self._wakes.get(node.peer) == due:
            del self._wakes[node.peer]
        node.do(node.ctx.run_timers)

    # --- connections -----------------------------------------------------------------------------------------

    def link(self, one: Node, other: Node, observed: str = "10.0.0.1") -> None:
        if other.peer in one.ctx.links:
            return
        rtt = 2 * self.latency(one, other)
        for here, there in ((one, other), (other, one)):
            here.ctx.links[there.peer] = Link(
                Instance(b"i" * 16), there.addresses, "10.0.0.1", observed, False, rtt, self.now
            )
            here.ctx.book.learn(there.peer, there.addresses)
            here.do(lambda here=here, there=there: here.gossip.on_connected(there.peer))

    def cut(self, one: Node, other: Node) -> None:
        for here, there in ((one, other), (other, one)):
            if here.ctx.links.pop(there.peer, None) is not None:
                here.do(lambda here=here, there=there: here.gossip.on_lost(there.peer, False))

    def kill(self, node: Node) -> None:
        node.up = False
        for peer in list(node.ctx.links):
            self.cut(node, self.nodes[peer])

    # --- effects ---------------------------------------------------------------------------------------------

    def carry_out(self, node: Node, effect: Any) -> None:
        match effect:
            case Send(peer, addresses, body):
                self._send(node, peer, addresses, body)
            case Call(number, peer, addresses, body, _):
                other = self._reach(node, peer, addresses)
                if other is None:
                    failed = Failed(number, Failure("unreachable", "nobody answers"))
                    self.after(0.1, self._settle, node, failed)
                else:
                    self.after(self.latency(node, other), self._request, node, other, number, body)
            case Hold() | Note():
                pass
            case _:
                raise AssertionError(effect)

    def _reach(self, node: Node, peer: PeerId, addresses: tuple[str, ...]) -> Node | None:
        other = self.nodes.get(peer)
        if other is None or not other.up or (peer not in node.ctx.links and not addresses):
            return None
        self.link(node, other)
        return other

    def _send(self, node: Node, peer: PeerId, addresses: tuple[str, ...], body: Any) -> None:
        if node.mute and isinstance(body, Rumour | IHave):
            return
        self.sent[type(body).__name__] += 1
        other = self._reach(node, peer, addresses)
        if other is None or (self.loss and self.random.random() < self.loss):
            return
        if isinstance(body, Rumour):
            self.hops.append(body.hops)
        self.after(self.latency(node, other), self._receive, node.peer, other, body)

    def _receive(self, source: PeerId, node: Node, body: Any) -> None:
        node.do(lambda: node.handlers[type(body)](source, body))

    def _request(self, node: Node, other: Node, number: int, body: Any) -> None:
        def answer() -> None:
            reply = other.handlers[type(body)](node.peer, body)
            self.after(self.latency(node, other), self._settle, node, Done(number, reply))

        if other.up:
            other.do(answer)
        else:
            self.after(1.0, self._settle, node, Failed(number, Failure("lost", "the connection ended")))

    def _settle(self, node: Node, outcome: Any) -> None:
        node.do(lambda: node.ctx.settle(outcome))

    # --- broadcasts ------------------------------------------------------------------------------------------

    def broadcast(self, node: Node, reach: int, seconds: float = 4.0) -> Broadcast:
        """Let a peer spread an offer; run; say how it went."""
        body = b""
        before, start = Counter(self.sent), self.now
        self.hops = []

        def make(addresses: tuple[str, ...]) -> bytes:
            nonlocal body
            body = encode_body(Offer(JOB, node.sequence, NEEDS, addresses))
            return node.seal(OFFER, body)

        node.do(lambda: node.gossip.spread(make, reach))
        self.run(seconds)
        live = [other for other in self.nodes.values() if other.up and other is not node]
        times = [other.offers[body] - start for other in live if body in other.offers]
        return Broadcast(len(live), times, Counter(self.sent) - before, max(self.hops, default=0))


class Broadcast:
    """How a broadcast went. copies: payloads sent for each peer reached."""

    def __init__(self, others: int, times: list[float], sent: Counter[str], depth: int) -> None:
        self.reached = len(times)
        self.missed = others - len(times)
        self.last = max(times, default=0.0)
        self.sent = sent
        self.copies = sent["Rumour"] / max(1, len(times))
        self.depth = depth

    def __repr__(self) -> str:
        return (
            f"reached {self.reached}, missed {self.missed}, last {self.last:.2f} s, "
            f"{self.copies:.3f} copies, depth {self.depth}, {dict(self.sent)}"
        )


@pytest.fixture
def make_world() -> Callable[..., World]:
    return World


@pytest.fixture
def world() -> World:
    """A world of peers that look for no neighbours by themselves."""
    return World(config=replace(GossipConfig(), near=0, random=0))


@pytest.fixture
def pair(world: World) -> tuple[Node, Node]:
    """Two neighbours."""
    alice, bob = world.add(), world.add()
    world.befriend(alice, bob)
    return alice, bob


@pytest.fixture
def components() -> Callable[[Iterable[Node]], int]:
    """Counts the parts that neighbourhoods fall into."""

    def count(nodes: Iterable[Node]) -> int:
        live = {node.peer: node for node in nodes if node.up}
        parts, unseen = 0, dict(live)
        while unseen:
            parts += 1
            edge = [next(iter(unseen.values()))]
            unseen.pop(edge[0].peer)
            while edge:
                for peer in edge.pop().active:
                    if peer in unseen:
                        edge.append(unseen.pop(peer))
        return parts

    return count
