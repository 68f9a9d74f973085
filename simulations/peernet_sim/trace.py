"""What happened, as a digest of everything, a file of as much as is wanted, and a ring for the stories of peers.

The digest is over the time, the peer, the kind, the other peer and the size of every event, in order. Times carry
every random choice made so far, so two runs that differ anywhere differ in the digest.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections import deque
from collections.abc import Callable, Iterable

RING = 100_000
"""Events remembered for the story of a violation: some seconds of a large run, minutes of a small one; 2 MiB."""

STORY = 60
"""Lines of one story: what people read."""

NOBODY = -1

_LINE = struct.Struct("<diiHI")


class Trace:
    """Records events.

    sample: the share of events that `sink` is told, as JSON without a newline; None tells nobody. Which share is
    decided by counting, so that it is the same in every run.
    """

    def __init__(self, sample: float = 1.0, sink: Callable[[str], None] | None = None, ring: int = RING) -> None:
        self._hash = hashlib.blake2b(digest_size=32)
        self._kinds: dict[str, int] = {}
        # Lines one after another, the oldest overwritten. What stands from `_fresh` up to `_at` is not hashed yet.
        self._ring = bytearray(ring * _LINE.size)
        self._at = self._fresh = 0
        self._sample = min(1.0, max(0.0, sample))
        self._sink = sink if self._sample > 0 else None
        self._due = 0.0
        self.count = 0

    def add(self, now: float, peer: int, kind: str, other: int = NOBODY, size: int = 0) -> None:
        """Record an event at a peer. other: whom it came from, if anybody. size: bytes."""
        number = self._kinds.get(kind)
        if number is None:
            number = self._kinds[kind] = len(self._kinds)
            self._take_in()
            self._hash.update(kind.encode())
        _LINE.pack_into(self._ring, self._at, now, peer, other, number, size & 0xFFFFFFFF)
        self._at += _LINE.size
        self.count += 1
        if self._at == len(self._ring):
            self._take_in()
            self._at = self._fresh = 0
        if self._sink is not None:
            self._due += self._sample
            if self._due >= 1.0:
                self._due -= 1.0
                self._sink(_json(now, peer, kind, other, size))

    def digest(self) -> str:
        """Return the digest of all events so far, in hexadecimal."""
        self._take_in()
        return self._hash.hexdigest()

    def _take_in(self) -> None:
        """Hash the lines that are not hashed yet: many at once cost little."""
        self._hash.update(memoryview(self._ring)[self._fresh : self._at])
        self._fresh = self._at

    def story(self, peers: Iterable[int]) -> tuple[str, ...]:
        """Return the last events of these peers (of all, for none), the earliest first."""
        wanted = dict.fromkeys(peers)
        lines: deque[str] = deque(maxlen=STORY)
        kinds = list(self._kinds)
        whole = self.count * _LINE.size >= len(self._ring)
        ordered = self._ring[self._at :] + self._ring[: self._at] if whole else self._ring[: self._at]
        for now, peer, other, kind, size in _LINE.iter_unpack(ordered):
            if not wanted or peer in wanted or other in wanted:
                source = "" if other == NOBODY else f" from peer {other}"
                lines.append(
                    f"{now:12.6f} s  peer {peer}: {kinds[kind]}{source}" + (f", {size} bytes" if size else "")
                )
        return tuple(lines)


def _json(now: float, peer: int, kind: str, other: int, size: int) -> str:
    line: dict[str, object] = {"t": now, "peer": peer, "kind": kind}
    if other != NOBODY:
        line["from"] = other
    if size:
        line["bytes"] = size
    return json.dumps(line, separators=(",", ":"))
