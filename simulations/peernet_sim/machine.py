"""One simulated peer: its core, its journal, and what would be its sockets, its disk and its boxes."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from peernet.core.effects import Effect, Forget, Save
from peernet.core.events import Event, Reviewed
from peernet.core.node import NodeCore, Restored
from peernet.core.records import (
    ContactRecord,
    EvidenceRecord,
    JobRecord,
    LeaseRecord,
    MineRecord,
    OutcomeRecord,
    R,
    Record,
    ReviewRecord,
    SliceRecord,
    TrustRecord,
    decode_record,
    encode_record,
)
from peernet.core.work.owner import JobImage
from peernet.core.work.reviews import look_through
from peernet.net.backoff import Backoff
from peernet.types import Digest, PeerId
from peernet_sim.crypto import Key
from peernet_sim.model import Behaviour, PeerSpec

if TYPE_CHECKING:
    from peernet_sim.boxes import Shelf
    from peernet_sim.dialling import Dial
    from peernet_sim.links import Link

NEVER = float("inf")

_WHOLE_KEYS = (ContactRecord.space, MineRecord.space, TrustRecord.space, ReviewRecord.space)
"""Spaces whose records are forgotten one by one; in the others a prefix stands for all of a job."""


class Journal:
    """What a peer's disk keeps, by space and key. encode: keep bytes, as the product does; else the records
    themselves, which are immutable and take a third of the room."""

    __slots__ = ("_encode", "spaces")

    def __init__(self, encode: bool) -> None:
        self._encode = encode
        self.spaces: dict[str, dict[bytes, bytes | Record]] = {}

    def apply(self, effect: Effect) -> None:
        """Carry out a `Save` or a `Forget`."""
        if isinstance(effect, Save):
            record = effect.record
            kept = encode_record(record) if self._encode else record
            self.spaces.setdefault(record.space, {})[record.key()] = kept
        elif isinstance(effect, Forget):
            space = self.spaces.get(effect.space)
            if space is None:
                return
            if effect.space in _WHOLE_KEYS:
                space.pop(effect.prefix, None)
                return
            for key in [key for key in space if key.startswith(effect.prefix)]:
                del space[key]

    def get(self, kind: type[R], key: bytes) -> R | None:
        """Return one record, or None."""
        kept = self.spaces.get(kind.space, {}).get(key)
        return None if kept is None else _record(kind, kept)

    def load(self, kind: type[R], prefix: bytes = b"") -> tuple[R, ...]:
        """Return the records of a space whose keys begin so, in order of their keys."""
        space = self.spaces.get(kind.space, {})
        return tuple(_record(kind, space[key]) for key in sorted(space) if key.startswith(prefix))

    def review(self, peer: PeerId, after: bytes, limit: int) -> Reviewed | None:
        """Return what a `Review` asks for."""
        return look_through(
            lambda start: (job for job in self.load(JobRecord) if job.job >= start),
            lambda job, start: (kept for kept in self.load(EvidenceRecord, job) if kept.key() >= start),
            peer,
            after,
            limit,
        )

    def restored(self) -> Restored:
        """Return what a core is rebuilt from, as `peernet.runtime.restore` does."""
        jobs = sorted(
            (job for job in self.load(JobRecord) if job.state == "running"), key=lambda job: job.submitted
        )
        return Restored(
            contacts=self.load(ContactRecord),
            mine=self.load(MineRecord),
            trust=self.load(TrustRecord),
            reviews=self.load(ReviewRecord),
            jobs=tuple(
                JobImage(
                    job=job,
                    slices=self.load(SliceRecord, job.job),
                    outcomes=self.load(OutcomeRecord, job.job),
                    leases=self.load(LeaseRecord, job.job),
                    evidence=self.load(EvidenceRecord, job.job),
                )
                for job in jobs
            ),
        )


def _record(kind: type[R], kept: bytes | Record) -> R:
    if isinstance(kept, bytes):
        return decode_record(kind, kept)
    assert isinstance(kept, kind)
    return kept


class Machine:
    """A peer of the topology through all its lives.

    life: counts starts and ends; what was meant for another life is void. generation: of its key. links: live
    connections, the least recently used first. asked: calls and fetches under way, by a number of the network:
    the connection that carries it (None while it is dialled) and the core's id. backlog: events that wait because
    the peer is frozen or its disk is full, or None. held: effects that a full disk holds back. wake: when the core
    is going to be woken. tidy_at: when a connection may be to spare (`Links.tidy`). up_free, down_free, bulk_free:
    when each direction of the access link, and bulk, is free.
    """

    __slots__ = (
        "addresses",
        "asked",
        "backlog",
        "backoff",
        "behaviour",
        "blobs",
        "born",
        "bulk_free",
        "bytes",
        "core",
        "dialled",
        "dials",
        "disk_full",
        "down_free",
        "executed",
        "frozen_until",
        "generation",
        "held",
        "holds",
        "host",
        "id",
        "index",
        "journal",
        "key",
        "life",
        "links",
        "messages",
        "port",
        "reachable",
        "shelf",
        "silent",
        "skew",
        "slowness",
        "spec",
        "tidy_at",
        "up_free",
        "wake",
    )

    def __init__(self, spec: PeerSpec, key: Key, host: str, port: int, behaviour: Behaviour | None) -> None:
        self.spec = spec
        self.index = spec.index
        self.host = host
        self.port = port
        self.behaviour = behaviour
        self.generation = 0
        self.life = 0
        self.born = NEVER
        self.skew = 0.0
        self.slowness = 1.0
        self.disk_full = False
        self.silent = False
        self.reachable = spec.nat != "closed"
        self.messages = self.bytes = self.executed = 0
        self.core: NodeCore | None = None
        self.journal = Journal(False)
        self.blobs: dict[Digest, None] | None = None
        self.dialled: dict[PeerId, None] | None = None
        self.key = key
        self.id = key.peer
        self.addresses: tuple[str, ...] = ()
        self.reset()

    @property
    def alive(self) -> bool:
        """Whether its process runs, frozen or not."""
        return self.core is not None

    @property
    def honest(self) -> bool:
        """Whether it runs the product and nothing else."""
        return self.behaviour is None

    def reset(self) -> None:
        """Begin another life: nothing is connected, dialled or running."""
        self.life += 1
        self.links: dict[PeerId, Link] = {}
        self.holds: dict[PeerId, tuple[str, ...]] = {}
        self.asked: dict[int, tuple[Link | None, int]] = {}
        self.dials: dict[PeerId | str, Dial] | None = None
        self.backoff: Backoff | None = None
        self.shelf: Shelf | None = None
        self.backlog: deque[Event] | None = None
        self.held: list[Any] | None = None
        self.frozen_until = 0.0
        self.wake = NEVER
        self.tidy_at = 0.0
        self.up_free = self.down_free = self.bulk_free = 0.0

    def rest(self, now: float) -> None:
        """Give back memory that only a busy moment needed."""
        if not self.asked:
            self.asked.clear()  # A dict that was large stays so.
        for link in self.links.values():
            link.rest(now)

    def has(self, digest: Digest) -> bool:
        """Whether a blob is on its disk."""
        return self.blobs is not None and digest in self.blobs

    def keep(self, digest: Digest) -> None:
        """Put a blob on its disk."""
        if self.blobs is None:
            self.blobs = {}
        self.blobs[digest] = None
