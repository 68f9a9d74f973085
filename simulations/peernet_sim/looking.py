"""A run as those see it who look on or act on its peers from outside: workload, ledger, measures, invariants.

Both modes offer the same: `world.World` with its `Machine`s in scale mode, `fidelity.stage.Stage` with its
`Seat`s in fidelity mode. What the two do alike for happenings and hostile peers is in `Commons`.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from peernet.config import Config
from peernet.core.events import Event, Now
from peernet.core.node import NodeCore
from peernet.core.records import Record
from peernet.types import Digest, PeerId
from peernet_sim.crypto import Key, stream
from peernet_sim.machine import Journal
from peernet_sim.model import PeerSpec, Plan, World

EPOCH = 1_800_000_000.0
"""Wall-clock seconds at the virtual time 0."""

MEMORY = 4 * 1024**3
"""Bytes that every machine says it can lend."""

JOIN_AGAIN = 5.0
"""Seconds after which a user whose join failed tries again."""


class Timetable(Protocol):
    """Carries out acts in the order of their times."""

    @property
    def now(self) -> float:
        """Virtual seconds since the start."""
        ...

    def at(self, when: float, act: Callable[..., None], *args: Any) -> None:
        """Have `act(*args)` called when the clock reads `when`."""
        ...

    def after(self, seconds: float, act: Callable[..., None], *args: Any) -> None:
        """Have `act(*args)` called in so many virtual seconds."""
        ...


class Player(Protocol):
    """A peer of a run through all its lives. See `Machine` for what each attribute is."""

    id: PeerId
    key: Key
    life: int
    born: float
    generation: int
    journal: Journal
    slowness: float
    skew: float
    disk_full: bool
    index: int
    spec: PeerSpec

    @property
    def alive(self) -> bool:
        """Whether its process runs, frozen or not."""
        ...

    @property
    def honest(self) -> bool:
        """Whether it runs the product and nothing else."""
        ...

    @property
    def core(self) -> NodeCore | None:
        """The core of its present life."""
        ...

    @property
    def backlog(self) -> deque[Event] | None:
        """Events that wait because it is held up, or None."""
        ...

    @property
    def links(self) -> Any:
        """Its connections, to be counted."""
        ...

    @property
    def holds(self) -> Any:
        """Whose connections are held, to be counted."""
        ...

    @property
    def dials(self) -> Any:
        """Dials under way, to be counted; None for none."""
        ...

    def keep(self, digest: Digest) -> None:
        """Put a blob of the run on its disk."""
        ...


class LiveWorld(World, Protocol):
    """All peers of a run, its clock, and the ways to act on peers as their users do.

    blobs: bytes of the run's blobs by digest. heard: told of each notice that arrives at a peer. prepare: changes
    a core before its first event.
    """

    plan: Plan
    config: Config
    heard: Callable[[Any, object], None]
    prepare: Callable[[NodeCore], None]

    @property
    def engine(self) -> Timetable:
        """When what happens."""
        ...

    @property
    def by_id(self) -> Mapping[PeerId, Player]:
        """Who has, or had, each key that was ever in use."""
        ...

    @property
    def machines(self) -> Sequence[Player]:
        """All peers, in the order of the topology."""
        ...

    @property
    def blobs(self) -> dict[Digest, bytes]:
        """See the class."""
        ...

    def post(self, machine: Any, life: int, event: Event, /) -> None:
        """Hand an event to a peer's core, if that life of the peer still goes on."""
        ...

    def poke(self, machine: Any, act: Callable[[NodeCore], None], /) -> None:
        """Have something done to a core by its local user."""
        ...

    def clock(self, machine: Any, /) -> Now:
        """Both clocks of a peer."""
        ...

    def number(self) -> int:
        """A fresh number for a command."""
        ...

    def find(self, peer: PeerId) -> Player | None:
        """Who has, or had, this key."""
        ...


class Watcher(Protocol):
    """Who looks on: the measures and the invariants."""

    def saved(self, machine: Any, record: Record) -> None:
        """A record of a job has been committed."""

    def answered(self, machine: Any, number: int, value: object) -> None:
        """A command of the local user was answered."""


class Watchers:
    """Tells everybody who looks on. A `Watcher`."""

    def __init__(self) -> None:
        self.all: list[Watcher] = []

    def saved(self, machine: Any, record: Record) -> None:
        """Pass it on."""
        for one in self.all:
            one.saved(machine, record)

    def answered(self, machine: Any, number: int, value: object) -> None:
        """Pass it on."""
        for one in self.all:
            one.answered(machine, number, value)


P = TypeVar("P", bound=Player)
T = TypeVar("T", bound=Timetable)


class Commons(Generic[P, T]):
    """What both modes do alike of `model.World` and `LiveWorld`. first: commands are numbered from here on."""

    def __init__(self, plan: Plan, config: Config, engine: T, first: int) -> None:
        self.plan = plan
        self.config = config
        self.engine = engine
        self.rng: random.Random = stream(plan.seed, "world")
        self.machines: list[P] = []
        self.by_id: dict[PeerId, P] = {}
        self.heard: Callable[[Any, object], None] = lambda machine, body: None
        self.prepare: Callable[[NodeCore], None] = lambda core: None
        self._numbers = first

    @property
    def now(self) -> float:
        """Virtual seconds since the start."""
        return self.engine.now

    def slow(self, index: int, factor: float) -> None:
        """Make a peer's slices take so many times as long from now on."""
        self.machines[index].slowness = factor

    def skew(self, index: int, seconds: float) -> None:
        """Set a peer's wall clock off."""
        self.machines[index].skew = seconds

    def fill_disk(self, index: int, full: bool) -> None:
        """Make a peer's disk refuse writes, or accept them again."""
        self.machines[index].disk_full = full

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        """Schedule something of the scenario's own."""
        self.engine.after(seconds, act)

    def peer_id(self, index: int) -> PeerId:
        """The key under which a peer runs now, or ran last."""
        return self.machines[index].id

    def sign(self, index: int, data: bytes) -> bytes:
        """Sign with a peer's own key."""
        return self.machines[index].key.sign(data)

    def wall(self, index: int) -> float:
        """A peer's own wall clock."""
        return EPOCH + self.now + self.machines[index].skew

    def number(self) -> int:
        """Return a fresh number for a command."""
        self._numbers += 1
        return self._numbers

    def find(self, peer: PeerId) -> P | None:
        """Return who has, or had, this key."""
        return self.by_id.get(peer)
