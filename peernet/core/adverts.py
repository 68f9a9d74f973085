"""Adverts: what this peer says it can do now, and what others say of themselves.

An advert is a signed envelope that renews itself well before it expires. Of each author only the newest is kept;
a forged, altered, stale or replayed one changes nothing and is counted. An advert under this peer's own key that
this run did not make, issued after it started, means that two machines share one key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from peernet.core.context import Context, Timer
from peernet.core.effects import Note
from peernet.core.events import MachineMeasured
from peernet.errors import EnvelopeError, ProtocolError
from peernet.identity.envelope import Opened, open_envelope, seal
from peernet.identity.peerid import short_peer_id
from peernet.types import PeerId
from peernet.wire.base import ENVELOPE_LIMIT
from peernet.wire.codec import decode_body, encode_body
from peernet.wire.signed import ADVERT, Advert

Serves = Literal["anyone", "mine"]


@dataclass(frozen=True, slots=True)
class AdvertView:
    """A valid advert of another peer. age: seconds since it was received."""

    peer: PeerId
    advert: Advert
    age: float


@dataclass(frozen=True, slots=True)
class _Cached:
    opened: Opened
    advert: Advert
    received: float
    until: float  # monotonic


@dataclass(slots=True)
class Standing:
    """What the worker says of itself, for the advert. free: slots not spoken for now."""

    slots: int
    serves: Serves
    free: Callable[[], int]
    paused: str = ""


class Adverts:
    """This peer's own advert and a bounded cache of others'.

    Args:
        ctx: the core's context.
        publish: called with this peer's envelope whenever it is to be spread: once the machine has been measured,
            about every third of a lifetime, and soon after something material has changed.
    """

    def __init__(self, ctx: Context, publish: Callable[[bytes], None]) -> None:
        self._ctx = ctx
        self._bounds = ctx.config.work
        self._publish = publish
        self._standing = Standing(0, "mine", lambda: 0)
        self._on_measured: Callable[[], None] = lambda: None
        self._measured: MachineMeasured | None = None
        self._started = 0.0
        self._envelope = b""
        self._told: Advert | None = None
        self._sealed = float("-inf")
        self._sequence = 0
        self._renewal: Timer | None = None
        self._change: Timer | None = None
        self._cache: dict[PeerId, _Cached] = {}
        self._expiry: Timer | None = None
        self._warned = float("-inf")

    def attach(self, slots: int, serves: Serves, free: Callable[[], int], on_measured: Callable[[], None]) -> None:
        """Let the worker say how many slots it has and whom it serves; it hears when the machine is measured."""
        self._standing = Standing(slots, serves, free)
        self._on_measured = on_measured

    def start(self) -> None:
        """Note when this run began: adverts under this key from before are its own."""
        self._started = self._ctx.now.wall

    def machine(self, measured: MachineMeasured) -> None:
        """Take in what this machine can do now. The first measurement publishes the first advert."""
        first = self._measured is None
        self._measured = measured
        if first:
            self._renew()
        else:
            self.changed()
        self._on_measured()

    @property
    def measured(self) -> MachineMeasured | None:
        """What this machine can do, or None before the first measurement."""
        return self._measured

    # --- this peer's own ------------------------------------------------------------------------------------

    def current(self) -> Advert:
        """What the advert says if it is sealed now."""
        machine = self._measured or MachineMeasured(0, 0, 0.0, 0.0, "", "", "")
        standing = self._standing
        return Advert(
            instance=self._ctx.instance,
            cores=machine.cores,
            memory=machine.memory,
            slots=standing.slots,
            free=0 if standing.paused else standing.free(),
            load=machine.load,
            speed=machine.speed,
            python=machine.python,
            platform=machine.platform,
            tier=machine.tier,
            serves=standing.serves,
            paused=standing.paused[:128],
        )

    def own(self) -> bytes:
        """Return this peer's signed advert: the last one, or a new one if that is old or materially wrong.

        Empty until the machine has been measured: there is nothing to say before.
        """
        if self._measured is None:
            return b""
        age = self._ctx.now.mono - self._sealed
        told = self._told
        current = self.current()
        if told is None or age >= self._bounds.advert_lifetime / 2 or told.paused != current.paused:
            return self._seal(current)
        if age >= self._bounds.advert_interval and self._differs(told, current):
            return self._seal(current)
        return self._envelope

    def pause(self, reason: str) -> None:
        """Say why no work is taken now, or with an empty text that it is again. Published at once."""
        if reason != self._standing.paused:
            self._standing.paused = reason
            if self._measured is not None:
                self._renew()

    def changed(self) -> None:
        """Free slots or the load may have changed: publish soon if that is material."""
        if self._measured is None or self._change is not None:
            return
        if self._told is not None and self._differs(self._told, self.current()):
            due = max(self._ctx.now.mono, self._sealed + self._bounds.advert_interval)
            self._change = self._ctx.at(due, self._publish_change)

    def _publish_change(self) -> None:
        self._change = None
        if self._told is not None and self._differs(self._told, self.current()):
            self._renew()

    def _renew(self) -> None:
        """Seal and publish, and plan the next time. Jittered, so that a group started together drifts apart."""
        if self._renewal is not None:
            self._renewal.cancel()
        third = self._bounds.advert_lifetime / 3
        self._renewal = self._ctx.after(third * self._ctx.random.uniform(0.8, 1.0), self._renew)
        self._publish(self._seal(self.current()))

    def _seal(self, advert: Advert) -> bytes:
        ctx = self._ctx
        # The wall clock carries the sequence over a restart without a record in the journal.
        self._sequence = max(self._sequence + 1, int(ctx.now.wall * 1000))
        self._sealed = ctx.now.mono
        self._told = advert
        self._envelope = seal(
            ctx.sign,
            ctx.me,
            ADVERT,
            encode_body(advert),
            sequence=self._sequence,
            issued=ctx.now.wall,
            lifetime=self._bounds.advert_lifetime,
        )
        return self._envelope

    def _differs(self, told: Advert, current: Advert) -> bool:
        """Whether others would decide otherwise if they knew."""
        step = self._bounds.advert_change
        return (
            (told.free == 0) != (current.free == 0)
            or abs(told.free - current.free) >= max(1.0, step * current.slots)
            or abs(told.load - current.load) >= step
            or told.paused != current.paused
            or (told.cores, told.python, told.tier) != (current.cores, current.python, current.tier)
            or abs(told.memory - current.memory) >= step * told.memory
        )

    # --- others' --------------------------------------------------------------------------------------------

    def accept(self, envelope: bytes, source: PeerId) -> Opened | None:
        """Take in another peer's advert, whoever brought it.

        Args:
            envelope: the bytes as they came.
            source: who sent them; the author may be another.

        Returns:
            The opened envelope while it is the newest of its author (also if it was known), else None: it was
            refused and counted, or is this peer's own.
        """
        try:
            opened = open_envelope(
                envelope,
                ADVERT,
                now=self._ctx.now.wall,
                verify=self._ctx.verify,
                max_lifetime=self._bounds.advert_lifetime,
                max_size=ENVELOPE_LIMIT,
            )
            advert = decode_body(Advert, opened.body)
        except EnvelopeError as error:
            self._refuse(error.reason, source, str(error))
            return None
        except ProtocolError as error:
            self._refuse("undecodable", source, str(error))
            return None
        if opened.author == self._ctx.me:
            self._own_key(opened, advert, source)
            return None
        known = self._cache.get(opened.author)
        if known is not None and opened.raw == known.opened.raw:
            return opened
        if known is not None and opened.sequence <= known.opened.sequence:
            kind = "replayed" if opened.sequence < known.opened.sequence else "contradictory"
            self._refuse(kind, source, f"sequence {opened.sequence} of {short_peer_id(opened.author)}")
            return None
        self._keep(opened, advert, new=known is None)
        return opened

    def get(self, peer: PeerId) -> AdvertView | None:
        """Return the newest advert of a peer, or None."""
        cached = self._cache.get(peer)
        return None if cached is None else self._view(cached)

    def known(self) -> list[AdvertView]:
        """Return all valid adverts of others, in the order in which their peers were first heard of."""
        return [self._view(cached) for cached in self._cache.values()]

    def capacity(self) -> int:
        """Return the free slots of all peers known, this one included. One that boasts counts as a large machine,
        or it would keep all others from asking for work."""
        most = self._bounds.worker_pull_crowd
        return self.current().free + sum(min(most, cached.advert.free) for cached in self._cache.values())

    def _view(self, cached: _Cached) -> AdvertView:
        return AdvertView(cached.opened.author, cached.advert, self._ctx.now.mono - cached.received)

    def _refuse(self, kind: str, source: PeerId, text: str) -> None:
        self._ctx.refuse(f"advert: {kind}", source, text)

    def _own_key(self, opened: Opened, advert: Advert, source: PeerId) -> None:
        """An advert under this peer's own key: an echo, one of an earlier run, or a copied key's."""
        now = self._ctx.now
        if advert.instance == self._ctx.instance or opened.issued <= self._started:
            return
        if now.mono - self._warned >= self._bounds.clone_warning:
            self._warned = now.mono
            text = (
                f"another running peer uses this peer's key {short_peer_id(opened.author)} "
                f"(a machine with {advert.cores} cores, {advert.platform or 'unknown platform'}): "
                "give one of the two a PEERNET_HOME with a key of its own"
            )
            self._ctx.note(Note("warning", text, peer=source))

    def _keep(self, opened: Opened, advert: Advert, new: bool) -> None:
        now = self._ctx.now
        until = now.mono + (opened.expires - now.wall)
        self._cache[opened.author] = _Cached(opened, advert, now.mono, until)
        if len(self._cache) > self._bounds.advert_cache:
            del self._cache[min(self._cache, key=lambda peer: self._cache[peer].until)]
        if self._expiry is not None and until < self._expiry.when:
            self._expiry.cancel()
            self._expiry = None
        if self._expiry is None:
            self._expiry = self._ctx.at(until, self._expire)
        if new:
            self._ctx.note(Note("peers", peer=opened.author))

    def _expire(self) -> None:
        """Drop what has expired. One timer for all: it may wake early once an advert was renewed."""
        self._expiry = None
        now = self._ctx.now.mono
        for peer in [peer for peer, cached in self._cache.items() if cached.until <= now]:
            del self._cache[peer]
            self._ctx.note(Note("peers", peer=peer))
        if self._cache:
            self._expiry = self._ctx.at(min(cached.until for cached in self._cache.values()), self._expire)
