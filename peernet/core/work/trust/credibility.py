"""How probable it is that a result is right, from what is known of those who returned it.

After Luis F. G. Sarmenta, "Sabotage-tolerance mechanisms for volunteer computing systems", Future Generation
Computer Systems 18 (2002). A peer's credibility is a lower bound of the probability that its next result is right.
A group of peers with the same result is credible as far as its members are, and as far as no other group is.

A saboteur is free to choose how often it lies. One that lies in a share s of its results passes n checks with
probability (1 - s)**n, and its next result is wrong with probability s; over all s the product is at most
1 / (e * n), for s = 1 / (n + 1). Hence the bound below, which holds against every constant s, for peers whose
found lies end their work (Sarmenta's blacklisting).
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TypeVar

K = TypeVar("K")

CERTAIN = 1 - 1e-6
"""The most that is believed of a peer that is not trusted outright, so that two that differ can be weighed."""


def credibility(share: float, checks: float) -> float:
    """Return the probability that the next result of a peer is right, at least.

    Args:
        share: of saboteurs among peers like it, before anything was known of it; above 0 and below 1.
        checks: how many of its results were checked and found right. Older checks may count for less than one.
    """
    doubt = (1 - share) * math.e * checks
    if doubt <= 1:
        return 1 - share  # so few say nothing yet
    return min(CERTAIN, 1 - share / doubt)


def checks_for(share: float, target: float) -> float:
    """Return how many checks a peer has to pass until one result of it is believed.

    share: as for `credibility`. target: the probability that is wanted, below `CERTAIN`.
    """
    if 1 - share >= target:
        return 0.0
    return share / ((1 - share) * math.e * (1 - target))


def odds(probability: float) -> float:
    """Return p : (1 - p)."""
    return probability / (1 - probability)


def weigh(groups: Mapping[K, Iterable[float]]) -> dict[K, float]:
    """Return for each group of equal results the probability that it is the right one.

    groups: the credibility of each member of a group, by what the group says. The probabilities add up to less
    than 1: all may be wrong. (Sarmenta's conditional credibility of groups: exactly one group is right, whose
    members are all right and all others wrong, or none is.)
    """
    weights = {key: math.prod(map(odds, members)) for key, members in groups.items()}
    total = 1 + math.fsum(weights.values())
    return {key: weight / total for key, weight in weights.items()}
