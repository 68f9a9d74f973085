"""What the record store takes, what it refuses, and what it holds at most."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from peernet.config.kad import KadConfig
from peernet.core.events import Now
from peernet.core.kad.contact import place
from peernet.core.kad.records import DOMAINS, Domain, RecordStore, record_key
from peernet.errors import EnvelopeError
from peernet.identity.envelope import seal
from peernet.identity.keys import KeyPair, verify
from peernet.types import DhtKey, PeerId
from peernet.wire.signed import ADVERT, OFFER

AUTHOR = KeyPair.from_seed(b"a" * 32)
OTHER = KeyPair.from_seed(b"o" * 32)
KEY = record_key(ADVERT, AUTHOR.peer_id)
NOW = Now(50.0, 1_000_000.0)
MakeStore = Callable[..., RecordStore]


def later(seconds: float) -> Now:
    return Now(NOW.mono + seconds, NOW.wall + seconds)


def record(
    keys: KeyPair = AUTHOR,
    body: bytes = b"body",
    sequence: int = 5,
    *,
    domain: str = ADVERT,
    issued: float = NOW.wall,
    lifetime: float = 120.0,
) -> bytes:
    return seal(keys.sign, keys.peer_id, domain, body, sequence=sequence, issued=issued, lifetime=lifetime)


@pytest.fixture
def make_store() -> MakeStore:
    def make(domains: dict[str, Domain] | None = None, **bounds: float) -> RecordStore:
        config = replace(KadConfig(), **bounds)  # type: ignore[arg-type]
        return RecordStore(place(PeerId(bytes(32)))[0], config, verify, random.Random(1), domains or dict(DOMAINS))

    return make


@pytest.fixture
def store(make_store: MakeStore) -> RecordStore:
    return make_store()


def test_a_key_frames_its_parts_so_that_no_two_records_share_one() -> None:
    framed = b"\0\0\0\x10peernet/advert/1" + b"\0\0\0\x20" + AUTHOR.peer_id + b"\0\0\0\4name"
    assert record_key(ADVERT, AUTHOR.peer_id, "name") == hashlib.sha256(framed).digest()[:20]
    assert record_key("ab", AUTHOR.peer_id, "c") != record_key("a", AUTHOR.peer_id, "bc")


def test_a_genuine_record_is_held_as_it_came(store: RecordStore) -> None:
    data = record()
    assert store.accept(KEY, "", data, NOW) == ""
    held = store.get(KEY, NOW)
    assert held is not None and held.raw == data
    assert held.until == NOW.mono + 120.0
    store.check()


@pytest.mark.parametrize("position", [0, 33, 45, -70, -1])
def test_an_altered_record_is_refused(store: RecordStore, position: int) -> None:
    data = bytearray(record())
    data[position] ^= 1
    assert store.accept(KEY, "", bytes(data), NOW) in {"signature", "lifetime", "domain", "future", "expired"}
    assert len(store) == 0


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"", "undecodable"),
        (bytes(200), "undecodable"),
        (record(domain=OFFER), "domain"),
        (record(lifetime=1801.0), "lifetime"),
        (record(issued=NOW.wall - 121.0), "expired"),
        (record(issued=NOW.wall + 61.0), "future"),
        (record(body=bytes(17_000)), "oversized"),
    ],
)
def test_a_record_that_does_not_hold_is_refused_with_its_reason(
    store: RecordStore, data: bytes, reason: str
) -> None:
    assert store.accept(KEY, "", data, NOW) == reason
    assert len(store) == 0


def test_a_record_belongs_under_its_own_key_only(store: RecordStore) -> None:
    assert store.accept(DhtKey(bytes(20)), "", record(), NOW) == "domain"
    assert store.accept(KEY, "", record(OTHER), NOW) == "domain"
    assert store.accept(KEY, "x", record(), NOW) == "key"
    copied = record_key(ADVERT, AUTHOR.peer_id, "x")
    assert store.accept(copied, "x", record(), NOW) == "domain"
    assert len(store) == 0


def test_a_newer_sequence_wins_and_an_older_one_or_a_second_of_the_same_is_refused(store: RecordStore) -> None:
    assert store.accept(KEY, "", record(sequence=5), NOW) == ""
    assert store.accept(KEY, "", record(sequence=4), NOW) == "stale"
    assert store.accept(KEY, "", record(sequence=5, body=b"other"), NOW) == "two of one sequence"
    newest = record(sequence=6, body=b"newest")
    assert store.accept(KEY, "", newest, NOW) == ""
    held = store.get(KEY, NOW)
    assert held is not None and held.raw == newest
    assert len(store) == 1
    store.check()


def test_storing_again_does_not_prolong_a_life(store: RecordStore) -> None:
    ahead = record(issued=NOW.wall + 50.0)
    assert store.accept(KEY, "", ahead, NOW) == ""
    assert store.accept(KEY, "", ahead, later(30.0)) == ""
    held = store.get(KEY, NOW)
    assert held is not None and held.until == NOW.mono + 120.0


def test_expired_records_are_not_given_and_leave(store: RecordStore) -> None:
    store.accept(KEY, "", record(), NOW)
    assert store.get(KEY, later(119.9)) is not None
    assert store.get(KEY, later(120.0)) is None
    store.expire(later(119.9))
    assert len(store) == 1
    store.expire(later(120.0))
    assert len(store) == store.bytes == 0
    store.check()


def test_a_record_replaces_an_expired_one_whatever_its_sequence(store: RecordStore) -> None:
    store.accept(KEY, "", record(sequence=9, lifetime=1.0), NOW)
    assert store.accept(KEY, "", record(sequence=8), later(2.0)) == ""
    store.check()


def test_one_author_has_a_bounded_share(make_store: MakeStore) -> None:
    names = tuple("abcdef")
    store = make_store({ADVERT: Domain(600.0, names)}, author_records=3)
    refusals = [store.accept(record_key(ADVERT, AUTHOR.peer_id, name), name, record(), NOW) for name in names]
    assert refusals == ["", "", ""] + ["too many of this author"] * 3
    assert store.accept(record_key(ADVERT, OTHER.peer_id, "a"), "a", record(OTHER), NOW) == ""
    assert store.accept(record_key(ADVERT, AUTHOR.peer_id, "a"), "a", record(sequence=6), NOW) == ""
    store.check()


def test_one_author_has_bounded_bytes(make_store: MakeStore) -> None:
    store = make_store({ADVERT: Domain(600.0, ("a", "b"))}, author_bytes=1500)
    big = record(body=bytes(1000))
    assert store.accept(record_key(ADVERT, AUTHOR.peer_id, "a"), "a", big, NOW) == ""
    assert store.accept(record_key(ADVERT, AUTHOR.peer_id, "b"), "b", big, NOW) == "too many of this author"
    bigger = record(body=bytes(1400), sequence=6)
    assert store.accept(record_key(ADVERT, AUTHOR.peer_id, "a"), "a", bigger, NOW) == "too many of this author"
    store.check()


@pytest.mark.parametrize("bounds", [{"records": 10}, {"record_bytes": 10 * len(record())}])
def test_a_full_store_keeps_the_records_nearest_to_this_peer(
    make_store: MakeStore, bounds: dict[str, int]
) -> None:
    store = make_store(**bounds)
    me = place(PeerId(bytes(32)))[1]
    authors = [KeyPair.from_seed(bytes([each]) * 32) for each in range(1, 41)]
    by_key = {record_key(ADVERT, keys.peer_id): record(keys) for keys in authors}
    for key, data in by_key.items():
        assert store.accept(key, "", data, NOW) in ("", "full")
        store.check()
    nearest = sorted(by_key, key=lambda key: int.from_bytes(key, "big") ^ me)[:10]
    assert {key for key in by_key if store.get(key, NOW)} == set(nearest)
    renewed = record(next(keys for keys in authors if record_key(ADVERT, keys.peer_id) == nearest[9]), sequence=6)
    assert store.accept(nearest[9], "", renewed, NOW) == ""
    store.check()


def test_expired_records_make_room_first(make_store: MakeStore) -> None:
    store = make_store(records=1)
    near, far = sorted(
        (AUTHOR, OTHER),
        key=lambda keys: int.from_bytes(record_key(ADVERT, keys.peer_id), "big") ^ place(PeerId(bytes(32)))[1],
    )
    assert store.accept(record_key(ADVERT, near.peer_id), "", record(near, lifetime=1.0), NOW) == ""
    assert store.accept(record_key(ADVERT, far.peer_id), "", record(far), NOW) == "full"
    assert store.accept(record_key(ADVERT, far.peer_id), "", record(far), later(1.0)) == ""
    store.check()


def test_each_record_has_its_own_time_to_be_stored_again(make_store: MakeStore) -> None:
    store = make_store({ADVERT: Domain(10_000.0)})
    for each in range(1, 21):
        keys = KeyPair.from_seed(bytes([each]) * 32)
        store.accept(record_key(ADVERT, keys.peer_id), "", record(keys, lifetime=5000.0), NOW)
    assert store.due(later(449.0), 100) == []
    middle = store.due(later(600.0), 100)
    assert 0 < len(middle) < 20
    assert store.due(later(600.0), 100) == []
    assert len(store.due(later(751.0), 100)) == 20 - len(middle)
    assert len(store.due(later(1400.0), 5)) == 5


def test_an_advert_is_for_its_author_to_store_again(make_store: MakeStore) -> None:
    store = make_store(DOMAINS)
    assert store.accept(KEY, "", record(lifetime=1800.0), NOW) == ""
    assert store.due(later(1799.0), 100) == []
    assert not store.lasting
    store.check()


def test_what_others_store_again_leaves_with_its_record(make_store: MakeStore) -> None:
    store = make_store({ADVERT: Domain(10_000.0)})
    store.accept(KEY, "", record(lifetime=60.0), NOW)
    assert list(store.lasting) == [KEY]
    store.accept(KEY, "", record(sequence=6, lifetime=60.0), NOW)
    assert [held.sequence for held in store.lasting.values()] == [6]
    store.expire(later(61.0))
    assert not store.lasting
    store.check()


def test_a_reader_names_the_domain_it_wants(make_store: MakeStore) -> None:
    store = make_store({ADVERT: Domain(600.0), OFFER: Domain(600.0)})
    assert store.open(record(), KEY, NOW, ADVERT).body == b"body"
    assert store.open(record(domain=OFFER), record_key(OFFER, AUTHOR.peer_id), NOW).domain == OFFER
    with pytest.raises(EnvelopeError, match="domain"):
        store.open(record(), KEY, NOW, OFFER)


def test_dropping_what_is_not_there_changes_nothing(store: RecordStore) -> None:
    store.drop(KEY)
    store.check()
