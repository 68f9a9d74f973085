"""A peer of a fidelity run through all its lives, and the one place where its core meets the world."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import trio

from peernet.config import Config
from peernet.core.effects import Answer, Effect, Forget, Save
from peernet.core.events import Event, LeaveAsked, Now, Tick
from peernet.core.node import NodeCore, Restored
from peernet.errors import StorageError
from peernet.runtime.node import Node
from peernet.storage.blobs import BlobStore
from peernet.storage.blobwriter import BlobWriter
from peernet.storage.journal import Journal
from peernet.types import Digest, PeerId
from peernet_sim.crypto import Key
from peernet_sim.fidelity.network import Site
from peernet_sim.machine import Journal as Records
from peernet_sim.model import Behaviour
from peernet_sim.violations import Broken

NEVER = float("inf")


class Observer(Protocol):
    """What watches all cores, and speaks for hostile ones."""

    def saved(self, seat: Seat) -> None:
        """A peer has committed what is in `unsaved`."""
        ...

    def broke(self, broken: Broken) -> None:
        """Something does not hold: the run is over."""
        ...

    def took(self, seat: Seat, event: Event) -> list[Event]:
        """A core is about to be told of this; return what it is told instead, mostly the same."""
        ...

    def wants(self, seat: Seat, effects: list[Effect]) -> list[Effect]:
        """A core wants these; return what is carried out instead, mostly the same."""
        ...


class Seat:
    """A peer's place in the run.

    site: on the network. home: its folder on the disk. life: counts starts. born: when the last one was.
    generation: of its key.
    node: what runs there now, or None. dead: its process has been ended and is being cleaned up. slowness, skew,
    disk_full: see `model.World`. frozen: seconds at which it goes on, or 0. held: events that wait for that.
    asides: calls of the simulation itself into the core, carried out in its next handle. shelf: the bytes of
    bundles. journal: the records that are on its disk. unsaved: what the next
    commit writes, and answers that leave after it.

    links, holds, dials, backlog, journal, keep and more are what a machine of a scale run has as well.
    """

    def __init__(self, site: Site, behaviour: Behaviour | None, observer: Observer) -> None:
        self.site = site
        self.index = site.index
        self.spec = site.spec
        self.behaviour = behaviour
        self.observer = observer
        self.home = Path()
        self.id = PeerId(b"")
        self.key = Key(self.id, bytes)
        self.born = NEVER
        self.life = 0
        self.generation = 0
        self.node: Node | None = None
        self.dead = True
        self.slowness = 1.0
        self.skew = 0.0
        self.disk_full = False
        self.frozen = 0.0
        self.held: deque[Event] = deque()
        self.asides: deque[Callable[[NodeCore], None]] = deque()
        self.scope = trio.CancelScope()
        self.gone = trio.Event()
        self.gone.set()
        self.shelf: dict[Digest, bytes] = {}
        self.journal = Records(False)
        self.unsaved: list[Save | Forget | Answer] = []
        self.messages = 0
        self.executed = 0

    @property
    def alive(self) -> bool:
        """Whether its process runs, frozen or not."""
        return self.node is not None and not self.dead

    @property
    def backlog(self) -> deque[Event] | None:
        """Events that wait because the peer is frozen, or None."""
        return self.held if self.frozen else None

    @property
    def core(self) -> NodeCore | None:
        """The core of its present life."""
        return self.node.core if self.node is not None and not self.dead else None

    @property
    def honest(self) -> bool:
        """Whether it runs the product and nothing else."""
        return self.behaviour is None

    @property
    def bytes(self) -> int:
        """Bytes that it sent, in all its lives."""
        return self.site.bytes

    @property
    def links(self) -> tuple[PeerId, ...]:
        """Who is connected."""
        return self.node.pool.peers if self.node is not None else ()

    @property
    def holds(self) -> tuple[PeerId, ...]:
        """Whose connections are held."""
        return tuple(self.node.pool._links._held) if self.node is not None else ()

    @property
    def dials(self) -> tuple[object, ...]:
        """Dials under way."""
        return tuple(self.node.pool._dialer._dials) if self.node is not None else ()

    def keep(self, digest: Digest) -> None:
        """Put a bundle into its blob store, as a front end does when a job is submitted."""
        if self.node is not None and not self.disk_full:
            self.node.blobs.put(self.shelf[digest])

    def aside(self, act: Callable[[NodeCore], None]) -> None:
        """Have `act(core)` called as part of a handle of the running core, at once."""
        assert self.node is not None
        self.asides.append(act)
        self.node.driver.post(Tick())

    def thaw(self) -> None:
        """Let the core have what waited while its process stood still."""
        self.frozen = 0.0
        held, self.held = self.held, deque()
        if self.node is not None:
            for event in held:
                self.node.driver.post(event)
            self.node.driver.post(Tick())


class SeatedCore(NodeCore):
    """The product's core, watched. What freezes, kills or corrupts a peer acts here and nowhere else."""

    def __init__(self, seat: Seat, *args: Any, **bounds: Any) -> None:
        super().__init__(*args, **bounds)
        self.seat = seat

    def start(self, restored: Restored, now: Now) -> list[Effect]:
        """See `NodeCore.start`."""
        return self.seat.observer.wants(self.seat, super().start(restored, now))

    def handle(self, event: Event, now: Now) -> list[Effect]:
        """See `NodeCore.handle`. A dead core does nothing more; a frozen one gets its events later."""
        seat = self.seat
        if seat.dead:
            return [Answer(event.id, None)] if isinstance(event, LeaveAsked) else []
        if seat.frozen:
            if not isinstance(event, Tick):
                seat.held.append(event)
            return []
        effects: list[Effect] = []
        try:
            if seat.asides:
                self.context.now = now
                while seat.asides:
                    seat.asides.popleft()(self)
            for told in seat.observer.took(seat, event):
                effects += super().handle(told, now)
        except AssertionError as error:
            text = f"peer {seat.index}: {error!r}"
            seat.observer.broke(Broken("the core's own checks", text, (seat.index,)))
            return []
        return seat.observer.wants(seat, effects)

    def next_deadline(self) -> float:
        """See `NodeCore.next_deadline`."""
        return NEVER if self.seat.dead or self.seat.frozen else super().next_deadline()


class SeatedJournal(Journal):
    """The product's journal on a disk that may be full."""

    seat: Seat

    def commit(self, changes: Any) -> None:
        """See `Journal.commit`."""
        seat = self.seat
        refuse_when_full(seat)
        super().commit(changes)
        if seat.unsaved:
            seat.observer.saved(seat)


class SeatedBlobs(BlobStore):
    """The product's blob store on a disk that may be full."""

    seat: Seat

    def writer(self, expected: Digest, size: int) -> BlobWriter:
        """See `BlobStore.writer`."""
        refuse_when_full(self.seat)
        return super().writer(expected, size)


def refuse_when_full(seat: Seat) -> None:
    """Raise what the disk raises when it is full."""
    if seat.disk_full:
        raise StorageError(f"the disk of peer {seat.index} is full")


def open_journal(seat: Seat, path: Path, config: Config) -> Journal:
    """Open the journal of a seat."""
    journal = SeatedJournal.open(path, config=config.storage)
    assert isinstance(journal, SeatedJournal)
    journal.seat = seat
    return journal


def open_blobs(seat: Seat, folder: Path, config: Config) -> BlobStore:
    """Open the blobs of a seat."""
    blobs = SeatedBlobs(folder, config.storage.blob_quota, config.storage)
    blobs.seat = seat
    return blobs
