"""One iterative lookup, as a state machine: it says whom to ask, and is told what came of it.

After section 2.3 of the paper, with bounds against liars and dead contacts. The states of a candidate:

| from | event | to |
|---|---|---|
| - | seeded, or named in an answer | heard |
| heard | `advance()` returns it, to be asked | waiting |
| waiting | no answer in the time that answers take (`Pace`) | slow |
| waiting, slow | `answered()` | proven |
| waiting, slow | its connection ends, `redial()` | waiting |
| waiting, slow | `failed()` | gone |

A slow one is not waited for, and its answer still counts if it comes before the end; only one that is nearer than
all others and has to be dialled gets `most_slow_seconds`: it may be the very peer that is looked for, and how
long dials take differs more than the last few tell. The lookup ends when the k nearest candidates, the slow and
gone left out, are proven, or when no more may be asked. While it comes nearer, alpha are asked at once, those
with a connection before others that are as near; when the nearest of all has answered, the rest of the k nearest
are asked together, as in the paper: one round instead of seven. A lookup follows one path; several that share
`Claims` never ask the same peer, so that their paths are disjoint (`paths`).
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Sequence

from peernet.config.kad import KadConfig
from peernet.core.kad.contact import place
from peernet.core.kad.pace import Pace
from peernet.core.kad.shortlist import NEVER, Candidate, Claims, Shortlist
from peernet.types import DhtKey, PeerId
from peernet.wire.kad import WireContact


class Lookup:
    """The search for the k live peers nearest to a place.

    Whoever runs it calls `advance(now)` at the start, after each outcome and at `deadline()`, asks those whom it
    returns, and stops when `done`. Times are monotonic seconds.
    """

    def __init__(
        self,
        target: DhtKey,
        seeds: Iterable[WireContact],
        *,
        me: PeerId,
        config: KadConfig,
        pace: Pace,
        links: Container[PeerId] = (),
        claims: Claims | None = None,
        alpha: int | None = None,
        calls: int | None = None,
    ) -> None:
        """Begin at `seeds`. me: never asked. links: peers who can be asked without a dial, kept up to date by
        the caller. claims: shared with lookups that must stay disjoint from this one; whom those asked counts
        as settled, unless slow or gone. alpha, calls: calls at once and in all, else as configured.
        """
        self.target = target
        self.done = False
        self.settled = False
        """Nobody is to be asked or waited for, but perhaps slow ones while nobody has answered."""
        self.answers = 0
        """Peers that answered."""
        self.calls = 0
        """Peers asked."""
        self.hops = 0
        """Introductions between a seed and the farthest-fetched peer that answered."""
        self._config = config
        self._pace = pace
        self._links = links
        self._claims = Claims(config.k) if claims is None else claims
        self._alpha = config.alpha if alpha is None else alpha
        self._calls = config.lookup_calls if calls is None else calls
        self._close = False
        self._awaited = NEVER  # Until when a slow one is waited for, as it is nearer than all others.
        self._edge: float = NEVER  # The distance from which on nobody was looked at.
        self._surveyed = 0  # Those on the shortlist up to the last of the k nearest that count.
        self._stirred = True
        self._left = False  # Whether somebody was to be asked for whom there was no room.
        self._spared = False  # Whether some were asked who are not waited for.
        self._wide = config.alpha_close if alpha is None else max(alpha, config.path_alpha_close)
        self._asked: dict[PeerId, Candidate] = {}
        self._waiting: dict[PeerId, Candidate] = {}
        self._until = NEVER  # No call under way is slow before; so most outcomes need no look at all of them.
        self._shortlist = Shortlist(target, config.shortlist)
        self._heard = {me}
        self._hear(seeds, 0)

    def advance(self, now: float) -> list[Candidate]:
        """Return whom to ask now, or set `done`. Nobody is returned twice."""
        if now >= self._until:
            self._give_up_on_slow(now)
        self._stirred |= now >= self._awaited
        if self._waiting and not self._stirred:
            return []
        self._stirred = False
        fresh, unsettled = self._survey(now)
        budget = self._calls - self.calls
        if budget <= 0:
            fresh.clear()
        self.settled = not (fresh or unsettled)
        # While nobody has answered, the slow ones are all there is to wait for.
        self.done = self.settled and (
            self.answers > 0 or all(candidate.state != "slow" for candidate in self._asked.values())
        )
        room = (self._wide if self._close else self._alpha) - len(self._waiting)
        room = max(0, min(room, budget))
        self._left = len(fresh) > room
        chosen = fresh[:room] if self._close or room >= len(fresh) else self._prefer(fresh, room)
        if self._close and chosen:
            spare = self._spare(min(room - len(chosen), self._losses(chosen)))
            chosen += spare
            self._spared |= bool(spare)
        for candidate in chosen:
            self._take(candidate, now)
        return chosen

    def _losses(self, chosen: list[Candidate]) -> int:
        """How many of these will not answer, as far as the last dials tell: as many others are asked with them, or
        each dead or unreachable one would cost another round."""
        dials = sum([candidate.peer not in self._links for candidate in chosen])
        return round(dials * self._pace.lost)

    def _survey(self, now: float) -> tuple[list[Candidate], bool]:
        """Look at the k nearest that count. Returns those of them whom nobody has asked, and whether any of the k
        is waited for; and sees whether the nearest of all has answered (`_close`). Done after most outcomes."""
        fresh: list[Candidate] = []
        unsettled = False
        live, seen, k, claimed = 0, 0, self._config.k, self._claims.asked
        self._awaited = NEVER
        self._edge = NEVER
        for distance, candidate in self._shortlist.heap:
            if live >= k:
                self._edge = distance
                break
            seen += 1
            state = candidate.state
            if state == "heard":
                other = claimed.get(candidate.peer)
                if other is None:
                    fresh.append(candidate)
                else:
                    state = other.state
                    if state not in ("waiting", "proven"):
                        continue
            elif state == "waiting":
                unsettled = True
            elif state == "slow":
                until = candidate.since + self._config.most_slow_seconds
                if not live and not candidate.linked and now < until:
                    self._awaited = min(self._awaited, until)
                    unsettled = True
                continue
            if not live:
                self._close = state == "proven"
            live += 1
        self._surveyed = seen
        return self._within_reach(fresh) if self._close else fresh, unsettled

    def _spare(self, count: int) -> list[Candidate]:
        """The nearest `count` of those whom nobody has asked beyond the k nearest that count."""
        if count <= 0:
            return []
        claimed = self._claims.asked
        beyond = [candidate for _, candidate in self._shortlist.heap[self._surveyed :]]
        return self._within_reach(
            [candidate for candidate in beyond if candidate.state == "heard" and candidate.peer not in claimed]
        )[:count]

    def _within_reach(self, candidates: list[Candidate]) -> list[Candidate]:
        """Those of them who may be among the k nearest, for all that is known: a path led astray has reached the
        nearest of its liars, and what others found shows that they are far."""
        reach, goal = self._claims.reach(), self._shortlist.goal
        if reach == NEVER:
            return candidates
        return [candidate for candidate in candidates if candidate.long_id ^ goal < reach]

    def _prefer(self, fresh: list[Candidate], room: int) -> list[Candidate]:
        """Choose the nearest `room` of those whom nobody has asked; of equally near ones, as to the order of
        magnitude of their distance, those with a connection: they answer three times faster."""
        links, goal = self._links, self._shortlist.goal
        left = list(fresh)
        chosen: list[Candidate] = []
        while len(chosen) < room:
            reach = (left[0].long_id ^ goal).bit_length()
            best = 0
            for index, candidate in enumerate(left):
                if (candidate.long_id ^ goal).bit_length() > reach:
                    break
                if candidate.peer in links:
                    best = index
                    break
            chosen.append(left.pop(best))
        return chosen

    def stir(self) -> None:
        """Something has happened to those whom others claim: `advance` is to look again."""
        self._stirred = True

    def deadline(self) -> float:
        """When `advance` is to be called at the latest if nothing happens before, or infinity."""
        return min(self._until, self._awaited) if self._waiting else self._awaited

    def answered(self, peer: PeerId, contacts: Sequence[WireContact], now: float) -> None:
        """A peer that was asked named these contacts, k of them at most being taken."""
        candidate = self._asked.get(peer)
        if candidate is None or candidate.state not in ("waiting", "slow"):
            return
        self._waiting.pop(peer, None)
        self._pace.measured(now - candidate.since, dialled=not candidate.linked)
        candidate.state = "proven"
        self._claims.proven(candidate.long_id ^ self._shortlist.goal)
        self.answers += 1
        self._stirred |= self._left or self._spared
        self.hops = max(self.hops, candidate.hop)
        if candidate.hop < self._config.lookup_hops:
            self._hear(contacts[: self._config.k], candidate.hop + 1)

    def failed(self, peer: PeerId) -> None:
        """A peer that was asked can't be reached, or answered wrongly."""
        candidate = self._asked.get(peer)
        if candidate is None or candidate.state not in ("waiting", "slow"):
            return
        if candidate.state == "waiting":
            self._widen()
            if not candidate.linked:
                self._pace.missed()
        self._waiting.pop(peer, None)
        candidate.state = "gone"
        self._stirred = True
        self._shortlist.remove((candidate.id,))

    def redial(self, peer: PeerId, now: float) -> bool:
        """The connection over which a peer was asked has ended. Returns whether it may be asked over a new one."""
        candidate = self._asked.get(peer)
        if candidate is None or candidate.state not in ("waiting", "slow") or not candidate.linked:
            return False
        candidate.state = "waiting"
        self._wait_for(candidate, now, linked=False)
        return True

    def unreachable(self, candidate: Candidate) -> None:
        """A peer could not even be asked, for want of an address. It may be named again, with a better one."""
        self.failed(candidate.peer)
        del self._asked[candidate.peer]
        self._heard.discard(candidate.peer)
        self._claims.asked.pop(candidate.peer, None)
        self.calls -= 1

    def nearest(self) -> list[WireContact]:
        """The peers that answered, nearest first, at most k."""
        return [candidate.wire() for _, candidate in self.proven()[: self._config.k]]

    def proven(self) -> list[tuple[int, Candidate]]:
        """The peers that answered, with their distances, nearest first."""
        return [entry for entry in self._shortlist.heap if entry[1].state == "proven"]

    def known(self) -> list[PeerId]:
        """The k nearest peers heard of, answered or not."""
        return [candidate.peer for _, candidate in self._shortlist.heap[: self._config.k]]

    def _hear(self, contacts: Iterable[WireContact], hop: int) -> None:
        """Take in those that are new and near enough. The inner loop of a lookup: twenty names an answer."""
        heard, shortlist = self._heard, self._shortlist
        goal, bound, edge = shortlist.goal, shortlist.bound(), self._edge
        for contact in contacts:
            peer = contact.peer
            if peer not in heard and (distance := place(peer)[1] ^ goal) < bound:
                heard.add(peer)
                shortlist.add(Candidate(peer, contact.addresses, hop))
                bound = shortlist.bound()
                if distance < edge:
                    self._stirred = True

    def _take(self, candidate: Candidate, now: float) -> None:
        candidate.state = "waiting"
        self._wait_for(candidate, now, linked=candidate.peer in self._links)
        self._asked[candidate.peer] = self._claims.asked[candidate.peer] = candidate
        self.calls += 1

    def _wait_for(self, candidate: Candidate, now: float, *, linked: bool) -> None:
        candidate.linked = linked
        candidate.since = now
        candidate.until = now + (self._pace.seconds if linked else self._pace.dial_seconds)
        self._until = min(self._until, candidate.until)
        self._waiting[candidate.peer] = candidate

    def _give_up_on_slow(self, now: float) -> None:
        late = [candidate for candidate in self._waiting.values() if candidate.until <= now]
        for candidate in late:
            candidate.state = "slow"
            del self._waiting[candidate.peer]
            self._widen()
            if candidate.linked:
                self._pace.slow()
            else:
                self._pace.missed()  # A dial that hangs is a dead peer's, and says nothing about round trips.
        self._stirred = True
        self._until = min([candidate.until for candidate in self._waiting.values()], default=NEVER)

    def _widen(self) -> None:
        self._alpha = min(self._alpha + 1, self._config.alpha_limit)
