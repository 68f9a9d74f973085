"""Peers as they are drawn: access links, NAT, machines; keys made on purpose."""

from __future__ import annotations

import hashlib
import random
from array import array
from collections import Counter
from collections.abc import Callable
from statistics import fmean, median

import pytest

from peernet.identity.peerid import dht_id
from peernet.types import PeerId
from peernet_sim.access import CLASSES, MBIT
from peernet_sim.draws import Choice, Constant, Lognormal, Uniform
from peernet_sim.faults.minting import mint
from peernet_sim.jitter import LinkJitter
from peernet_sim.model import Minted, PeerSpec
from peernet_sim.scenario import Scenario, compile_plan

Read = Callable[..., Scenario]


def drawn(read: Read, text: str, peers: int = 2000) -> tuple[PeerSpec, ...]:
    return compile_plan(read(text), peers).topology.peers


def test_access_classes_have_their_shares_rates_and_nats(read: Read) -> None:
    peers = drawn(read, "[access]\noffice = 0.2\nhome = 0.5\nmobile = 0.3\n")
    counts = Counter(peer.access for peer in peers)
    assert counts["home"] / 2000 == pytest.approx(0.5, abs=0.05)
    assert counts["mobile"] / 2000 == pytest.approx(0.3, abs=0.05)
    for kind in CLASSES:
        of_kind = [peer for peer in peers if peer.access == kind.name and peer.index]
        assert {(peer.up, peer.down) for peer in of_kind} == {(kind.up, kind.down)}
        nats = Counter(peer.nat for peer in of_kind)
        for nat, share in kind.nats:
            assert nats[nat] / len(of_kind) == pytest.approx(share, abs=0.06)
        assert sum(share for _, share in kind.nats) == pytest.approx(1.0)


def test_a_class_may_be_changed(read: Read) -> None:
    peers = drawn(read, "[access]\nhome = { share = 1.0, up = 8, delay = 0.05, closed = 1.0 }\n", 10)
    assert peers[0].nat == "open"
    assert {peer.nat for peer in peers[1:]} == {"closed"}
    assert {peer.up for peer in peers} == {8 * MBIT}
    far = compile_plan(read("[topology]\nkind = 'ring'\naround = 1e-6\n[access]\nhome = { delay = 0.05 }\n"))
    assert far.topology.delay(0, 1) == pytest.approx(0.1, abs=1e-6)


def test_the_jitter_of_both_links_adds_up_and_steady_ones_have_none(read: Read) -> None:
    steady = compile_plan(read("[access]\nhome = { jitter = 0 }\n"))
    assert steady.faults.rules == [] and steady.faults.jitter is None
    text = "[access]\nmobile = { share = 1.0, jitter = 0.25 }\n"
    jitter = compile_plan(read(text), 2).faults.jitter
    assert jitter is not None
    rng = random.Random(1)
    drawn = [jitter.seconds(0, 1, rng) for _ in range(20_000)]
    assert min(drawn) >= 0.0 and fmean(drawn) == pytest.approx(0.5, rel=0.03)
    assert LinkJitter(array("d", (0.0, 0.0))).seconds(0, 1, rng) == 0.0


def test_machines_follow_their_distributions(read: Read) -> None:
    cores = "cores = { choice = [2, 16], weights = [3, 1] }"
    text = f"[machines]\n{cores}\nspeed = {{ lognormal = {{ median = 2, sigma = 0.3 }} }}\n"
    peers = drawn(read, text)
    assert Counter(peer.cores for peer in peers)[16] / 2000 == pytest.approx(0.25, abs=0.03)
    assert median(peer.speed for peer in peers) == pytest.approx(2.0, rel=0.05)
    assert {peer.cores for peer in drawn(read, "[machines]\ncores = 3\n", 20)} == {3}


def test_what_one_concern_draws_leaves_the_others_alone(read: Read) -> None:
    plain = drawn(read, "", 50)
    other = drawn(read, "[topology]\nkind = 'ring'\n[access]\nhome = 1.0\n", 50)
    assert [(peer.cores, peer.speed) for peer in plain] == [(peer.cores, peer.speed) for peer in other]


def test_distributions_draw_what_they_say() -> None:
    rng = random.Random(1)
    assert Constant(3.0)(rng) == 3.0
    assert all(1.0 <= Uniform(1.0, 2.0)(rng) <= 2.0 for _ in range(100))
    assert all(Lognormal(1.0, 0.5)(rng) > 0 for _ in range(100))
    assert {Choice((1.0, 2.0, 3.0), (1.0, 1.0, 1e-9))(rng) for _ in range(200)} == {1.0, 2.0}


def test_a_minted_key_is_near_the_wanted_place() -> None:
    wanted = dht_id(PeerId(bytes(32)))
    number, peer = mint(lambda at: PeerId(hashlib.sha256(b"%d" % at).digest()), wanted, 8)
    assert dht_id(peer)[0] == wanted[0]
    assert peer == hashlib.sha256(b"%d" % number).digest()


def test_sybils_are_minted_near_their_victim_under_one_address(read: Read) -> None:
    job = "[[job]]\nat = 1\ncalls = 5\nsubmitter = 4\n"
    text = "[[fault]]\nkind = 'sybils'\npeers = { share = 0.5, of = 'not submitter' }\nbits = 6\n"
    minted = compile_plan(read(job + text)).faults.minted
    assert len(minted) == 10
    assert set(minted.values()) == {Minted(4, 6, "198.51.100.7")}
