"""How this peer comes into the network, and comes back by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from peernet.core.context import Context
from peernet.core.effects import Dial
from peernet.core.events import Done, Failure, Outcome
from peernet.core.kad.bucket import Bucket
from peernet.core.kad.contact import place
from peernet.core.kad.finder import Course, Finder
from peernet.core.kad.roster import Roster
from peernet.core.records import ContactRecord
from peernet.errors import AddressError
from peernet.identity.multiaddr import Multiaddr
from peernet.wire.kad import WireContact

Joined = Callable[[Failure | None], None]


@dataclass(slots=True)
class Joining:
    """One join under way. open: dials without an outcome. inside: one has succeeded. entered: the search for the
    own neighbourhood has begun."""

    then: Joined
    open: int
    inside: bool = False
    entered: bool = False
    failures: list[tuple[str, Failure]] = field(default_factory=list)


class Membership:
    """Joins through addresses, rejoins through cached contacts, and refreshes buckets."""

    def __init__(self, ctx: Context, roster: Roster, finder: Finder, arrived: Callable[[], None]) -> None:
        """arrived: called when this peer has come to a network, new or again."""
        self._ctx = ctx
        self._config = ctx.config.kad
        self._roster = roster
        self._finder = finder
        self._arrived = arrived
        self._cached: list[WireContact] = []
        self._doors: dict[str, None] = {}
        self._tries = 0
        self._next_try = 0.0
        self._rejoining = False

    def restore(self, contacts: Iterable[ContactRecord]) -> None:
        """Take the contacts of the journal."""
        self._cached = self._roster.restore(contacts)

    def join(self, addresses: Iterable[str], then: Joined) -> None:
        """As `Kad.join`."""
        wanted = list(dict.fromkeys(addresses))
        problem = self._problem(wanted)
        if problem is not None:
            then(problem)
            return
        joining = Joining(then, open=len(wanted))
        for address in wanted:
            self._dial(joining, address)

    def rejoin(self) -> None:
        """As `Kad.rejoin`: look for the own neighbourhood, from the table and the cached contacts."""
        if self._rejoining or not (self._cached or len(self._roster.table) or self._doors):
            return
        self._rejoining = True
        self._tries += 1
        wait = min(
            self._config.rejoin_first_seconds * 2 ** min(self._tries, 32) / 2,
            self._config.rejoin_most_seconds,
        )
        self._next_try = self._ctx.now.mono + wait * self._ctx.random.uniform(0.75, 1.25)
        doors = Joining(_unasked, open=len(self._doors))
        for address in list(self._doors):
            self._dial(doors, address)
        # Others each time, lest the next try dials the same dead ones again.
        seeds = self._ctx.random.sample(self._cached, min(len(self._cached), self._config.shortlist // 2))
        if not self._finder.find(place(self._ctx.me)[0], self._rejoined, seeds=seeds, way="disjoint"):
            self._rejoining = False

    def retry(self) -> None:
        """Rejoin if no connection stands and the wait since the last try is over. Called by each tick."""
        if self._ctx.links:
            self._tries = 0
        elif self._ctx.now.mono >= self._next_try:
            self.rejoin()

    def refresh_due(self) -> None:
        """Look for a random id in some of the buckets that no lookup has touched for long."""
        table, me = self._roster.table, place(self._ctx.me)
        for bucket in table.lonely_buckets(self._ctx.now.mono)[: self._config.refreshes]:
            if not len(table):
                return
            if bucket is table.bucket_for(me[1]):
                # The peers nearest to this one are to be known all.
                self._finder.find(me[0], _settled, way="disjoint")
            else:
                self._scout(bucket)
            bucket.touch_last_updated(self._roster.next_refresh())

    def _scout(self, bucket: Bucket) -> None:
        """Meet some peers of a far bucket: all of its k nearest to some place are not needed for the way there."""
        target = bucket.random_id(self._ctx.random)
        self._finder.find(target, _settled, way="scout")

    def _problem(self, addresses: list[str]) -> Failure | None:
        """What is wrong with the wish itself."""
        if not 1 <= len(addresses) <= self._config.join_addresses:
            return Failure(
                "usage", f"join through 1 to {self._config.join_addresses} addresses, not {len(addresses)}"
            )
        for text in addresses:
            try:
                Multiaddr.parse(text)
            except AddressError as error:
                return Failure("usage", str(error))
        return None

    def _dial(self, joining: Joining, address: str) -> None:
        self._ctx.ask(
            lambda number: Dial(number, address), lambda outcome: self._dialled(joining, address, outcome)
        )

    def _dialled(self, joining: Joining, address: str, outcome: Outcome) -> None:
        joining.open -= 1
        if not isinstance(outcome, Done):
            joining.failures.append((address, outcome.failure))
        elif outcome.value == self._ctx.me:
            joining.failures.append((address, Failure("unreachable", "it is this peer's own address")))
        else:
            self._keep_door(address)
            if not joining.inside:
                joining.inside = True
                # Others may follow at once: to begin at one door only is to trust whoever opens it.
                self._ctx.after(self._config.join_gather_seconds, lambda: self._enter(joining))
        if not joining.open:
            if joining.inside:
                self._enter(joining)
            else:
                joining.then(_summary(joining.failures))

    def _keep_door(self, address: str) -> None:
        """Remember an address that led into the network, for the time when no contact is left."""
        self._doors.pop(address, None)
        self._doors[address] = None
        if len(self._doors) > self._config.join_addresses:
            del self._doors[next(iter(self._doors))]

    def _enter(self, joining: Joining) -> None:
        """Some dials succeeded: make this peer known to its neighbourhood."""
        if joining.entered:
            return
        joining.entered = True

        def found(lookup: Course) -> None:
            self._come_in()
            joining.then(None)

        if not self._finder.find(place(self._ctx.me)[0], found, way="disjoint"):
            joining.then(None)

    def _rejoined(self, lookup: Course) -> None:
        self._rejoining = False
        if lookup.nearest():
            self._come_in()

    def _come_in(self) -> None:
        """The own neighbourhood is known: meet peers of the buckets that are still empty or nearly so. As others
        come in, they fill all of them."""
        table = self._roster.table
        own = table.bucket_for(place(self._ctx.me)[1])
        for bucket in table.buckets:
            if bucket is not own and bucket.healthy() < self._config.bucket_enough:
                self._scout(bucket)
            bucket.touch_last_updated(self._roster.next_refresh())
        self._arrived()


def _summary(failures: list[tuple[str, Failure]]) -> Failure:
    """One line that names each address and what came of it."""
    wrong = any(failure.kind == "wrong-peer" for _, failure in failures)
    told = "; ".join(f"{address}: {failure.message}" for address, failure in failures)
    return Failure("wrong-peer" if wrong else "unreachable", f"no peer could be reached: {told}")


def _unasked(failure: Failure | None) -> None:
    """The end of a rejoin, which nobody has asked for: a failed one is tried again by a tick."""


def _settled(lookup: Course) -> None:
    """A refresh: the roster has learned from its answers."""
