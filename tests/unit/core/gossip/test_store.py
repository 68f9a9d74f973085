"""What is remembered of rumours, and how it is bounded."""

from __future__ import annotations

from dataclasses import replace

from peernet.config.gossip import GossipConfig
from peernet.core.gossip.store import Heard, Store, rumour_id

CONFIG = replace(GossipConfig(), seen=8, cache=4, cache_bytes=100)


def heard(size: int, until: float = 30.0) -> Heard:
    return Heard(b"x" * size, 1, 2, None, False, until)


def test_ids_are_sixteen_bytes_of_the_envelope() -> None:
    assert len(rumour_id(b"one")) == 16
    assert rumour_id(b"one") == rumour_id(b"one") != rumour_id(b"two")


def test_the_latest_ids_are_remembered_and_no_more_than_allowed() -> None:
    store = Store(CONFIG)
    names = [b"%d" % number for number in range(50)]
    for name in names:
        store.see(name, 0.0)
        assert name in store
        assert len(store) <= CONFIG.seen
    assert all(name in store for name in names[-CONFIG.seen // 2 :])
    assert names[0] not in store


def test_an_id_is_remembered_for_the_time_that_is_promised() -> None:
    store = Store(replace(GossipConfig(), seen_seconds=10.0))
    store.see(b"first", 9.0)
    for second in range(10, 20):
        store.see(b"%d" % second, float(second))
    assert b"first" in store
    store.see(b"later", 40.0)
    store.see(b"last", 51.0)
    assert b"first" not in store


def test_rumours_are_kept_by_count_by_bytes_and_by_time() -> None:
    store = Store(CONFIG)
    for number in range(6):
        store.keep(b"%d" % number, heard(10), 0.0)
    assert [store.get(b"%d" % number) is not None for number in range(6)] == [False] * 2 + [True] * 4
    store.keep(b"big", heard(90), 0.0)
    assert store.get(b"4") is None
    assert store.get(b"5") is not None
    store.keep(b"late", heard(1, until=60.0), 31.0)
    assert store.get(b"big") is None
    assert store.get(b"late") is not None
    store.expire(60.0)
    assert store.get(b"late") is None
