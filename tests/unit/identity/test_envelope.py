"""Signed envelopes: what opens, and each way of being refused."""

from __future__ import annotations

import math
import struct

import pytest

from peernet.errors import EnvelopeError
from peernet.identity.envelope import KEPT_BYTES, MAX_ENVELOPE, Opened, open_envelope, peek_author, seal
from peernet.identity.keys import KeyPair, verify
from peernet.types import PeerId

ALICE = KeyPair.from_seed(bytes([1]) * 32)
BOB = KeyPair.from_seed(bytes([2]) * 32)
DOMAIN = "peernet/advert/1"
NOW = 1_700_000_000.0
ISSUED_AT = slice(40, 48)
LIFETIME_AT = slice(48, 56)
HEADER = 61


def sealed(
    body: bytes = b"body", *, domain: str = DOMAIN, issued: float = NOW, lifetime: float = 120.0, sequence: int = 7
) -> bytes:
    return seal(ALICE.sign, ALICE.peer_id, domain, body, sequence=sequence, issued=issued, lifetime=lifetime)


def opened(data: bytes, *, domain: str = DOMAIN, now: float = NOW, max_lifetime: float = 120.0) -> Opened:
    return open_envelope(data, domain, now=now, verify=verify, max_lifetime=max_lifetime)


def refused(data: bytes, *, domain: str = DOMAIN, now: float = NOW, max_lifetime: float = 120.0) -> str:
    with pytest.raises(EnvelopeError) as caught:
        opened(data, domain=domain, now=now, max_lifetime=max_lifetime)
    return caught.value.reason


def with_number(data: bytes, where: slice, value: float) -> bytes:
    """The same envelope with another number, signed again by its author: what a hostile author would send."""
    signed = data[: where.start] + struct.pack(">d", value) + data[where.stop : -64]
    return signed + ALICE.sign(b"peernet-envelope/1:" + signed)


def test_what_was_sealed_is_opened() -> None:
    data = sealed()
    assert opened(data, now=NOW + 5) == Opened(
        author=ALICE.peer_id,
        domain=DOMAIN,
        sequence=7,
        issued=NOW,
        lifetime=120.0,
        expires=NOW + 120,
        body=b"body",
        raw=data,
    )


def test_an_empty_body_and_the_ends_of_the_sequence_travel() -> None:
    for sequence in (0, 2**64 - 1):
        record = opened(sealed(b"", sequence=sequence))
        assert (record.body, record.sequence) == (b"", sequence)


def test_the_author_shows_before_anything_is_checked() -> None:
    assert peek_author(sealed()) == ALICE.peer_id
    with pytest.raises(EnvelopeError) as caught:
        peek_author(b"short")
    assert caught.value.reason == "undecodable"


def test_every_altered_byte_is_refused() -> None:
    data = sealed()
    for position in range(len(data)):
        for flip in (0x01, 0x80):
            altered = bytearray(data)
            altered[position] ^= flip
            assert refused(bytes(altered)) in (
                "undecodable",
                "domain",
                "lifetime",
                "future",
                "expired",
                "signature",
            )


@pytest.mark.parametrize("length", [0, 1, HEADER, HEADER + 63, -65, -1])
def test_a_truncated_envelope_is_none(length: int) -> None:
    assert refused(sealed()[:length]) == "undecodable"


def test_a_lengthened_envelope_is_none() -> None:
    assert refused(sealed() + b"\0") == "undecodable"


def test_an_envelope_over_the_limit_is_not_looked_at() -> None:
    assert refused(bytes(MAX_ENVELOPE + 1)) == "oversized"
    with pytest.raises(EnvelopeError, match="over the limit of 10") as caught:
        open_envelope(sealed(), DOMAIN, now=NOW, verify=verify, max_lifetime=120, max_size=10)
    assert caught.value.reason == "oversized"


def test_the_largest_envelope_is_opened() -> None:
    body = bytes(MAX_ENVELOPE - HEADER - len(DOMAIN) - 64)
    data = sealed(body)
    assert len(data) == MAX_ENVELOPE
    assert opened(data).body == body
    with pytest.raises(ValueError, match="at most 65536 are opened"):
        sealed(body + b"\0")


def test_a_record_of_another_domain_is_refused() -> None:
    assert refused(sealed(domain="peernet/offer/1")) == "domain"
    assert refused(sealed(), domain="peernet/advert/11") == "domain"


def test_bytes_can_not_move_between_domain_and_body() -> None:
    longer, shorter = sealed(b"2body", domain="peernet/x/1"), sealed(b"body", domain="peernet/x/12")
    assert longer[:-64] != shorter[:-64]
    moved = bytearray(longer[:-64])
    moved[56] += 1
    moved[60] -= 1
    assert moved == shorter[:-64]
    assert refused(bytes(moved) + longer[-64:], domain="peernet/x/12") == "signature"


