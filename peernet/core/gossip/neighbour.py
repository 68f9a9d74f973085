"""What is kept of one neighbour: its place in the tree, its score, and how fast it may bring and ask."""

from __future__ import annotations

from dataclasses import dataclass

from peernet.config.gossip import GossipConfig


@dataclass(slots=True)
class Neighbour:
    """A neighbour, or a peer that was asked to be one.

    chosen: this peer asked for it. by_chance: it belongs to the random floor. eager: rumours for everybody are
    pushed to it, else only named. pruned: monotonic time of the last `Prune` sent to it. announced: missing
    rumours that it was the first to name. blame: points against it at `blamed`, which decay. brought and asked:
    tokens spent at `brought_at` and `asked_at`, which come back; shuffled: the same for shuffles.

    One of these for each neighbour of each peer: a simulator holds a million, hence plain numbers.
    """

    chosen: bool
    by_chance: bool
    eager: bool = True
    pruned: float = 0.0
    announced: int = 0
    blame: float = 0.0
    blamed: float = 0.0
    brought: float = 0.0
    brought_at: float = 0.0
    asked: float = 0.0
    asked_at: float = 0.0
    shuffled: float = 0.0

    def add_blame(self, points: float, now: float, half_life: float) -> float:
        """Add points to what is left of the earlier ones; return the sum. now: monotonic seconds."""
        if self.blame:
            self.blame *= 0.5 ** ((now - self.blamed) / half_life)
        self.blame += points
        self.blamed = now
        return self.blame

    def may_bring(self, now: float, config: GossipConfig) -> bool:
        """Take a token for an envelope that it brings; return whether it had one."""
        self.brought = max(0.0, self.brought - (now - self.brought_at) * config.rate)
        self.brought_at = now
        if self.brought > config.burst - 1.0:
            return False
        self.brought += 1.0
        return True

    def may_ask(self, now: float, config: GossipConfig) -> bool:
        """Take a token for an envelope that it asks for; return whether it had one."""
        self.asked = max(0.0, self.asked - (now - self.asked_at) * config.rate)
        self.asked_at = now
        if self.asked > config.burst - 1.0:
            return False
        self.asked += 1.0
        return True

    def may_shuffle(self, now: float, config: GossipConfig) -> bool:
        """Whether a shuffle of it is taken: on average one in 1/`shuffle_rate` seconds, four at once.

        `shuffled` is the time up to which its allowance is used up.
        """
        start = max(self.shuffled, now - 3.0 / config.shuffle_rate)
        if start > now:
            return False
        self.shuffled = start + 1.0 / config.shuffle_rate
        return True
