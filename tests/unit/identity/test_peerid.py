"""Peer ids in libp2p's text form."""

from __future__ import annotations

import hashlib

import pytest

from peernet.errors import AddressError
from peernet.identity.base58 import base58_encode
from peernet.identity.keys import KeyPair
from peernet.identity.peerid import dht_id, format_peer_id, parse_peer_id, short_peer_id
from peernet.types import PeerId

# The key of RFC 8032, section 7.1, TEST 1, written down by the libp2p peer id specification: base58btc of 00 24
# (identity multihash of 36 bytes), 08 01 (type: Ed25519), 12 20 (data of 32 bytes) and the key.
KEY = PeerId(bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))
TEXT = "12D3KooWQK1wnefoLrcVHbbnf5tLzbopUd3K3bFAoJpA7YJgL5pV"


def test_the_text_form_is_libp2ps() -> None:
    assert format_peer_id(KEY) == TEXT
    assert parse_peer_id(TEXT) == KEY


@pytest.mark.parametrize("fill", [0x00, 0x01, 0x7F, 0xFF])
def test_every_key_has_52_characters_with_the_known_beginning(fill: int) -> None:
    peer = PeerId(bytes([fill]) * 32)
    text = format_peer_id(peer)
    assert len(text) == 52
    assert text.startswith("12D3KooW")
    assert parse_peer_id(text) == peer


@pytest.mark.parametrize(
    "text",
    [
        "",
        "12D3KooW",
        TEXT[:-1],
        TEXT + "V",
        " " + TEXT[1:],
        TEXT[:-1] + "0",
        TEXT[:-1] + "\n",
        TEXT.lower(),
        "1" + TEXT[:-1],
        "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",
        "z" * 52,
        base58_encode(bytes.fromhex("002408021220") + KEY),
        base58_encode(bytes.fromhex("002408011220") + KEY + b"\0"),
    ],
)
def test_anything_else_is_refused_with_its_value_and_a_remedy(text: str) -> None:
    with pytest.raises(AddressError, match=r"is not a peer id: .* from `peernet id`") as caught:
        parse_peer_id(text)
    assert repr(text) in str(caught.value)


def test_a_long_text_is_refused_unread_and_not_repeated_in_full() -> None:
    with pytest.raises(AddressError, match="1000000 characters") as caught:
        parse_peer_id("1" * 1_000_000)
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("length", [0, 31, 33])
def test_an_id_of_a_wrong_length_has_no_text(length: int) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        format_peer_id(PeerId(bytes(length)))


def test_the_short_form_tells_peers_apart() -> None:
    assert short_peer_id(KEY) == "12D3…JgL5pV"
    assert short_peer_id(KeyPair.from_seed(bytes(32)).peer_id) != short_peer_id(KEY)


def test_a_place_in_the_dht_is_160_bits_of_sha_256() -> None:
    assert dht_id(KEY) == hashlib.sha256(KEY).digest()[:20]
    assert len(dht_id(KEY)) == 20
