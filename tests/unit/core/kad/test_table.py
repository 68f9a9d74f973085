"""Each fault of the package's tables that is overridden, and what a contact's place depends on."""

from __future__ import annotations

import asyncio
import random
import sys
from collections.abc import Callable
from dataclasses import replace

import pytest
from kademlia.node import Node, NodeHeap
from kademlia.routing import KBucket, RoutingTable

from peernet.config.kad import KadConfig
from peernet.core.kad.bucket import Bucket
from peernet.core.kad.contact import ID_BITS, Contact, number, place
from peernet.core.kad.shortlist import Candidate, Shortlist
from peernet.core.kad.table import Table
from peernet.identity.peerid import dht_id
from peernet.types import DhtKey, PeerId
from peernet.wire.kad import WireContact

At = Callable[..., Contact]
CONFIG = replace(KadConfig(), k=4, replacements=3)
HIGH = 1 << (ID_BITS - 1)


@pytest.fixture
def table(at: At) -> Table:
    table = Table(PeerId(bytes(32)), CONFIG)
    table.node = at(0)
    return table


def fill(table: Table, at: At, numbers: list[int], now: float = 0.0) -> list[Contact]:
    contacts = [at(each) for each in numbers]
    for contact in contacts:
        table.saw(contact, now)
    return contacts


def test_the_types_of_the_package_are_in_use(table: Table, at: At) -> None:
    assert isinstance(table, RoutingTable)
    assert all(isinstance(bucket, KBucket) for bucket in table.buckets)
    assert issubclass(Candidate, Node)
    assert issubclass(Shortlist, NodeHeap)
    ann, bob = (Candidate(PeerId(bytes([number]) * 32), (), 0) for number in (1, 2))
    assert ann.same_home_as(ann)
    assert not ann.same_home_as(bob), "although neither has an ip and a port"


def test_the_udp_network_of_the_package_is_not_loaded() -> None:
    assert "kademlia.network" not in sys.modules
    assert "kademlia.protocol" not in sys.modules
    assert "rpcudp" not in sys.modules


def test_a_full_bucket_names_its_oldest_contact_and_asks_no_event_loop(
    table: Table, at: At, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*args: object) -> None:
        raise AssertionError("asyncio was called")

    monkeypatch.setattr(asyncio, "ensure_future", forbidden)
    old = fill(table, at, [HIGH + each for each in range(4)])
    fill(table, at, [1])
    newcomer = at(HIGH + 9)
    assert table.saw(newcomer, 5.0) is old[0]
    assert newcomer.peer not in table
    assert [contact.peer for contact in table.contacts()][1:] == [contact.peer for contact in old]


def test_known_contacts_move_to_the_tail(table: Table, at: At) -> None:
    old = fill(table, at, [HIGH + each for each in range(4)])
    fill(table, at, [1])
    assert table.saw(at(HIGH), 5.0) is None
    assert old[0].last_seen == 5.0
    assert table.saw(at(HIGH + 9), 6.0) is old[1]


def test_one_failure_does_not_evict_but_two_in_a_row_do(table: Table, at: At) -> None:
    contact, other = fill(table, at, [1, 2])
    assert table.failed(contact.peer) is None
    assert contact.peer in table
    table.saw(at(1), 1.0)
    assert contact.failures == 0
    assert table.failed(contact.peer) is None
    assert table.failed(contact.peer) is contact
    assert table.contacts() == [other]


def test_failures_while_cut_off_evict_nobody(table: Table, at: At) -> None:
    (contact,) = fill(table, at, [1])
    for _ in range(5):
        assert table.failed(contact.peer, evict=False) is None
    assert contact.failures == 5
    assert contact.peer in table


def test_the_latest_seen_of_those_who_wait_takes_the_place(table: Table, at: At) -> None:
    old = fill(table, at, [HIGH + each for each in range(4)])
    fill(table, at, [1])
    first, second = fill(table, at, [HIGH + 10, HIGH + 11], now=3.0)
    table.failed(old[2].peer)
    table.failed(old[2].peer)
    assert second.peer in table
    assert first.peer not in table
    table.check()


def test_the_waiting_list_is_bounded_and_drops_the_oldest(table: Table, at: At) -> None:
    fill(table, at, [HIGH + each for each in range(4)])
    fill(table, at, [1])
    fill(table, at, [HIGH + each for each in range(10, 20)])
    waiting = table.bucket_for(HIGH).replacement_nodes
    assert [contact.long_id - HIGH for contact in waiting] == [17, 18, 19]


