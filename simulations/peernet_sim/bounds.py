"""The bounded tables of a peer: how each is counted, and where its bound stands in the config.

Some are private to their owners: whoever renames one is told so by the test that reads them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from peernet.core.node import NodeCore
from peernet.core.records import ContactRecord
from peernet.core.work.owner.job import Job
from peernet_sim.looking import Player

Size = Callable[[Player, NodeCore], int]
Bound = Callable[[NodeCore], int]

LAG = 8
"""A connection that made room for another may be gone a moment before its core hears of it."""


def running_jobs(core: NodeCore) -> Iterator[Job]:
    """Go through the jobs that a core owns and that have not ended."""
    return (job for job in core.owner._running.values() if not job.over)


def contacts(machine: Player, core: NodeCore) -> int:
    """Count the contacts that a peer keeps on its disk."""
    return len(machine.journal.spaces.get(ContactRecord.space, ()))


def most(count: Callable[[Job], int]) -> Size:
    """Return what counts the fullest of a peer's jobs."""
    return lambda machine, core: max(map(count, running_jobs(core)), default=0)


BOUNDS: tuple[tuple[str, Size, Bound], ...] = (
    ("connections", lambda m, c: len(m.links), lambda c: c.context.config.net.connections),
    ("links in its core", lambda m, c: len(c.context.links), lambda c: c.context.config.net.connections + LAG),
    ("held connections", lambda m, c: len(m.holds), lambda c: c.context.config.net.holds),
    ("dials", lambda m, c: len(m.dials or ()), lambda c: c.context.config.net.dials),
    ("addresses", lambda m, c: len(c.context.book), lambda c: c.context.config.address_book),
    ("records", lambda m, c: len(c.kad.store), lambda c: c.context.config.kad.records),
    ("bytes of records", lambda m, c: c.kad.store.bytes, lambda c: c.context.config.kad.record_bytes),
    ("contacts in its journal", contacts, lambda c: c.context.config.kad.saved_contacts),
    ("neighbours", lambda m, c: len(c.gossip.neighbourhood.active), lambda c: c.context.config.gossip.limit),
    ("adverts", lambda m, c: len(c.adverts._heard), lambda c: c.context.config.work.advert_cache),
    ("jobs", lambda m, c: sum(1 for _ in running_jobs(c)), lambda c: c.context.config.work.jobs),
    ("ended jobs", lambda m, c: len(c.owner._ended), lambda c: c.context.config.work.ended_jobs),
    ("seats of a job", most(lambda job: len(job.seats.all)), lambda c: c.context.config.work.seats),
    ("undecided slices", most(lambda job: len(job.slices.undecided)), lambda c: c.context.config.work.window_most),
)
"""What is counted at a peer, how, and its bound."""
