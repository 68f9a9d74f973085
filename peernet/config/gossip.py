"""Bounds and defaults of the neighbourhood and of gossip."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class GossipConfig:
    """See each field. Times are seconds."""

    # The neighbourhood (active view).

    near: int = 5
    """Neighbours chosen for a low round trip. With the random ones it reaches a thousand peers in four hops. Each
    neighbour costs an advert and a half a minute and a name of every rumour, so there are no more than survive:
    where peers come one after another they end with 8 to 16, and 30 % mute ones cut off none of a thousand."""

    random: int = 3
    """Neighbours chosen at random, and as many who chose this peer so: near ones alone would form islands."""

    limit: int = 16
    """Neighbours at most, those that chose this peer included: twice its own choice, as all who come later choose
    those who are there, so that a newcomer always finds room somewhere."""

    slack: int = 1
    """Neighbours that may go before others are looked for (of the random floor as well), so that neighbourhoods
    settle: under churn most places are taken by those who come and ask."""

    asked_at_once: int = 4
    """Candidates asked at the same time. Others ask this peer meanwhile: to ask for all at once fills it with
    half as many again as it wants."""

    others: int = 4
    """Neighbours named in an answer, 120 bytes each: half of what a newcomer wants, and it asks several."""

    tend_seconds: float = 20.0
    """How often the neighbourhood is looked after. Jittered by half. Losses are mended at once, so this is only
    for what went unnoticed."""

    tend_first_seconds: float = 0.2
    """From a first connection, or the loss of a neighbour, to looking for others: a newcomer wants neighbours
    now, and several losses at once are one search."""

    lonely_seconds: float = 2.0
    """How often a peer without any neighbour looks for one. Jittered by half."""

    swap_seconds: float = 120.0
    """How often a farther neighbour may give way to a nearer peer. Jittered by half. Slow, so that the
    neighbourhood is stable: an hour of it makes thirty better choices, and a swap costs five messages and two
    adverts at three peers."""

    swap_gain: float = 0.5
    """A nearer peer replaces a neighbour only below this share of its round trip: noise must not cause swaps,
    and a small gain isn't worth one."""

    befriend_timeout: float = 8.0
    """The answer to `Befriend`: a dial and a round trip."""

    refused_seconds: float = 60.0
    """A peer that refused or failed is not asked again for so long."""

    refused_peers: int = 512
    """How many such peers are remembered."""

    forced_seconds: float = 1.0
    """A full neighbourhood makes room for a peer that has no neighbour at most so often: claims of need are
    free."""

    # Known peers (passive view).

    passive: int = 24
    """Peers remembered as candidates: more than twice the neighbours wanted, to survive the loss of most of them;
    the contacts of the DHT are candidates besides."""

    shuffle_seconds: float = 60.0
    """How often some of them are exchanged with another peer. Jittered by half. At 24 places and 8 contacts a
    time the view is renewed in some 3 minutes, faster than peers come and go at 10 % a minute."""

    shuffle_walk: int = 4
    """Hops of a shuffle's random walk: long enough to leave the vicinity of a cluster of 8 neighbours each."""

    shuffle_answer_seconds: float = 10.0
    """How long the answer to a shuffle is taken: a walk and the way back. Others' are not asked for."""

    shuffle_rate: float = 0.5
    """Shuffles taken or passed on from one neighbour a second. Walks cross a peer 5 times a minute from all its
    neighbours together; a flood of them must not fill the view with one author's friends."""

    # The tree.

    lazy_seconds: float = 0.1
    """How long `IHave`s are gathered before they leave: those that cross others in the time are saved."""

    lazy_second_seconds: float = 0.5
    """How much later the second end of a lazy link names a rumour, if the first has not done so by then: longer
    than most rumours take to reach both, so that nearly all links carry one name and not two. At 0.9 the last of
    a thousand peers heard it after 3.8 s at 5 % loss, at 0.5 after 2.8 s."""

    names_waiting: int = 256
    """Rumours that wait for the second naming; beyond, both ends name at once. An honest network's are those of
    the last second."""

    missing_seconds: float = 0.5
    """From a first `IHave` to asking for what did not come by the tree; up to half as much again by chance, so
    that the first one mends it for those behind. The slowest path of the tree is so much longer than the
    shortest."""

    graft_seconds: float = 0.2
    """From asking a peer to asking the next, besides twice its round trip: with 30 % mute peers the last of a
    thousand heard a rumour after 3.5 s at 0.3, and after 2.7 s at this."""

    graft_tries: int = 8
    """How often a rumour is asked for, of all who announced it in turn. Eight times 30 % mute is one in
    10,000."""

    holders: int = 8
    """Peers remembered of those who announced a missing rumour."""

    missing: int = 64
    """Missing rumours that one neighbour was the first to announce. Each has some 300 bytes; an honest peer's
    are the offers of the last second."""

    optimise_hops: int = 4
    """An `IHave` that many hops shorter than the way by which a rumour came moves the tree to its sender."""

    optimise_seconds: float = 5.0
    """The tree is moved so at most so often: authors at different places must not pull it to and fro."""

    seen: int = 8192
    """Ids of rumours seen lately: five minutes of 25 rumours a second, some 150 bytes each. Two halves, of
    which the older is forgotten when the younger is full or old."""

    seen_seconds: float = 300.0
    """Ids are remembered for so long at least: the lifetime of an offer, so that none is heard twice."""

    cache: int = 256
    """Rumours kept to be asked for."""

    cache_bytes: int = 512 * 1024
    """Bytes of them: the cache is full of the largest offers (2 KiB), not of the largest envelopes (16 KiB)."""

    cache_seconds: float = 30.0
    """How long they are kept. Who misses one asks within a few seconds."""

    tombstones: int = 4096
    """Ended jobs whose offers are dropped until they expire."""

    rate: float = 50.0
    """New envelopes a second taken from one neighbour on average, and given to one that asks; an honest one
    passes on what its own neighbourhood says, a few a second."""

    burst: float = 200.0
    """Envelopes taken or given at once: a neighbour that was cut off has much to tell."""

    offer_lifetime: float = 300.0
    """The longest that an offer is believed; owners repeat them."""

    tombstone_lifetime: float = 7 * 86_400.0
    """The longest that a tombstone is believed: the longest life of a job's manifest."""

    # Scores: points against a neighbour, which decay.

    blame_limit: float = 20.0
    """Points at which a neighbour is dropped. What bad luck can bring (crossing messages, loss, clocks that
    differ) stays below half of it; two forgeries or twenty rumours withheld reach it."""

    blame_half_life: float = 60.0
    """Seconds in which points halve."""

    blame_seconds: float = 600.0
    """A neighbour dropped so is neither asked nor taken for this long."""

    blame_forged: float = 10.0
    """For an envelope that no honest peer passes on: bad signature, undecodable, unknown domain."""

    blame_unfit: float = 2.0
    """For what may be a matter of clocks or of addresses: expired, from the future, a foreign reply address."""

    blame_turn: float = 1.0
    """For a message out of turn: beyond its reach, more than the rate allows, a stale advert of its own."""

    blame_withheld: float = 1.0
    """For a rumour that was announced and not given."""

    blame_waste: float = 0.25
    """For a copy pushed well after `Prune`, or that nobody asked for."""

    prune_grace: float = 2.0
    """From `Prune` to when copies count: what was on its way, and a second `Prune` if the first was lost."""
