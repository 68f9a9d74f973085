"""Bounds and defaults of the DHT. `k` and `alpha` are those of Maymounkov and Mazières, "Kademlia" (2002)."""

from __future__ import annotations

from dataclasses import dataclass

KIB = 1024
MIB = 1024 * KIB


@dataclass(frozen=True, slots=True)
class KadConfig:
    """See each field. Times are seconds, sizes are bytes."""

    k: int = 20
    """Contacts in a bucket, in a reply, and holders of a record: so many rarely all leave within a refresh."""

    replacements: int = 4
    """Contacts waiting for a place in a full bucket. A contact leaves now and then, so a few suffice."""

    split_levels: int = 1
    """The paper's b: a bucket away from this peer is split until its depth is a multiple of b. 1 keeps a table of
    20 * log2(peers/20) contacts, which lets thousands of simulated peers fit in memory; more saves hops."""

    network_bucket: int = 2
    """Contacts of one network (`core.kad.networks`) that a full bucket keeps when others come: a tenth of it, so
    that one operator who mints keys near a place has no majority there. 2 or more."""

    network_table: int = 10
    """The same in the whole table: a tenth of one in a large network."""

    evict_failures: int = 2
    """Failed calls in a row after which a contact leaves. One lost packet or restart must not cost a good one."""

    stale_seconds: float = 1800.0
    """A contact not heard for so long is probed. A table of 190, as of ten thousand peers, then costs a dial every
    9 s; calls of lookups find sooner who has left, where it matters."""

    crowded_seconds: float = 30.0
    """The oldest contact of a full bucket is probed for a newcomer's sake if it was not heard for so long, so
    that a crowd of newcomers can't make this peer probe without end."""

    knock_again_seconds: float = 10.0
    """A peer is knocked at again after this time, when too many were being knocked at."""

    tick_seconds: float = 10.0
    """How often stale contacts, due refreshes and expired records are looked for. Jittered by a quarter."""

    parted_seconds: float = 60.0
    """A contact whose connection ended cleanly is probed after this time: it may have left for good, or one of
    the two wanted the room, and then a dial at once would begin a game of ping-pong."""

    probes: int = 3
    """Probes under way at once: dead contacts cost a dial each."""

    refresh_seconds: float = 3600.0
    """A bucket that no lookup has touched for so long is refreshed (the paper's hour). Jittered by a quarter."""

    scout_paths: int = 2
    """Disjoint paths that refresh a far bucket: lookups need a contact there that lives, and colluders get no
    larger share there than they have elsewhere. With four instead of two a join takes six dials more for each far
    bucket, and lookups no fewer hops."""

    scout_path_calls: int = 3
    """Calls of each of them: one to a contact, one to a peer there that it names, and one to a peer that knows its
    surroundings. With two, far buckets stayed empty where those of the contacts asked were."""

    bucket_enough: int = 4
    """Contacts of a far bucket with which a newcomer is content, and does not look for others: as `scout_paths`.
    The rest comes by itself, as each peer that joins calls some 30 others."""

    refreshes: int = 2
    """Buckets refreshed by one tick, so that refreshes never fill the queue of lookups."""

    alpha: int = 3
    """Calls of one lookup under way at once."""

    alpha_limit: int = 8
    """How far alpha grows, by one with each call that is slow or fails: most contacts may be dead after churn."""

    alpha_close: int = 30
    """Calls of one lookup under way at once when the nearest peer known has answered: all k nearest have to be
    asked then in any case, and one round takes a seventh of the time of seven. Half as many more where dials are
    lost, in the place of those that will not answer."""

    call_seconds: float = 6.0
    """A call that is not answered by then has failed. It may include a dial and a handshake; a frozen peer is
    noticed by the keep-alive after 8."""

    first_slow_seconds: float = 1.0
    """A lookup stops waiting for a call after this time while no round trip was measured: a dialled
    intercontinental peer answers in about that."""

    least_slow_seconds: float = 0.25
    """Lower bound of the adaptive time after which a call is slow: a busy machine pauses for that long."""

    most_slow_seconds: float = 3.0
    """Upper bound of the same, a dial included, so that neither a liar's slow answers nor dead peers can stretch
    lookups: at 20 % of churn a minute, the slowest gets took 14 s without it."""

    dial_factor: float = 3.0
    """A call that has to dial first may take so many times longer while none was measured: TCP and Noise take 2.5
    round trips more."""

    paths: int = 8
    """Disjoint paths of a get, and of a put of this peer's own record. One path is led astray by 20 % of
    colluders in about 4 of 100 cases, by 30 % in 14."""

    path_alpha: int = 1
    """Calls of one path under way at once; it grows as `alpha` does."""

    path_alpha_close: int = 3
    """The same when the nearest peer that the path knows has answered: eight paths ask all of the k nearest in one
    round, and one that was led astray asks no more of its liars than it may wait for."""

    path_calls: int = 24
    """Calls of one path. Paths share the k nearest, so each asks a few only; colluders keep it busy no longer."""

    quorum: int = 5
    """Holders of the same record that end a get, if nobody names another one: so many answer first and all hide a
    newer one in 0.03 % of cases at 20 % of colluders. Otherwise all k nearest are asked."""

    sparse: float = 1.0
    """Holders found for a put are doubted when most lie farther from its key than so many times the distance of
    this peer's own k nearest. Half of that is expected; 30 % of colluders alone are spread three times wider."""

    lookup_calls: int = 80
    """Calls of one lookup. An honest one among a million peers takes about 35; liars who name ever nearer
    contacts end here."""

    lookup_hops: int = 20
    """Introductions a lookup follows in a row. Each honest one halves the distance at least: 20 * 2^20 peers."""

    shortlist: int = 60
    """Nearest candidates that a lookup remembers: three times k, as many of them may be dead."""

    lookups: int = 16
    """Lookups under way at once: 16 * 3 calls are far below what a connection pool takes."""

    lookups_queued: int = 128
    """Lookups waiting. More than a tick starts even with all buckets and records due; the next fails at once."""

    addresses: int = 4
    """Addresses of one contact that are believed: peers have one or two hosts; more lets a liar aim our dials."""

    saved_contacts: int = 64
    """Contacts kept in the journal to return through. After weeks away a tenth of them may still answer: six, and
    one is enough."""

    gone_contacts: int = 32
    """Contacts that were dropped and are tried again now and then: the way back after a network was cut."""

    gone_seconds: float = 20.0
    """How often one of them is tried. A hundred peers with three each meet again within half a minute."""

    gone_tries: int = 8
    """Tries of one that never answers. It has left, as most do; three dials a minute are what that costs."""

    save_seconds: float = 600.0
    """A contact is saved again after this time at the earliest, so that lookups don't write to the disk."""

    join_addresses: int = 32
    """Addresses of one join, dialled at once."""

    join_gather_seconds: float = 0.5
    """From the first address that answered to the search for the own neighbourhood: the other addresses answer
    within that time, or are far away or dead. A search from several cannot be led astray by one."""

    rejoin_first_seconds: float = 2.0
    """Wait before the second try to return to the network; doubles with each."""

    rejoin_most_seconds: float = 300.0
    """Upper bound of that wait: an evening without network ends within five minutes of its return."""

    records: int = 4096
    """Records held for others. Each peer holds about k on average, whatever the size of the network."""

    record_bytes: int = 8 * MIB
    """Their bytes: 4096 adverts of 300 bytes take 1.2 MiB; the rest is for larger records to come."""

    author_records: int = 16
    """Records held of one author: nobody needs more than one of each domain."""

    author_bytes: int = 64 * KIB
    """Their bytes: four of the largest."""

    republish_seconds: float = 600.0
    """A holder stores a record again at the nearest peers, each holder on its own timer, jittered by a quarter. At
    10 % churn a minute nothing was lost in an hour."""

    republishes: int = 4
    """Records that one tick stores again, so that they never fill the queue of lookups."""

    hand_seconds: float = 5.0
    """Newcomers are gathered for so long, less or more by up to a half by chance, before records are handed to
    them: they come in crowds, are to be in the table by then, and not all holders are to tell them at once."""

    handers: int = 1
    """Holders of a record that hand it to a newcomer: those nearest to its key. After ten minutes at 20 % of churn
    a minute, 18 of the k nearest hold it (9 without); with two that tell, 19, for twice as many messages."""

    hand_newcomers: int = 32
    """Newcomers gathered at once, the latest. When a crowd comes, the others get what is theirs when it is stored
    again (`republish_seconds`)."""

    hand_stores: int = 64
    """Stores of one round, the nearest to the newcomers: a newcomer among 500 peers who have put four records
    each is to hold 80, and is told by a dozen holders. A liar that comes again and again gets 13 a second."""

    renew_share: float = 0.6
    """The owner renews its record when this share of the lifetime has passed: two tries before it expires."""

    advert_seconds: float = 20.0
    """This peer's advert is stored in the DHT at most so often; gossip spreads its changes sooner."""

    advert_holders: int = 8
    """Peers that hold this peer's advert, the nearest to its own place. It holds it itself, and is nearer still:
    only where it can't be dialled do others matter. Not all of them lie even if 30 % do, and one is left when it
    is renewed in 94 of 100 cases where 10 % of the peers leave a minute."""

    own_records: int = 16
    """Records that this peer publishes itself: one of each domain."""
