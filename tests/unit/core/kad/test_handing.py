"""Who stores what at a newcomer, when, and how much of it at most."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peernet.config import Config
from peernet.config.kad import KadConfig
from peernet.core.context import AddressBook, Context
from peernet.core.effects import Call
from peernet.core.events import Failure, Now
from peernet.core.kad.contact import number, place
from peernet.core.kad.finder import Finder
from peernet.core.kad.handing import Handing
from peernet.core.kad.publisher import Publisher
from peernet.core.kad.records import DOMAINS, Domain, RecordStore, record_key
from peernet.core.kad.roster import Roster
from peernet.identity.envelope import seal
from peernet.identity.keys import KeyPair, verify
from peernet.identity.multiaddr import Multiaddr
from peernet.types import DhtKey, Instance, PeerId
from peernet.wire.kad import Store
from peernet.wire.signed import ADVERT

NOTE = "peernet/note/1"
NAMES = tuple(str(number) for number in range(16))
WALL = 1_800_000_000.0
AUTHOR = KeyPair.from_seed(b"a" * 32)
KEY = record_key(NOTE, AUTHOR.peer_id, "0")


class Holder:
    """One peer that holds records: its table and its store, and nobody who drives it."""

    def __init__(self, me: PeerId, **bounds: float) -> None:
        self.me = me
        kad = replace(KadConfig(), **bounds)  # type: ignore[arg-type]
        self.ctx = Context(
            me=me,
            instance=Instance(b"i" * 16),
            config=replace(Config(), kad=kad),
            random=random.Random(me),
            secret=random.Random(me).randbytes,
            sign=AUTHOR.sign,
            verify=verify,
            book=AddressBook(64),
            now=Now(1000.0, WALL),
        )
        self.config = kad
        self.roster = Roster(self.ctx)
        domains = {**DOMAINS, NOTE: Domain(max_lifetime=86_400.0, names=NAMES)}
        self.store = RecordStore(place(me)[0], kad, verify, self.ctx.random, domains)
        finder = Finder(self.ctx, self.roster)
        publisher = Publisher(self.ctx, self.roster, finder, self.store)
        self.handing = Handing(self.ctx, self.roster.table, publisher, self.store)

    def meet(self, peers: Iterable[PeerId]) -> None:
        """These have answered, and can be dialled."""
        for peer in peers:
            self.roster.saw(peer, addresses(peer))

    def come(self, peers: Iterable[PeerId]) -> None:
        """These have come to the network: they look for their own places, and can be dialled."""
        for peer in peers:
            self.handing.came(peer)
            self.meet([peer])

    def hold(
        self, author: KeyPair = AUTHOR, name: str = "0", domain: str = NOTE, lifetime: float = 1800.0
    ) -> DhtKey:
        """Take a record. Returns its key."""
        key = record_key(domain, author.peer_id, name)
        data = seal(
            author.sign, author.peer_id, domain, b"it", sequence=1, issued=self.ctx.now.wall, lifetime=lifetime
        )
        assert self.store.accept(key, name, data, self.ctx.now) == ""
        return key

    def wait(self, seconds: float) -> list[tuple[PeerId, DhtKey]]:
        """Let time pass. Returns what was stored where in it, in order."""
        now = self.ctx.now
        self.ctx.now = Now(now.mono + seconds, now.wall + seconds)
        self.ctx.run_timers()
        effects, self.ctx.effects = self.ctx.effects, []
        calls = [each for each in effects if isinstance(each, Call) and isinstance(each.body, Store)]
        return [(call.peer, call.body.key) for call in calls if isinstance(call.body, Store)]


def addresses(peer: PeerId) -> tuple[str, ...]:
    """Where a peer may be dialled: each in a network of its own."""
    return (str(Multiaddr(f"{peer[0] % 223 + 1}.{peer[1]}.{peer[2]}.{peer[3]}", 4001, peer)),)


def crowd(count: int, goal: DhtKey = KEY, seed: int = 1) -> list[PeerId]:
    """Peers, the nearest to a place first."""
    draws = random.Random(seed)
    peers = [PeerId(draws.randbytes(32)) for _ in range(count)]
    return sorted(peers, key=lambda peer: place(peer)[1] ^ number(goal))


@pytest.mark.parametrize("handers", [1, 2])
@pytest.mark.parametrize("standing", range(4))
def test_the_holder_nearest_to_a_key_tells_a_newcomer_and_others_keep_still(standing: int, handers: int) -> None:
    peers = crowd(30)
    me, newcomer = peers.pop(standing), peers.pop(4)
    holder = Holder(me, handers=handers)
    holder.meet(peers)
    key = holder.hold()
    holder.come([newcomer])
    assert holder.wait(60) == ([(newcomer, key)] if standing < handers else [])


def test_a_newcomer_that_is_nearer_than_all_holders_is_told_by_the_nearest_of_them() -> None:
    newcomer, me, *peers = crowd(30)
    holder = Holder(me)
    holder.meet(peers)
    key = holder.hold()
    holder.come([newcomer])
    assert holder.wait(60) == [(newcomer, key)]


def test_a_newcomer_is_told_once_and_those_known_before_never() -> None:
    me, newcomer, *peers = crowd(10)
    holder = Holder(me)
    holder.meet(peers)
    key = holder.hold()
    holder.come([newcomer])
    assert holder.wait(60) == [(newcomer, key)]
    holder.meet([newcomer, *peers])
    assert holder.wait(60) == []


def test_a_peer_of_the_table_that_comes_back_is_told_again() -> None:
    me, returning, *peers = crowd(10)
    holder = Holder(me)
    holder.meet([returning, *peers])
    key = holder.hold()
    holder.come([returning])
    assert holder.wait(60) == [(returning, key)]


def test_a_newcomer_is_told_of_records_that_it_is_among_the_nearest_to() -> None:
    me, *peers = crowd(60)
    near, far = peers.pop(10), peers.pop(40)
    holder = Holder(me)
    holder.meet(peers)
    key = holder.hold()
    holder.come([far, near])
    assert holder.wait(60) == [(near, key)]


def test_newcomers_are_told_some_seconds_after_they_came_and_not_by_all_at_once() -> None:
    pauses = set()
    for seed in range(5):
        me, newcomer, *peers = crowd(10, seed=seed)
        holder = Holder(me, hand_seconds=100.0)
        holder.meet(peers)
        key = holder.hold()
        holder.come([newcomer])
        assert holder.wait(49) == []
        pause = 49
        while not (told := holder.wait(1)):
            pause += 1
        assert told == [(newcomer, key)]
        assert pause <= 150
        pauses.add(pause)
    assert len(pauses) > 1


def test_newcomers_that_come_together_are_all_told_whoever_is_nearest() -> None:
    peers = crowd(20)
    newcomers, me = [peers.pop(0), peers.pop(0), peers.pop(0)], peers.pop(0)
    holder = Holder(me)
    holder.meet(peers)
    key = holder.hold()
    holder.come(newcomers)
    assert holder.wait(60) == [(newcomer, key) for newcomer in newcomers]


def test_who_has_failed_does_not_count_as_one_who_tells() -> None:
    first, me, newcomer, *peers = crowd(20)
    holder = Holder(me)
    holder.meet([first, *peers])
    key = holder.hold()
    holder.roster.failed(first, Failure("unreachable", "gone"))
    holder.come([newcomer])
    assert holder.wait(60) == [(newcomer, key)]


def test_nobody_is_told_who_has_not_proven_that_it_can_be_dialled() -> None:
    me, newcomer, other, *peers = crowd(20)
    holder = Holder(me)
    holder.meet(peers)
    holder.hold()
    holder.handing.came(newcomer)
    holder.roster.saw(newcomer)
    holder.roster.heard_of(newcomer, addresses(newcomer))
    holder.come([other])
    holder.roster.failed(other, Failure("unreachable", "gone again"))
    assert holder.wait(60) == []


def test_who_waits_for_a_place_in_the_table_is_not_told() -> None:
    me, *peers = crowd(200)
    far = [peer for peer in peers if place(peer)[0][0] >> 7 != place(me)[0][0] >> 7]
    holder = Holder(me, k=4)
    holder.meet(far[:4])
    holder.meet(peers[:8])
    holder.hold()
    holder.come(far[20:])
    assert holder.wait(60) == []
    assert any(bucket.replacement_nodes for bucket in holder.roster.table.buckets)


def test_adverts_and_what_has_expired_are_not_handed_on() -> None:
    me, newcomer, *peers = crowd(10)
    holder = Holder(me)
    holder.meet(peers)
    holder.hold(name="", domain=ADVERT)
    holder.come([newcomer])
    assert holder.wait(60) == []
    holder.hold(lifetime=2.0)
    holder.come(crowd(3, seed=2))
    assert holder.wait(60) == []


def test_a_liar_that_comes_again_and_again_gets_a_bounded_number_of_stores() -> None:
    me, liar, *peers = crowd(8)
    holder = Holder(me, hand_stores=10)
    holder.meet(peers)
    for seed in range(1, 6):
        for name in NAMES:
            holder.hold(KeyPair.from_seed(bytes([seed]) * 32), name)
    holder.come([liar])
    told = holder.wait(60)
    assert [peer for peer, _ in told] == [liar] * 10
    distances = [number(key) ^ place(liar)[1] for _, key in told]
    assert distances == sorted(distances)
    holder.come([liar] * 20)
    assert len(holder.wait(60)) == 10


def test_of_a_crowd_of_newcomers_the_latest_are_told() -> None:
    me, *peers = crowd(15)
    holder = Holder(me, hand_newcomers=4)
    key = holder.hold()
    holder.come(peers)
    told = holder.wait(60)
    assert sorted(told) == sorted((peer, key) for peer in peers[-4:])


@settings(max_examples=30, deadline=None)
@given(count=st.integers(2, 12), seed=st.integers(0, 1 << 32), handers=st.integers(1, 3))
def test_each_newcomer_is_told_by_as_many_holders_as_are_to(count: int, seed: int, handers: int) -> None:
    """Whoever comes among holders that all know each other, and wherever they stand."""
    newcomer, *peers = random.Random(seed).sample(crowd(count, seed=seed), count)
    told = []
    for me in peers:
        holder = Holder(me, handers=handers)
        holder.meet([peer for peer in peers if peer != me])
        key = holder.hold()
        holder.come([newcomer])
        told += holder.wait(60)
    assert told == [(newcomer, key)] * min(handers, count - 1)
