"""Which addresses of a Hello are believed, and which texts are shown."""

from __future__ import annotations

from peernet.identity.keys import KeyPair
from peernet.identity.multiaddr import Multiaddr
from peernet.identity.peerid import format_peer_id
from peernet.net.greeting import dialable
from peernet.net.text import printable

PEER = KeyPair.from_seed(bytes(32)).peer_id
ID = format_peer_id(PEER)


def test_a_port_means_the_host_that_was_seen():
    assert dialable(("/tcp/4001",), "192.0.2.7", None, PEER) == (f"/ip4/192.0.2.7/tcp/4001/p2p/{ID}",)


def test_other_hosts_are_not_proven_and_left_out():
    announced = ("/ip4/192.0.2.8/tcp/4001", "/dns/example.org/tcp/4001", "/ip4/192.0.2.7/tcp/4002")
    assert dialable(announced, "192.0.2.7", None, PEER) == (f"/ip4/192.0.2.7/tcp/4002/p2p/{ID}",)


def test_nobody_announces_in_the_name_of_another():
    other = KeyPair.from_seed(bytes(31) + b"1").peer_id
    announced = (str(Multiaddr("192.0.2.7", 1, other)),)
    assert dialable(announced, "192.0.2.7", None, PEER) == (f"/ip4/192.0.2.7/tcp/1/p2p/{ID}",)


def test_what_was_dialled_comes_first_and_once():
    dialled = Multiaddr("example.org", 4001)
    assert dialable(("/tcp/4001",), "192.0.2.7", dialled, PEER) == (
        f"/dns/example.org/tcp/4001/p2p/{ID}",
        f"/ip4/192.0.2.7/tcp/4001/p2p/{ID}",
    )
    dialled = Multiaddr("192.0.2.7", 4001)
    assert len(dialable(("/tcp/4001",), "192.0.2.7", dialled, PEER)) == 1


def test_nonsense_is_passed_over():
    announced = ("", "/tcp/0", "/tcp/65536", "/tcp/99999", "/tcp/-1", "garbage", "/ip4/192.0.2.7/tcp/0")
    assert dialable(announced, "192.0.2.7", None, PEER) == ()


def test_a_host_that_is_no_host_has_no_addresses():
    assert dialable(("/tcp/4001",), "fe80::1%eth0", None, PEER) == ()


def test_texts_are_bounded_and_harmless():
    assert printable("plain – text", 100) == "plain – text"
    assert printable("a\x1b[31mb\nc\u202e", 100) == "a [31mb c "
    assert printable("x" * 11, 10) == "x" * 10 + "…"
