"""Signed envelopes against everything that Hypothesis can think of."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from peernet.errors import EnvelopeError
from peernet.identity.envelope import Opened, open_envelope, seal
from peernet.identity.keys import KeyPair, verify

ALICE = KeyPair.from_seed(bytes([1]) * 32)
BOB = KeyPair.from_seed(bytes([2]) * 32)
NOW = 1_700_000_000.0

domains = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=255)
bodies = st.binary(max_size=300)
sequences = st.integers(0, 2**64 - 1)
lifetimes = st.floats(min_value=1.0, max_value=3600.0)


def open_now(data: bytes, domain: str, now: float = NOW) -> Opened:
    return open_envelope(data, domain, now=now, verify=verify, max_lifetime=3600.0)


@given(domains, bodies, sequences, st.floats(-60.0, 60.0), lifetimes)
def test_what_was_sealed_is_opened_and_never_outlives_its_cap(
    domain: str, body: bytes, sequence: int, skew: float, lifetime: float
) -> None:
    issued = NOW + skew
    data = seal(ALICE.sign, ALICE.peer_id, domain, body, sequence=sequence, issued=issued, lifetime=lifetime)
    if issued + lifetime <= NOW:
        with pytest.raises(EnvelopeError) as caught:
            open_now(data, domain)
        assert caught.value.reason == "expired"
        return
    record = open_now(data, domain)
    assert (record.author, record.domain, record.sequence) == (ALICE.peer_id, domain, sequence)
    assert (record.issued, record.lifetime) == (issued, lifetime)
    assert (record.body, record.raw) == (body, data)
    assert NOW < record.expires <= NOW + lifetime


@given(st.data(), domains, bodies, sequences)
def test_no_change_to_an_envelope_is_accepted(
    data: st.DataObject, domain: str, body: bytes, sequence: int
) -> None:
    envelope = seal(ALICE.sign, ALICE.peer_id, domain, body, sequence=sequence, issued=NOW, lifetime=60.0)
    start = data.draw(st.integers(0, len(envelope)))
    stop = data.draw(st.integers(start, len(envelope)))
    altered = envelope[:start] + data.draw(st.binary(max_size=40)) + envelope[stop:]
    if altered == envelope:
        assert open_now(altered, domain).raw == envelope
    else:
        with pytest.raises(EnvelopeError):
            open_now(altered, domain)


@given(st.binary(max_size=400), domains)
def test_garbage_is_refused_and_nothing_else_is_raised(data: bytes, domain: str) -> None:
    with pytest.raises(EnvelopeError):
        open_now(data, domain)


@given(domains, domains, bodies, bodies)
def test_a_signature_fits_one_domain_and_one_body(first: str, second: str, body: bytes, other: bytes) -> None:
    one = seal(ALICE.sign, ALICE.peer_id, first, body, sequence=1, issued=NOW, lifetime=60.0)
    two = seal(ALICE.sign, ALICE.peer_id, second, other, sequence=1, issued=NOW, lifetime=60.0)
    if (first, body) == (second, other):
        assert one == two
    else:
        with pytest.raises(EnvelopeError):
            open_now(two[:-64] + one[-64:], second)


@given(domains, bodies, sequences)
def test_only_the_author_can_sign(domain: str, body: bytes, sequence: int) -> None:
    forged = seal(BOB.sign, ALICE.peer_id, domain, body, sequence=sequence, issued=NOW, lifetime=60.0)
    with pytest.raises(EnvelopeError) as caught:
        open_now(forged, domain)
    assert caught.value.reason == "signature"
