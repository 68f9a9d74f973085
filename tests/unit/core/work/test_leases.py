"""The lease table: every state and event, and the views that must agree."""

from __future__ import annotations

from itertools import product
from typing import get_args

import pytest

from peernet.core.work.owner.leases import LEASE_STATES, Lease, LeaseEvent, LeaseState, LeaseTable
from peernet.types import Digest, LeaseId, PeerId

KEY = ("ok", Digest(b"d" * 32))


def lease(number: int = 0, peer: str = "bob", state: LeaseState = "sent") -> Lease:
    return Lease(
        LeaseId(number.to_bytes(16, "big")), number, 1, PeerId(peer.encode()), False, 60.0, 65.0, 0.0, 0.0, state
    )


def test_the_table_is_the_one_of_the_architecture():
    ends = {(old, event, new) for (old, event), new in LEASE_STATES.items()}
    assert ends == {
        ("sent", "started", "running"),
        *((old, "returned", "returned") for old in ("sent", "running", "late", "lost")),
        *((old, "overdue", "late") for old in ("sent", "running")),
        *((old, "lost", "lost") for old in ("sent", "running", "late")),
        ("sent", "recalled", "recalled"),
    }


@pytest.mark.parametrize(("state", "event"), list(product(get_args(LeaseState), get_args(LeaseEvent))))
def test_every_state_and_event(state, event):
    table = LeaseTable(10)
    entry = lease(state=state)
    table.add(entry)
    table.validate()
    if (state, event) in LEASE_STATES:
        table.advance(entry, event)
        assert entry.state == LEASE_STATES[state, event]
    else:
        with pytest.raises(AssertionError, match=f"a lease that is {state} can't be {event}"):
            table.advance(entry, event)
        assert entry.state == state
    table.validate()


def test_nothing_leads_out_of_returned_and_recalled():
    assert not {old for old, _ in LEASE_STATES} & {"returned", "recalled"}


def test_what_a_peer_has_out():
    table = LeaseTable(10)
    first, second = lease(1), lease(2)
    table.add(first)
    table.add(second)
    table.add(lease(3, "carol"))
    assert (len(table.of(first.peer).out), table.of(first.peer).unstarted, table.live) == (2, 2, 3)
    table.advance(first, "started")
    assert table.of(first.peer).unstarted == 1
    table.advance(first, "overdue")
    assert (len(table.of(first.peer).out), table.live) == (2, 2)
    table.advance(first, "returned")
    table.advance(second, "recalled")
    assert not table.of(first.peer).out
    assert first.peer not in table.held


def test_settled_leases_are_remembered_for_a_while():
    table = LeaseTable(2)
    leases = [lease(number) for number in range(3)]
    for entry in leases:
        table.add(entry)
        table.settle(entry, KEY)
        table.validate()
    assert list(table.spent) == [leases[1].id, leases[2].id]
    assert table.known == {} and table.held == {} and table.live == 0


def test_settling_twice_keeps_what_was_returned():
    table = LeaseTable(2)
    entry = lease()
    table.add(entry)
    table.settle(entry, None)
    assert table.spent[entry.id].key is None
    table.settle(entry, KEY)
    table.settle(entry, None)
    assert table.spent[entry.id].key == KEY
