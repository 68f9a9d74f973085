"""Disjoint paths: nobody is asked twice, one honest path is enough, and colluders can't hide records."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from peernet.config.kad import KadConfig
from peernet.core.kad import record_key
from peernet.core.kad.contact import place
from peernet.core.kad.pace import Pace
from peernet.core.kad.paths import Paths
from peernet.types import DhtKey, PeerId
from peernet.wire.kad import FindNode, FindValue, Nodes, Store, Stored, Values, WireContact

NOTE = "peernet/note/1"
ADDRESSES = ("/ip4/127.0.0.1/tcp/1",)
CONFIG = KadConfig()
ME = PeerId(b"m" * 32)
TARGET = DhtKey(bytes(20))
MakeWorld = Callable[..., Any]


def peers(count: int) -> list[PeerId]:
    """Peers in order of their distance to TARGET."""
    chance = random.Random(3)
    return sorted([PeerId(chance.randbytes(32)) for _ in range(count)], key=lambda peer: place(peer)[1])


def paths(seeds: list[PeerId]) -> Paths:
    contacts = [WireContact(peer, ADDRESSES) for peer in seeds]
    return Paths(TARGET, contacts, me=ME, config=CONFIG, pace=Pace(CONFIG))


def wires(some: list[PeerId]) -> tuple[WireContact, ...]:
    return tuple(WireContact(peer, ADDRESSES) for peer in some)


def run(search: Paths, answer: Callable[[PeerId], list[PeerId] | None]) -> list[PeerId]:
    """Ask whom the search wants asked until it is done; return them. answer: whom a peer names, None if dead."""
    asked: list[PeerId] = []
    while True:
        candidates = search.advance(0.0)
        for candidate in candidates:
            asked.append(candidate.peer)
            named = answer(candidate.peer)
            if named is None:
                search.failed(candidate.peer)
            else:
                search.answered(candidate.peer, wires(named), 0.0)
        if not candidates:
            assert search.done
            return asked


def test_the_seeds_are_dealt_out_and_nobody_is_asked_twice() -> None:
    some = peers(100)
    search = paths(some[40:60])
    assert [candidate.peer for candidate in search.advance(0.0)] == some[40:48]
    search = paths(some[40:60])
    asked = run(search, lambda peer: some[:20])
    assert len(asked) == len(set(asked)) == search.calls == 28
    assert [contact.peer for contact in search.nearest()] == some[:20]
    assert search.hops == 1
    assert search.agree()


def test_without_seeds_it_is_done_at_once() -> None:
    search = paths([])
    assert search.advance(0.0) == []
    assert search.done
    assert search.nearest() == []


def test_one_honest_path_is_enough_and_the_paths_do_not_agree() -> None:
    some = peers(400)
    honest, colluders = set(some[:20]), some[20:400:8]
    start = some[200:208]
    search = paths(start)
    run(search, lambda peer: some[:20] if peer == start[5] or peer in honest else colluders[:20])
    assert [contact.peer for contact in search.nearest()] == some[:20]
    assert not search.agree()


def test_the_dead_are_replaced_and_those_of_another_path_too() -> None:
    some = peers(100)
    search = paths(some[60:80])
    run(search, lambda peer: None if peer in some[:10] else some[:20])
    assert [contact.peer for contact in search.nearest()] == [*some[10:20], *some[60:70]]


def test_slow_peers_are_waited_for_only_while_nobody_has_answered() -> None:
    some = peers(2)
    search = paths(some)
    assert len(search.advance(0.0)) == 2
    late = search.deadline()
    assert search.advance(late) == []
    assert not search.done
    search.answered(some[1], (), late)
    assert search.advance(late) == []
    assert search.done
    assert [contact.peer for contact in search.nearest()] == [some[1]]


class Colluders:
    """Peers who answer with those of them that are nearest to a place, and hold nothing back but records."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []

    def win(self, node: Any) -> None:
        self.nodes.append(node)
        node.handlers[FindNode] = lambda peer, body: Nodes(self.near(body.target))
        node.handlers[FindValue] = lambda peer, body: Values((), self.near(body.key))
        node.handlers[Store] = lambda peer, body: Stored("")

    def near(self, target: DhtKey) -> tuple[WireContact, ...]:
        goal = int.from_bytes(target, "big")
        ranked = sorted(self.nodes, key=lambda node: place(node.peer)[1] ^ goal)
        return tuple([WireContact(node.peer, node.addresses) for node in ranked[:20]])


def share_found(world: Any, honest: list[Any]) -> float:
    """Let some honest peers publish, others fetch: the share of what was found."""
    owners = honest[:25]
    for owner in owners:
        make = lambda owner=owner: owner.seal(b"mine", 1)  # noqa: E731
        world.ask(lambda then, owner=owner, make=make: owner.do(lambda: owner.kad.put(NOTE, "", make, then)))
    found = 0
    for number in range(200):
        owner, asker = owners[number % len(owners)], world.random.choice(honest[25:])
        key = record_key(NOTE, owner.peer)
        asker.kad.store.drop(key)
        opened = world.ask(lambda then, key=key, asker=asker: asker.do(lambda: asker.kad.get(key, NOTE, then)))
        found += [each.body for each in opened] == [b"mine"]
    return found / 200


@pytest.mark.parametrize(("share", "least"), [(0.2, 0.995), (0.3, 0.98)])
def test_colluders_who_name_each_other_and_withhold_records_hide_few(
    make_world: MakeWorld, share: float, least: float
) -> None:
    world = make_world(seed=21)
    nodes = world.grow(200)
    world.run(120)
    colluders = Colluders()
    for node in world.random.sample(nodes[1:], int(len(nodes) * share)):
        colluders.win(node)
    assert share_found(world, [node for node in nodes if node not in colluders.nodes]) >= least


@pytest.mark.parametrize(("share", "least"), [(0.2, 0.995), (0.3, 0.98)])
def test_colluders_who_are_there_while_the_network_forms_hide_few_if_newcomers_know_five_addresses(
    make_world: MakeWorld, share: float, least: float
) -> None:
    # Whoever knows colluders only can't be helped: with three addresses that is 3 of 100 where they are 30 %.
    world, nodes, colluders = make_world(seed=22), [], Colluders()
    for _ in range(200):
        node = world.add()
        doors = world.random.sample(nodes, min(5, len(nodes)))
        if doors:
            assert world.join(node, [door.address for door in doors]) is None
        if nodes and world.random.random() < share:
            colluders.win(node)
        nodes.append(node)
    world.run(120)
    assert share_found(world, [node for node in nodes if node not in colluders.nodes]) >= least
