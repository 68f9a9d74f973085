"""What happens on purpose in a run: lookups, values put and fetched, broadcasts; and whether they worked."""

from __future__ import annotations

from functools import partial
from typing import Any

from peernet.core.kad import Kad
from peernet.core.kad.contact import place
from peernet.core.kad.lookup import Lookup as KadLookup
from peernet.core.kad.records import DOMAINS, Domain, record_key
from peernet.core.node import NodeCore
from peernet.identity.envelope import Opened, seal
from peernet.types import DhtKey, JobId
from peernet.wire.codec import encode_body
from peernet.wire.gossip import MAX_HOPS
from peernet.wire.signed import TOMBSTONE, Tombstone
from peernet_sim.crypto import derive, stream
from peernet_sim.looking import LiveWorld, Player
from peernet_sim.metrics import Cast, Get, Lookup, Measures
from peernet_sim.model import Workload as WorkloadPlan
from peernet_sim.places import Places

VALUE = "peernet/sim-value/1"
"""The domain of the values that a run puts into the DHT."""

VALUE_LIFETIME = 6 * 3600.0
VALUE_NAMES = tuple(str(number) for number in range(12))
VALUE_DOMAINS = {**DOMAINS, VALUE: Domain(max_lifetime=VALUE_LIFETIME, names=VALUE_NAMES)}

GROWN_UP = 20.0
"""Seconds after which a peer that joined is expected to be found, and to hear broadcasts."""

FIRST_WORD = 10.0
"""When somebody speaks in a network that has stood for long. The first broadcast of all lays the tree of gossip
and costs four copies a peer. Here that was long ago, so it is not measured."""

ECHO = 20.0
"""Seconds that a broadcast is given."""


