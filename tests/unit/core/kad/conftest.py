"""A network of DHTs in memory: one heap of events, a virtual clock, one seed, connections as `net` keeps them."""

from __future__ import annotations

import hashlib
import heapq
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import count

import pytest

from peernet.config import Config
from peernet.config.kad import KadConfig
from peernet.core.context import AddressBook, Context, Link
from peernet.core.effects import Call, Dial, Effect, Forget, Note, Save
from peernet.core.events import Done, Failed, Failure, Now
from peernet.core.kad import DOMAINS, Domain, Kad, contact, table
from peernet.core.kad.contact import Contact, place
from peernet.identity.envelope import seal
from peernet.identity.multiaddr import Multiaddr
from peernet.types import DhtKey, Instance, PeerId

NOTE = "peernet/note/1"
WALL = 1_800_000_000.0
LATENCY = 0.02


def fake_peer(number: int) -> PeerId:
    return PeerId(hashlib.sha256(b"peer %d" % number).digest())


def fake_sign(peer: PeerId, data: bytes) -> bytes:
    return hashlib.sha512(peer + data).digest()


def fake_verify(peer: PeerId, data: bytes, signature: bytes) -> bool:
    return signature == fake_sign(peer, data)


class Node:
    """One peer: its core's context and DHT, and what a driver would hold for it."""

    def __init__(
        self, world: World, number: int, dialable: bool, config: KadConfig, peer: PeerId | None = None
    ) -> None:
        self.world = world
        self.peer = fake_peer(number)
        self.address = str(Multiaddr("127.0.0.1", 1024 + number, self.peer))
        self.addresses = (self.address,) if dialable else ()
        self.state = "up"
        self.saved: dict[bytes, object] = {}
        self.effects = Counter[str]()
        self.kad = self.boot(config)

    def boot(self, config: KadConfig) -> Kad:
        self.ctx = Context(
            me=self.peer,
            instance=Instance(b"i" * 16),
            config=replace(Config(), kad=config),
            random=random.Random(self.peer),
            secret=random.Random(self.peer).randbytes,
            sign=lambda data: fake_sign(self.peer, data),
            verify=fake_verify,
            book=AddressBook(1024),
        )
        self.ctx.now = self.world.now()
        kad = Kad(self.ctx, self.world.domains)
        self.handlers = kad.handlers
        return kad

    def do(self, act: Callable[[], object]) -> None:
        """Let the core act, then carry its effects out."""
        if self.state == "down":
            return
        self.ctx.now = self.world.now()
        act()
        while self.ctx.local:
            body, then = self.ctx.local.pop(0)
            answer = self.handlers[type(body)](self.peer, body)
            if then is not None:
                then(Done(0, answer))
        effects, self.ctx.effects = self.ctx.effects, []
        for effect in effects:
            self.world.carry_out(self, effect)
        self.world.wake(self)

    def seal(self, body: bytes, sequence: int, *, lifetime: float = 7200.0, domain: str = NOTE) -> bytes:
        """A record of this peer, signed now."""
        wall = self.world.now().wall
        return seal(self.ctx.sign, self.peer, domain, body, sequence=sequence, issued=wall, lifetime=lifetime)


