"""Access links: what lies between a peer and the network, by kind of connection, and which NAT it is behind.

Sources of the defaults: rates of home and mobile are the worldwide means of Ookla's Speedtest Global Index of
September 2020 (fixed 85.7/45.7 Mbit/s, mobile 36.0/11.2 Mbit/s); latencies are its worldwide medians of
November 2022 (fixed 10 ms, mobile 28 ms round trip to a near server), of which one way is half. They are
rounded. Jitter, the rates of an office and all shares of NAT classes are assumptions: no published figure
counts peers of a group. NAT here is what TCP sees without hole punching: "restricted" lets in those that were
dialled before, "closed" nobody.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, replace
from typing import get_args

from peernet_sim.model import Nat
from peernet_sim.schema import Table

MBIT = 1e6 / 8
"""Bytes a second of one Mbit/s."""


@dataclass(frozen=True, slots=True)
class AccessClass:
    """A kind of access link. up, down: bytes a second; delay: seconds one way on top of the topology's; jitter:
    mean of the exponential that is added to each message; nats: shares of NAT classes, which add to 1."""

    name: str
    up: float
    down: float
    delay: float
    jitter: float
    nats: tuple[tuple[Nat, float], ...]

    def draw_nat(self, rng: random.Random) -> Nat:
        """Draw the NAT class of a peer with such a link."""
        at = rng.random()
        for nat, share in self.nats:
            at -= share
            if at < 0:
                return nat
        return self.nats[-1][0]


CLASSES: tuple[AccessClass, ...] = (
    AccessClass("office", 500 * MBIT, 500 * MBIT, 0.001, 0.0002, (("open", 1.0),)),
    AccessClass(
        "home", 45.7 * MBIT, 85.7 * MBIT, 0.005, 0.001, (("open", 0.4), ("restricted", 0.5), ("closed", 0.1))
    ),
    AccessClass("mobile", 11.2 * MBIT, 36.0 * MBIT, 0.014, 0.010, (("restricted", 0.3), ("closed", 0.7))),
)


@dataclass(frozen=True, slots=True)
class Access:
    """The access links of a scenario: classes with their shares of the peers."""

    shares: tuple[tuple[AccessClass, float], ...] = ((CLASSES[0], 1.0),)

    def draw(self, rng: random.Random) -> AccessClass:
        """Draw the class of a peer."""
        at = rng.random()
        for kind, share in self.shares:
            at -= share
            if at < 0:
                return kind
        return self.shares[-1][0]

    def of(self, name: str) -> AccessClass:
        """Return the class of that name."""
        return next(kind for kind, _ in self.shares if kind.name == name)


def read_access(table: Table) -> Access:
    """Read `[access]`: shares of home, office and mobile that add to 1, and changes to a class in a table of
    its own.

    `home = 0.6` or `home = { share = 0.6, up = 20, down = 100, delay = 0.01, jitter = 0.002, open = 0.5,
    restricted = 0.5, closed = 0.0 }`; rates are in Mbit/s, times in seconds. Without the table all peers are in
    offices.
    """
    shares: list[tuple[AccessClass, float]] = []
    for kind in CLASSES:
        if not table.has(kind.name):
            continue
        if isinstance(table.values[kind.name], dict):
            inner = table.table(kind.name)
            shares.append((_read_class(inner, kind), inner.share("share", 1.0)))
            inner.done()
        else:
            shares.append((kind, table.share(kind.name)))
    table.done()
    if not shares:
        return Access()
    total = sum(share for _, share in shares)
    if abs(total - 1.0) > 1e-6:
        names = ", ".join(kind.name for kind, _ in shares)
        table.source.wrong(table.path, f"the shares of access ({names}) add to {total:g}; they must add to 1")
    return Access(tuple(shares))


def _read_class(table: Table, kind: AccessClass) -> AccessClass:
    nats = kind.nats
    if any(table.has(nat) for nat in get_args(Nat)):
        nats = tuple((nat, table.share(nat, 0.0)) for nat in get_args(Nat))
        total = sum(share for _, share in nats)
        if abs(total - 1.0) > 1e-6:
            table.source.wrong(table.path, f"open, restricted and closed add to {total:g}; they must add to 1")
    return replace(
        kind,
        up=table.number("up", kind.up / MBIT, least=0.01) * MBIT,
        down=table.number("down", kind.down / MBIT, least=0.01) * MBIT,
        delay=table.number("delay", kind.delay, most=10.0),
        jitter=table.number("jitter", kind.jitter, most=10.0),
        nats=nats,
    )
