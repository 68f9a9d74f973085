"""Bounds and defaults of the neighbourhood and of gossip."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GossipConfig:
    """See each field. Times are seconds."""

    near: int = 8
    """Neighbours chosen for a low round trip. With the random ones it reaches a thousand peers in three hops."""

    random: int = 4
    """Neighbours chosen at random: near ones alone would form islands."""

    limit: int = 24
    """Neighbours at most, those that chose this peer included: twice its own choice, as choices are mutual on
    average, so that a newcomer always finds room somewhere."""

    tend_seconds: float = 5.0
    """How often the neighbourhood is looked after. Jittered by half."""

    tend_first_seconds: float = 0.2
    """The first look, once a first connection stands: a newcomer wants neighbours now."""

    swap_seconds: float = 60.0
    """How often a farther neighbour may give way to a nearer peer: slow, so that the neighbourhood is stable."""

    swap_gain: float = 0.7
    """A nearer peer replaces a neighbour only below this share of its round trip: noise must not cause swaps."""

    befriend_timeout: float = 8.0
    """The answer to `Befriend`: a dial and a round trip."""

    refused_seconds: float = 60.0
    """A peer that refused or failed is not asked again for so long."""

    refused_peers: int = 512
    """How many such peers are remembered."""

    seen: int = 8192
    """Digests of envelopes seen lately. Two minutes of 60 envelopes a second, 32 bytes each."""

    tombstones: int = 4096
    """Ended jobs whose offers are dropped until they expire."""

    rate: float = 50.0
    """New envelopes a second taken from one neighbour on average; an honest one passes on what its own
    neighbourhood says, a few a second."""

    burst: float = 200.0
    """New envelopes taken at once: a neighbour that was cut off has much to tell."""

    offer_lifetime: float = 300.0
    """The longest that an offer is believed; owners repeat them."""

    tombstone_lifetime: float = 7 * 86_400.0
    """The longest that a tombstone is believed: the longest life of a job's manifest."""
