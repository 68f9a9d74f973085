"""What a running peer takes from the machine around it, in one place: a simulator gives it another one."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, TypeVar

import trio

from peernet.config import Config
from peernet.core.events import MachineMeasured
from peernet.core.node import NodeCore
from peernet.net import TcpTransport, Transport
from peernet.runtime.clock import Clock, system_clock
from peernet.runtime.machine import Installed, measure, measure_speed, read_installed
from peernet.runtime.numeric import measure_machine
from peernet.runtime.options import PeerOptions
from peernet.sandbox import Findings, choose
from peernet.storage.blobs import BlobStore
from peernet.storage.journal import Journal

T = TypeVar("T")


class Blocking(Protocol):
    """Does work that would hold up the loop for long, and returns what it returns."""

    def __call__(self, work: Callable[..., T], *args: object) -> Awaitable[T]:
        """Call `work(*args)`."""
        ...


async def in_thread(work: Callable[..., T], *args: object) -> T:
    """Call `work(*args)` in a thread."""
    return await trio.to_thread.run_sync(work, *args)


def open_journal(path: Path, config: Config) -> Journal:
    """Open the journal of a home. Raises StorageError."""
    return Journal.open(path, config=config.storage)


def open_blobs(folder: Path, config: Config) -> BlobStore:
    """Open the blob store of a home. Raises StorageError."""
    return BlobStore(folder, config.storage.blob_quota, config.storage)


def find_tier(options: PeerOptions, scratch: Path) -> Findings:
    """Find how this machine runs boxes. Raises UsageError for a tier that was asked for and does not work."""
    if not options.slots:
        return Findings(None, ("this peer only submits: it has no slots",))
    return choose(scratch, options.config.box, options.sandbox_tier, own_code=options.own_code)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The machine as a peer sees it. The defaults are the real one, and nobody but a simulator needs another.

    transport: carries the bytes of connections; what passes over it is encrypted in any case. clock: reads both
    clocks; the monotonic one must be trio's own when trio's is virtual. secret: n unpredictable bytes, for keys,
    nonces and seeds. findings: how boxes can be run, in this folder. measure_speed, measure: what the advert
    says of the machine. installed: the packages that boxes can import. numeric: its numeric class, numpy apart.
    blocking: where long work runs, a thread. control: whether the control socket is served. core: makes the core,
    with the arguments of `NodeCore`. journal, blobs: open what is kept.
    """

    transport: Transport = field(default_factory=TcpTransport)
    clock: Clock = system_clock
    secret: Callable[[int], bytes] = secrets.token_bytes
    findings: Callable[[PeerOptions, Path], Findings] = find_tier
    measure_speed: Callable[[], float] = measure_speed
    measure: Callable[[str | None, float], MachineMeasured] = measure
    installed: Callable[[], Installed] = read_installed
    numeric: Callable[[], str] = measure_machine
    blocking: Blocking = in_thread
    control: bool = True
    core: Callable[..., NodeCore] = NodeCore
    journal: Callable[[Path, Config], Journal] = open_journal
    blobs: Callable[[Path, Config], BlobStore] = open_blobs