def test_a_signature_of_bare_bytes_is_no_envelope() -> None:
    signed = sealed()[:-64]
    assert refused(signed + ALICE.sign(signed)) == "signature"


def test_another_peer_can_not_sign() -> None:
    data = seal(BOB.sign, ALICE.peer_id, DOMAIN, b"body", sequence=7, issued=NOW, lifetime=120)
    assert refused(data) == "signature"
    assert refused(BOB.peer_id + sealed()[32:]) == "signature"


@pytest.mark.parametrize("lifetime", [math.nan, math.inf, -math.inf, 0.0, -0.0, -1.0, 120.5, 1e308])
def test_a_lifetime_out_of_range_is_refused(lifetime: float) -> None:
    assert refused(with_number(sealed(), LIFETIME_AT, lifetime)) == "lifetime"


def test_an_endless_lifetime_is_refused_even_without_a_cap() -> None:
    assert refused(with_number(sealed(), LIFETIME_AT, math.inf), max_lifetime=math.inf) == "lifetime"


@pytest.mark.parametrize(
    ("issued", "reason"),
    [
        (math.nan, "future"),
        (math.inf, "future"),
        (NOW + 60.5, "future"),
        (NOW - 120, "expired"),
        (0.0, "expired"),
        (-math.inf, "expired"),
    ],
)
def test_a_time_of_issue_out_of_range_is_refused(issued: float, reason: str) -> None:
    assert refused(with_number(sealed(), ISSUED_AT, issued)) == reason


def test_a_clock_that_is_ahead_is_tolerated_and_gains_nothing() -> None:
    record = opened(sealed(issued=NOW + 60))
    assert record.issued == NOW + 60
    assert record.expires == NOW + 120


def test_a_record_ends_with_its_lifetime() -> None:
    data = sealed()
    assert opened(data, now=NOW + 119.5).expires == NOW + 120
    assert refused(data, now=NOW + 120) == "expired"


def test_cheap_checks_come_before_the_signature() -> None:
    def never(peer: PeerId, data: bytes, signature: bytes) -> bool:
        raise AssertionError("the signature was checked")

    for data, reason in [
        (bytes(MAX_ENVELOPE + 1), "oversized"),
        (b"", "undecodable"),
        (sealed(domain="other"), "domain"),
        (sealed(lifetime=121), "lifetime"),
        (sealed(issued=NOW + 61), "future"),
        (sealed(issued=NOW - 121), "expired"),
    ]:
        with pytest.raises(EnvelopeError) as caught:
            open_envelope(data, DOMAIN, now=NOW, verify=never, max_lifetime=120)
        assert caught.value.reason == reason


@pytest.mark.parametrize(
    "wrong",
    [
        {"domain": ""},
        {"domain": "d" * 256},
        {"domain": "ä"},
        {"sequence": -1},
        {"sequence": 2**64},
        {"issued": math.nan},
        {"issued": math.inf},
        {"lifetime": math.nan},
        {"lifetime": math.inf},
        {"lifetime": 0.0},
        {"lifetime": -1.0},
    ],
    ids=str,
)
def test_what_nobody_would_open_is_not_sealed(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        sealed(**wrong)  # type: ignore[arg-type]


def test_an_author_of_a_wrong_length_is_not_sealed() -> None:
    with pytest.raises(ValueError, match="32 bytes, this one has 31"):
        seal(ALICE.sign, PeerId(bytes(31)), DOMAIN, b"", sequence=0, issued=NOW, lifetime=1)


def test_what_is_remembered_of_an_envelope_changes_no_verdict() -> None:
    data = sealed()
    assert opened(data) == opened(data)
    with pytest.raises(EnvelopeError, match="signature"):
        open_envelope(data, DOMAIN, now=NOW, verify=lambda *_: False, max_lifetime=120)
    with pytest.raises(EnvelopeError, match="expired"):
        opened(data, now=NOW + 1e6)
    assert opened(data) == opened(data)


def test_small_envelopes_are_verified_once_and_large_ones_are_not_kept() -> None:
    asked: list[PeerId] = []

    def counting(author: PeerId, data: bytes, signature: bytes) -> bool:
        asked.append(author)
        return verify(author, data, signature)

    for size, times in ((KEPT_BYTES - 200, 1), (KEPT_BYTES, 3)):
        asked.clear()
        data = sealed(b"x" * size)
        for _ in range(3):
            open_envelope(data, DOMAIN, now=NOW, verify=counting, max_lifetime=120)
        assert len(asked) == times
