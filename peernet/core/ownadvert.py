"""What this peer says of itself: its advert, an envelope that renews itself well before it expires.

It is told to neighbours when it is renewed and when something material has changed, and published for those far
away.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from peernet.core.context import Context, Timer
from peernet.core.events import MachineMeasured
from peernet.core.sealing import Sealer
from peernet.core.work.needs import Caps
from peernet.wire.base import MAX_SHORT_TEXT
from peernet.wire.signed import ADVERT, Advert

Serves = Literal["anyone", "mine"]


@dataclass(slots=True)
class Standing:
    """What the worker says of itself, for the advert. free: slots not spoken for now. caps: what it lends to a
    stranger's slice now."""

    slots: int
    serves: Serves
    free: Callable[[], int]
    caps: Callable[[], Caps] = Caps
    paused: str = ""


class OwnAdvert:
    """This peer's advert, from the first measurement of the machine on.

    Args:
        ctx: the core's context.
        publish: called with this peer's envelope for the DHT, once the machine has been measured and again well
            before it expires: for those far away, what this machine is, not how busy it is now.
    """

    def __init__(self, ctx: Context, publish: Callable[[bytes], None]) -> None:
        self._ctx = ctx
        self._bounds = ctx.config.work
        self._publish = publish
        self._tell: Callable[[bytes], None] = lambda envelope: None
        self._standing = Standing(0, "mine", lambda: 0)
        self._on_measured: Callable[[], None] = lambda: None
        self._measured: MachineMeasured | None = None
        self._started = 0.0
        self._envelope = b""
        self._told: Advert | None = None
        self._sealed = float("-inf")
        self._sealer = Sealer(ctx)
        self._renewal: Timer | None = None
        self._publication: Timer | None = None
        self._change: Timer | None = None

    def attach(
        self,
        slots: int,
        serves: Serves,
        free: Callable[[], int],
        on_measured: Callable[[], None],
        caps: Callable[[], Caps] = Caps,
    ) -> None:
        """Let the worker say how many slots it has, whom it serves and what it lends to a slice; it hears when the
        machine is measured."""
        self._standing = Standing(slots, serves, free, caps)
        self._on_measured = on_measured

    def tell_by(self, tell: Callable[[bytes], None]) -> None:
        """Let the neighbours be told by this: of every renewal, and soon after something material has changed."""
        self._tell = tell

    def start(self) -> None:
        """Note when this run began: adverts under this key from before are its own."""
        self._started = self._ctx.now.wall

    def machine(self, measured: MachineMeasured) -> None:
        """Take in what this machine can do now. The first measurement publishes the first advert."""
        first = self._measured is None
        self._measured = measured
        if first:
            self._renew()
            self._publish_again()
        elif self._told is not None and self._change is None:
            self._tell_later(self._told)
        self._on_measured()

    @property
    def measured(self) -> MachineMeasured | None:
        """What this machine can do, or None before the first measurement."""
        return self._measured

    def current(self) -> Advert:
        """What the advert says if it is sealed now."""
        machine = self._measured or MachineMeasured(0, 0, 0.0, 0.0, "", "", "")
        standing = self._standing
        caps = standing.caps()
        return Advert(
            instance=self._ctx.instance,
            cores=machine.cores,
            memory=machine.memory,
            slots=standing.slots,
            free=self._free(),
            load=machine.load,
            speed=machine.speed,
            python=machine.python,
            platform=machine.platform,
            tier=machine.tier,
            serves=standing.serves,
            paused=standing.paused[:MAX_SHORT_TEXT],
            packages=machine.packages,
            slice_memory=caps.memory,
            slice_seconds=caps.seconds,
            slice_scratch=caps.scratch,
            builds=self._ctx.config.lend.build,
            numeric=machine.numeric,
        )

    def _free(self) -> int:
        return 0 if self._standing.paused else self._standing.free()

    def own(self) -> bytes:
        """Return this peer's signed advert: the last one, or a new one if that is old or what others decide by is
        wrong. It is the one that the neighbours have: a new one is told to them as well.

        Empty until the machine has been measured: there is nothing to say before.
        """
        if self._measured is None or self._told is None:
            return b""
        age = self._ctx.now.mono - self._sealed
        if age >= self._bounds.advert_interval and self._unfit(self._told, self.current()):
            self._tell(self._seal(self.current()))
        return self._envelope

    def pause(self, reason: str) -> None:
        """Say why no work is taken now, or with an empty text that it is again. Told and published at once."""
        if reason != self._standing.paused:
            self._standing.paused = reason
            if self._measured is not None:
                self._renew()
                self._publish_again()

    def changed(self) -> None:
        """Free slots may have changed: tell the neighbours if that is material, and still is after the interval.

        Short slices free and fill slots all the time, and a job does so to hundreds of peers at once.
        """
        told = self._told
        if told is not None and self._change is None and told.free != self._free():
            self._tell_later(told)

    def _tell_later(self, told: Advert) -> None:
        if self._differs(told, self.current()):
            pause = self._bounds.advert_interval * self._ctx.random.uniform(0.75, 1.0)
            self._change = self._ctx.after(pause, self._tell_change)

    def _tell_change(self) -> None:
        self._change = None
        if self._told is not None and self._differs(self._told, self.current()):
            self._tell(self._seal(self.current()))

    def _renew(self) -> None:
        """Seal and tell, and plan the next time. Jittered, so that a group started together drifts apart."""
        if self._renewal is not None:
            self._renewal.cancel()
        pause = self._bounds.advert_lifetime * self._bounds.advert_renewal
        first = self._ctx.now.mono + pause * self._ctx.random.uniform(0.8, 0.95)
        self._renewal = self._ctx.between(first, first + 0.05 * pause, self._renew)
        self._tell(self._seal(self.current()))

    def _publish_again(self) -> None:
        """Seal one for the DHT, which lives longer, and plan the next time."""
        if self._publication is not None:
            self._publication.cancel()
        lifetime = self._bounds.advert_published_lifetime
        pause = lifetime * self._bounds.advert_published_renewal * self._ctx.random.uniform(0.8, 1.0)
        self._publication = self._ctx.after(pause, self._publish_again)
        self._publish(self._sealer.seal(ADVERT, self.current(), lifetime))

    def _seal(self, advert: Advert) -> bytes:
        self._sealed = self._ctx.now.mono
        self._told = advert
        self._envelope = self._sealer.seal(ADVERT, advert, self._bounds.advert_lifetime)
        return self._envelope

    def _differs(self, told: Advert, current: Advert) -> bool:
        """Whether others would decide otherwise if they knew. The load is for people, who get it with the next
        renewal."""
        return (
            (told.free == 0) != (current.free == 0)
            or abs(told.free - current.free) >= max(1.0, self._bounds.advert_change * current.slots)
            or told.paused != current.paused
            or self._unfit(told, current)
        )

    def _unfit(self, told: Advert, current: Advert) -> bool:
        """Whether an owner would judge by the one what the other does not bear out."""
        if (told.cores, told.python, told.tier, told.packages, told.numeric) != (
            current.cores,
            current.python,
            current.tier,
            current.packages,
            current.numeric,
        ):
            return True
        return abs(told.memory - current.memory) >= self._bounds.advert_change * told.memory
