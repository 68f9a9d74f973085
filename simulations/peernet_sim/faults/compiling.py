"""What faults are compiled into: the faults of a plan, for the peers of a network."""

from __future__ import annotations

import random
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field

from peernet_sim.access import Access
from peernet_sim.faults.hostile import Several
from peernet_sim.faults.selection import Crowd, Members, Selection, ordered
from peernet_sim.jitter import LinkJitter
from peernet_sim.model import Behaviour, Faults, Minted, Rule
from peernet_sim.topology.network import Network


@dataclass(slots=True)
class Compilation:
    """The faults of a plan while they are put together. seconds: how long it runs."""

    crowd: Crowd
    seconds: float
    faults: Faults = field(default_factory=Faults)

    def members(self, selection: Selection) -> Members:
        """Return the peers of a set."""
        return selection.choose(self.crowd)

    def some(self, selection: Selection) -> Members | None:
        """Return the peers of a set, or None for all: the quick form of a rule's scope."""
        members = selection.choose(self.crowd)
        return None if len(members) == len(self.crowd.peers) else members

    def rng(self, label: str) -> random.Random:
        """Return a stream of randomness of this scenario and seed for one purpose."""
        return random.Random(f"{self.crowd.seed}/{label}")

    def rule(self, rule: Rule) -> None:
        """Add a rule."""
        self.faults.rules.append(rule)

    def behave(self, members: Members, make: Callable[[], Behaviour]) -> None:
        """Make each of some peers hostile in a way, besides those in which it is already."""
        for index in ordered(members):
            added = make()
            before = self.faults.behaviours.get(index)
            self.faults.behaviours[index] = added if before is None else Several((before, added))

    def mint(self, members: Members, minted: Minted) -> None:
        """Give some peers keys made on purpose."""
        for index in ordered(members):
            self.faults.minted[index] = minted


Apply = Callable[[Compilation], None]
"""A fault of a scenario: adds itself to a compilation."""


def compile_faults(
    wanted: tuple[Apply, ...],
    access: Access,
    network: Network,
    submitters: frozenset[int],
    seconds: float,
    seed: int,
) -> Faults:
    """Choose the peers of all faults, in the order of the file. Jitter of access links is no fault of theirs."""
    compilation = Compilation(Crowd(network.peers, submitters, seed), seconds)
    kinds = [kind for kind, _ in access.shares]
    if any(kind.jitter for kind in kinds):
        means = {kind.name: kind.jitter for kind in kinds}
        compilation.faults.jitter = LinkJitter(array("d", (means[peer.access] for peer in network.peers)))
    for apply in wanted:
        apply(compilation)
    compilation.faults.happenings.sort(key=lambda happening: happening.at)
    return compilation.faults
