"""Adverts: this peer's own, and what is believed of others."""

from __future__ import annotations

import hashlib
import random
from dataclasses import replace

import pytest

from peernet.config import Config, WorkConfig
from peernet.core.adverts import Adverts
from peernet.core.context import AddressBook, Context
from peernet.core.effects import Note
from peernet.core.events import MachineMeasured, Now
from peernet.core.kad.records import DOMAINS
from peernet.identity.envelope import open_envelope, seal
from peernet.identity.keys import KeyPair, verify
from peernet.types import Instance
from peernet.wire.codec import decode_body, encode_body
from peernet.wire.signed import ADVERT, OFFER, Advert

WALL = 1_700_000_000.0
MACHINE = MachineMeasured(4, 8 << 30, 0.1, 1.0, "3.11", "linux-x86_64", "A")


class Scene:
    """The adverts of one peer on a virtual clock."""

    def __init__(self, *, seed=1, work=None, wall=WALL, instance=b"i" * 16):
        self.keys = KeyPair.from_seed(b"k" * 32)
        self.mono, self.start_wall = 1000.0, wall
        self.ctx = Context(
            me=self.keys.peer_id,
            instance=Instance(instance),
            config=Config(work=work or WorkConfig()),
            random=random.Random(seed),
            secret=random.Random(seed).randbytes,
            sign=self.keys.sign,
            verify=verify,
            book=AddressBook(8),
            now=Now(self.mono, wall),
        )
        self.published: list[bytes] = []
        self.stored: list[bytes] = []
        self.adverts = Adverts(self.ctx, self.stored.append)
        self.adverts.tell_by(self.published.append)
        self.free = 4
        self.adverts.attach(4, "anyone", lambda: self.free, lambda: None)
        self.adverts.start()

    def wait(self, seconds):
        end = self.mono + seconds
        while self.mono < end:
            self.mono = min(end, max(self.mono, self.ctx.next_deadline()))
            self.ctx.now = Now(self.mono, self.start_wall + self.mono - 1000.0)
            self.ctx.run_timers()

    def open(self, envelope):
        opened = open_envelope(envelope, ADVERT, now=self.ctx.now.wall, verify=verify, max_lifetime=120.0)
        return opened, decode_body(Advert, opened.body)

    def notes(self, topic):
        notes = [effect for effect in self.ctx.effects if isinstance(effect, Note) and effect.topic == topic]
        self.ctx.effects.clear()
        return notes


class Author:
    """Another peer that advertises."""

    def __init__(self, name, keys=None):
        self.keys = keys or KeyPair.from_seed(hashlib.sha256(name.encode()).digest())
        self.peer = self.keys.peer_id

    def advert(
        self, *, sequence=1, issued=WALL, lifetime=120.0, domain=ADVERT, free=2, sign=None, instance=b"o" * 16
    ):
        body = Advert(Instance(instance), 4, 1 << 30, 4, free, 0.0, 1.0, "3.11", "linux", "A", "anyone", "")
        return seal(
            sign or self.keys.sign,
            self.peer,
            domain,
            encode_body(body),
            sequence=sequence,
            issued=issued,
            lifetime=lifetime,
        )


@pytest.fixture
def scene():
    return Scene()


@pytest.fixture
def author():
    return Author("author")


def test_nothing_is_advertised_before_the_machine_is_measured(scene):
    scene.wait(300)
    assert scene.adverts.own() == b"" and scene.published == []
    scene.adverts.machine(MACHINE)
    assert scene.published == [scene.adverts.own()]
    opened, advert = scene.open(scene.adverts.own())
    assert opened.author == scene.ctx.me and opened.lifetime == 120.0
    assert advert == Advert(
        Instance(b"i" * 16), 4, 8 << 30, 4, 4, 0.1, 1.0, "3.11", "linux-x86_64", "A", "anyone", "", builds="mine"
    )


def test_it_is_renewed_well_before_it_expires(scene):
    scene.adverts.machine(MACHINE)
    longest = 120.0 * scene.ctx.config.work.advert_renewal
    for _ in range(20):
        count = len(scene.published)
        scene.wait(longest + 0.1)
        assert len(scene.published) > count
        scene.open(scene.published[-1])
    sequences = [int.from_bytes(envelope[32:40], "big") for envelope in scene.published]
    assert sequences == sorted(set(sequences))


def test_the_dht_gets_one_that_lives_longer_and_before_it_expires(scene):
    scene.adverts.machine(MACHINE)
    work = scene.ctx.config.work
    for count in range(1, 6):
        assert len(scene.stored) == count
        opened = open_envelope(
            scene.stored[-1],
            ADVERT,
            now=scene.ctx.now.wall,
            verify=verify,
            max_lifetime=DOMAINS[ADVERT].max_lifetime,
        )
        assert opened.lifetime == work.advert_published_lifetime
        scene.wait(work.advert_published_lifetime * work.advert_published_renewal)
    sequences = [int.from_bytes(envelope[32:40], "big") for envelope in scene.stored]
    assert sequences == sorted(set(sequences))


