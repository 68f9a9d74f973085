"""The stage of a fidelity run: all peers and their lives. Implements `model.World`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import trio

from peernet.config import Config
from peernet.core.events import Event, MachineMeasured, Now
from peernet.core.node import NodeCore
from peernet.errors import NetworkError, StorageError
from peernet.identity.keys import KeyPair
from peernet.identity.multiaddr import Multiaddr
from peernet.runtime.machine import Installed
from peernet.runtime.node import Node, open_node
from peernet.runtime.options import PeerOptions
from peernet.runtime.surroundings import Surroundings
from peernet.sandbox import Findings
from peernet.storage.home import Home
from peernet.storage.keyfile import load_or_create_key
from peernet.types import Digest
from peernet_sim.crypto import Keys, Secrets, derive, stream
from peernet_sim.features import leave_out
from peernet_sim.fidelity.clock import VirtualClock
from peernet_sim.fidelity.diary import Diary
from peernet_sim.fidelity.executor import VirtualExecutor
from peernet_sim.fidelity.network import SimNetwork, SimTransport
from peernet_sim.fidelity.seat import Observer, Seat, SeatedCore, open_blobs, open_journal
from peernet_sim.looking import JOIN_AGAIN, MEMORY, Commons
from peernet_sim.machine import Journal as Records
from peernet_sim.model import Plan
from peernet_sim.tasks import Tasks
from peernet_sim.workload import allow_values

T = TypeVar("T")

FIRST_NUMBER = 1_000_000_000
"""Numbers of the simulation's commands are above this."""


class Shelf(dict[Digest, bytes]):
    """The bundles of a run; `get` knows what peers' blob stores hold as well."""

    def __init__(self, stage: Stage) -> None:
        super().__init__()
        self._stage = stage

    def get(self, digest: Digest, default: Any = None) -> Any:
        """The bytes of a blob, wherever they are."""
        if digest in self:
            return self[digest]
        for seat in self._stage.machines:
            if seat.node is not None and seat.node.blobs.has(digest):
                return seat.node.blobs.get(digest)
        return default


