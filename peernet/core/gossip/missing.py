"""Rumours that neighbours have named and that have not come: whom to ask for them, and when.

Source: the missing-message timers of Plumtree (section 3.6): a while after the first `IHave` the rumour is
asked for, then of the next who named it. Rings are not pushed beyond the first hop, so what belongs to one is
asked for at once.
"""

from __future__ import annotations

from dataclasses import dataclass

from peernet.core.context import Context, Timer
from peernet.core.gossip.neighbour import Neighbour
from peernet.core.gossip.neighbourhood import Neighbourhood
from peernet.types import PeerId
from peernet.wire.gossip import MAX_DEPTH, MAX_GRAFTS, Graft, Have


@dataclass(slots=True)
class Missing:
    """One rumour. first: who named it first, whose allowance it takes. holders: whom to ask next, in this
    order. due: monotonic time of the next asking. asked: who has been asked last. grown: the tree was grown at
    that peer."""

    have: Have
    first: PeerId
    holders: list[PeerId]
    due: float
    asked: PeerId | None = None
    tries: int = 0
    grown: bool = False


class MissingRumours:
    """All of them."""

    __slots__ = ("_config", "_ctx", "_hood", "_missing", "_timer")

    def __init__(self, ctx: Context, hood: Neighbourhood) -> None:
        self._ctx = ctx
        self._config = ctx.config.gossip
        self._hood = hood
        self._missing: dict[bytes, Missing] = {}
        self._timer: Timer | None = None

    def __len__(self) -> int:
        return len(self._missing)

    def named(self, peer: PeerId, have: Have, neighbour: Neighbour) -> None:
        """A neighbour says that it has a rumour, which has not been seen here. It is asked at once if it would
        have pushed it, had it come to it in time, and if nobody pushes rumours of that reach."""
        missing = self._missing.get(have.id)
        if missing is None:
            if neighbour.announced >= self._config.missing:
                self._hood.blame(peer, self._config.blame_turn, "rumour: too many named")
                return
            neighbour.announced += 1
            wait = self._config.missing_seconds * self._ctx.random.uniform(1.0, 1.5)
            missing = self._missing[have.id] = Missing(have, peer, [peer], self._ctx.now.mono + wait)
        elif peer not in missing.holders and len(missing.holders) < self._config.holders:
            missing.holders.insert(
                0 if missing.asked else len(missing.holders), peer
            )  # Before those asked in vain.
        if missing.asked is None and (neighbour.eager or have.reach < MAX_DEPTH):
            missing.holders.sort(key=lambda holder: holder != peer)  # It comes first, the others stay in order.
            self._next(missing)
            self._ctx.send(peer, Graft((have.id,), False))
        self._wake_at(missing.due)

    def came(self, name: bytes) -> Missing | None:
        """A rumour has come, by whatever way; return what is known if it was missing."""
        missing = self._missing.pop(name, None)
        if missing is not None:
            self._release(missing)
            if not self._missing and self._timer is not None:
                self._timer.cancel()
                self._timer = None
        return missing

    def _wake_at(self, when: float) -> None:
        if self._timer is not None and when < self._timer.when:
            self._timer.cancel()
            self._timer = None
        if self._timer is None:
            self._timer = self._ctx.at(when, self._wake)

    def _wake(self) -> None:
        """Ask for what is due, in one message for each peer; where it is, the tree is grown."""
        now = self._ctx.now.mono
        self._timer = None
        grafts: dict[tuple[PeerId, bool], list[bytes]] = {}
        for name, missing in [item for item in self._missing.items() if item[1].due <= now]:
            if missing.asked is not None and missing.asked in self._hood:
                self._hood.blame(missing.asked, self._config.blame_withheld, "rumour: withheld")
            asked = self._next(missing)
            if asked is None:
                self.came(name)
                continue
            missing.grown = missing.have.reach == MAX_DEPTH
            grafts.setdefault((asked, missing.grown), []).append(name)
        for (asked, grown), names in grafts.items():
            neighbour = self._hood.get(asked)
            if grown and neighbour is not None:
                neighbour.eager = True
            for start in range(0, len(names), MAX_GRAFTS):
                self._ctx.send(asked, Graft(tuple(names[start : start + MAX_GRAFTS]), grown))
        if self._missing:
            self._wake_at(min(missing.due for missing in self._missing.values()))

    def _next(self, missing: Missing) -> PeerId | None:
        """Choose whom to ask now, in turn of those who are neighbours still; None when that is no use any
        more."""
        missing.tries += 1
        if missing.tries > self._config.graft_tries:
            return None
        missing.holders = [peer for peer in missing.holders if self._hood.get(peer) is not None]
        if not missing.holders:
            return None
        asked = missing.holders.pop(0)
        missing.holders.append(asked)
        missing.asked = asked
        link = self._ctx.links.get(asked)
        rtt = link.rtt if link is not None else 0.0
        missing.due = self._ctx.now.mono + self._config.graft_seconds + 2.0 * rtt
        return asked

    def _release(self, missing: Missing) -> None:
        neighbour = self._hood.get(missing.first)
        if neighbour is not None and neighbour.announced:
            neighbour.announced -= 1