class Workload:
    """Plans the lookups, values and broadcasts of a run, and measures them."""

    def __init__(self, world: LiveWorld, measures: Measures) -> None:
        self._world = world
        self._measures = measures
        self._rng = stream(world.plan.seed, "workload")
        self._casts: dict[bytes, tuple[Cast, dict[int, int]]] = {}
        self._places = Places(world)
        self._names: dict[int, int] = {}
        self._values: dict[DhtKey, bytes] = {}

    def schedule(self) -> None:
        """Spread what the plan wants over the time after its settling."""
        plan, wanted = self._world.plan, self._world.plan.workload
        begin = min(wanted.settle, plan.seconds)
        span = plan.seconds - begin
        tail = min(ECHO, span / 4)
        self._spread(wanted.lookups, begin, span - tail, self._look)
        self._spread(wanted.puts, begin, _put_span(wanted, span), self._put)
        self._spread(wanted.broadcasts, begin, span - min(ECHO, span / 2), self._cast)
        if wanted.puts:
            self._world.prepare = allow_values
            self._world.engine.at(plan.seconds, self._count_lost)
        if wanted.broadcasts:
            self._world.heard = self._heard
        if plan.formed and "gossip" in plan.features:
            self._world.engine.at(min(FIRST_WORD, begin), self._speak_first)

    def _spread(self, count: int, begin: float, span: float, act: Any) -> None:
        for number in range(count):
            when = begin + span * (number + self._rng.random()) / count
            self._world.engine.at(when, act)

    def _somebody(self) -> Player | None:
        """Draw a peer that is honest, there, and no newcomer."""
        machines = self._world.machines
        for _ in range(64):
            machine = machines[self._rng.randrange(len(machines))]
            if self._settled(machine) and machine.backlog is None:
                return machine
        return None

    def _settled(self, machine: Player) -> bool:
        return machine.alive and machine.honest and machine.born + GROWN_UP <= max(self._world.now, GROWN_UP)

    def close(self) -> None:
        """The run is over: broadcasts that are under way are counted as far as they came."""
        for envelope in list(self._casts):
            self._end(envelope)

    # --- lookups -------------------------------------------------------------------------------------------

    def _look(self) -> None:
        machine = self._somebody()
        if machine is None:
            return
        world = self._world
        target = DhtKey(self._rng.randbytes(20))
        began = world.now
        world.poke(machine, partial(self._find, target, partial(self._looked, machine, target, began)))

    def _find(self, target: DhtKey, then: Any, core: NodeCore) -> None:
        # `find_node` gives the contacts only; hops are known to the lookup itself.
        finder(core.kad).find(target, then)

    def _looked(self, machine: Player, target: DhtKey, began: float, lookup: KadLookup) -> None:
        world = self._world
        goal = int.from_bytes(target, "big")
        alive = [c.peer for c in lookup.nearest() if (other := world.find(c.peer)) is not None and other.alive]
        best = min([place(peer)[1] ^ goal for peer in alive], default=None)
        success = not any(
            other is not machine
            and other.alive
            and other.honest
            and other.spec.nat == "open"
            and other.backlog is None
            and other.born + GROWN_UP <= max(began, GROWN_UP)
            for other in self._places.nearer(goal, best)
        )
        self._measures.lookups.append(Lookup(began, success, lookup.hops, lookup.calls, world.now - began))

    # --- values --------------------------------------------------------------------------------------------

    def _put(self) -> None:
        machine = self._somebody()
        if machine is None:
            return
        world = self._world
        number = self._names.get(machine.index, 0)
        if number == len(VALUE_NAMES):
            return
        self._names[machine.index] = number + 1
        name = VALUE_NAMES[number]
        author, sign, wall = machine.id, machine.key.sign, world.wall(machine.index)
        envelope = seal(
            sign, author, VALUE, self._rng.randbytes(64), sequence=1, issued=wall, lifetime=VALUE_LIFETIME
        )
        key = record_key(VALUE, author, name)
        self._measures.puts += 1

        def stored(holders: int) -> None:
            if holders:
                self._measures.stored += 1
                self._values[key] = envelope
                end = world.plan.seconds
                wait = self._rng.uniform(0.2, 0.9) * (end - world.now)
                world.engine.after(wait, self._get, key, envelope)

        world.poke(machine, lambda core: core.kad.put(VALUE, name, lambda: envelope, stored))

    def _get(self, key: DhtKey, envelope: bytes) -> None:
        machine = self._somebody()
        if machine is None:
            return
        world, began = self._world, self._world.now

        def then(found: list[Opened]) -> None:
            good = any(opened.raw == envelope for opened in found)
            self._measures.gets.append(Get(began, good, world.now - began))

        world.poke(machine, lambda core: core.kad.get(key, VALUE, then))

    def _held(self, key: DhtKey, envelope: bytes) -> bool:
        for machine in self._world.machines:
            if machine.core is not None:
                held = machine.core.kad.store.get(key, self._world.clock(machine))
                if held is not None and held.raw == envelope:
                    return True
        return False

    def _count_lost(self) -> None:
        """At the end: values that nobody who is there holds are lost, whether or not anybody asked for them."""
        self._measures.values_lost = sum(not self._held(key, value) for key, value in self._values.items())

    # --- broadcasts ----------------------------------------------------------------------------------------

    def _cast(self) -> None:
        machine = self._somebody()
        if machine is None:
            return
        world = self._world
        envelope = _word(machine, world.wall(machine.index), self._rng.randbytes(32))
        cast = Cast(world.now, machine.index)
        cast.audience = tuple(
            other.index
            for other in world.machines
            if self._settled(other) and other is not machine and other.backlog is None
        )
        self._casts[envelope] = cast, {one: world.machines[one].life for one in cast.audience}
        self._measures.casts.append(cast)
        world.engine.after(ECHO, self._end, envelope)
        world.poke(machine, lambda core: core.gossip.spread(lambda addresses: envelope, MAX_HOPS))

    def _speak_first(self) -> None:
        world = self._world
        machine = next((one for one in world.machines if self._settled(one) and one.backlog is None), None)
        if machine is not None:
            envelope = _word(machine, world.wall(machine.index), derive(world.plan.seed, "first word"))
            world.poke(machine, lambda core: core.gossip.spread(lambda addresses: envelope, MAX_HOPS))

    def _heard(self, machine: Player, body: object) -> None:
        known = self._casts.get(getattr(body, "envelope", b""))
        if known is not None:
            cast = known[0]
            cast.heard.setdefault(machine.index, self._world.now)
            cast.copies[machine.index] = cast.copies.get(machine.index, 0) + 1

    def _end(self, envelope: bytes) -> None:
        """Count who was there all the time."""
        if envelope not in self._casts:
            return
        cast, lives = self._casts.pop(envelope)
        machines = self._world.machines
        cast.audience = tuple(
            one for one, life in lives.items() if machines[one].life == life and machines[one].backlog is None
        )
        cast.settled = True


def _word(machine: Player, wall: float, job: bytes) -> bytes:
    """Seal what is broadcast: the end of a job that nobody has heard of. Everybody checks it and passes it on; it
    has no consequence."""
    body = encode_body(Tombstone(JobId(job), "done"))
    sequence = int(wall * 1000)
    return seal(machine.key.sign, machine.id, TOMBSTONE, body, sequence=sequence, issued=wall, lifetime=600.0)


def _put_span(wanted: WorkloadPlan, span: float) -> float:
    return span / 2 if wanted.put_seconds is None else min(wanted.put_seconds, span)


def finder(kad: Kad) -> Any:
    """Return what runs the lookups of a DHT: the one way to its hops."""
    return kad._finder


def allow_values(core: NodeCore) -> None:
    """Let a core hold and fetch the values of a run besides the product's own records."""
    core.kad._domains = VALUE_DOMAINS
    core.kad.store._domains = VALUE_DOMAINS
