"""The jitter of access links: no fault, and so no rule, but there all the time."""

from __future__ import annotations

import math
import random
from array import array
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinkJitter:
    """The jitter of access links: messages take longer by chance, and that of both ends adds up. No rule, as it is
    asked for every message of a run. means: seconds, for each peer."""

    means: array[float]

    def seconds(self, source: int, target: int, rng: random.Random) -> float:
        """Draw how long a message is held, exponentially distributed."""
        mean = self.means[source] + self.means[target]
        return -math.log(1.0 - rng.random()) * mean if mean else 0.0
