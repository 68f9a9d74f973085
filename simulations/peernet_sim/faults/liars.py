"""Peers that cheat at work: liars on their own, liars that agree, sleepers, and lazy ones."""

from __future__ import annotations

import zlib
from typing import Any

from peernet.core.events import Done, Failed, Failure
from peernet.core.work.owner.intake import UNWANTED
from peernet.errors import CannotEncodeError
from peernet.results import encode
from peernet.wire.work import PullRefused, Taken
from peernet_sim.faults.hostile import Honest
from peernet_sim.model import World

AWAY = 5.0
"""Seconds that a liar takes to come back as somebody else."""

LIES = 3
"""Batches of lies that are taken in one of its lives: two strikes ban, and one more may be on its way."""


def wrong(value: object, salt: int) -> object:
    """Return a value of the same type that is wrong, and the same for the same salt (above 0).

    The type is kept so that the lie passes every check but a comparison, and so that `reduce` takes it. What has
    no wrong value of its type (None, an empty dictionary) becomes the salt.
    """
    match value:
        case bool():
            return not value
        case int():
            return value + salt
        case float():
            changed = value + salt
            return changed if changed not in (value, float("inf")) and value == value else float(salt)
        case str():
            return value + "?" * (1 + salt % 7) + str(salt)
        case bytes():
            return value + salt.to_bytes(8, "big")
        case list() | tuple() if value:
            return type(value)([wrong(value[0], salt), *value[1:]])
        case list() | tuple():
            return type(value)([salt])
        case dict() if value:
            first = next(iter(value))
            return {**value, first: wrong(value[first], salt)}
        case _:
            return salt


class Liar(Honest):
    """Returns wrong results for a share of its slices.

    Args:
        rate: share of the slices that it lies about.
        colluding: number of a group whose members tell the same lie about the same slices, or None for a liar on
            its own, whose lies are like nobody else's (as far as the type of the result allows).
        honest_for: slices that it computes well first; a sleeper earns trust before it lies.
        falsified: results of a slice that it falsifies, next to each other; None for all of them.
    """

    def __init__(
        self,
        rate: float = 1.0,
        colluding: int | None = None,
        honest_for: int = 0,
        falsified: int | None = None,
    ) -> None:
        self._rate = rate
        self._falsified = falsified
        self._colluding = colluding
        self._honest = honest_for
        kind = "liar" if colluding is None else "colluding liar"
        self.name = f"sleeping {kind}" if honest_for else kind

    def compute(self, index: int, values: list[Any], world: World) -> list[Any] | None:
        """Report a lie."""
        if self._honest > 0:
            self._honest -= 1
            return values
        if self._colluding is None:
            lies = self._rate >= 1.0 or world.rng.random() < self._rate
            salt = 1 + index
        else:
            lies = self._rate >= 1.0 or _draw(values, self._colluding) < self._rate
            salt = 1_000_003 + self._colluding
        if not lies:
            return values
        falsified = len(values) if self._falsified is None else min(self._falsified, len(values))
        chosen = {(salt + step) % len(values) for step in range(falsified)}
        return [wrong(value, salt) if place in chosen else value for place, value in enumerate(values)]


class Rejoining(Liar):
    """A colluding liar that comes back under a fresh key, as somebody nobody knows: when it is told that it is
    banned, and after a few lies in any case, as nobody is told in time.

    lies: how many batches of them; None to wait until it is told.
    """

    def __init__(self, group: int = 0, lies: int | None = LIES) -> None:
        super().__init__(1.0, group)
        self.name = "rejoining liar"
        self._lies = lies
        self._taken = 0

    def incoming(self, index: int, event: Any, world: World) -> list[Any]:
        """Begin a new life when the old one is worth nothing any more."""
        answer = event.value if isinstance(event, Done) else None
        self._taken += isinstance(answer, Taken)
        if _told(event) or (self._lies is not None and self._taken >= self._lies):
            self._taken = 0
            world.after(0.0, lambda: world.crash(index))
            world.after(AWAY, lambda: world.restart(index, with_state=False))
        return [event]


def _told(event: object) -> bool:
    """Whether an owner's answer says that this peer is banned: to a pull, or to results."""
    match event:
        case Done(value=PullRefused(why="banned")):
            return True
        case Failed(failure=Failure(kind="refused", message=message)):
            return message == UNWANTED
    return False


class Lazy(Honest):
    """Claims work and does nothing: it holds its leases until they are late."""

    name = "lazy"

    def compute(self, index: int, values: list[Any], world: World) -> list[Any] | None:
        """Report nothing."""
        return None


def _draw(values: list[Any], salt: int) -> float:
    """Return a number in [0, 1) that all members of a group get for the same slice."""
    try:
        data = encode(values)
    except CannotEncodeError:
        return 0.0
    return zlib.crc32(data, salt & 0xFFFFFFFF) / 2**32
