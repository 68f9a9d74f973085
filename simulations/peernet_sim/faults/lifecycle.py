"""Happenings in the lives of peers: crashes, restarts, freezes, slowness, churn, skewed clocks, full disks."""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from peernet_sim.faults.selection import ordered
from peernet_sim.model import Happening, World


def crash(members: Iterable[int], at: float, restart_after: float | None, with_state: bool) -> list[Happening]:
    """All of them end at once, and come back `restart_after` seconds later, or never if that is None."""
    happenings = [Happening(at, f"crash {index}", partial(_crash, index)) for index in ordered(members)]
    if restart_after is not None:
        back = at + restart_after
        for index in ordered(members):
            happenings.append(Happening(back, f"restart {index}", partial(_restart, index, with_state)))
    return happenings


def freeze(members: Iterable[int], at: float, seconds: float) -> list[Happening]:
    """All of them stop answering for so long; their connections stay."""
    return [Happening(at, f"freeze {index}", partial(_freeze, index, seconds)) for index in ordered(members)]


def slow(members: Iterable[int], at: float, factor: float, seconds: float | None) -> list[Happening]:
    """Their slices take `factor` times as long, for `seconds` or from then on."""
    happenings = [Happening(at, f"slow {index}", partial(_slow, index, factor)) for index in ordered(members)]
    if seconds is not None:
        for index in ordered(members):
            happenings.append(Happening(at + seconds, f"quick {index}", partial(_slow, index, 1.0)))
    return happenings


def skew(members: Iterable[int], at: float, seconds: float, spread: float, rng: random.Random) -> list[Happening]:
    """Their wall clocks are off by `seconds`, and by up to `spread` either way on top."""
    happenings = []
    for index in ordered(members):
        off = seconds + rng.uniform(-spread, spread)
        happenings.append(Happening(at, f"skew {index}", partial(_skew, index, off)))
    return happenings


def full_disk(members: Iterable[int], at: float, seconds: float | None) -> list[Happening]:
    """Their journals refuse writes, for `seconds` or for good."""
    happenings = [Happening(at, f"disk full {index}", partial(_fill, index, True)) for index in ordered(members)]
    if seconds is not None:
        for index in ordered(members):
            happenings.append(Happening(at + seconds, f"disk free {index}", partial(_fill, index, False)))
    return happenings


class Sessions(Protocol):
    """How long peers stay, or stay away."""

    def draw(self, rng: random.Random) -> float:
        """Draw seconds."""
        ...


@dataclass(frozen=True, slots=True)
class Exponential:
    """Leaving is as likely at any time. mean: seconds."""

    mean: float

    def draw(self, rng: random.Random) -> float:
        """Draw seconds."""
        return rng.expovariate(1.0) * self.mean


@dataclass(frozen=True, slots=True)
class Weibull:
    """With a shape below 1 most sessions are short and some are very long, as Stutzbach and Rejaie found in three
    deployed networks ("Understanding churn in peer-to-peer networks", IMC 2006). mean: seconds."""

    mean: float
    shape: float

    def draw(self, rng: random.Random) -> float:
        """Draw seconds."""
        return rng.weibullvariate(self.mean / math.gamma(1 + 1 / self.shape), self.shape)


def mean_session(percent_per_minute: float) -> float:
    """Return the mean session (seconds) at which so many per cent of the peers leave each minute."""
    return 60.0 * 100.0 / percent_per_minute


@dataclass(slots=True)
class Churn:
    """Peers leave without a word and come back, each on its own, again and again until `until`.

    One plan for a whole set: each peer's next step is scheduled when the one before has happened, so a hundred
    thousand peers cost no list of a million happenings. away: how long they stay away; with_state: whether they
    come back with their journal and key or as new peers.
    """

    members: tuple[int, ...]
    since: float
    until: float
    sessions: Sessions
    away: Sessions
    with_state: bool
    rng: random.Random

    def happening(self) -> Happening:
        """Return what starts it."""
        return Happening(self.since, "churn", self.start)

    def start(self, world: World) -> None:
        """Plan each peer's first departure."""
        for index in self.members:
            self._after(world, self.sessions.draw(self.rng), partial(self._leave, world, index))

    def _leave(self, world: World, index: int) -> None:
        world.crash(index)
        # Who left comes back even after the end, else the network would go on short of peers.
        world.after(self.away.draw(self.rng), partial(self._return, world, index))

    def _return(self, world: World, index: int) -> None:
        world.restart(index, with_state=self.with_state)
        self._after(world, self.sessions.draw(self.rng), partial(self._leave, world, index))

    def _after(self, world: World, seconds: float, act: partial[None]) -> None:
        if world.now + seconds < self.until:
            world.after(seconds, act)


def _crash(index: int, world: World) -> None:
    world.crash(index)


def _restart(index: int, with_state: bool, world: World) -> None:
    world.restart(index, with_state=with_state)


def _freeze(index: int, seconds: float, world: World) -> None:
    world.freeze(index, seconds)


def _slow(index: int, factor: float, world: World) -> None:
    world.slow(index, factor)


def _skew(index: int, seconds: float, world: World) -> None:
    world.skew(index, seconds)


def _fill(index: int, full: bool, world: World) -> None:
    world.fill_disk(index, full)
