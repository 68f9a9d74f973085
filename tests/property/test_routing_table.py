"""The routing table against brute force, for any history and any ids, boundaries of buckets included."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from peernet.config.kad import KadConfig
from peernet.core.kad import contact as contact_module
from peernet.core.kad import table as table_module
from peernet.core.kad.contact import ID_BITS, ID_BYTES, Contact
from peernet.core.kad.table import Table
from peernet.types import DhtKey, PeerId

TOP = 1 << ID_BITS


def key(number: int) -> DhtKey:
    return DhtKey(number.to_bytes(ID_BYTES, "big"))


def at(number: int, mark: bytes = b"") -> Contact:
    """A contact with this id. Ids are hashes, so one at a chosen place has to be made by hand."""
    return Contact.of(PeerId(number.to_bytes(32, "big") + mark), ("/ip4/127.0.0.1/tcp/1",))


@pytest.fixture(scope="module", autouse=True)
def chosen_places() -> Iterator[None]:
    """Let the peers made by `at` stand where their first bytes say."""

    def place(peer: PeerId) -> tuple[DhtKey, int]:
        number = int.from_bytes(peer[:32], "big")
        return key(number), number

    with pytest.MonkeyPatch.context() as patch:
        for module in (contact_module, table_module):
            patch.setattr(module, "place", place)
        yield


def table_of(me: int, k: int, waiting: int = 2, **bounds: float) -> Table:
    table = Table(PeerId(bytes(32)), replace(KadConfig(), k=k, replacements=waiting, **bounds))  # type: ignore[arg-type]
    table.node = at(me, b"me")
    return table


def near_boundary(exponent: int, offset: int) -> int:
    return ((1 << exponent) + offset) % TOP


ids = st.one_of(
    st.integers(0, TOP - 1),
    st.integers(0, 64),
    st.integers(TOP - 64, TOP - 1),
    st.builds(near_boundary, st.integers(100, ID_BITS), st.integers(-2, 2)),
)
histories = st.lists(st.tuples(st.sampled_from(["saw", "saw", "saw", "failed", "removed"]), ids), max_size=120)


@given(
    me=ids, k=st.integers(1, 6), levels=st.integers(1, 5), history=histories, target=ids, count=st.integers(1, 30)
)
def test_nearest_are_those_of_a_sort_of_the_whole_table(
    me: int, k: int, levels: int, history: list[tuple[str, int]], target: int, count: int
) -> None:
    table = table_of(me, k, split_levels=levels)
    for now, (what, number) in enumerate(history):
        contact = at(number)
        if what == "saw":
            table.saw(contact, float(now))
        elif what == "failed":
            table.failed(contact.peer)
        elif (known := table.get(contact.peer)) is not None:
            table.remove_contact(known)
        table.check()
    brute = sorted(table.contacts(), key=lambda contact: contact.long_id ^ target)
    assert table.nearest(key(target), count) == brute[:count]

    left_out = {contact.peer for contact in brute[::3]}
    kept = [contact for contact in brute if contact.peer not in left_out]
    assert table.nearest(key(target), count, left_out) == kept[:count]
    healthy = [contact for contact in brute if not contact.failures]
    assert table.nearest(key(target), count, healthy=True) == healthy[:count]


STALE = 10.0
deeds = st.sampled_from(["saw", "saw", "saw", "failed", "suspect", "removed", "looked", "looked"])


@given(
    me=ids,
    k=st.integers(1, 6),
    history=st.lists(st.tuples(deeds, st.sampled_from([0.0, 1.0, 9.0, 10.0]), ids), max_size=120),
)
def test_who_is_stale_or_suspected_is_known_without_a_look_at_all_contacts(
    me: int, k: int, history: list[tuple[str, float, int]]
) -> None:
    table = table_of(me, k, stale_seconds=STALE)
    now = 0.0
    for what, passed, number in history:
        now += passed
        contact = at(number)
        if what == "saw":
            table.saw(contact, now)
        elif what == "failed":
            table.failed(contact.peer)
        elif what == "suspect":
            table.suspect(contact.peer)
        elif what == "removed" and (known := table.get(contact.peer)) is not None:
            table.remove_contact(known)
        elif what == "looked":
            assert table.stale(now) == [each for each in table.contacts() if now - each.last_seen >= STALE]
        assert {each.peer for each in table.suspects()} == {
            each.peer for each in table.contacts() if each.failures
        }
        table.check()


@given(me=ids, k=st.integers(1, 6), numbers=st.lists(ids, max_size=150, unique=True))
def test_newcomers_displace_nobody_and_the_own_neighbourhood_is_always_known(
    me: int, k: int, numbers: list[int]
) -> None:
    table = table_of(me, k)
    places: set[PeerId] = set()
    for now, number in enumerate(numbers):
        table.saw(at(number), float(now))
        held = {contact.peer for contact in table.contacts()}
        assert places <= held
        places = held
    table.check()
    others = sorted((number for number in numbers if number != me), key=lambda number: number ^ me)
    assert [contact.long_id for contact in table.nearest(key(me), k)] == others[:k]


@given(me=ids, numbers=st.lists(ids, min_size=1, max_size=60, unique=True), exclude=st.booleans())
def test_find_neighbors_of_the_package_is_exact_too(me: int, numbers: list[int], exclude: bool) -> None:
    table = table_of(me, 4)
    for now, number in enumerate(numbers):
        table.saw(at(number), float(now))
    node, other = at(numbers[0]), at(numbers[-1])
    brute = sorted(table.contacts(), key=lambda contact: contact.long_id ^ node.long_id)
    left_out = {node.peer, other.peer} if exclude else {node.peer}
    expected = [contact for contact in brute if contact.peer not in left_out]
    assert table.find_neighbors(node, 5, other if exclude else None) == expected[:5]


@settings(deadline=None)
@given(numbers=st.lists(ids, max_size=80), probe=ids)
def test_every_id_has_one_bucket_boundaries_included(numbers: list[int], probe: int) -> None:
    table = table_of(0, 2)
    for now, number in enumerate(numbers):
        table.saw(at(number), float(now))
    edges = [edge for bucket in table.buckets for edge in bucket.range]
    for number in (probe, *edges, *(edge + 1 for edge in edges if edge + 1 < TOP)):
        holders = [bucket for bucket in table.buckets if bucket.range[0] <= number <= bucket.range[1]]
        assert holders == [table.bucket_for(number)]
        assert table.buckets[table.get_bucket_for(at(number))] is holders[0]
        assert holders[0].has_in_range(at(number))


@given(size=st.integers(0, 40).filter(lambda size: size != ID_BYTES))
def test_only_ids_of_160_bits_are_keys(size: int) -> None:
    with pytest.raises(ValueError, match=f"20 bytes, this one has {size}"):
        table_of(0, 2).nearest(DhtKey(bytes(size)), 3)
