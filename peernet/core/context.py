"""What every behaviour of the core is given: identity, randomness, bounds, and the ways to act.

A behaviour acts only through this: `send`, `call`, `ask`, `save`, `note` append effects; `at` and `between` set
timers. Inside one handle all of it is in order, so one seed gives one trace.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING, Literal

import msgspec

from peernet.config import Config
from peernet.core.effects import Call, Effect, Forget, Note, Save, Send
from peernet.core.events import Now, Outcome
from peernet.core.records import Record
from peernet.identity.keys import Signer, Verifier
from peernet.types import Instance, PeerId
from peernet.wire.link import Body

if TYPE_CHECKING:
    from random import Random

NEVER = float("inf")

TIMERS_LEAST = 32
"""Timers below which cancelled ones are not worth looking for."""

Then = Callable[[Outcome], None]


@dataclass(slots=True)
class Timer:
    """A callback due at `when` (monotonic seconds), or from `first` on at leisure. `cancel()` is enough to drop
    it."""

    when: float
    act: Callable[[], None] | None
    first: float = NEVER

    def take(self) -> Callable[[], None] | None:
        """Return what is to be called, once."""
        act, self.act = self.act, None
        return act

    def cancel(self) -> None:
        """Drop the timer. Safe to call twice, and after it has fired."""
        self.act = None


class AddressBook:
    """Where peers may be dialled: unproven hints, bounded, the least recently learned go first.

    Kept in two generations of half the limit each: once the younger is full the older is forgotten. So most of
    what is learned is there already and changes nothing, and no table is larger than what is in it.
    """

    __slots__ = ("_half", "_new", "_old")

    def __init__(self, limit: int) -> None:
        """limit: peers at most, 2 or more."""
        self._half = limit // 2
        self._new: dict[PeerId, tuple[str, ...]] = {}
        self._old: dict[PeerId, tuple[str, ...]] = {}

    def __len__(self) -> int:
        """How many entries there are; a peer whose addresses were learned again may have two."""
        return len(self._new) + len(self._old)

    def learn(self, peer: PeerId, addresses: tuple[str, ...]) -> None:
        """Remember where a peer may be dialled; no addresses teach nothing."""
        if not addresses:
            return
        new = self._new
        if len(new) >= self._half and peer not in new:
            self._old, self._new = new, {peer: addresses}
        else:
            new[peer] = addresses

    def get(self, peer: PeerId) -> tuple[str, ...]:
        """Return the addresses of a peer, or none."""
        addresses = self._new.get(peer)
        return self._old.get(peer, ()) if addresses is None else addresses


class Link(msgspec.Struct, gc=False):
    """A live connection as the core sees it. A struct, as a peer has dozens: half the size of a dataclass.

    addresses: where the peer can be dialled, known by having done so. announced: where it says that it can, at the
    host that it is seen at; behind a NAT that is not true. entry: how far `core.kad.knocking` is with it:
    "placeless" if it came while the routing table had no place for it, until it looks for others; "knocked" once
    it is tried whether it can be dialled.
    """

    instance: Instance
    addresses: tuple[str, ...]
    host: str
    observed: str
    inbound: bool
    rtt: float
    since: float
    announced: tuple[str, ...] = ()
    entry: Literal["", "placeless", "knocked"] = ""


@dataclass(slots=True)
class Context:
    """Everything a behaviour may use. One for each `NodeCore`.

    wake: when a timer may be due; never later than `next_deadline()`, which is exact, and cheaper to ask. ready:
    from when on `run_timers` may find something to do at an event that comes anyway; never later than `wake`.
    """

    me: PeerId
    instance: Instance
    config: Config
    random: Random
    secret: Callable[[int], bytes]
    sign: Signer
    verify: Verifier
    book: AddressBook
    now: Now = field(default_factory=lambda: Now(0.0, 0.0))
    port: int | None = None
    links: dict[PeerId, Link] = field(default_factory=dict)
    mine: dict[PeerId, None] = field(default_factory=dict)
    counters: dict[str, int] = field(default_factory=dict)
    effects: list[Effect] = field(default_factory=list)
    local: list[tuple[Body, Then | None]] = field(default_factory=list)
    wake: float = NEVER
    ready: float = NEVER
    _asked: dict[int, Then] = field(default_factory=dict)
    _ids: Iterator[int] = field(default_factory=lambda: count(1))
    _timers: list[tuple[float, int, Timer]] = field(default_factory=list)
    _timer_numbers: Iterator[int] = field(default_factory=count)
    _timers_limit: int = TIMERS_LEAST
    _leisurely: list[Timer] = field(default_factory=list)
    _leisure: float = NEVER

    def emit(self, effect: Effect) -> None:
        """Want an effect that has no outcome."""
        self.effects.append(effect)

    def ask(self, make: Callable[[int], Effect], then: Then) -> int:
        """Want an effect that has an outcome: `make(id)` builds it, `then` gets its `Done` or `Failed`."""
        number = next(self._ids)
        self._asked[number] = then
        self.effects.append(make(number))
        return number

    def send(self, peer: PeerId, body: Body) -> None:
        """Send a notice. To oneself it is delivered at the end of this handle."""
        if peer == self.me:
            self.local.append((body, None))
        else:
            self.effects.append(Send(peer, self.book.get(peer), body))

    def call(self, peer: PeerId, body: Body, then: Then, timeout: float) -> None:
        """Call a peer; `then` gets the answer's body as the value of `Done`, or `Failed`. Seconds of timeout."""
        if peer == self.me:
            self.local.append((body, then))
        else:
            number = next(self._ids)
            self._asked[number] = then
            self.effects.append(Call(number, peer, self.book.get(peer), body, timeout))

    def settle(self, outcome: Outcome) -> None:
        """Hand an outcome to the one who asked. Unknown ids are of before a restart and are dropped."""
        asked = self._asked
        then = asked.pop(outcome.id, None)
        if not asked:
            asked.clear()  # A dict that was large stays so.
        if then is not None:
            then(outcome)

    def save(self, record: Record) -> None:
        """Keep a record in the journal before anything of this handle leaves."""
        self.effects.append(Save(record))

    def forget(self, space: str, prefix: bytes) -> None:
        """Remove records from the journal."""
        self.effects.append(Forget(space, prefix))

    def note(self, note: Note) -> None:
        """Tell watchers."""
        self.effects.append(note)

    def refuse(self, kind: str, peer: PeerId | None, text: str) -> None:
        """Count bytes of a peer that were refused, and tell watchers. kind: e.g. "advert: bad signature"."""
        self.counters[kind] = self.counters.get(kind, 0) + 1
        self.effects.append(Note("refused", f"{kind}: {text}" if text else kind, peer=peer))

    def at(self, when: float, act: Callable[[], None]) -> Timer:
        """Call `act` once when the monotonic clock reaches `when`."""
        timer = Timer(when, act)
        if when < self.wake:
            self.wake = when
            if when < self.ready:
                self.ready = when
        if len(self._timers) >= self._timers_limit:
            self._drop_cancelled()
        heapq.heappush(self._timers, (when, next(self._timer_numbers), timer))
        return timer

    def after(self, seconds: float, act: Callable[[], None]) -> Timer:
        """Call `act` once, `seconds` from now."""
        return self.at(self.now.mono + seconds, act)

    def between(self, first: float, last: float, act: Callable[[], None]) -> Timer:
        """Call `act` once when the monotonic clock is between two times: with the first event of that span, or at
        its end if none comes. For housekeeping, which so hardly ever wakes a peer by itself."""
        timer = self.at(last, act)
        timer.first = first
        self._leisurely.append(timer)
        if first < self._leisure:
            self._leisure = first
            self.ready = min(self.ready, first)
        return timer

    def next_deadline(self) -> float:
        """Return when the next timer is due (monotonic seconds), or infinity."""
        timers = self._timers
        while timers and timers[0][2].act is None:
            heapq.heappop(timers)
        self.wake = timers[0][0] if timers else NEVER
        return self.wake

    def _drop_cancelled(self) -> None:
        """Cancelled timers stay where they are until they are half of all: most timers of a busy peer are timeouts
        that never come, and would hold their memory until they are due."""
        self._timers = [entry for entry in self._timers if entry[2].act is not None]
        heapq.heapify(self._timers)
        self._leisurely = [timer for timer in self._leisurely if timer.act is not None]
        self._timers_limit = max(TIMERS_LEAST, 2 * len(self._timers))

    def run_timers(self) -> None:
        """Run every timer that is due, in order of time and of setting; then those that are at leisure, if their
        span has begun."""
        while self._timers and self._timers[0][0] <= self.now.mono:
            act = heapq.heappop(self._timers)[2].take()
            if act is not None:
                act()
        if self._leisure <= self.now.mono:
            self._run_leisurely()
        self.ready = min(self.next_deadline(), self._leisure)

    def _run_leisurely(self) -> None:
        """Run those whose span has begun, in the order of their setting."""
        now = self.now.mono
        waiting = [timer for timer in self._leisurely if timer.act is not None]
        self._leisurely = [timer for timer in waiting if timer.first > now]
        for timer in waiting:
            if timer.first <= now and (act := timer.take()) is not None:
                act()
        self._leisure = min([timer.first for timer in self._leisurely], default=NEVER)
