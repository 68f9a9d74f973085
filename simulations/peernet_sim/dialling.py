"""Dials of simulated peers: what a dial costs, whom it can reach, and who waits for it.

As `peernet.net.dialer`: one dial a peer, shared by all who want it, addresses one after another, and back-off.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import lru_cache

from peernet.config.net import NetConfig
from peernet.core.events import Failure
from peernet.errors import AddressError
from peernet.identity.multiaddr import Multiaddr
from peernet.net.backoff import Backoff
from peernet.types import PeerId
from peernet_sim.engine import Engine
from peernet_sim.links import Link, Links
from peernet_sim.machine import Machine
from peernet_sim.model import Topology

ROUND_TRIPS = 2.5
"""Of a dial: one for TCP, one and a half for the Noise handshake; the greeting travels with it."""

SYN_RETRIES = (0.0, 1.0, 3.0)
"""Seconds after which a lost first packet is sent again (Linux)."""

Then = Callable[[Link | Failure], None]
Passes = Callable[[Machine, Machine], float | None]
"""Whether packets pass both ways between two peers now: the seconds that rules add, or None."""


@lru_cache(maxsize=131_072)
def parse(text: str) -> Multiaddr | None:
    """Return the address that a text names, or None: addresses come from other peers."""
    try:
        return Multiaddr.parse(text)
    except AddressError:
        return None


class Dial:
    """An attempt to reach a peer. todo: addresses left to try, and whether although they failed lately."""

    __slots__ = ("failure", "seen", "todo", "waiting")

    def __init__(self) -> None:
        self.todo: list[tuple[Multiaddr, bool]] = []
        self.seen: dict[str, None] = {}
        self.waiting: list[Then] = []
        self.failure = Failure("unreachable", "no address is left to try")


class Dialler:
    """Dials for all peers of a run.

    at: who listens at a host and port, or who did. passes: see `Passes`. rng: for the jitter of back-off.
    """

    def __init__(
        self,
        engine: Engine,
        config: NetConfig,
        topology: Topology,
        links: Links,
        at: Callable[[str, int], Machine | None],
        passes: Passes,
        rng: random.Random,
    ) -> None:
        self._engine = engine
        self._config = config
        self._topology = topology
        self._links = links
        self._at = at
        self._passes = passes
        self._rng = rng
        self.dials = 0
        self.failed = 0

    def reach(self, machine: Machine, peer: PeerId, addresses: tuple[str, ...], then: Then) -> None:
        """Connect to a peer that is not connected; `then` gets the connection or the failure, never at once."""
        found = [
            (text, address)
            for text in addresses
            if (address := parse(text)) is not None and address.peer in (None, peer)
        ]
        dials = machine.dials
        if not found and (dials is None or peer not in dials):
            failure = Failure("unreachable", "it is not connected, and no address of it is known")
            self._engine.soon(then, failure)
            return
        self._begin(machine, peer, [(text, address.with_peer(peer), False) for text, address in found], then)

    def dial(self, machine: Machine, text: str, then: Then) -> None:
        """Connect to an address, although it failed lately. As `reach`."""
        address = parse(text)
        if address is None:
            self._engine.soon(then, Failure("usage", f"{text[:80]!r} is no address"))
            return
        if address.peer is not None and (link := machine.links.get(address.peer)) is not None:
            self._engine.soon(then, link)
            return
        self._begin(machine, address.peer or text, [(text, address, True)], then)

    def knock(self, machine: Machine, text: str, then: Callable[[Failure | None], None]) -> None:
        """See whether anybody accepts connections at an address: `then` gets None, or the failure."""
        address = parse(text)
        target = None if address is None else self._at(address.host, address.port)
        wait, failure = self._config.dial_seconds, Failure("unreachable", f"nobody answers at {text[:80]}")
        if target is not None and self._may_enter(machine, target):
            extra = self._first_packet(machine, target)
            if extra is not None and (target.alive or not target.silent):
                delay = self._topology.delay(machine.index, target.index)
                answer = None if target.alive else failure
                self._engine.after(extra + 2 * delay, then, answer)
                return
        self._engine.after(wait, then, failure)

    def _begin(
        self, machine: Machine, key: PeerId | str, targets: list[tuple[str, Multiaddr, bool]], then: Then
    ) -> None:
        if machine.dials is None:
            machine.dials = {}
        dial = machine.dials.get(key)
        fresh = dial is None
        if dial is None:
            if len(machine.dials) >= self._config.dials:
                busy = Failure("busy", f"{len(machine.dials)} peers are being dialled already")
                self._engine.soon(then, busy)
                return
            dial = machine.dials[key] = Dial()
        dial.waiting.append(then)
        for text, address, force in targets:
            if text not in dial.seen and len(dial.seen) < self._config.dial_addresses:
                dial.seen[text] = None
                dial.todo.append((address, force))
        if fresh:
            self._engine.soon(self._next, machine, machine.life, key, dial)

    def _next(self, machine: Machine, life: int, key: PeerId | str, dial: Dial) -> None:
        """Try the next address, or give up."""
        if machine.life != life:
            return
        if isinstance(key, bytes) and (link := machine.links.get(key)) is not None:
            self._finish(machine, key, dial, link)  # it has connected meanwhile
            return
        while dial.todo:
            address, force = dial.todo.pop(0)
            backoff = machine.backoff
            if not force and backoff is not None and backoff.wait((address.host, address.port), self._engine.now):
                dial.failure = Failure("unreachable", "its address has failed lately")
                continue
            self._try(machine, life, key, dial, address)
            return
        self._finish(machine, key, dial, dial.failure)

    def _try(self, machine: Machine, life: int, key: PeerId | str, dial: Dial, address: Multiaddr) -> None:
        self.dials += 1
        target = self._at(address.host, address.port)
        wait, failure = self._config.dial_seconds, "nobody answers"
        if target is not None and target is not machine and self._may_enter(machine, target):
            delay = self._topology.delay(machine.index, target.index)
            extra = self._first_packet(machine, target)
            if extra is not None and target.frozen_until > self._engine.now:
                wait, failure = extra + 2 * delay + self._config.handshake_seconds, "no handshake"
            elif extra is not None and target.alive:
                arrives = self._engine.now + extra + 2 * ROUND_TRIPS * delay
                self._engine.at(arrives, self._greeted, machine, life, key, dial, address, target, target.life)
                return
            elif extra is not None and not target.silent:
                wait, failure = extra + 2 * delay, "the connection is refused"
        self._engine.after(wait, self._missed, machine, life, key, dial, address, failure)

    def _may_enter(self, machine: Machine, target: Machine) -> bool:
        """Whether the target's NAT lets this peer in."""
        nat = target.spec.nat
        return nat == "open" or (
            nat == "restricted" and target.dialled is not None and machine.id in target.dialled
        )

    def _first_packet(self, machine: Machine, target: Machine) -> float | None:
        """Seconds until one gets through, beyond the way itself; None if none does."""
        for wait in SYN_RETRIES:
            extra = self._passes(machine, target)
            if extra is not None:
                return wait + extra
        return None

    def _greeted(
        self,
        machine: Machine,
        life: int,
        key: PeerId | str,
        dial: Dial,
        address: Multiaddr,
        target: Machine,
        target_life: int,
    ) -> None:
        if machine.life != life:
            return
        if target.life != target_life or not target.alive:
            self._missed(machine, life, key, dial, address, "it was reached, but the connection broke")
        elif address.peer not in (None, target.id):
            dial.failure = Failure("wrong-peer", f"another peer answers at {address.host}:{address.port}")
            self._fail(machine, address)
            self._next(machine, life, key, dial)
        elif target.frozen_until > self._engine.now:
            self._missed(machine, life, key, dial, address, "no handshake")
        else:
            link = self._links.connect(machine, target, self._topology.delay(machine.index, target.index))
            if link is None:
                self._missed(machine, life, key, dial, address, "no room: all connections are in use")
                return
            if machine.backoff is not None:
                machine.backoff.succeeded((address.host, address.port))
            if machine.spec.nat == "restricted":
                if machine.dialled is None:
                    machine.dialled = {}
                machine.dialled[target.id] = None
            self._finish(machine, key, dial, link)

    def _missed(
        self, machine: Machine, life: int, key: PeerId | str, dial: Dial, address: Multiaddr, text: str
    ) -> None:
        if machine.life != life:
            return
        self._fail(machine, address)
        if dial.failure.kind != "wrong-peer":
            dial.failure = Failure("unreachable", f"{address.host}:{address.port}: {text}")
        self._next(machine, life, key, dial)

    def _fail(self, machine: Machine, address: Multiaddr) -> None:
        self.failed += 1
        if machine.backoff is None:
            machine.backoff = Backoff(self._config, self._rng)
        machine.backoff.failed((address.host, address.port), self._engine.now)

    def _finish(self, machine: Machine, key: PeerId | str, dial: Dial, outcome: Link | Failure) -> None:
        if machine.dials is not None and machine.dials.get(key) is dial:
            del machine.dials[key]
            if not machine.dials:
                machine.dials = None
        for then in dial.waiting:
            then(outcome)