def test_neighbours_are_not_told_what_is_for_the_dht(scene, author):
    scene.adverts.machine(MACHINE)
    assert not set(scene.stored) & set(scene.published)
    assert scene.adverts.accept(author.advert(lifetime=600.0), author.peer) is None
    assert scene.ctx.counters == {"advert: lifetime": 1}


def test_the_sequence_goes_on_after_a_restart_and_within_one_moment(scene):
    scene.adverts.machine(MACHINE)
    scene.adverts.pause("a")
    scene.adverts.pause("b")
    last = scene.open(scene.published[-1])[0].sequence
    assert last > scene.open(scene.published[1])[0].sequence > scene.open(scene.published[0])[0].sequence
    later = Scene(wall=WALL + 1.0)
    later.adverts.machine(MACHINE)
    assert later.open(later.adverts.own())[0].sequence > last


def test_a_change_that_lasts_is_told_once_and_to_neighbours_only(scene):
    scene.adverts.machine(MACHINE)
    for free in (0, 4, 0, 4, 0):
        scene.free = free
        scene.adverts.changed()
        scene.wait(0.5)
    scene.wait(scene.ctx.config.work.advert_interval)
    assert [scene.open(envelope)[1].free for envelope in scene.published] == [4, 0]
    assert len(scene.stored) == 1
    assert scene.adverts.own() == scene.published[1]


def test_a_change_that_is_undone_in_time_is_not_told(scene):
    scene.adverts.machine(MACHINE)
    scene.free = 0
    scene.adverts.changed()
    scene.wait(10)
    scene.free = 4
    scene.adverts.changed()
    scene.wait(10)
    assert len(scene.published) == 1


def test_small_changes_and_the_load_wait_for_the_renewal(scene):
    scene.adverts.machine(MACHINE)
    scene.wait(10)
    scene.adverts.machine(replace(MACHINE, load=0.9, memory=MACHINE.memory - 1000))
    scene.wait(20)
    assert len(scene.published) == 1
    assert scene.adverts.own() == scene.published[0]
    scene.wait(60)
    assert scene.open(scene.published[1])[1].load == 0.9


def test_own_is_sealed_anew_and_told_when_an_owner_would_be_misled(scene):
    scene.adverts.machine(MACHINE)
    first = scene.adverts.own()
    scene.adverts.machine(replace(MACHINE, memory=1 << 30))
    assert scene.adverts.own() == first, "not more often than others are told"
    scene.wait(scene.ctx.config.work.advert_interval)
    later = scene.adverts.own()
    assert scene.open(later)[1].memory == 1 << 30
    assert scene.published == [first, later]


def test_own_that_misleads_is_not_given_out_while_the_word_waits(scene):
    scene.adverts.machine(MACHINE)
    scene.wait(scene.ctx.config.work.advert_interval)
    scene.adverts.machine(replace(MACHINE, python="3.12"))
    assert scene.open(scene.adverts.own())[1].python == "3.12"
    scene.wait(scene.ctx.config.work.advert_interval)
    assert len(scene.published) == 2


def test_a_pause_is_told_at_once_and_offers_no_slots(scene):
    scene.adverts.machine(MACHINE)
    scene.adverts.pause("the disk is full " + "x" * 500)
    _, advert = scene.open(scene.published[-1])
    assert advert.paused.startswith("the disk is full") and advert.free == 0
    scene.adverts.pause("")
    assert scene.open(scene.published[-1])[1].free == 4
    scene.adverts.pause("")
    assert len(scene.published) == 3


def test_renewals_are_jittered_by_the_seed():
    def times(seed):
        scene = Scene(seed=seed)
        scene.adverts.machine(MACHINE)
        seen = []
        for _ in range(200):
            before = len(scene.published)
            scene.wait(1)
            if len(scene.published) > before:
                seen.append(scene.mono)
        return seen

    assert times(1) == times(1) != times(2)
    assert all(67 <= later - earlier <= 85 for earlier, later in zip(times(1), times(1)[1:], strict=False))


def test_a_valid_advert_is_known_until_it_expires(scene, author):
    opened = scene.adverts.accept(author.advert(free=3), author.peer)
    assert opened is not None and opened.author == author.peer
    scene.wait(10)
    (view,) = scene.adverts.known()
    assert (view.peer, view.advert.free, view.age) == (author.peer, 3, 10.0)
    assert scene.adverts.get(author.peer) == view
    assert len(scene.notes("peers")) == 1
    scene.wait(110)
    assert scene.adverts.known() == [] and scene.adverts.get(author.peer) is None
    assert len(scene.notes("peers")) == 1


def test_a_shorter_life_ends_before_a_longer_one(scene, author):
    scene.adverts.accept(author.advert(), author.peer)
    brief = Author("brief")
    scene.adverts.accept(brief.advert(lifetime=20.0), brief.peer)
    scene.wait(20)
    assert [view.peer for view in scene.adverts.known()] == [author.peer]