class Stage(Commons[Seat, Diary]):
    """All peers of a run, and what may be done to them.

    folder: where their homes are. observer: watches all cores. now: virtual seconds. machines, by_id, engine, rng,
    heard, poke and clock are as in a scale run (`peernet_sim.world`), so that one workload serves both modes.
    """

    def __init__(
        self, plan: Plan, clock: VirtualClock, config: Config, tasks: Tasks, folder: Path, observer: Observer
    ) -> None:
        seed, faults = plan.seed, plan.faults
        super().__init__(plan, config, Diary(clock), FIRST_NUMBER)
        self._clock = clock
        hosts = {index: minted.host for index, minted in faults.minted.items() if minted.host}
        self.network = SimNetwork(clock, plan.topology, faults, stream(seed, "network"), hosts)
        self.machines = [Seat(site, faults.behaviours.get(site.index), observer) for site in self.network.sites]
        self._keys = Keys(seed, real=True, minted=faults.minted)
        self._tasks = tasks
        self._folder = folder
        self._nursery: trio.Nursery
        self.blobs = Shelf(self)
        for seat in self.machines:
            seat.shelf = self.blobs
            self._renew(seat)

    def schedule(self, nursery: trio.Nursery) -> None:
        """Have peers start as the plan says, and its happenings happen. nursery: where peers run."""
        self._nursery = nursery
        plan = self.plan
        for seat in self.machines:
            begins = plan.join_seconds * seat.index / max(1, len(self.machines))
            self.engine.at(begins, self._boot, seat, plan.topology.introducers(seat.index))
        for happening in plan.faults.happenings:
            self.engine.at(happening.at, happening.act, self)

    def end(self) -> None:
        """End all peers at once."""
        for seat in self.machines:
            self.crash(seat.index)

    # --- what happenings and behaviours may do (`model.World`) ----------------------------------------------

    def crash(self, index: int) -> None:
        """End a peer's process: its system closes its connections, and its home stays."""
        seat = self.machines[index]
        if not seat.dead:
            seat.dead = True
            seat.held.clear()
            seat.unsaved.clear()
            seat.frozen = 0.0
            self.network.sever(seat.site)
            seat.scope.cancel()

    def restart(self, index: int, *, with_state: bool = True) -> None:
        """Start a crashed peer again, in its home or as a new peer in a new one."""
        seat = self.machines[index]
        if not seat.dead:
            return
        if not with_state:
            seat.generation += 1
            self._renew(seat)
        self._boot(seat, () if with_state else self._someone(seat))

    def freeze(self, index: int, seconds: float) -> None:
        """Stop a peer as SIGSTOP does. Its connections stay as far as the other ends keep them; what its own
        keep-alive thinks meanwhile it learns when it goes on."""
        seat = self.machines[index]
        if seat.dead:
            return
        seat.frozen = max(seat.frozen, self.now + seconds)
        self.network.freeze(seat.site)
        self.after(seconds, partial(self._thaw, seat, seat.life))

    def addresses(self, index: int) -> tuple[str, ...]:
        """Where a peer can be dialled; nowhere behind a closed NAT."""
        seat = self.machines[index]
        if seat.spec.nat == "closed":
            return ()
        return (str(Multiaddr(seat.site.host, seat.site.port, seat.id)),)

    # --- what the workload does -----------------------------------------------------------------------------

    def poke(self, seat: Seat, act: Callable[[NodeCore], None]) -> None:
        """Have something done to a core by its local user."""
        if seat.alive and not seat.frozen:
            seat.aside(act)

    def post(self, seat: Seat, life: int, event: Event) -> None:
        """Hand an event to a peer, if that life of it still goes on."""
        if seat.life == life and seat.node is not None and not seat.dead:
            seat.node.driver.post(event)

    def clock(self, seat: Seat) -> Now:
        """Both clocks of a peer."""
        return Now(self._clock.time, self.wall(seat.index))

    # --- lives ----------------------------------------------------------------------------------------------

    def _renew(self, seat: Seat) -> None:
        """A new key and a new home."""
        seat.key = self._keys.make(seat.index, seat.generation)
        seat.id = seat.key.peer
        seat.journal = Records(False)
        seat.home = self._folder / f"{seat.index}-{seat.generation}"
        self.by_id[seat.id] = seat

    def _boot(self, seat: Seat, introducers: Sequence[int]) -> None:
        seat.dead = False
        seat.life += 1
        seat.born = self.now
        last = seat.gone
        seat.scope, seat.gone = trio.CancelScope(), trio.Event()
        self._nursery.start_soon(self._live, seat, seat.scope, last, seat.gone, introducers)

    async def _live(
        self, seat: Seat, scope: trio.CancelScope, last: trio.Event, gone: trio.Event, introducers: Sequence[int]
    ) -> None:
        """One life: from the start of the process until it is gone from the machine."""
        try:
            with scope:
                await last.wait()  # the home is locked until the life before is cleaned up
                await self._run_node(seat, introducers)
        finally:
            gone.set()

    async def _run_node(self, seat: Seat, introducers: Sequence[int]) -> None:
        pair = seat.key.sign.__self__  # type: ignore[attr-defined]
        assert isinstance(pair, KeyPair)
        load_or_create_key(Home.open(seat.home).key_file, lambda size: pair.seed)
        site = seat.site
        slots = seat.spec.cores if "work" in self.plan.features else 0
        options = PeerOptions(seat.home, site.host, site.port, slots=slots, config=self.config)
        rng = stream(self.plan.seed, f"boxes/{seat.life}", seat.index)
        executor = VirtualExecutor(seat, self._tasks, rng, self._report)
        try:
            async with open_node(options, None, executor, self._surroundings(seat)) as node:
                seat.node = node
                await self._join(seat, node, introducers)
                await trio.sleep_forever()
        except StorageError:
            seat.dead = True  # a process that finds its disk full at the start says so and ends
        finally:
            seat.node = None

    async def _join(self, seat: Seat, node: Node, introducers: Sequence[int]) -> None:
        """Join as a user does: through those one was told of, and later through others."""
        while introducers:
            addresses = tuple(address for one in introducers for address in self.addresses(one))
            try:
                await node.join(addresses[:8])
                return
            except NetworkError:
                await trio.sleep(JOIN_AGAIN)
            introducers = self._someone(seat)

    def _someone(self, seat: Seat) -> tuple[int, ...]:
        """Somebody who can be dialled now."""
        others = [
            other.index
            for other in self.machines
            if other.alive and other is not seat and other.spec.nat == "open"
        ]
        return (self.rng.choice(others),) if others else ()

    def _thaw(self, seat: Seat, life: int) -> None:
        if seat.life == life and not seat.dead and 0 < seat.frozen <= self.now:
            self.network.thaw(seat.site)
            seat.thaw()

    def _surroundings(self, seat: Seat) -> Surroundings:
        def measure(tier: str | None, speed: float) -> MachineMeasured:
            return MachineMeasured(seat.spec.cores, MEMORY, 0.1, speed, "3.11", "linux-x86_64", tier or "")

        return Surroundings(
            transport=SimTransport(self.network, seat.site),
            clock=partial(self.clock, seat),
            secret=Secrets(derive(self.plan.seed, f"secret/{seat.life}", seat.index)),
            findings=lambda options, scratch: Findings("A", (), ("A",)),
            installed=Installed,
            numeric=lambda: "linux-x86_64",
            measure_speed=lambda: seat.spec.speed,
            measure=measure,
            blocking=_at_once,
            control=False,
            core=partial(_make_core, seat, self.plan.features),
            journal=partial(open_journal, seat),
            blobs=partial(open_blobs, seat),
        )

    def _report(self, seat: Seat, values: list[object]) -> list[object] | None:
        if seat.behaviour is None:
            return values
        return seat.behaviour.compute(seat.index, values, self)


async def _at_once(work: Callable[..., T], *args: object) -> T:
    """Do blocking work in place of a thread: a simulation has none."""
    await trio.lowlevel.checkpoint()
    return work(*args)


def _make_core(seat: Seat, features: Collection[str], *args: Any, **bounds: Any) -> NodeCore:
    core = SeatedCore(seat, *args, **bounds)
    leave_out(core, features)
    allow_values(core)
    return core
