"""Runs lookups: a bounded number at once, the others waiting their turn."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Literal

from peernet.core.context import Context, Timer
from peernet.core.events import Done, Failure, Outcome
from peernet.core.kad.lookup import Lookup
from peernet.core.kad.pace import Pace
from peernet.core.kad.paths import Paths
from peernet.core.kad.roster import Roster
from peernet.core.kad.shortlist import Candidate
from peernet.types import DhtKey, PeerId
from peernet.wire.kad import FindNode, FindValue, Nodes, Values, WireContact

Course = Lookup | Paths
Found = Callable[[Course], None]
Heard = Callable[[PeerId, Values], bool]
Way = Literal["one", "scout", "disjoint", "scattered"]


@dataclass(slots=True)
class Search:
    """A lookup that is wanted. heard: gets each answer that may hold records, for a search of values; True ends
    it. way: one path from the nearest contacts, or disjoint paths from the nearest or from random contacts, or
    only their first steps."""

    target: DhtKey
    seeds: tuple[WireContact, ...]
    then: Found
    heard: Heard | None
    way: Way
    body: FindNode | FindValue
    timer: Timer | None = field(default=None)


class Finder:
    """Carries lookups out by calls, and tells the roster who answered."""

    def __init__(self, ctx: Context, roster: Roster) -> None:
        self._ctx = ctx
        self._config = ctx.config.kad
        self._roster = roster
        self._pace = Pace(self._config)
        self._running = 0
        self._queue: list[Search] = []  # A deque takes 760 bytes when it is empty.

    def find(
        self,
        target: DhtKey,
        then: Found,
        *,
        heard: Heard | None = None,
        seeds: Iterable[WireContact] = (),
        way: Way = "one",
    ) -> bool:
        """Look for the peers nearest to `target`; `then` gets the finished lookup, never before this returns.

        heard: ask for the records under `target` as well, and hand over each answer, until it returns True. seeds:
        contacts to start from besides the table's. way: "disjoint" for what matters, "scattered" to try again,
        "scout" to meet peers of a region.
        Returns False, and does nothing, when too many lookups wait already.
        """
        if len(self._queue) >= self._config.lookups_queued:
            self._ctx.counters["kad: lookups refused"] = self._ctx.counters.get("kad: lookups refused", 0) + 1
            return False
        body = FindNode(target) if heard is None else FindValue(target)
        self._queue.append(Search(target, tuple(seeds), then, heard, way, body))
        # A lookup without contacts ends at once; by a timer, the caller is never called back from within its call.
        self._ctx.after(0.0, self._start)
        return True

    def _start(self) -> None:
        while self._queue and self._running < self._config.lookups:
            search = self._queue.pop(0)
            lookup = self._course(search)
            self._running += 1
            self._step(search, lookup)

    def _course(self, search: Search) -> Course:
        ctx, config = self._ctx, self._config
        seeds = (*self._starts(search), *search.seeds)
        if search.way == "one":
            return Lookup(search.target, seeds, me=ctx.me, config=config, pace=self._pace, links=ctx.links)
        paths = calls = None
        if search.way == "scout":
            paths, calls = config.scout_paths, config.scout_path_calls
        return Paths(
            search.target,
            seeds,
            me=ctx.me,
            config=config,
            pace=self._pace,
            links=ctx.links,
            paths=paths,
            calls=calls,
        )

    def _starts(self, search: Search) -> list[WireContact]:
        if search.way != "scattered":
            contacts = self._roster.table.nearest(search.target, self._config.k)
        else:
            known = self._roster.table.contacts()
            contacts = self._ctx.random.sample(known, min(len(known), self._config.k))
        return [contact.wire for contact in contacts]

    def _step(self, search: Search, lookup: Course) -> None:
        """Ask whom the lookup wants asked, until it waits or is done."""
        while True:
            candidates = lookup.advance(self._ctx.now.mono)
            refused = [candidate for candidate in candidates if not self._ask(search, lookup, candidate)]
            for candidate in refused:
                lookup.unreachable(candidate)
            if not refused:
                break
        if lookup.done:
            self._finish(search, lookup)
            return
        deadline = lookup.deadline()
        if search.timer is not None:
            if search.timer.when <= deadline:
                return  # Deadlines move on with each answer; waking early once is cheaper than a timer for each.
            search.timer.cancel()
            search.timer = None
        if deadline != float("inf"):
            search.timer = self._ctx.at(deadline, partial(self._wake, search, lookup))

    def _wake(self, search: Search, lookup: Course) -> None:
        search.timer = None
        self._step(search, lookup)

    def _finish(self, search: Search, lookup: Course) -> None:
        if search.timer is not None:
            search.timer.cancel()
            search.timer = None
        self._running -= 1
        self._roster.touched(search.target)
        search.then(lookup)
        self._start()

    def _ask(self, search: Search, lookup: Course, candidate: Candidate) -> bool:
        """Call a candidate. Returns False if there is no way to reach it."""
        peer = candidate.peer
        ways = self._roster.ways(peer, candidate.addresses)
        if not ways and peer not in self._ctx.links:
            return False
        candidate.addresses = ways or candidate.addresses
        self._roster.call(peer, ways, search.body, partial(self._heard, search, lookup, candidate))
        return True

    def _heard(self, search: Search, lookup: Course, candidate: Candidate, outcome: Outcome) -> None:
        peer = candidate.peer
        wanted = Nodes if search.heard is None else Values
        if isinstance(outcome, Done) and isinstance(outcome.value, wanted):
            answer = outcome.value
            self._roster.saw(peer, candidate.addresses)
            if not lookup.done:
                lookup.answered(peer, answer.contacts, self._ctx.now.mono)
                if search.heard is not None and isinstance(answer, Values) and search.heard(peer, answer):
                    lookup.done = True
                    self._finish(search, lookup)
        else:
            failure = self._failure(peer, outcome, wanted.__name__)
            if failure.kind == "lost" and self._redial(search, lookup, candidate):
                return
            self._roster.failed(peer, failure)
            lookup.failed(peer)
        if not lookup.done:
            self._step(search, lookup)

    def _redial(self, search: Search, lookup: Course, candidate: Candidate) -> bool:
        """A connection has ended under a call. If its peer is not suspected to have died, it has closed what
        nobody seemed to need: ask once more, over a new one. Returns whether it is asked."""
        peer = candidate.peer
        contact = self._roster.table.get(peer)
        if lookup.done or (contact is not None and contact.failures):
            return False
        if not lookup.redial(peer, self._ctx.now.mono):
            return False
        if not self._ask(search, lookup, candidate):
            return False
        self._step(search, lookup)
        return True

    def _failure(self, peer: PeerId, outcome: Outcome, wanted: str) -> Failure:
        if not isinstance(outcome, Done):
            return outcome.failure
        text = f"{type(outcome.value).__name__} where {wanted} belongs"
        self._ctx.refuse("kad: wrong answer", peer, text)
        return Failure("corrupt", text)
