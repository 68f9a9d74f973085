"""What is kept of one neighbour: its place in the tree, its score, and how fast it may bring and ask."""

from __future__ import annotations

import msgspec

from peernet.config.gossip import GossipConfig

_ROUNDING = 1e-9
"""Seconds that sums of many small spans may be off."""


class Neighbour(msgspec.Struct, gc=False):
    """A neighbour, or a peer that was asked to be one.

    chosen: this peer asked for it. by_chance: it belongs to the random floor. eager: rumours for everybody are
    pushed to it, else only named. pruned: monotonic time of the last `Prune` sent to it. announced: missing
    rumours that it was the first to name. blame: points against it at `blamed`, which decay. brought, asked,
    shuffled: monotonic times up to which its allowances of envelopes brought, envelopes asked for and shuffles
    are used up.

    One of these for each neighbour of each peer: a simulator holds a million, hence plain numbers in a struct.
    """

    chosen: bool
    by_chance: bool
    eager: bool = True
    pruned: float = 0.0
    announced: int = 0
    blame: float = 0.0
    blamed: float = 0.0
    brought: float = 0.0
    asked: float = 0.0
    shuffled: float = 0.0

    def add_blame(self, points: float, now: float, half_life: float) -> float:
        """Add points to what is left of the earlier ones; return the sum. now: monotonic seconds."""
        if self.blame:
            self.blame *= 0.5 ** ((now - self.blamed) / half_life)
        self.blame += points
        self.blamed = now
        return self.blame

    def may_bring(self, now: float, config: GossipConfig) -> bool:
        """Take from its allowance for an envelope that it brings; return whether there was any."""
        start = max(self.brought, now - (config.burst - 1.0) / config.rate)
        if start > now + _ROUNDING:
            return False
        self.brought = start + 1.0 / config.rate
        return True

    def may_ask(self, now: float, config: GossipConfig) -> bool:
        """Take from its allowance for an envelope that it asks for; return whether there was any."""
        start = max(self.asked, now - (config.burst - 1.0) / config.rate)
        if start > now + _ROUNDING:
            return False
        self.asked = start + 1.0 / config.rate
        return True

    def may_shuffle(self, now: float, config: GossipConfig) -> bool:
        """Whether a shuffle of it is taken: on average one in 1/`shuffle_rate` seconds, four at once."""
        start = max(self.shuffled, now - 3.0 / config.shuffle_rate)
        if start > now + _ROUNDING:
            return False
        self.shuffled = start + 1.0 / config.shuffle_rate
        return True
