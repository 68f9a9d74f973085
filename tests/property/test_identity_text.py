"""The text forms of peer ids and addresses: one text a value, and nothing but AddressError for the rest."""

from __future__ import annotations

import ipaddress

from hypothesis import given
from hypothesis import strategies as st

from peernet.errors import AddressError
from peernet.identity.base58 import ALPHABET, base58_decode, base58_encode
from peernet.identity.multiaddr import MAX_ADDRESS, Multiaddr
from peernet.identity.peerid import format_peer_id, parse_peer_id
from peernet.types import PeerId

peers = st.binary(min_size=32, max_size=32).map(PeerId)
labels = st.from_regex(r"[a-z][a-z0-9-]{0,20}[a-z]", fullmatch=True)
hosts = st.one_of(
    st.ip_addresses().map(str),
    st.lists(labels, min_size=1, max_size=4).map(".".join),
)


@given(st.binary(max_size=64))
def test_base58_brings_bytes_back(data: bytes) -> None:
    assert base58_decode(base58_encode(data)) == data


@given(st.text(ALPHABET, max_size=64))
def test_base58_has_one_text_for_bytes(text: str) -> None:
    assert base58_encode(base58_decode(text)) == text


@given(peers)
def test_peer_ids_come_back(peer: PeerId) -> None:
    assert parse_peer_id(format_peer_id(peer)) == peer


@given(st.one_of(st.text(max_size=80), st.text(ALPHABET, min_size=44, max_size=44).map("12D3KooW".__add__)))
def test_a_text_is_the_one_form_of_a_peer_id_or_refused(text: str) -> None:
    try:
        peer = parse_peer_id(text)
    except AddressError:
        return
    assert format_peer_id(peer) == text


@given(hosts, st.integers(0, 65535), st.none() | peers)
def test_addresses_come_back(host: str, port: int, peer: PeerId | None) -> None:
    address = Multiaddr(host, port, peer)
    assert len(str(address)) <= MAX_ADDRESS
    assert Multiaddr.parse(str(address)) == address


@given(
    st.one_of(
        st.text(max_size=80),
        st.builds("/{}/{}/tcp/{}".format, st.sampled_from(["ip4", "ip6", "dns"]), st.text(max_size=20), st.text()),
    )
)
def test_a_text_is_an_address_or_refused(text: str) -> None:
    try:
        address = Multiaddr.parse(text)
    except AddressError:
        return
    assert Multiaddr.parse(str(address)) == address


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_in_ipv6_clothes_is_the_same_place(ip: ipaddress.IPv4Address) -> None:
    assert Multiaddr(f"::ffff:{ip}", 1) == Multiaddr(str(ip), 1)
