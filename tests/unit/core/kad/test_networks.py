"""Limits for contacts of one network: which addresses count, and what a bucket and a table take of one."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import pytest

from peernet.config.kad import KadConfig
from peernet.core.kad.contact import ID_BITS, Contact
from peernet.core.kad.networks import counted, network_of
from peernet.core.kad.table import Table
from peernet.types import PeerId

At = Callable[..., Contact]
HIGH = 1 << (ID_BITS - 1)


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("/ip4/8.8.4.9/tcp/1", "8.8.4.0/24"),
        ("/ip4/198.51.100.7/tcp/4001", "198.51.100.0/24"),
        ("/ip6/2001:4860:1:2::3/tcp/1", "2001:4860:1::/48"),
        ("/ip4/127.0.0.1/tcp/1", ""),
        ("/ip4/10.1.2.3/tcp/1", ""),
        ("/ip4/172.20.0.1/tcp/1", ""),
        ("/ip4/100.65.0.1/tcp/1", ""),
        ("/ip4/192.168.7.7/tcp/1", ""),
        ("/ip6/::1/tcp/1", ""),
        ("/ip6/fe80::1/tcp/1", ""),
        ("/ip6/fd00::1/tcp/1", ""),
        ("nonsense", ""),
    ],
)
def test_the_network_of_an_address(address: str, network: str) -> None:
    assert network_of(address) == network


@pytest.mark.parametrize("seed", range(20))
def test_networks_are_counted_as_each_address_alone_would_be(seed: int) -> None:
    chance = random.Random(seed)
    hosts = (
        *[f"/ip4/198.51.{chance.randrange(3)}.{chance.randrange(1, 255)}" for _ in range(6)],
        *[f"/ip4/192.168.{chance.randrange(2)}.{chance.randrange(1, 255)}" for _ in range(4)],
        *[f"/ip6/2001:4860:{chance.randrange(2)}::{chance.randrange(1, 99):x}" for _ in range(4)],
        "/ip4/198.5.11.1",
        "/dns4/example.org",
    )
    contacts = [
        Contact.of(PeerId(chance.randbytes(32)), (f"{chance.choice(hosts)}/tcp/{chance.randrange(1, 9999)}",))
        for _ in range(chance.randrange(30))
    ]
    plain = Counter(network_of(contact.addresses[0]) for contact in contacts)
    assert counted(contacts) == {network: count for network, count in plain.items() if network and count > 1}


@pytest.fixture
def table(at: At) -> Table:
    """A table whose bucket of the upper half is full once it has 20 contacts: this peer stands in the lower."""
    table = Table(PeerId(bytes(32)), replace(KadConfig(), network_bucket=2, network_table=10))
    table.node = at(0)
    for index in range(1, 30):
        table.saw(at(index), 0.0)
    return table


def come(table: Table, at: At, hosts: list[str], begin: int = 0, now: float = 1.0) -> list[PeerId]:
    """Let peers of these hosts come into the upper half."""
    peers = []
    for index, host in enumerate(hosts, begin):
        contact = at(HIGH + index)
        contact.moved((f"/ip4/{host}/tcp/{1000 + index}",))
        table.saw(contact, now)
        peers.append(contact.peer)
    table.check()
    return peers


def test_while_there_is_room_one_network_may_have_all_of_it(table: Table, at: At) -> None:
    campus = come(table, at, ["198.51.100.7"] * 20)
    assert all(peer in table for peer in campus)


def test_in_a_full_bucket_all_but_a_few_of_one_network_give_way_to_others(table: Table, at: At) -> None:
    sybils = come(table, at, ["198.51.100.7"] * 20)
    others = come(table, at, [f"198.51.{index}.1" for index in range(40)], begin=50)
    assert [peer in table for peer in sybils] == [True] * 2 + [False] * 18
    assert [peer in table for peer in others] == [True] * 18 + [False] * 22


def test_more_of_a_network_that_has_enough_do_not_even_wait(table: Table, at: At) -> None:
    come(table, at, [f"198.51.{index // 2}.1" for index in range(20)])
    come(table, at, ["198.51.3.9"], begin=50)
    assert not table.bucket_for(HIGH).replacement_nodes
    (waits,) = come(table, at, ["198.51.99.1"], begin=60)
    assert [contact.peer for contact in table.bucket_for(HIGH).replacement_nodes] == [waits]


def test_a_network_with_many_contacts_elsewhere_has_enough_too(table: Table, at: At) -> None:
    for contact in table.contacts()[:10]:
        contact.moved(("/ip4/198.51.100.7/tcp/1",))
    come(table, at, [f"198.51.{index}.1" for index in range(20)])
    (late,) = come(table, at, ["198.51.100.8"], begin=50)
    assert late not in table
    assert not table.bucket_for(HIGH).replacement_nodes


def test_a_contact_that_moves_counts_where_it_is_now(table: Table, at: At) -> None:
    crowd = come(table, at, [f"198.51.{index // 2}.1" for index in range(20)])
    turned_away, _ = come(table, at, ["198.51.0.2", "198.51.99.1"], begin=50)
    assert turned_away not in [contact.peer for contact in table.bucket_for(HIGH).replacement_nodes]
    moved = table.get(crowd[0])
    assert moved is not None
    table.heard(moved, ("/ip4/203.0.113.1/tcp/1",), 2.0)
    (waits,) = come(table, at, ["198.51.0.3"], begin=60)
    assert waits in [contact.peer for contact in table.bucket_for(HIGH).replacement_nodes]


def test_peers_of_one_machine_or_site_have_no_limit(table: Table, at: At) -> None:
    lab = come(table, at, ["127.0.0.1"] * 20)
    come(table, at, [f"198.51.{index}.1" for index in range(20)], begin=50)
    assert all(peer in table for peer in lab)
