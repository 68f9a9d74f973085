"""A handshake and a cipher that do nothing, to measure what all else costs. For simulations only.

The product has no switch for this and no way in the clear: `net.secure` knows `SecureHandshake` alone. For the
time of a run, and in this process only, the name is bound to another class here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from peernet.errors import HandshakeError, ProtocolError, WrongPeerError
from peernet.identity.keys import PEER_ID_BYTES, Identity, Verifier
from peernet.net.noise import TAG_BYTES
from peernet.types import PeerId

SIZES = (32, 192, 160)
"""Bytes of Noise's three messages, so that both ways take the same room on the network."""

_TAG = bytes(TAG_BYTES)


class NullCipher:
    """One direction: a tag of zeros, so that records are as long as real ones."""

    def encrypt(self, ad: bytes, plaintext: bytes) -> bytes:
        """The plaintext, with room for a tag."""
        return plaintext + _TAG

    def decrypt(self, ad: bytes, ciphertext: bytes) -> bytes:
        """The plaintext again."""
        if len(ciphertext) < TAG_BYTES:
            raise ProtocolError("a record has no room for its tag")
        return ciphertext[:-TAG_BYTES]


class NullHandshake:
    """Three messages of the right sizes; each side says who it is and is believed."""

    def __init__(
        self,
        initiator: bool,
        identity: Identity,
        ephemeral_seed: bytes,
        static_seed: bytes,
        *,
        expected: PeerId | None,
        verify: Verifier,
        **bounds: Any,
    ) -> None:
        self._me = identity.peer_id
        self._expected = expected
        self._step = 0
        self._mine = 0 if initiator else 1
        self._proven: PeerId | None = None

    @property
    def next_read_size(self) -> int:
        """Bytes of the next message to be read."""
        step = self._step + (self._step % 2 == self._mine)
        return SIZES[step] if step < len(SIZES) else 0

    @property
    def remote(self) -> PeerId:
        """Who the other side says it is."""
        if self._proven is None:
            raise HandshakeError("the other side has not said who it is")
        return self._proven

    def write(self) -> bytes:
        """The next message."""
        message = self._me.ljust(SIZES[self._step], b"\0")
        self._step += 1
        return message

    def read(self, message: bytes) -> None:
        """Take the other side's next message."""
        peer = PeerId(message[:PEER_ID_BYTES])
        if self._expected is not None and peer != self._expected:
            raise WrongPeerError("another peer answered")
        self._proven = peer
        self._step += 1

    def split(self) -> tuple[NullCipher, NullCipher]:
        """The ciphers to send and to receive with."""
        return NullCipher(), NullCipher()


@contextmanager
def null_cipher() -> Iterator[None]:
    """Let connections of this process begin with `NullHandshake` inside."""
    with mock.patch("peernet.net.secure.SecureHandshake", NullHandshake):
        yield
