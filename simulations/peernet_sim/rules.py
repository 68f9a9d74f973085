"""What the rules of a scenario do to messages, and how the keep-alive of peers takes notice."""

from __future__ import annotations

import random
from collections.abc import Sequence

from peernet_sim.engine import Engine
from peernet_sim.jitter import LinkJitter
from peernet_sim.links import Link, Links
from peernet_sim.machine import Machine
from peernet_sim.model import Parcel, Rule
from peernet_sim.sizes import HANDSHAKE, PING

CHECKS = (2.0, 4.0, 6.0, 8.0)
"""Seconds after a lost packet at which the keep-alive looks whether anything passes; then it gives up."""


class Weather:
    """Applies the rules while they hold, and the jitter of access links. rng: what they draw from.

    active: the rules of this moment, each with whether it lets messages overtake each other; none in a healthy
    network, which so pays nothing for those of later.
    """

    def __init__(
        self, engine: Engine, links: Links, rules: Sequence[Rule], jitter: LinkJitter | None, rng: random.Random
    ) -> None:
        self._engine = engine
        self._links = links
        self._rng = rng
        self._rules = tuple(rules)
        self.jitter = jitter
        self.active: tuple[tuple[Rule, bool], ...] = ()
        for when in sorted({edge for rule in rules for edge in rule.window if 0.0 < edge < float("inf")}):
            engine.at(when, self._turn)
        self._turn()

    def _turn(self) -> None:
        """Some rules begin or cease to hold."""
        now = self._engine.now
        self.active = tuple(
            (rule, rule.name.startswith("reorder"))
            for rule in self._rules
            if rule.window[0] <= now < rule.window[1]
        )

    def judge(self, source: Machine, target: Machine, kind: str, size: int) -> tuple[int, float, bool]:
        """Return how many copies of a message arrive, how much later, and whether it may overtake others."""
        parcel = Parcel(source.index, target.index, kind, size, self._engine.now)
        copies, delay, reorders = 1, 0.0, False
        for rule, may_reorder in self.active:
            verdict = rule.judge(parcel, self._rng)
            copies *= verdict.copies
            delay += verdict.delay
            if may_reorder and verdict.delay:
                reorders = True
        return copies, delay, reorders

    def held(self, source: Machine, target: Machine) -> float:
        """Return the seconds that the jitter of their access links adds."""
        return 0.0 if self.jitter is None else self.jitter.seconds(source.index, target.index, self._rng)

    def passes(self, one: Machine, other: Machine) -> float | None:
        """Whether packets pass both ways between two peers now: the seconds that come on top, or None."""
        more = self.held(one, other) + self.held(other, one)
        if not self.active:
            return more
        there, delay, _ = self.judge(one, other, "Hello", HANDSHAKE // 2)
        back, late, _ = self.judge(other, one, "Hello", HANDSHAKE // 2)
        return more + delay + late if there and back else None

    def doubt(self, link: Link) -> None:
        """Something was lost on the way: see whether anything still passes, as the keep-alive does."""
        if not link.doubt:
            link.doubt = True
            self._engine.after(CHECKS[0], self._ping, link, 0)

    def sweep(self, machines: Sequence[Machine]) -> None:
        """Ping over every connection, as all peers do all the time. Only rules can make a ping fail."""
        if not self.active:
            return
        for machine in machines:
            for link in machine.links.values():
                if link.a is machine and not link.doubt and not self._echoes(link):
                    self.doubt(link)

    def _echoes(self, link: Link) -> bool:
        there = self.judge(link.a, link.b, "Ping", PING)[0]
        return bool(there and self.judge(link.b, link.a, "Ping", PING)[0])

    def _ping(self, link: Link, check: int) -> None:
        if link.a.links.get(link.b.id) is not link and link.b.links.get(link.a.id) is not link:
            return
        if self._echoes(link):
            link.doubt = False
        elif check + 1 < len(CHECKS):
            self._engine.after(CHECKS[check + 1] - CHECKS[check], self._ping, link, check + 1)
        else:
            self._links.lose(link, link.a, "no answer", False)
            self._links.lose(link, link.b, "no answer", False)
