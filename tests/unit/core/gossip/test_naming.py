"""Who of two neighbours names a rumour to the other, and when."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from peernet.config.gossip import GossipConfig
from peernet.core.gossip.naming import is_first
from peernet.core.gossip.store import rumour_id
from peernet.wire.gossip import MAX_DEPTH, MAX_HAVES, Have, IHave, Rumour


@pytest.fixture
def lazy(pair: Any) -> tuple[Any, Any]:
    """Two neighbours that only name rumours to each other."""
    for here, there in (pair, pair[::-1]):
        here.active[there.peer].eager = False
    return pair


def rumour(author: Any, here: Any, there: Any, *, first: bool) -> Rumour:
    """A rumour that `here` is to name first, or second."""
    for number in range(64):
        envelope = author.offer(number=number)
        if is_first(here.peer, there.peer, Have(rumour_id(envelope), 1, MAX_DEPTH)) is first:
            return Rumour(envelope, 1, MAX_DEPTH)
    raise AssertionError("64 rumours threw the same coin")


@pytest.fixture
def author(lazy: Any, world: Any) -> Any:
    """A neighbour of both that does nothing but what is put in its mouth."""
    author = world.add()
    for node in lazy:
        world.befriend(node, author)
        node.active[author.peer].eager = False
    author.up = False
    return author


def test_the_two_ends_of_a_link_agree_on_who_is_first_and_take_turns() -> None:
    one, other = b"\x01" * 32, b"\x02" * 32
    names = [Have(bytes([number]) * 16, 1, MAX_DEPTH) for number in range(16)]
    assert all(is_first(one, other, have) != is_first(other, one, have) for have in names)
    assert sum(is_first(one, other, have) for have in names) == 8


def test_both_ends_name_what_belongs_to_a_ring() -> None:
    have = Have(b"n" * 16, 1, 3)
    assert is_first(b"a" * 32, b"b" * 32, have)
    assert is_first(b"b" * 32, b"a" * 32, have)


def test_the_first_end_names_soon_and_the_second_later(lazy: Any, author: Any, world: Any) -> None:
    alice, bob = lazy
    alice.hear(author, rumour(author, alice, bob, first=True))
    named = world.sent["IHave"]
    world.run(1.1 * world.config.lazy_seconds)
    assert world.sent["IHave"] == named + 1
    alice.hear(author, rumour(author, alice, bob, first=False))
    world.run(1.1 * world.config.lazy_seconds)
    assert world.sent["IHave"] == named + 1
    world.run(world.config.lazy_second_seconds)
    assert world.sent["IHave"] == named + 2


def test_the_second_end_is_silent_when_it_was_named_to(lazy: Any, author: Any, world: Any) -> None:
    alice, bob = lazy
    body = rumour(author, alice, bob, first=True)
    named = world.sent["IHave"]
    alice.hear(author, body)
    bob.hear(author, body)
    world.run(2 * world.config.lazy_second_seconds)
    assert world.sent["IHave"] == named + 1


def test_nothing_waits_once_all_are_known_to_have_it(lazy: Any, author: Any, world: Any) -> None:
    alice, bob = lazy
    body = rumour(author, alice, bob, first=False)
    naming = alice.gossip._tree._naming
    alice.hear(author, body)
    world.run(1.1 * world.config.lazy_seconds)
    assert naming._second
    asleep = alice.ctx.next_deadline()
    alice.hear(bob, IHave((Have(rumour_id(body.envelope), 1, MAX_DEPTH),)))
    assert not naming._second and not naming._open
    assert alice.ctx.next_deadline() > asleep


def test_who_pushes_a_rumour_is_not_named_it(lazy: Any, author: Any, world: Any) -> None:
    alice, bob = lazy
    body = rumour(author, alice, bob, first=False)
    alice.hear(author, body)
    alice.hear(bob, body)
    named = world.sent["IHave"]
    world.run(2 * world.config.lazy_second_seconds)
    assert world.sent["IHave"] == named


def test_both_ends_name_at_once_when_too_much_waits(make_world: Any) -> None:
    world = make_world(config=replace(GossipConfig(), near=0, random=0, names_waiting=0))
    alice, bob, author = world.add(), world.add(), world.add()
    world.befriend(alice, bob)
    world.befriend(alice, author)
    alice.active[bob.peer].eager = alice.active[author.peer].eager = False
    author.up = False
    alice.hear(author, rumour(author, alice, bob, first=False))
    named = world.sent["IHave"]
    world.run(1.1 * world.config.lazy_seconds)
    assert world.sent["IHave"] == named + 1


def test_many_names_leave_in_messages_of_their_bound(lazy: Any, author: Any, world: Any) -> None:
    alice, bob = lazy
    seen: list[int] = []
    bob.handlers = {**bob.handlers, IHave: lambda peer, body: seen.append(len(body.items))}
    for number in range(2 * MAX_HAVES):
        alice.hear(author, Rumour(author.offer(number=number), 1, MAX_DEPTH))
    world.run(3.0)
    assert sum(seen) == 2 * MAX_HAVES
    assert max(seen) <= MAX_HAVES
    assert not alice.gossip._tree._naming._open
