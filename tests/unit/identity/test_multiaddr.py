"""Addresses of peers in libp2p's notation."""

from __future__ import annotations

import pytest

from peernet.errors import AddressError
from peernet.identity.multiaddr import MAX_ADDRESS, Multiaddr
from peernet.identity.peerid import format_peer_id
from peernet.types import PeerId

PEER = PeerId(bytes(range(32)))
ID = format_peer_id(PEER)


@pytest.mark.parametrize(
    ("text", "host", "port", "peer"),
    [
        ("/ip4/192.0.2.7/tcp/4001", "192.0.2.7", 4001, None),
        (f"/ip4/192.0.2.7/tcp/4001/p2p/{ID}", "192.0.2.7", 4001, PEER),
        ("/ip4/0.0.0.0/tcp/0", "0.0.0.0", 0, None),
        ("/ip6/::1/tcp/65535", "::1", 65535, None),
        (f"/ip6/2001:db8::7/tcp/1/p2p/{ID}", "2001:db8::7", 1, PEER),
        ("/dns/example.org/tcp/80", "example.org", 80, None),
        ("/dns4/localhost/tcp/80", "localhost", 80, None),
        (f"/dns6/a_b-c.example.org/tcp/80/p2p/{ID}", "a_b-c.example.org", 80, PEER),
    ],
)
def test_an_address_is_read_and_written_again(text: str, host: str, port: int, peer: PeerId | None) -> None:
    address = Multiaddr.parse(text)
    assert (address.host, address.port, address.peer) == (host, port, peer)
    assert str(address) == text
    assert Multiaddr.parse(str(address)) == address


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("/ip6/2001:DB8:0:0::0007/tcp/1", "/ip6/2001:db8::7/tcp/1"),
        ("/ip6/::ffff:192.0.2.7/tcp/1", "/ip4/192.0.2.7/tcp/1"),
        ("/dns/Example.ORG/tcp/1", "/dns/example.org/tcp/1"),
    ],
)
def test_equal_addresses_have_one_text(text: str, canonical: str) -> None:
    assert str(Multiaddr.parse(text)) == canonical
    assert Multiaddr.parse(text) == Multiaddr.parse(canonical)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "/",
        "nonsense",
        "192.0.2.7:4001",
        "ip4/192.0.2.7/tcp/4001",
        "/ip4/192.0.2.7",
        "/ip4/192.0.2.7/tcp",
        "/ip4/192.0.2.7/tcp/4001/",
        "/ip4/192.0.2.7/tcp/4001/p2p",
        "/ip4/192.0.2.7/udp/4001",
        f"/ip4/192.0.2.7/tcp/4001/ipfs/{ID}",
        f"/ip4/192.0.2.7/tcp/4001/p2p/{ID}/extra",
        f"/p2p/{ID}",
        "/unix/socket/tcp/1",
        "/ip4/192.0.2.256/tcp/1",
        "/ip4/192.0.2/tcp/1",
        "/ip4/192.0.2.07/tcp/1",
        "/ip4/::1/tcp/1",
        "/ip4/example.org/tcp/1",
        "/ip6/192.0.2.7/tcp/1",
        "/ip6/fe80::1%eth0/tcp/1",
        "/ip6/[::1]/tcp/1",
        "/dns/192.0.2.7/tcp/1",
        "/dns/127.1/tcp/1",
        "/dns/0x7f000001/tcp/1",
        "/dns/::1/tcp/1",
        "/dns//tcp/1",
        "/dns/a..b/tcp/1",
        "/dns/-a.org/tcp/1",
        "/dns/a b/tcp/1",
        "/dns/exämple.org/tcp/1",
        f"/dns/{'a' * 64}.org/tcp/1",
        "/ip4/192.0.2.7/tcp/",
        "/ip4/192.0.2.7/tcp/-1",
        "/ip4/192.0.2.7/tcp/+1",
        "/ip4/192.0.2.7/tcp/65536",
        "/ip4/192.0.2.7/tcp/08",
        "/ip4/192.0.2.7/tcp/1_0",
        "/ip4/192.0.2.7/tcp/1\n",
        "/ip4/192.0.2.7/tcp/١",
        "/ip4/192.0.2.7/tcp/http",
    ],
)
def test_no_address_is_refused_with_its_value_and_the_form(text: str) -> None:
    with pytest.raises(AddressError, match=r"is not an address of a peer: .*the form is /ip4/") as caught:
        Multiaddr.parse(text)
    assert repr(text if len(text) <= 80 else text[:80] + "…") in str(caught.value)


def test_a_wrong_peer_id_is_named_itself() -> None:
    with pytest.raises(AddressError, match="'12D3KooWx' is not a peer id"):
        Multiaddr.parse("/ip4/192.0.2.7/tcp/4001/p2p/12D3KooWx")


def test_the_longest_address_fits_its_bound_exactly() -> None:
    name = ".".join(["a" * 63] * 3 + ["b" * 61])
    text = f"/dns4/{name}/tcp/65535/p2p/{ID}"
    assert len(text) == MAX_ADDRESS
    assert str(Multiaddr.parse(text)) == text
    with pytest.raises(AddressError, match="names no host"):
        Multiaddr.parse(f"/dns/{name}b/tcp/1")


def test_a_long_text_is_refused_unread_and_not_repeated_in_full() -> None:
    with pytest.raises(AddressError, match="at most 326") as caught:
        Multiaddr.parse("/ip4/" * 1_000_000)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_out_of_range_is_refused(port: int) -> None:
    with pytest.raises(AddressError, match=f"port {port} does not exist"):
        Multiaddr("192.0.2.7", port)


def test_a_host_that_is_none_is_refused() -> None:
    with pytest.raises(AddressError, match="neither an IP address nor a DNS name"):
        Multiaddr("two words", 1)


def test_who_must_answer_can_be_told_later() -> None:
    address = Multiaddr("localhost", 4001, names="dns4")
    assert str(address.with_peer(PEER)) == f"/dns4/localhost/tcp/4001/p2p/{ID}"
    assert address.with_peer(PEER).with_peer(None) == address
