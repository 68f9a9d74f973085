"""Signed records: exact bytes with an author, a domain, a sequence number and a lifetime.

An envelope is, with integers big-endian:

    author 32 | sequence u64 | issued f64 | lifetime f64 | domain length u8 | body length u32
    domain | body | signature 64

and the signature is over a fixed prefix and every byte before it. So nothing is decoded and encoded again
before it is checked, two records are never the same bytes, and a signature holds for one domain only. The fixed
prefix keeps it apart from the other thing that the key signs, the static key of a Noise handshake.
"""

from __future__ import annotations

import math
import struct
from functools import lru_cache
from typing import NamedTuple

from peernet.errors import EnvelopeError
from peernet.identity.keys import PEER_ID_BYTES, SIGNATURE_BYTES, Signer, Verifier
from peernet.identity.peerid import short_peer_id
from peernet.types import PeerId

MAX_ENVELOPE = 64 * 1024
"""Bytes of an envelope if the caller names no limit: an inline payload of 48 KiB and what is around it."""

MAX_SKEW = 60.0
"""Seconds that another peer's clock may be ahead of this one's."""

KEPT = 1024
"""Envelopes cut or verified last whose outcome is remembered: one advert comes by gossip, in a store and with a
pull within moments, and a simulator's peers all open the same bytes."""

KEPT_BYTES = 2048
"""Bytes of the largest envelope kept so: adverts and offers, some 300 each. So each memory stays below 4 MiB."""

_PREFIX = b"peernet-envelope/1:"
_HEADER = struct.Struct(">32sQddBI")


class Opened(NamedTuple):
    """A record whose signature holds.

    author: who signed it. domain: what kind of record it is. sequence: a higher one replaces a lower one of the
    same author and domain. issued: wall-clock seconds by the author's clock. lifetime: seconds, as the author
    wants. expires: wall-clock seconds of this peer's clock from which it must not be used. body: what was signed.
    raw: the exact envelope, to be kept and passed on as it is.
    """

    author: PeerId
    domain: str
    sequence: int
    issued: float
    lifetime: float
    expires: float
    body: bytes
    raw: bytes


class _Parts(NamedTuple):
    author: PeerId
    sequence: int
    issued: float
    lifetime: float
    domain: str
    body: bytes


def seal(
    sign: Signer,
    author: PeerId,
    domain: str,
    body: bytes,
    *,
    sequence: int,
    issued: float,
    lifetime: float,
    max_size: int = MAX_ENVELOPE,
) -> bytes:
    """The envelope of a record of this peer.

    sign: signs with the key of `author`. domain: ASCII, 1 to 255 characters, like `peernet/advert/1`.
    sequence: 0 to 2^64-1. issued: wall-clock seconds. lifetime: seconds, above 0. max_size: bytes of the largest
    envelope that its readers open.

    Raises ValueError if one of these is out of range: nobody would open the envelope.
    """
    if len(author) != PEER_ID_BYTES:
        raise ValueError(f"an author has {PEER_ID_BYTES} bytes, this one has {len(author)}")
    name = domain.encode("ascii")
    if not 1 <= len(name) <= 255:
        raise ValueError(f"a domain has 1 to 255 characters, {domain!r} has {len(name)}")
    if not 0 <= sequence < 2**64:
        raise ValueError(f"a sequence number is between 0 and 2^64-1, not {sequence}")
    if not math.isfinite(issued) or not 0 < lifetime < math.inf:
        raise ValueError(f"issued at {issued} for {lifetime} s is no span of time")
    size = _HEADER.size + len(name) + len(body) + SIGNATURE_BYTES
    if size > max_size:
        raise ValueError(f"an envelope of {domain} would have {size} bytes, at most {max_size} are opened")
    header = _HEADER.pack(author, sequence, issued, lifetime, len(name), len(body))
    signed = b"".join((header, name, body))
    return signed + sign(_PREFIX + signed)