class World:
    """All peers, the clock and the wires."""

    def __init__(self, seed: int = 1, config: KadConfig | None = None) -> None:
        self.random = random.Random(seed)
        self.config = config or KadConfig()
        self.domains: Mapping[str, Domain] = {**DOMAINS, NOTE: Domain(max_lifetime=86_400.0)}
        self.mono = 1000.0
        self.nodes: dict[PeerId, Node] = {}
        self.ports: dict[str, Node] = {}
        self.notes: list[Note] = []
        self.calls = Counter[str]()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._wakes: dict[PeerId, float] = {}
        self._dialling: dict[tuple[PeerId, PeerId], None] = {}

    def now(self) -> Now:
        return Now(self.mono, WALL + self.mono)

    def add(self, number: int | None = None, *, dialable: bool = True, config: KadConfig | None = None) -> Node:
        number = len(self.nodes) if number is None else number
        node = Node(self, number, dialable, config or self.config)
        self.nodes[node.peer] = node
        self.ports[node.address] = node
        node.do(node.kad.start)
        return node

    def grow(self, number: int, *, through: str = "any") -> list[Node]:
        """A network of `number` peers, each joined through a random earlier one or ("last") the one before."""
        nodes: list[Node] = []
        for _ in range(number):
            node = self.add()
            if nodes:
                door = nodes[-1] if through == "last" else self.random.choice(nodes)
                assert self.join(node, [door.address]) is None
            nodes.append(node)
        return nodes

    def join(self, node: Node, addresses: Iterable[str]) -> Failure | None:
        return self.ask(lambda then: node.do(lambda: node.kad.join(addresses, then)))

    def ask(self, act: Callable[[Callable[[object], None]], None], patience: float = 120.0):
        """Start something that takes a continuation, and run until it is called. Exactly once is checked."""
        answers: list[object] = []
        act(answers.append)
        limit = self.mono + patience
        while not answers and self._events and self._events[0][0] <= limit:
            self.step()
        assert len(answers) == 1, f"{len(answers)} answers after {patience} s"
        return answers[0]

    def step(self) -> None:
        when, _, act = heapq.heappop(self._events)
        self.mono = max(self.mono, when)
        act()

    def run(self, seconds: float) -> None:
        limit = self.mono + seconds
        while self._events and self._events[0][0] <= limit:
            self.step()
        self.mono = limit

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.mono + seconds, next(self._numbers), act))

    def wake(self, node: Node) -> None:
        due = node.ctx.next_deadline()
        if due == float("inf") or self._wakes.get(node.peer, float("inf")) <= due:
            return
        self._wakes[node.peer] = due

        def tick() -> None:
            if self._wakes.get(node.peer) == due:
                del self._wakes[node.peer]
            node.do(node.ctx.run_timers)

        self.after(max(0.0, due - self.mono), tick)

    def kill(self, node: Node, *, clean: bool = False) -> None:
        """The process ends; its connections break."""
        node.state = "down"
        for peer in list(node.ctx.links):
            self.cut(node, self.nodes[peer], clean)

    def freeze(self, node: Node) -> None:
        """The process stops: it is connected and silent."""
        node.state = "frozen"

    def reboot(self, node: Node) -> None:
        """The process starts again with what its journal holds."""
        node.state = "up"
        self._wakes.pop(node.peer, None)
        node.kad = node.boot(self.config)
        node.kad.restore(list(node.saved.values()))
        node.do(node.kad.start)

    def cut(self, one: Node, other: Node, clean: bool = False) -> None:
        for here, there in ((one, other), (other, one)):
            if here.ctx.links.pop(there.peer, None) is not None:
                here.do(lambda here=here, there=there: here.kad.on_lost(there.peer, clean))

    def carry_out(self, node: Node, effect: Effect) -> None:
        node.effects[type(effect).__name__] += 1
        match effect:
            case Call():
                self.calls[type(effect.body).__name__] += 1
                self._reach(node, effect.peer, effect.addresses, lambda: self._call(node, effect), effect.id)
            case Dial():
                self._dial(node, effect)
            case Save():
                node.saved[effect.record.key()] = effect.record
            case Forget():
                node.saved.pop(effect.prefix, None)
            case Note():
                self.notes.append(effect)
            case _:
                raise AssertionError(effect)

    def _settle(self, node: Node, number: int, outcome: Failure | object, delay: float) -> None:
        ctx = node.ctx  # Outcomes for a process that has been started again are lost with the old one.
        done = Failed(number, outcome) if isinstance(outcome, Failure) else Done(number, outcome)
        self.after(delay, lambda: node.do(lambda: ctx.settle(done)) if node.ctx is ctx else None)

    def _connect(self, node: Node, other: Node) -> None:
        for here, there, inbound in ((node, other, False), (other, node, True)):
            if there.peer not in here.ctx.links:
                here.ctx.links[there.peer] = Link(
                    Instance(b"i" * 16), there.addresses, "127.0.0.1", "127.0.0.1", inbound, 2 * LATENCY, self.mono
                )
                here.do(lambda here=here, there=there: here.kad.on_connected(there.peer))

    def _reach(
        self, node: Node, peer: PeerId, addresses: tuple[str, ...], act: Callable[[], None], number: int
    ) -> None:
        if peer in node.ctx.links:
            self.after(LATENCY, act)
            return
        other = next((self.ports[text] for text in addresses if text in self.ports), None)
        if other is None or other.peer != peer or other.state == "down":
            self._settle(node, number, Failure("unreachable", "nobody answers"), 2 * LATENCY)
        elif other.state == "frozen":
            self._settle(node, number, Failure("timeout", "no answer"), 6.0)
        else:

            def connected() -> None:
                if "down" in (node.state, other.state):
                    self._settle(node, number, Failure("unreachable", "it went away"), 0.0)
                    return
                self._connect(node, other)
                act()

            self.after(4 * LATENCY, connected)

    def _call(self, node: Node, call: Call) -> None:
        other = self.nodes[call.peer]
        if other.state == "down":
            self._settle(node, call.id, Failure("lost", "the connection ended"), 0.0)
            return
        if other.state == "frozen":
            self._settle(node, call.id, Failure("timeout", "no answer"), call.timeout)
            return

        def answer() -> None:
            body = other.handlers[type(call.body)](node.peer, call.body)
            outcome = Failure("refused", str(body)) if body is None or isinstance(body, str) else body
            self._settle(node, call.id, outcome, LATENCY)

        other.do(answer)

    def _dial(self, node: Node, dial: Dial) -> None:
        wanted = Multiaddr.parse(dial.address)
        place_of = {(Multiaddr.parse(text).port): other for text, other in self.ports.items()}
        other = place_of.get(wanted.port)
        if other is None or other.state != "up":
            self._settle(node, dial.id, Failure("unreachable", "nobody answers"), 2 * LATENCY)
        elif wanted.peer not in (None, other.peer):
            self._settle(node, dial.id, Failure("wrong-peer", "another peer answered"), 4 * LATENCY)
        elif other is node:
            self._settle(node, dial.id, node.peer, 4 * LATENCY)
        else:

            def connected() -> None:
                self._connect(node, other)
                node.do(lambda: node.ctx.settle(Done(dial.id, other.peer)))

            self.after(4 * LATENCY, connected)

    def true_nearest(self, target: DhtKey, *, without: Node | None = None) -> list[PeerId]:
        """The k nearest of all live dialable peers, by sorting."""
        goal = int.from_bytes(target, "big")
        live = [node for node in self.nodes.values() if node.state == "up" and node.addresses]
        live = [node for node in live if node is not without]
        live.sort(key=lambda node: place(node.peer)[1] ^ goal)
        return [node.peer for node in live[: self.config.k]]

    def find(self, node: Node, target: DhtKey) -> list[PeerId]:
        return [contact.peer for contact in self.contacts_near(node, target)]

    def contacts_near(self, node: Node, target: DhtKey) -> list[Contact]:
        found: list[Contact] = self.ask(lambda then: node.do(lambda: node.kad.find_node(target, then)))
        return found

    def target(self) -> DhtKey:
        return DhtKey(self.random.randbytes(20))

    def check(self) -> None:
        for node in self.nodes.values():
            node.kad.table.check()
            node.kad.store.check()


@pytest.fixture
def make_world() -> Callable[..., World]:
    return World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def hundred() -> World:
    """A network of 100 peers that a test may look things up in, but must not change."""
    world = World(seed=7)
    world.grow(100)
    world.run(60)
    return world


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Contact]:
    """Makes a contact with a chosen id. Ids are hashes, so one at a chosen place has to be made by hand."""
    chosen: dict[PeerId, tuple[DhtKey, int]] = {}
    for module in (contact, table):
        monkeypatch.setattr(module, "place", lambda peer: chosen.get(peer) or place(peer))

    def make(number: int, peer: PeerId | None = None) -> Contact:
        peer = peer or PeerId(number.to_bytes(32, "big"))
        chosen[peer] = DhtKey(number.to_bytes(20, "big")), number
        return Contact.of(peer, ("/ip4/127.0.0.1/tcp/1",))

    return make