def test_the_newest_of_an_author_wins(scene, author):
    scene.adverts.accept(author.advert(sequence=5, free=1), author.peer)
    scene.wait(1)
    assert scene.adverts.accept(author.advert(sequence=6, free=2, issued=WALL + 1), author.peer)
    (view,) = scene.adverts.known()
    assert (view.advert.free, view.age) == (2, 0.0)
    assert scene.ctx.counters == {}
    scene.wait(119.5)
    assert len(scene.adverts.known()) == 1


def test_the_same_advert_again_is_valid_and_changes_nothing(scene, author):
    envelope = author.advert()
    assert scene.adverts.accept(envelope, author.peer) is not None
    scene.wait(5)
    assert scene.adverts.accept(envelope, Author("courier").peer) is not None
    assert scene.adverts.known()[0].age == 5.0
    assert scene.ctx.counters == {}


def hostile(author):
    """Envelopes that must change nothing, by the kind under which they are counted."""
    good = author.advert(sequence=10)
    stranger = Author("stranger")
    return {
        "undecodable": [b"", b"x" * 200, good[:-1], good + b"x"],
        "oversized": [b"x" * 70_000],
        "domain": [author.advert(sequence=11, domain=OFFER)],
        "signature": [
            author.advert(sequence=11, sign=stranger.keys.sign),
            good[:-70] + bytes([good[-70] ^ 1]) + good[-69:],
            good[:39] + b"\xff" + good[40:],
        ],
        "lifetime": [author.advert(sequence=11, lifetime=121.0)],
        "future": [author.advert(sequence=11, issued=WALL + 61)],
        "expired": [author.advert(sequence=11, issued=WALL - 121)],
        "replayed": [author.advert(sequence=9)],
        "contradictory": [author.advert(sequence=10, free=4)],
    }


@pytest.mark.parametrize("kind", list(hostile(Author("author"))))
def test_what_is_not_a_newer_valid_advert_is_refused_and_counted(scene, author, kind):
    scene.adverts.accept(author.advert(sequence=10, free=2), author.peer)
    envelopes = hostile(author)[kind]
    for envelope in envelopes:
        assert scene.adverts.accept(envelope, Author("courier").peer) is None
    assert scene.ctx.counters == {f"advert: {kind}": len(envelopes)}
    assert [(view.peer, view.advert.free) for view in scene.adverts.known()] == [(author.peer, 2)]


def test_a_body_that_is_no_advert_is_refused(scene, author):
    envelope = seal(author.keys.sign, author.peer, ADVERT, b"\x93", sequence=1, issued=WALL, lifetime=60.0)
    assert scene.adverts.accept(envelope, author.peer) is None
    assert scene.ctx.counters == {"advert: undecodable": 1}


def test_the_cache_is_bounded_and_those_that_expire_first_make_room():
    scene = Scene(work=replace(WorkConfig(), advert_cache=3))
    authors = [Author(f"author {number}") for number in range(5)]
    for author, lifetime in zip(authors, (50.0, 100.0, 40.0, 90.0, 10.0), strict=True):
        scene.adverts.accept(author.advert(lifetime=lifetime), author.peer)
    kept = {view.peer for view in scene.adverts.known()}
    assert kept == {authors[0].peer, authors[1].peer, authors[3].peer}


def test_the_capacity_known_counts_this_peer_and_others(scene, author):
    assert scene.adverts.capacity() == 4
    scene.adverts.accept(author.advert(free=3), author.peer)
    assert scene.adverts.capacity() == 7
    scene.adverts.machine(MACHINE)
    scene.adverts.pause("later")
    assert scene.adverts.capacity() == 3


def test_a_boaster_counts_as_a_large_machine(scene, author):
    scene.adverts.accept(author.advert(free=65_535), author.peer)
    assert scene.adverts.capacity() == 4 + scene.ctx.config.work.worker_pull_crowd


def test_a_cloned_key_is_told_once_in_a_while(scene):
    clone = Author("clone", keys=scene.keys)
    scene.wait(1)
    for second in range(200):
        envelope = clone.advert(sequence=second, issued=WALL + 1 + second, instance=b"c" * 16)
        assert scene.adverts.accept(envelope, Author("courier").peer) is None
        scene.wait(1)
    (warning,) = scene.notes("warning")
    assert "key" in warning.text and "PEERNET_HOME" in warning.text
    scene.wait(150)
    scene.adverts.accept(clone.advert(issued=WALL + 350, instance=b"c" * 16), clone.peer)
    assert len(scene.notes("warning")) == 1
    assert scene.adverts.known() == []


def test_an_echo_or_an_advert_of_an_earlier_run_is_no_clone(scene):
    scene.adverts.machine(MACHINE)
    earlier = Author("earlier", keys=scene.keys).advert(issued=WALL - 30, instance=b"e" * 16)
    for envelope in (scene.adverts.own(), earlier):
        assert scene.adverts.accept(envelope, Author("courier").peer) is None
    assert scene.notes("warning") == []
    assert scene.ctx.counters == {} and scene.adverts.known() == []
