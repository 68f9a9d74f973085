"""A peer that has dialled is told to others only once somebody has seen that it can be dialled itself."""

from __future__ import annotations

from typing import Any

from peernet.core import effects as fx


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
