"""Whether the field and the network tell the same: two ways to measure one thing that share the owner's code only.

Two shares agree where their intervals of 95 % (`intervals`) overlap. For samples of one size that is a test which
finds a difference by chance in about six of a thousand combinations, so that a table of a hundred has one at most.

Liars who are believed before they are met are wrong in bursts: what they said in between stands or falls together.
There the sample counts as so many bursts, not as so many slices (the design effect of L. Kish, Survey Sampling,
1965: the variance grows by E[size**2] / E[size], which is about twice the mean size of a geometric burst).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from peernet.config import TrustConfig
from peernet_sim.policies.table import Line

TOLERANCE = 0.1
"""Executions a slice by which the two may differ, as a share of the field's. The network lends and returns
in batches, its workers hold a slice while they compute another, and its liars learn late that they are banned."""

Key = tuple[str, int, float, str, int, bool]
"""One combination, whichever way it was measured."""


def key_of(line: Line) -> Key:
    """Return the combination of a line."""
    return line.policy, line.peers, line.share, line.kind, line.worker_slices, line.warm


@dataclass(frozen=True, slots=True)
class Verdict:
    """How two lines of one combination compare. ended: in the same way, as often. error: the intervals overlap.
    cost: within the tolerance."""

    network: Line
    field: Line
    ended: bool
    error: bool
    cost: bool

    @property
    def agrees(self) -> bool:
        """They tell the same."""
        return self.ended and self.error and self.cost


def compare(network: Iterable[Line], field: Mapping[Key, Line]) -> list[Verdict]:
    """Hold each line of the network against the field's."""
    return [_verdict(line, field[key_of(line)]) for line in network if key_of(line) in field]


def _verdict(line: Line, twin: Line) -> Verdict:
    ended = line.ended == twin.ended
    if line.ended < 1 or twin.ended < 1:
        # A job that gives up does so after a few slices, or after many: what it cost until then is chance.
        return Verdict(line, twin, ended, True, True)
    burst = bursts(line)
    (low, high), (least, most) = line.between(burst), twin.between(burst)
    cost = abs(line.each - twin.each) <= TOLERANCE * twin.each
    return Verdict(line, twin, ended, low <= most and least <= high, cost)


def bursts(line: Line) -> float:
    """Return how many wrong slices of a line count as one."""
    if line.kind == "sleeper" and not line.policy.startswith("majority"):
        return 2 / TrustConfig().audits
    return 1.0
