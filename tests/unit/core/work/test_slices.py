"""The slice table: every state and event, and how little a decided slice leaves."""

from __future__ import annotations

import random
from itertools import product
from typing import get_args

import pytest

from peernet.core.work.owner.pool import Pool
from peernet.core.work.owner.slices import SLICE_STATES, SliceEvent, SliceState, SliceTable
from peernet.core.work.policies import Quorum
from peernet.core.work.votes import Vote
from peernet.types import Digest, LeaseId, Payload, PeerId

KEY = ("ok", Digest(b"d" * 32))
INPUT = Payload(Digest(b"i" * 32), 3, b"abc")


def table_of(count: int, recent: int = 4) -> SliceTable:
    table = SliceTable(Quorum.of(None, None), recent)
    for _ in range(count):
        table.add(10, INPUT)
    return table


def test_the_table_is_the_one_of_the_architecture():
    ends = {(old, new) for (old, _), new in SLICE_STATES.items() if old != new}
    assert ends == {
        ("open", "leased"),
        ("leased", "open"),
        ("leased", "accepted"),
        ("leased", "disputed"),
        ("disputed", "accepted"),
        ("leased", "failed"),
        ("disputed", "failed"),
        ("accepted", "disputed"),
    }


@pytest.mark.parametrize(("state", "event"), list(product(get_args(SliceState), get_args(SliceEvent))))
def test_every_state_and_event(state, event):
    table = table_of(1)
    entry = table.undecided[0]
    entry.state = state
    if (state, event) in SLICE_STATES:
        table.advance(entry, event)
        assert entry.state == SLICE_STATES[state, event]
    else:
        with pytest.raises(AssertionError, match=f"a slice that is {state} can't be {event}"):
            table.advance(entry, event)


def test_failed_is_final_and_accepted_is_left_by_a_doubt_only():
    assert "failed" not in {old for old, _ in SLICE_STATES}
    assert {event for (old, event), new in SLICE_STATES.items() if old == "accepted" != new} == {"doubted"}


def test_a_decided_slice_leaves_a_bit():
    table = table_of(100_000, recent=4)
    for index in range(100_000):
        entry = table.undecided[index]
        table.advance(entry, "granted")
        table.accept(entry, KEY)
    assert table.undecided == {}
    assert len(table.fresh) == len(table.partial) == table.bytes == 0
    assert (table.accepted, table.accepted_calls, len(table.recent)) == (100_000, 1_000_000, 4)
    assert len(table._accepted) == 12_500
    assert table.is_accepted(99_999)
    assert not table.is_accepted(100_000)


def test_equal_results_are_kept_once():
    table = table_of(1)
    entry = table.undecided[0]
    table.advance(entry, "granted")
    for name, data in (("a", b"x" * 100), ("b", b"y" * 100), ("c", b"x" * 100)):
        key = ("ok", Digest(data[:1] * 32))
        table.add_vote(entry, Vote(PeerId(name.encode()), False, key, LeaseId(b""), Payload(key[1], 100, data)))
    assert table.bytes == 3 + 200


def test_a_slice_can_be_drawn_while_it_needs_a_lease():
    table = table_of(2)
    entry = table.undecided[0]
    assert set(table.fresh) == {0, 1}
    table.advance(entry, "granted")
    table.add_vote(entry, Vote(PeerId(b"a"), False, KEY, LeaseId(b"")))
    table.place(entry)
    assert set(table.fresh) == {1}
    assert set(table.partial) == {0}
    assert not entry.may_lease(PeerId(b"a"))
    assert entry.may_lease(PeerId(b"b"))


def test_a_pool_is_a_set_with_even_draws():
    pool: Pool[int] = Pool()
    for item in [*range(10), 3]:
        pool.add(item)
    for item in (0, 9, 5, 5):
        pool.discard(item)
    assert sorted(pool) == [1, 2, 3, 4, 6, 7, 8]
    assert len(pool) == 7 and 5 not in pool and 6 in pool
    source = random.Random(1)
    draws = [pool.draw(source) for _ in range(7000)]
    assert all(850 < draws.count(item) < 1150 for item in pool)
    assert sorted(pool.rotated(source)) == sorted(pool)
