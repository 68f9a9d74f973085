"""The lookup as a state machine: whom it asks, when it ends, and what liars and the dead can cost it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kademlia.node import NodeHeap

from peernet.config.kad import KadConfig
from peernet.core.kad.contact import Contact, number, place
from peernet.core.kad.lookup import Lookup
from peernet.core.kad.pace import Pace
from peernet.core.kad.shortlist import Candidate, Claims, Shortlist
from peernet.core.kad.table import Table
from peernet.types import DhtKey, PeerId
from peernet.wire.kad import WireContact

ADDRESSES = ("/ip4/127.0.0.1/tcp/1",)
ME = PeerId(b"m" * 32)
TARGET = DhtKey(bytes(20))
CONFIG = KadConfig()
Make = Callable[..., Lookup]


def peers(count: int, seed: int = 0) -> list[PeerId]:
    """Peers in order of their distance to TARGET."""
    made = [PeerId(random.Random((seed << 32) + each).randbytes(32)) for each in range(count)]
    return sorted(made, key=lambda peer: place(peer)[1])


CROWD = peers(60, 9)


def contacts(*some: PeerId) -> list[WireContact]:
    return [WireContact(peer, ADDRESSES) for peer in some]


def wires(*some: PeerId) -> tuple[WireContact, ...]:
    return tuple(WireContact(peer, ADDRESSES) for peer in some)


@pytest.fixture
def make() -> Make:
    def lookup(*seeds: PeerId, config: KadConfig = CONFIG, **more: object) -> Lookup:
        pace = more.pop("pace", None) or Pace(config)
        return Lookup(TARGET, contacts(*seeds), me=ME, config=config, pace=pace, **more)  # type: ignore[arg-type]

    return lookup


def asked(candidates: list[Candidate]) -> list[PeerId]:
    return [candidate.peer for candidate in candidates]


def test_asks_the_nearest_alpha_at_once_and_one_more_for_each_answer(make: Make) -> None:
    some = peers(6)
    lookup = make(*reversed(some))
    assert asked(lookup.advance(0.0)) == some[:3]
    assert lookup.advance(0.1) == []
    lookup.answered(some[1], (), 0.2)
    assert asked(lookup.advance(0.2)) == [some[3]]
    assert not lookup.done


def test_is_done_when_the_k_nearest_have_answered(make: Make) -> None:
    some = peers(8)
    lookup = make(*some, config=replace(CONFIG, k=2, alpha=1))
    for peer in some[:2]:
        assert asked(lookup.advance(0.0)) == [peer]
        assert not lookup.done
        lookup.answered(peer, (), 0.0)
    assert lookup.advance(0.0) == []
    assert lookup.done
    assert [contact.peer for contact in lookup.nearest()] == some[:2]


def test_without_contacts_it_is_done_at_once(make: Make) -> None:
    lookup = make()
    assert lookup.advance(0.0) == []
    assert lookup.done
    assert lookup.nearest() == []


def test_a_contact_that_was_only_heard_of_is_no_result(make: Make) -> None:
    near, far = peers(2)
    lookup = make(far)
    lookup.advance(0.0)
    lookup.answered(far, wires(near), 0.1)
    assert asked(lookup.advance(0.1)) == [near]
    lookup.failed(near)
    lookup.advance(0.2)
    assert lookup.done
    assert [contact.peer for contact in lookup.nearest()] == [far]


def test_nobody_is_asked_twice_and_oneself_never(make: Make) -> None:
    some = peers(3)
    lookup = make(*some)
    lookup.advance(0.0)
    lookup.failed(some[0])
    for peer in some[1:]:
        lookup.answered(peer, wires(ME, *some), 0.1)
        assert lookup.advance(0.1) == []
    assert lookup.done
    assert lookup.calls == 3


def test_answers_of_strangers_and_second_answers_change_nothing(make: Make) -> None:
    near, mid, far = peers(3)
    lookup = make(far)
    lookup.advance(0.0)
    lookup.answered(mid, wires(near), 0.1)
    lookup.failed(mid)
    lookup.answered(far, (), 0.1)
    lookup.answered(far, wires(near), 0.2)
    lookup.failed(far)
    assert lookup.advance(0.2) == []
    assert [contact.peer for contact in lookup.nearest()] == [far]


def test_a_slow_call_frees_its_place_widens_alpha_and_may_still_answer(make: Make) -> None:
    some = peers(12)
    lookup = make(*some, config=replace(CONFIG, first_slow_seconds=1.0, dial_factor=2.0))
    assert len(lookup.advance(0.0)) == 3
    assert lookup.deadline() == 2.0
    assert lookup.advance(1.9) == []
    assert len(lookup.advance(2.0)) == 6
    lookup.answered(some[0], (), 2.5)
    assert lookup.nearest()[0].peer == some[0]


def test_the_silent_are_not_waited_for_once_others_have_answered(make: Make) -> None:
    some = peers(4)
    lookup = make(*some)
    lookup.advance(0.0)
    for peer in (some[1], some[2]):
        lookup.answered(peer, (), 0.1)
    lookup.advance(0.1)
    lookup.answered(some[3], (), 0.2)
    assert lookup.advance(0.2) == []
    assert not lookup.done
    while lookup.deadline() < 3.0:
        lookup.advance(lookup.deadline())
        assert not lookup.done
    lookup.advance(lookup.deadline())
    assert lookup.done
    assert [contact.peer for contact in lookup.nearest()] == some[1:]


@pytest.mark.parametrize(("silent", "until"), [(0, 3.0), (3, 1.0)])
def test_only_a_slow_one_nearer_than_all_others_is_waited_for_longer(
    make: Make, silent: int, until: float
) -> None:
    some = peers(4)
    lookup = make(*some, alpha=4, config=replace(CONFIG, first_slow_seconds=0.5, dial_factor=2.0))
    lookup.advance(0.0)
    for index, peer in enumerate(some):
        if index != silent:
            lookup.answered(peer, (), 0.1)
    ends = 0.1
    while not lookup.done:
        assert lookup.advance(ends) == []
        ends = ends if lookup.done else lookup.deadline()
    assert ends == until


def test_who_is_asked_again_over_a_new_connection_has_the_time_of_a_dial(make: Make) -> None:
    some = peers(2)
    lookup = make(*some, links=some[:1], config=replace(CONFIG, first_slow_seconds=1.0, dial_factor=2.0))
    lookup.advance(0.0)
    assert lookup.deadline() == 1.0
    assert lookup.redial(some[0], 0.5)
    assert not lookup.redial(some[0], 0.6), "once is enough"
    assert not lookup.redial(some[1], 0.6), "it was not asked over a connection"
    lookup.answered(some[1], (), 0.7)
    lookup.advance(lookup.deadline())
    assert not lookup.done
    lookup.answered(some[0], (), 2.0)
    lookup.advance(2.0)
    assert [contact.peer for contact in lookup.nearest()] == some


def test_while_nobody_has_answered_the_slow_are_waited_for(make: Make) -> None:
    (only,) = peers(1)
    lookup = make(only)
    lookup.advance(0.0)
    lookup.advance(lookup.deadline())
    assert not lookup.done
    assert lookup.deadline() == float("inf")
    lookup.answered(only, (), 5.0)
    lookup.advance(5.0)
    assert lookup.done
    assert [contact.peer for contact in lookup.nearest()] == [only]


def test_alpha_is_bounded(make: Make) -> None:
    some = peers(60)
    lookup = make(*some)
    for _ in range(20):
        for candidate in lookup.advance(0.0):
            lookup.failed(candidate.peer)
    assert len(lookup.advance(0.0)) <= CONFIG.alpha_limit


def test_ever_nearer_liars_end_at_the_bound_of_hops(make: Make) -> None:
    def nearer(count: int) -> Iterator[PeerId]:
        """Peers each nearer than the one before, as far as minting finds them; then the same ones again."""
        return iter(list(reversed(peers(4000)))[-count:])

    chain = nearer(200)
    lookup = make(next(chain), config=replace(CONFIG, lookup_hops=10))
    while not lookup.done:
        for candidate in lookup.advance(0.0):
            lookup.answered(candidate.peer, wires(next(chain)), 0.0)
    assert lookup.calls == 11
    assert lookup.hops == 10


def test_liars_who_name_many_ever_nearer_peers_end_at_the_bound_of_calls(make: Make) -> None:
    crowd = list(reversed(peers(4000)))
    lookup = make(*crowd[:3])
    position = 3
    while not lookup.done:
        for candidate in lookup.advance(0.0):
            lookup.answered(candidate.peer, wires(*crowd[position : position + 20]), 0.0)
            position = min(position + 20, 3900)
    assert lookup.calls <= CONFIG.lookup_calls
    assert len(lookup.nearest()) <= CONFIG.k


def test_a_reply_of_thousands_is_cut_to_k(make: Make) -> None:
    many = peers(4000)
    lookup = make(many[-1], config=replace(CONFIG, shortlist=4000))
    lookup.advance(0.0)
    lookup.answered(many[-1], wires(*many[:-1]), 0.1)
    while not lookup.done:
        for candidate in lookup.advance(0.2):
            lookup.answered(candidate.peer, (), 0.2)
    assert lookup.calls == 1 + CONFIG.k


def test_paths_that_share_their_claims_are_disjoint(make: Make) -> None:
    some = peers(12)
    claims = Claims(12)
    paths = [make(*some, claims=claims, alpha=1, config=replace(CONFIG, k=12)) for _ in range(3)]
    taken: list[PeerId] = []
    while not all(path.done for path in paths):
        for path in paths:
            for candidate in path.advance(0.0):
                taken.append(candidate.peer)
                path.answered(candidate.peer, (), 0.0)
    assert sorted(taken) == sorted(some)
    assert all(path.nearest() for path in paths)


@given(data=st.data(), calls=st.integers(1, 30), k=st.integers(1, 8), hops=st.integers(1, 6))
def test_whatever_happens_it_ends_within_its_bounds(data: st.DataObject, calls: int, k: int, hops: int) -> None:
    config = replace(CONFIG, lookup_calls=calls, k=k, lookup_hops=hops, shortlist=3 * k)
    crowd = CROWD[: data.draw(st.integers(1, len(CROWD)))]
    lookup = Lookup(TARGET, contacts(*crowd[-3:]), me=ME, config=config, pace=Pace(config))
    now, under_way, seen, answering = 0.0, [], set(), set()
    while True:
        for candidate in lookup.advance(now):
            assert candidate.peer not in seen
            seen.add(candidate.peer)
            under_way.append(candidate.peer)
        if lookup.done:
            break
        assert under_way, "it waits for nothing"
        now += data.draw(st.sampled_from([0.0, 0.1, 1.0, 10.0]))
        peer = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
        if data.draw(st.booleans()):
            lookup.failed(peer)
        else:
            answering.add(peer)
            lookup.answered(peer, wires(*data.draw(st.lists(st.sampled_from(crowd), max_size=25))), now)
    assert lookup.calls == len(seen) <= calls
    assert lookup.hops <= hops
    found = [contact.peer for contact in lookup.nearest()]
    assert len(found) <= k
    assert set(found) <= answering
    assert found == sorted(found, key=lambda peer: place(peer)[1])


def test_the_pace_follows_round_trips_within_its_bounds() -> None:
    pace = Pace(CONFIG)
    assert pace.seconds == CONFIG.first_slow_seconds
    for _ in range(50):
        pace.measured(0.001)
    assert pace.seconds == CONFIG.least_slow_seconds
    for _ in range(50):
        pace.measured(0.4)
    assert 0.4 < pace.seconds < 0.8
    for _ in range(50):
        pace.slow()
    assert pace.seconds == CONFIG.most_slow_seconds


def test_while_it_comes_nearer_those_with_a_connection_are_asked_before_others_as_near(make: Make) -> None:
    some = peers(200)[100:]
    far, near = (
        some[-30:],
        [peer for peer in some if place(peer)[1].bit_length() == place(some[0])[1].bit_length()],
    )
    lookup = make(*near[:8], *far, links=dict.fromkeys([near[5], far[0], far[1]]))
    assert asked(lookup.advance(0.0)) == [near[5], near[0], near[1]]


def test_when_the_nearest_has_answered_the_rest_of_the_k_nearest_are_asked_at_once(make: Make) -> None:
    some = peers(40)
    lookup = make(*some)
    lookup.advance(0.0)
    lookup.answered(some[1], (), 0.1)
    assert asked(lookup.advance(0.1)) == [some[3]]
    lookup.answered(some[0], (), 0.2)
    assert asked(lookup.advance(0.2)) == some[4:20]


def test_where_dials_are_lost_others_are_asked_in_the_place_of_those_that_will_not_answer(make: Make) -> None:
    some = peers(40)
    pace = Pace(CONFIG)
    for _ in range(100):
        pace.missed()
    for _ in range(11):
        pace.measured(0.1, dialled=True)
    assert 0.4 < pace.lost < 0.6
    lookup = make(*some, pace=pace)
    lookup.advance(0.0)
    lookup.answered(some[0], (), 0.1)
    more = lookup.advance(0.1)
    assert asked(more)[:17] == some[3:20]
    assert 24 <= lookup.calls <= 30
    for candidate in more[:17]:
        lookup.answered(candidate.peer, (), 0.2)
    for peer in some[1:3]:
        lookup.answered(peer, (), 0.2)
    lookup.advance(0.2)
    assert lookup.done, "those asked in addition are not waited for"


def test_a_path_that_was_led_astray_asks_nobody_farther_than_what_others_found(make: Make) -> None:
    some = peers(200)
    claims = Claims(CONFIG.k)
    honest, astray = make(*some[:20], claims=claims), make(*some[100:140], claims=claims, alpha=1)
    assert asked(astray.advance(0.0)) == [some[100]]
    while not honest.done:
        for candidate in honest.advance(0.0):
            honest.answered(candidate.peer, (), 0.0)
    astray.answered(some[100], (), 0.1)
    assert astray.advance(0.1) == []
    assert astray.done


def test_only_calls_without_a_dial_set_the_pace(make: Make) -> None:
    linked, other = peers(2)
    pace = Pace(CONFIG)
    lookup = make(linked, other, pace=pace, links={linked: None})
    lookup.advance(0.0)
    lookup.answered(other, (), 0.9)
    assert pace.seconds == CONFIG.first_slow_seconds
    lookup.answered(linked, (), 0.9)
    assert pace.seconds > CONFIG.first_slow_seconds


def test_the_shortlist_is_a_bounded_heap_of_the_package() -> None:
    some = peers(30)
    shortlist = Shortlist(TARGET, 5)
    assert isinstance(shortlist, NodeHeap)
    shortlist.push([Candidate(peer, ADDRESSES, 0) for peer in reversed(some)])
    shortlist.push(Candidate(some[0], ADDRESSES, 0))
    assert shortlist.get_ids() == [place(peer)[0] for peer in some[:5]]
    assert len(shortlist.heap) == len(shortlist) == 5
    assert shortlist.bound() == place(some[4])[1]
    shortlist.remove([place(some[1])[0]])
    nearest = shortlist.popleft()
    assert nearest is not None and nearest.peer == some[0]
    assert [candidate.peer for candidate in shortlist] == some[2:5]


@pytest.fixture(scope="module")
def settled() -> dict[PeerId, Table]:
    """The tables of 400 peers, each of whom has met all others in some order."""
    chance = random.Random(5)
    crowd = peers(400, 5)
    tables = {peer: Table(peer, CONFIG) for peer in crowd}
    for table in tables.values():
        for other in chance.sample(crowd, len(crowd)):
            table.saw(Contact.of(other, ADDRESSES), 0.0)
    return tables


def run(tables: dict[PeerId, Table], me: PeerId, target: DhtKey, dead: frozenset[PeerId]) -> Lookup:
    """A lookup in a network where the tables still hold the dead."""
    lookup = Lookup(target, tables[me].nearest(target, CONFIG.k), me=me, config=CONFIG, pace=Pace(CONFIG))
    while not lookup.done:
        for candidate in lookup.advance(0.0):
            if candidate.peer in dead:
                lookup.failed(candidate.peer)
            else:
                named = tables[candidate.peer].nearest(target, CONFIG.k, (me,))
                lookup.answered(candidate.peer, [contact.wire for contact in named], 0.0)
    return lookup


def true_nearest(tables: dict[PeerId, Table], target: DhtKey, without: frozenset[PeerId]) -> list[PeerId]:
    goal = number(target)
    live = sorted((peer for peer in tables if peer not in without), key=lambda peer: place(peer)[1] ^ goal)
    return live[: CONFIG.k]


def test_in_a_settled_network_the_true_nearest_are_found_in_few_hops(settled: dict[PeerId, Table]) -> None:
    chance = random.Random(6)
    lookups = []
    for _ in range(40):
        me, target = chance.choice(list(settled)), DhtKey(chance.randbytes(20))
        lookup = run(settled, me, target, frozenset())
        assert [contact.peer for contact in lookup.nearest()] == true_nearest(settled, target, frozenset({me}))
        lookups.append(lookup)
    assert max(lookup.hops for lookup in lookups) <= 4
    assert sum(lookup.calls for lookup in lookups) / len(lookups) <= 25


def test_when_a_third_has_just_died_most_of_the_nearest_are_found_and_no_dead(
    settled: dict[PeerId, Table],
) -> None:
    chance = random.Random(7)
    crowd = list(settled)
    dead = frozenset(chance.sample(crowd, len(crowd) // 3))
    live = [peer for peer in crowd if peer not in dead]
    recalls = []
    for _ in range(40):
        me, target = chance.choice(live), DhtKey(chance.randbytes(20))
        lookup = run(settled, me, target, dead)
        found = {contact.peer for contact in lookup.nearest()}
        assert not found & dead
        assert lookup.calls <= CONFIG.lookup_calls
        recalls.append(len(found & set(true_nearest(settled, target, dead | {me}))) / CONFIG.k)
    assert sum(recalls) / len(recalls) >= 0.85
