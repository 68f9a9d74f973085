"""Faults of the network: rules that judge each message. They compose: copies multiply, delays add.

Each has a window of virtual time and a set of peers; outside of them it passes everything and draws nothing, so
adding a rule leaves what happens outside of it alone.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from peernet_sim.model import PASS, Parcel, Rule, Verdict

DROP = Verdict(0, 0.0)

Ends = Literal["from", "to", "either", "both"]
"""Which end of a message must be in the set: its source, its target, one of them, or both."""


@dataclass(frozen=True, slots=True)
class Scope:
    """When and for whom a rule holds. since, until: virtual seconds, the end not included; members: None for
    all."""

    since: float = 0.0
    until: float = float("inf")
    members: frozenset[int] | None = None
    ends: Ends = "either"

    def covers(self, parcel: Parcel) -> bool:
        """Whether the rule holds for a message."""
        if not self.since <= parcel.now < self.until:
            return False
        members = self.members
        if members is None:
            return True
        match self.ends:
            case "either":
                return parcel.source in members or parcel.target in members
            case "from":
                return parcel.source in members
            case "to":
                return parcel.target in members
            case "both":
                return parcel.source in members and parcel.target in members


def judge_all(rules: Iterable[Rule], parcel: Parcel, rng: random.Random) -> Verdict:
    """Return what all rules together do to a message. Once one has dropped it the others are not asked."""
    copies, delay = 1, 0.0
    for rule in rules:
        verdict = rule.judge(parcel, rng)
        copies *= verdict.copies
        if copies == 0:
            return DROP
        delay += verdict.delay
    return Verdict(copies, delay)


@dataclass(frozen=True, slots=True)
class Loss:
    """Messages get lost. retransmit: seconds after which TCP sends again; 0 if they are lost for good.

    peernet speaks TCP, whose losses show as delay: with `retransmit` each loss costs a timeout that doubles, as
    RFC 6298 says. Without, the message is gone, which is what a broken box in between or a test of the protocol
    wants.
    """

    scope: Scope
    rate: float
    retransmit: float = 0.0
    name: str = "loss"

    @property
    def window(self) -> tuple[float, float]:
        """See `model.Rule`."""
        return self.scope.since, self.scope.until

    def judge(self, parcel: Parcel, rng: random.Random) -> Verdict:
        """Drop the message, or hold it until it has got through."""
        if not self.scope.covers(parcel) or rng.random() >= self.rate:
            return PASS
        if not self.retransmit:
            return DROP
        waited, timeout = self.retransmit, self.retransmit
        while rng.random() < self.rate and waited < 60.0:
            timeout *= 2
            waited += timeout
        return Verdict(1, waited)


@dataclass(frozen=True, slots=True)
class Delay:
    """Messages take longer. seconds: on top of the way."""

    scope: Scope
    seconds: float
    name: str = "delay"

    @property
    def window(self) -> tuple[float, float]:
        """See `model.Rule`."""
        return self.scope.since, self.scope.until

    def judge(self, parcel: Parcel, rng: random.Random) -> Verdict:
        """Hold the message."""
        return Verdict(1, self.seconds) if self.scope.covers(parcel) else PASS


@dataclass(frozen=True, slots=True)
class Jitter:
    """Messages take longer by chance. mean: seconds, exponentially distributed."""

    scope: Scope
    mean: float
    name: str = "jitter"

    @property
    def window(self) -> tuple[float, float]:
        """See `model.Rule`."""
        return self.scope.since, self.scope.until

    def judge(self, parcel: Parcel, rng: random.Random) -> Verdict:
        """Hold the message for a while."""
        return Verdict(1, rng.expovariate(1.0) * self.mean) if self.scope.covers(parcel) else PASS


@dataclass(frozen=True, slots=True)
class Duplicate:
    """Messages arrive twice."""

    scope: Scope
    rate: float
    name: str = "duplicate"

    @property
    def window(self) -> tuple[float, float]:
        """See `model.Rule`."""
        return self.scope.since, self.scope.until

    def judge(self, parcel: Parcel, rng: random.Random) -> Verdict:
        """Copy the message."""
        return Verdict(2, 0.0) if self.scope.covers(parcel) and rng.random() < self.rate else PASS


@dataclass(frozen=True, slots=True)
class Reorder:
    """Messages overtake each other: some are held for up to `seconds`, those behind them are not."""

    scope: Scope
    rate: float
    seconds: float
    name: str = "reorder"

    @property
    def window(self) -> tuple[float, float]:
        """See `model.Rule`."""
        return self.scope.since, self.scope.until

    def judge(self, parcel: Parcel, rng: random.Random) -> Verdict:
        """Hold some messages."""
        if not self.scope.covers(parcel) or rng.random() >= self.rate:
            return PASS
        return Verdict(1, rng.random() * self.seconds)


@dataclass(frozen=True, slots=True)
class Partition:
    """Nothing passes from one side to the other, nor back unless `one_way`. It heals at the end of its window."""

    since: float
    until: float
    side: frozenset[int]
    other: frozenset[int]
    one_way: bool = False
    name: str = "partition"

    @property
    def window(self) -> tuple[float, float]:
        """See `model.Rule`."""
        return self.since, self.until

    def judge(self, parcel: Parcel, rng: random.Random) -> Verdict:
        """Drop what would cross."""
        if not self.since <= parcel.now < self.until:
            return PASS
        if parcel.source in self.side and parcel.target in self.other:
            return DROP
        if not self.one_way and parcel.source in self.other and parcel.target in self.side:
            return DROP
        return PASS
