"""The world of a scale run: all peers, their lives, and the one place where a core is handed an event."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import partial

from peernet.config import Config
from peernet.core.events import Event, JoinAsked, Listening, MachineMeasured
from peernet.core.node import Identity, NodeCore, Restored
from peernet.core.records import Record
from peernet.identity.multiaddr import Multiaddr
from peernet.types import Digest, Instance
from peernet_sim.boxes import Boxes
from peernet_sim.carrier import Carrier
from peernet_sim.crypto import Keys, Secrets, derive, small_stream, stream
from peernet_sim.driver import Driver
from peernet_sim.engine import Engine
from peernet_sim.features import leave_out
from peernet_sim.forming import LIVEN_SECONDS, Forming, around
from peernet_sim.links import Link
from peernet_sim.looking import JOIN_AGAIN, MEMORY, Commons, Watcher
from peernet_sim.machine import Journal, Machine
from peernet_sim.model import Plan, RunOptions
from peernet_sim.network import Network
from peernet_sim.tasks import Tasks
from peernet_sim.trace import Trace

PORT = 4001

SWEEP = 8.0
"""Seconds between two pings over every connection, where there are rules: what is cut off is noticed."""


TURNS = 50
"""Shares of the peers that look at their connections together."""

REST_EVERY = 6
"""Looks after which they also give back memory: half a minute, as it costs ten times as much as a look."""


class World(Commons[Machine, Engine]):
    """Everything of a run but its workload. Implements `model.World`.

    now: virtual seconds. rng: for happenings and hostile peers. watcher: looks on.
    """

    def __init__(self, plan: Plan, options: RunOptions, watcher: Watcher, config: Config, tasks: Tasks) -> None:
        super().__init__(plan, config, Engine(), 0)
        seed = plan.seed
        self.options = options
        self.driver = Driver(self.engine, self)
        self.post = self.driver.post
        self.poke = self.driver.poke
        self.clock = self.driver.clock
        self.trace = Trace(options.trace_sample, options.trace)
        self.keys = Keys(seed, real=options.crypto, minted=plan.faults.minted)
        self.blobs: dict[Digest, bytes] = {}
        self._places: dict[tuple[str, int], Machine] = {}
        self._joins: dict[int, Machine] = {}
        self.network = Network(
            self.engine,
            config.net,
            plan.topology,
            plan.faults,
            self.post,
            lambda host, port: self._places.get((host, port)),
            self.trace,
            stream(seed, "network"),
            wire=options.wire,
            heard=lambda machine, body: self.heard(machine, body),
        )
        self.boxes = Boxes(self.engine, self.post, tasks, self.blobs, stream(seed, "boxes"), self._compute)
        self._watcher = watcher
        self.driver.carry = Carrier(self.network, self.boxes, self, self._soon).carry
        self._populate()

    def _soon(self, machine: Machine, event: Event) -> None:
        self.engine.at(self.engine.now, self.post, machine, machine.life, event)

    # --- what happenings and behaviours may do (`model.World`) ----------------------------------------------

    def crash(self, index: int, *, silent: bool = False) -> None:
        """End a peer at once; its journal stays. silent: the machine is gone too, so others learn it from their
        keep-alive."""
        machine = self.machines[index]
        if machine.core is None:
            return
        self.trace.add(self.now, index, "crash")
        self.network.links.cut_off(machine, silent=silent)
        machine.core = None
        machine.silent = silent
        machine.reset()

    def restart(self, index: int, *, with_state: bool = True) -> None:
        """Start a peer that has crashed again, from its journal or as new."""
        machine = self.machines[index]
        if machine.core is None:
            if not with_state:
                self._renew_key(machine)
            self.boot(machine)

    def freeze(self, index: int, seconds: float) -> None:
        """Stop a peer as SIGSTOP does."""
        machine = self.machines[index]
        if machine.core is None:
            return
        self.trace.add(self.now, index, "freeze")
        machine.frozen_until = max(machine.frozen_until, self.now + seconds)
        if machine.backlog is None:
            machine.backlog = deque()
        life = machine.life
        self.engine.at(machine.frozen_until, self.driver.resume, machine, life)
        ends: dict[float, list[Link]] = {}
        for link in machine.links.values():
            ends.setdefault(self.network.links.patience(link), []).append(link)

        def still() -> bool:
            return machine.life == life and machine.frozen_until > self.now

        for patience, links in ends.items():
            self.engine.after(patience, self.network.links.silence, machine, links, still)

    def addresses(self, index: int) -> tuple[str, ...]:
        """Where a peer says it can be dialled."""
        return self.machines[index].addresses

    # --- lives ---------------------------------------------------------------------------------------------

    def boot(self, machine: Machine) -> None:
        """Start a peer: rebuild its core, let it listen and measure, and join where it knows nobody."""
        restored = self._start(machine)
        if "adverts" in self.plan.features:
            self.post(machine, machine.life, self._measured(machine))
        if not restored.contacts:
            self._join(machine, machine.life, self.plan.topology.introducers(machine.index))
        self.driver.rearm(machine)

    def _stand(self, machine: Machine, forming: Forming, turn: float) -> None:
        """Have a peer be there since long. turn: how many seconds from now it does what all do once."""
        self._start(machine)
        self.poke(machine, partial(forming.fill, machine))
        self.engine.after(turn, self._liven, machine, machine.life)
        self.driver.rearm(machine)

    def _liven(self, machine: Machine, life: int) -> None:
        """Connect a peer to those around it, and let it publish its advert."""
        if machine.life == life and machine.core is not None:
            for contact in around(machine.core):
                self.network.dialler.reach(machine, contact.peer, contact.addresses, lambda outcome: None)
            if "adverts" in self.plan.features:
                self.post(machine, life, self._measured(machine))

    def _start(self, machine: Machine) -> Restored:
        """Rebuild a peer's core from its journal, start it and let it listen. Returns what the journal held."""
        seed, index, features = self.plan.seed, machine.index, self.plan.features
        start = derive(seed, f"life/{machine.life}", index)
        core = NodeCore(
            Identity(machine.id, Instance(start[:16]), machine.key.sign, self.keys.verify),
            self.config,
            slots=machine.spec.cores if "work" in features else 0,
            max_slices=None,
            serves="anyone",
            random=small_stream(int.from_bytes(start[16:24], "big")),
            secret=Secrets(derive(seed, f"secret/{machine.life}", index)),
        )
        leave_out(core, features)
        self.prepare(core)
        machine.core = core
        machine.born = self.now
        machine.silent = False
        self.trace.add(self.now, index, "boot")
        restored = machine.journal.restored()
        self.driver.at_work = index
        self.driver.emit(machine, core.start(restored, self.clock(machine)))
        if machine.reachable:
            self.post(machine, machine.life, Listening(machine.port))
        return restored

    def _populate(self) -> None:
        plan, peers = self.plan, self.plan.topology.peers
        for spec in peers:
            wish = plan.faults.minted.get(spec.index)
            # Each in a /24 of its own: the owner keeps the replicas of a slice in different ones.
            host, port = f"{10 + (spec.index >> 16)}.{spec.index >> 8 & 255}.{spec.index & 255}.1", PORT
            if wish is not None and wish.host:
                host, port = wish.host, PORT + spec.index % 60_000
            key = self.keys.make(spec.index, 0)
            machine = Machine(spec, key, host, port, plan.faults.behaviours.get(spec.index))
            self.machines.append(machine)
            self._places[host, port] = machine
            self._name(machine)
        self._begin()
        for happening in plan.faults.happenings:
            self.engine.at(happening.at, happening.act, self)
        if plan.faults.rules:
            self.engine.at(SWEEP, self._sweep)
        for turn in range(TURNS):
            self.engine.at(self.config.net.spare_check_seconds * (turn + 1) / TURNS, self._tidy, turn, 0)

    def _begin(self) -> None:
        """Have all peers start: together where they stand already, else one after another."""
        plan, count = self.plan, len(self.machines)
        if plan.formed:
            forming = Forming(self.machines, self.config.kad, plan.seed)
            for machine in self.machines:
                self.engine.at(0.0, self._stand, machine, forming, LIVEN_SECONDS * machine.index / count)
        else:
            for machine in self.machines:
                self.engine.at(plan.join_seconds * machine.index / count, self.boot, machine)

    def _name(self, machine: Machine) -> None:
        machine.id = machine.key.peer
        machine.journal = Journal(self.options.wire)
        self.by_id[machine.id] = machine
        address = str(Multiaddr(machine.host, machine.port, machine.id))
        machine.addresses = (address,) if machine.reachable else ()

    def _renew_key(self, machine: Machine) -> None:
        machine.generation += 1
        machine.key = self.keys.make(machine.index, machine.generation)
        machine.blobs = None
        self._name(machine)

    def _measured(self, machine: Machine) -> MachineMeasured:
        spec = machine.spec
        return MachineMeasured(
            cores=spec.cores,
            memory=MEMORY,
            load=0.1,
            speed=spec.speed,
            python="3.11",
            platform="linux-x86_64",
            tier="A",
        )

    def _join(self, machine: Machine, life: int, introducers: Sequence[int]) -> None:
        addresses = tuple(address for one in introducers for address in self.machines[one].addresses)
        if machine.life == life and addresses:
            number = self.number()
            self._joins[number] = machine
            self.post(machine, life, JoinAsked(number, addresses[:8]))

    def _join_again(self, machine: Machine, life: int) -> None:
        """A user whose address did not work asks somebody for another."""
        for _ in range(8):
            other = self.machines[self.rng.randrange(len(self.machines))]
            if other.alive and other is not machine and other.spec.nat == "open":
                self._join(machine, life, (other.index,))
                return
        self.engine.after(JOIN_AGAIN, self._join_again, machine, life)

    # --- events --------------------------------------------------------------------------------------------

    def _sweep(self) -> None:
        self.network.weather.sweep(self.machines)
        self.engine.after(SWEEP, self._sweep)

    def _tidy(self, turn: int, times: int) -> None:
        """Let some of the peers close connections that nobody needs, as the pool of each does now and then. times:
        how often these have done so."""
        tidy = self.network.links.tidy
        for machine in self.machines[turn::TURNS]:
            if machine.backlog is None:
                tidy(machine)
        if times % REST_EVERY == turn % REST_EVERY:
            for machine in self.machines[turn::TURNS]:
                machine.rest(self.now)
        self.engine.after(self.config.net.spare_check_seconds, self._tidy, turn, times + 1)

    def _compute(self, machine: Machine, values: list[object]) -> list[object] | None:
        if machine.behaviour is None:
            return values
        return machine.behaviour.compute(machine.index, values, self)

    # --- looking on ----------------------------------------------------------------------------------------

    def saved(self, machine: Machine, record: Record) -> None:
        """See `Watcher`."""
        self._watcher.saved(machine, record)

    def answered(self, machine: Machine, number: int, value: object) -> None:
        """See `Watcher`. The answer to a join is for this user alone, who tries again."""
        if number not in self._joins:
            self._watcher.answered(machine, number, value)
            return
        del self._joins[number]
        if value is not None:
            self.engine.after(JOIN_AGAIN, self._join_again, machine, machine.life)
