"""Drives the cores of all peers, as `peernet.runtime.driver` drives one: only here events are handled."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from peernet.core.effects import Effect
from peernet.core.events import Event, Now, Tick
from peernet.core.node import NodeCore
from peernet_sim.engine import Engine
from peernet_sim.looking import EPOCH
from peernet_sim.machine import NEVER, Machine
from peernet_sim.model import World

BACKLOG = 65_536
"""Events that wait for a core at most, as in the product's driver."""

RETRY_SECONDS = 1.0
"""How long the product's driver waits before it tries a refused commit again."""

Carry = Callable[[Machine, list[Effect]], bool]
"""Carries out the effects of one handle, or returns False while the disk refuses the commit."""


class Driver:
    """Hands events to cores, wakes them at their deadlines, and has their effects carried out.

    world: what hostile behaviours are shown. carry: see `Carry`; set before the first event. at_work: the peer
    that handled the last event. events: handled so far.
    """

    def __init__(self, engine: Engine, world: World) -> None:
        self._engine = engine
        self._world = world
        self.carry: Carry = lambda machine, effects: True
        self.at_work = 0
        self.events = 0

    def clock(self, machine: Machine) -> Now:
        """Return both clocks of a peer."""
        now = self._engine.now
        return Now(now, EPOCH + now + machine.skew)

    def post(self, machine: Machine, life: int, event: Event) -> None:
        """Hand an event to a peer's core now, if that life of it still goes on."""
        if machine.life != life:
            return
        if machine.backlog is not None:
            if len(machine.backlog) < BACKLOG:
                machine.backlog.append(event)
            return
        if machine.behaviour is None:
            self._handle(machine, event)
            return
        for told in machine.behaviour.incoming(machine.index, event, self._world):
            self._handle(machine, told)

    def poke(self, machine: Machine, act: Callable[[NodeCore], None]) -> None:
        """Have something done to a core by its local user, and its effects carried out."""
        core = machine.core
        if core is None or machine.backlog is not None:
            return
        core.context.now = self.clock(machine)
        act(core)
        self._handle(machine, Tick())

    def _handle(self, machine: Machine, event: Event) -> None:
        core = machine.core
        if core is None:
            return
        self.at_work = machine.index
        self.events += 1
        now = self._engine.now
        effects = core.handle(event, Now(now, EPOCH + now + machine.skew))
        if effects:
            self.emit(machine, effects)
        when = core.context.wake
        if when < machine.wake:
            machine.wake = when = max(when, now)
            self._engine.at(when, self._wake, machine, machine.life, when)

    def emit(self, machine: Machine, effects: list[Effect]) -> None:
        """Have the effects of a peer carried out, as its behaviour lets them out."""
        if machine.behaviour is not None:
            outgoing = machine.behaviour.outgoing
            effects = [other for effect in effects for other in outgoing(machine.index, effect, self._world)]
        if machine.held is not None:
            machine.held += effects
        elif not self.carry(machine, effects):
            machine.held = effects
            if machine.backlog is None:
                machine.backlog = deque()
            self._engine.after(RETRY_SECONDS, self._retry, machine, machine.life)

    def rearm(self, machine: Machine) -> None:
        """See that a core is woken at its deadline."""
        assert machine.core is not None
        when = machine.core.next_deadline()
        if when < machine.wake:
            machine.wake = when = max(when, self._engine.now)
            self._engine.at(when, self._wake, machine, machine.life, when)

    def _wake(self, machine: Machine, life: int, when: float) -> None:
        """The core's deadline as it was when this was set. It may have moved on, or be set for earlier by now."""
        if machine.life != life or machine.wake != when or machine.core is None:
            return
        machine.wake = NEVER
        if machine.backlog is None and machine.core.next_deadline() <= when:
            self._handle(machine, Tick())
        elif machine.backlog is None:
            self.rearm(machine)

    def _retry(self, machine: Machine, life: int) -> None:
        """Try a refused commit again."""
        if machine.life != life or machine.held is None:
            return
        held = machine.held
        if machine.disk_full or not self.carry(machine, held):
            self._engine.after(RETRY_SECONDS, self._retry, machine, life)
            return
        machine.held = None
        self.resume(machine, life)

    def resume(self, machine: Machine, life: int) -> None:
        """A peer runs again after a freeze or a full disk: what has waited is handled now."""
        if machine.life != life or machine.held is not None or machine.frozen_until > self._engine.now:
            return
        waiting, machine.backlog = machine.backlog or deque(), None
        while waiting and machine.life == life:
            event = waiting.popleft()
            if machine.backlog is not None:  # the disk has filled again
                machine.backlog.append(event)
            else:
                self.post(machine, life, event)
        if machine.core is not None and machine.life == life and machine.backlog is None:
            self._handle(machine, Tick())
