"""A peer that has dialled is told to others only once somebody has seen that it can be dialled itself."""

from __future__ import annotations

from typing import Any

import pytest

from peernet.core import effects as fx
from peernet.core.events import Failure, Tick
from peernet.core.kad.table import Table


def test_a_peer_that_can_be_dialled_gets_into_the_tables_of_those_it_dials(world: Any) -> None:
    alice, bob = world.add("alice"), world.add("bob")
    world.join(bob, alice)
    world.run(2.0)
    assert bob.id in [contact.peer for contact in alice.core.kad.view()]
    assert alice.core.context.book.get(bob.id) == (bob.address,)


def test_a_peer_behind_a_nat_uses_the_network_but_is_in_nobodys_table(world: Any, make_task: Any) -> None:
    alice, bob, carol = world.add("alice", slots=0), world.add("bob"), world.add("carol")
    world.closed.add(bob.port)
    for peer in (bob, carol):
        world.join(peer, alice)
    world.run(10.0)
    for other in (alice, carol):
        assert bob.id not in [contact.peer for contact in other.core.kad.view()]
        assert other.core.context.book.get(bob.id) == ()
    assert bob.id in alice.links, "it is connected all the same"
    job = world.finish(alice, world.submit(alice, make_task(lambda value: value, range(40))))
    assert world.value(alice, job) == 780
    assert bob.ran, "and it works, over the connection that it opened"


def test_a_busy_knocker_tries_again(world: Any) -> None:
    alice, bob = world.add("alice"), world.add("bob")
    world.busy = True
    world.join(bob, alice)
    world.run(5.0)
    assert bob.id not in [contact.peer for contact in alice.core.kad.view()]
    world.busy = False
    knocks: list[fx.Effect] = []
    world.stop_at = lambda machine, effect: bool(isinstance(effect, fx.Knock) and knocks.append(effect))
    world.run(20.0)
    assert len(knocks) == 1
    assert bob.id in [contact.peer for contact in alice.core.kad.view()]


def test_a_peer_for_whom_the_table_has_no_place_is_knocked_at_when_one_becomes_free(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob, carol = world.add("alice"), world.add("bob"), world.add("carol")
    world.join(bob, alice)
    world.run(2.0)
    table = alice.core.kad.table
    monkeypatch.setattr(Table, "wants", lambda self, peer, address: False)
    monkeypatch.setattr(alice.core.kad, "stays", lambda peer: None)
    knocks: list[str] = []
    world.stop_at = lambda machine, effect: bool(
        isinstance(effect, fx.Knock) and machine is alice and knocks.append(effect.address)
    )
    world.join(carol, alice)
    world.run(5.0)
    assert carol.id in alice.links and carol.id not in table
    assert not knocks
    for _ in range(2):
        alice.core.kad._roster.failed(bob.id, Failure("unreachable", "it is gone"))
    world.post(alice, Tick())
    world.run(1.0)
    assert knocks == [carol.address]
    assert carol.id in table


def test_a_neighbour_is_knocked_at_although_the_table_has_no_place_for_it(
    world: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = world.add("alice"), world.add("bob")
    monkeypatch.setattr(Table, "wants", lambda self, peer, address: peer != bob.id)
    world.join(bob, alice)
    world.run(5.0)
    assert alice.core.context.book.get(bob.id) == (bob.address,)