def test_who_waits_and_gets_a_place_by_the_split_for_its_own_sake_is_there_once(table: Table, at: At) -> None:
    near = fill(table, at, [1, 2, 3, 4])
    fill(table, at, [HIGH + 8, HIGH + 9, HIGH + 10, HIGH + 11, HIGH + 1])
    assert len(table) == 8, "one waits"
    for contact in near:
        table.remove_contact(contact)
    fill(table, at, [HIGH + 1])  # It is one of the k nearest now, and may split the bucket.
    table.check()
    assert len(table) == 5


def test_ids_on_a_boundary_are_known_once_they_are_in(table: Table, at: At) -> None:
    edges = [HIGH - 1, HIGH, 2 * HIGH - 1, HIGH // 2, HIGH // 2 - 1]
    fill(table, at, [*edges, *range(1, 9)])
    assert len(table.buckets) > 2
    for edge in edges:
        assert at(edge).peer in table
    table.check()


def test_a_node_without_an_address_hides_only_itself(table: Table, at: At) -> None:
    contacts = fill(table, at, [1, 2, 3])
    assert table.find_neighbors(at(9), exclude=at(2)) == [contacts[0], contacts[2]]


def test_two_keys_with_one_id_keep_the_first(table: Table, at: At) -> None:
    first, second = at(7), at(7, PeerId(b"2" * 32))
    table.saw(first, 0.0)
    assert table.saw(second, 1.0) is None
    assert table.contacts() == [first]
    table.check()


def test_neither_oneself_nor_those_who_cannot_be_dialled_get_in(table: Table, at: At) -> None:
    mute = at(5)
    mute.wire = WireContact(mute.peer, ())
    assert table.saw(mute, 0.0) is None
    assert table.saw(at(0), 0.0) is None
    assert len(table) == 0


def test_new_addresses_are_taken_over_and_told(table: Table, at: At) -> None:
    (contact,) = fill(table, at, [1])
    moved = at(1)
    assert moved.wire is contact.wire
    assert moved.moved(("/ip4/127.0.0.1/tcp/2",))
    assert not moved.moved(())
    table.saw(moved, 1.0)
    assert contact.wire == WireContact(contact.peer, ("/ip4/127.0.0.1/tcp/2",))


def test_refreshes_are_due_by_the_clock_that_is_given(table: Table, at: At) -> None:
    fill(table, at, [*range(1, 9), HIGH])
    for bucket in table.buckets:
        bucket.touch_last_updated(refresh_at=100.0)
    table.bucket_for(HIGH).touch_last_updated(refresh_at=50.0)
    assert table.lonely_buckets(49.0) == []
    assert table.lonely_buckets(50.0) == [table.bucket_for(HIGH)]


def test_a_far_half_that_is_nearly_empty_after_a_split_is_due_at_once(table: Table, at: At) -> None:
    table.bucket_for(0).touch_last_updated(refresh_at=100.0)
    fill(table, at, [*range(1, 5), HIGH])
    assert table.lonely_buckets(1.0) == [table.bucket_for(HIGH)]


def test_a_far_half_that_has_enough_after_a_split_waits_for_its_time(table: Table, at: At) -> None:
    table.bucket_for(0).touch_last_updated(refresh_at=100.0)
    fill(table, at, [*(HIGH + each for each in range(4)), 1])
    assert len(table.buckets) == 2
    assert table.lonely_buckets(1.0) == []


def test_random_ids_lie_in_their_bucket_and_follow_the_seed() -> None:
    bucket = Bucket(HIGH, 3, 4, 1)
    drawn = [number(bucket.random_id(random.Random(seed))) for seed in range(50)]
    assert set(drawn) == set(range(HIGH, HIGH + 8))
    assert drawn == [number(bucket.random_id(random.Random(seed))) for seed in range(50)]
    assert bucket.depth() == 157


def test_check_notices_a_contact_in_the_wrong_bucket(table: Table, at: At) -> None:
    fill(table, at, [*range(1, 9), HIGH])
    stray = at(HIGH + 1)
    table.buckets[0].nodes.append(stray)
    with pytest.raises(AssertionError, match="where they belong"):
        table.check()


def test_a_peer_stands_at_the_hash_of_its_key() -> None:
    peer = PeerId(b"k" * 32)
    assert place(peer) == (dht_id(peer), int.from_bytes(dht_id(peer), "big"))
    assert Contact.of(peer).id == dht_id(peer)
    assert not Contact.of(peer).dialable
    with pytest.raises(ValueError, match="20 bytes"):
        number(DhtKey(b"short"))