def open_envelope(
    data: bytes,
    domain: str,
    *,
    now: float,
    verify: Verifier,
    max_lifetime: float,
    max_skew: float = MAX_SKEW,
    max_size: int = MAX_ENVELOPE,
) -> Opened:
    """The record in an envelope that came from anybody, once everything about it holds.

    domain: what the caller expects. now: wall-clock seconds. max_lifetime: seconds, the caller's cap on the
    lifetime. max_skew: seconds that the author's clock may be ahead. max_size: bytes.

    A record expires a lifetime after it was issued, and at the latest a lifetime after now, so that a clock that
    is ahead gains nothing. Cheap checks come before the signature.

    Raises EnvelopeError, its `reason` being `oversized` (more than max_size bytes), `undecodable` (no envelope),
    `domain` (of another kind), `lifetime` (not above 0, over the cap, or no number), `future` (issued later than
    now and the skew, or no number), `expired`, or `signature` (not its author's over these bytes).
    """
    if len(data) > max_size:
        raise EnvelopeError(f"an envelope of {len(data)} bytes is over the limit of {max_size}", "oversized")
    parts = _split(data)
    if parts.domain != domain:
        raise EnvelopeError(f"an envelope of domain {parts.domain!r} came where {domain!r} belongs", "domain")
    expires = _expiry(parts, now, max_lifetime, max_skew)
    holds = _holds_kept if len(data) <= KEPT_BYTES else _holds
    if not holds(verify, parts.author, data):
        raise EnvelopeError(f"the signature of {short_peer_id(parts.author)} does not hold", "signature")
    author, sequence, issued, lifetime, _, body = parts
    return Opened(author, domain, sequence, issued, lifetime, expires, body, data)


def open_kept(data: bytes, domain: str, *, verify: Verifier, max_size: int = MAX_ENVELOPE) -> Opened:
    """The record in an envelope that was kept as evidence of the past: as `open_envelope`, at the moment at which
    its author issued it. So its time says what the author wrote, and no more.

    Raises EnvelopeError, its `reason` being as above.
    """
    issued = _split(data).issued if len(data) <= max_size else 0.0
    return open_envelope(
        data, domain, now=issued, verify=verify, max_lifetime=math.inf, max_skew=0.0, max_size=max_size
    )


def peek_author(data: bytes) -> PeerId:
    """Who an envelope says has signed it, unchecked: for routing and counting only.

    Raises EnvelopeError with `reason` `undecodable` if it is no envelope.
    """
    return _split(data).author


def peek_domain(data: bytes) -> str:
    """What kind of record an envelope says it is, unchecked: to choose who opens it.

    Raises EnvelopeError with `reason` `undecodable` if it is no envelope.
    """
    return _split(data).domain


def _split(data: bytes) -> _Parts:
    """Cuts an envelope at its lengths, or remembers having done so."""
    return _cut_kept(data) if len(data) <= KEPT_BYTES else _cut(data)


def _cut(data: bytes) -> _Parts:
    """Cuts an envelope at its lengths, which must add up exactly."""
    if len(data) < _HEADER.size + SIGNATURE_BYTES:
        raise EnvelopeError(f"{len(data)} bytes are too few for an envelope", "undecodable")
    author, sequence, issued, lifetime, name_length, body_length = _HEADER.unpack_from(data)
    body_start = _HEADER.size + name_length
    signature_start = body_start + body_length
    if len(data) != signature_start + SIGNATURE_BYTES:
        raise EnvelopeError("the lengths in an envelope do not add up to its size", "undecodable")
    domain = data[_HEADER.size : body_start].decode("ascii", "replace")
    return _Parts(PeerId(author), sequence, issued, lifetime, domain, data[body_start:signature_start])


def _holds(verify: Verifier, author: PeerId, data: bytes) -> bool:
    """Whether the signature at the end of an envelope is its author's over all before it."""
    return verify(author, _PREFIX + data[:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:])


# Both depend on nothing but their arguments, so what they returned once is true for ever.
_cut_kept = lru_cache(maxsize=KEPT)(_cut)
_holds_kept = lru_cache(maxsize=KEPT)(_holds)


def _expiry(parts: _Parts, now: float, max_lifetime: float, max_skew: float) -> float:
    """When a record ends by this peer's clock. Comparisons are written so that a NaN is refused."""
    if not 0 < parts.lifetime <= max_lifetime or math.isinf(parts.lifetime):
        raise EnvelopeError(
            f"a lifetime of {parts.lifetime} s is not above 0 and at most {max_lifetime} s", "lifetime"
        )
    if not parts.issued <= now + max_skew:
        raise EnvelopeError(f"issued at {parts.issued}, which is after {now} and the skew", "future")
    expires = min(parts.issued + parts.lifetime, now + parts.lifetime)
    if not now < expires:
        raise EnvelopeError(f"expired at {expires}, it is {now}", "expired")
    return expires
