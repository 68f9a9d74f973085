"""Accepted slices that can still be audited and taken back, as many as there is room for.

What rested on a peer that turns out to lie is opened again, so its input and its votes have to be here. The oldest
become final when there is no more room.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from peernet.core.work.owner.pool import Pool
from peernet.types import Payload, PeerId

if TYPE_CHECKING:
    from random import Random

    from peernet.core.work.owner.slices import Slice

_TRIES = 8
"""Slices looked at for one that a worker may audit. Where most have had it, an audit is not worth a search."""


class Retention:
    """Retained slices, by age, by peer, and to draw from.

    limit: how many. bytes_limit: inline bytes of their inputs and results. lost: there was not room for all.
    """

    def __init__(self, limit: int, bytes_limit: int) -> None:
        self.limit = limit
        self._bytes_limit = bytes_limit
        # In the order in which they were accepted.
        self._entries: dict[int, Slice] = {}
        self._single: Pool[int] = Pool()
        self._of_peer: dict[PeerId, dict[int, None]] = {}
        self.bytes = 0
        self.lost = False

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, index: int) -> Slice | None:
        """Return a retained slice, or None if it is not, or no longer, among them."""
        return self._entries.get(index)

    def keep(self, entry: Slice) -> None:
        """Retain a slice that was accepted just now."""
        self._entries[entry.index] = entry
        for peer in entry.votes:
            self._of_peer.setdefault(peer, {})[entry.index] = None
        self._draw_from(entry)
        self.bytes += held_bytes(entry)
        while self._entries and (len(self._entries) > self.limit or self.bytes > self._bytes_limit):
            self.drop(next(iter(self._entries.values())))
            self.lost = True

    def drop(self, entry: Slice) -> None:
        """Retain a slice no longer."""
        del self._entries[entry.index]
        self._single.discard(entry.index)
        for peer in entry.votes:
            indices = self._of_peer[peer]
            del indices[entry.index]
            if not indices:
                del self._of_peer[peer]
        self.bytes -= held_bytes(entry)

    def confirmed(self, entry: Slice, peer: PeerId) -> None:
        """A further peer has returned the same result; its vote is in the slice by now, and shares its bytes."""
        self._of_peer.setdefault(peer, {})[entry.index] = None
        self._draw_from(entry)

    def of(self, peer: PeerId) -> list[Slice]:
        """Return the slices that a peer has a vote in."""
        return [self._entries[index] for index in self._of_peer.get(peer, ())]

    def draw(self, source: Random, peer: PeerId) -> Slice | None:
        """Return a slice for a peer to audit: one that rests on a single result, each as likely as any other."""
        for _ in range(min(_TRIES, len(self._single))):
            entry = self._entries[self._single.draw(source)]
            if entry.may_lease(peer) and not entry.leased:
                return entry
        return None

    def validate(self) -> None:
        """Check that all views agree. For tests."""
        assert len(self._entries) <= self.limit
        assert self.bytes == sum(map(held_bytes, self._entries.values())) <= self._bytes_limit
        assert sum(map(len, self._of_peer.values())) == sum(len(entry.votes) for entry in self._entries.values())
        for index, entry in self._entries.items():
            assert entry.state == "accepted" and entry.key is not None and not entry.held
            assert (index in self._single) == _is_single(entry)

    def _draw_from(self, entry: Slice) -> None:
        if _is_single(entry):
            self._single.add(entry.index)
        else:
            self._single.discard(entry.index)


def _is_single(entry: Slice) -> bool:
    """Whether it rests on one peer, and not a trusted one."""
    return len(entry.votes) == 1 and not any(vote.trusted for vote in entry.votes.values())


def inline_bytes(payload: Payload | None) -> int:
    """Return how many bytes a payload holds in memory."""
    return len(payload.inline) if payload is not None and payload.inline is not None else 0


def held_bytes(entry: Slice) -> int:
    """Return the inline bytes that a slice keeps in memory: its inputs, and each distinct result once."""
    distinct = {vote.value.digest: vote.value for vote in entry.votes.values() if vote.value is not None}
    narrowed = entry.dispute.narrowed if entry.dispute is not None else None
    extra = inline_bytes(narrowed.input) if narrowed is not None else 0
    return inline_bytes(entry.input) + extra + sum(map(inline_bytes, distinct.values()))
