"""CipherState: one direction of a Noise channel (specification, section 5.1)."""

from __future__ import annotations

import struct

from nacl import bindings
from nacl.exceptions import CryptoError

from peernet.errors import ProtocolError

KEY_BYTES = 32
TAG_BYTES = 16
"""What encryption adds to a plaintext: the Poly1305 tag."""

# ChaChaPoly's nonce: 32 zero bits, then n as a little-endian 64-bit integer (specification, section 12.3).
_pack_nonce = struct.Struct("<4xQ").pack
_encrypt = bindings.crypto_aead_chacha20poly1305_ietf_encrypt
_decrypt = bindings.crypto_aead_chacha20poly1305_ietf_decrypt

_LAST_NONCE = 2**64 - 1
"""Reserved for rekeying; never used for a message."""


class CipherState:
    """Encrypts, or decrypts, the messages of one direction in order, each with the next nonce.

    key: 32 bytes. rekey_every: messages after which the key is replaced by REKEY (section 4.2), at the same count
    on both sides; None for never. The nonce runs on over a rekeying.
    """

    __slots__ = ("_key", "_nonce", "_rekey_at", "_rekey_every")

    def __init__(self, key: bytes, rekey_every: int | None = None) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError(f"a cipher key has {KEY_BYTES} bytes, this one has {len(key)}")
        if rekey_every is not None and rekey_every < 1:
            raise ValueError(f"rekey_every is 1 or more messages, not {rekey_every}")
        self._key = bytes(key)
        self._nonce = 0
        self._rekey_every = rekey_every
        self._rekey_at = min(rekey_every or _LAST_NONCE, _LAST_NONCE)

    @property
    def nonce(self) -> int:
        """How many messages have passed."""
        return self._nonce

    def encrypt(self, ad: bytes, plaintext: bytes) -> bytes:
        """The ciphertext of the next message, 16 bytes longer. ad: bytes that are authenticated but not sent.

        Raises ProtocolError once 2^64-1 messages have passed: the connection must end.
        """
        nonce = self._nonce
        if nonce >= self._rekey_at:
            self._turn(nonce)
        if type(plaintext) is not bytes:
            plaintext = bytes(plaintext)
        ciphertext = _encrypt(plaintext, ad, _pack_nonce(nonce), self._key)
        self._nonce = nonce + 1
        return ciphertext

    def decrypt(self, ad: bytes, ciphertext: bytes) -> bytes:
        """The plaintext of the next message, which came from the other side.

        Raises ProtocolError if the message is not exactly what the other side sent next, or once 2^64-1 have
        passed. The connection must end then: the failed message may be tried again, but no later one fits.
        """
        nonce = self._nonce
        if nonce >= self._rekey_at:
            self._turn(nonce)
        # The binding takes a memoryview for a bad tag, and raises a plain ValueError for what is too short.
        if type(ciphertext) is not bytes:
            ciphertext = bytes(ciphertext)
        if len(ciphertext) < TAG_BYTES:
            raise ProtocolError(f"a Noise message of {len(ciphertext)} bytes has no room for its tag")
        try:
            plaintext = _decrypt(ciphertext, ad, _pack_nonce(nonce), self._key)
        except CryptoError as error:
            raise ProtocolError("a Noise message was altered, or came out of order") from error
        self._nonce = nonce + 1
        return plaintext

    def rekey(self) -> None:
        """Replaces the key by REKEY(key), so that a key that leaks later tells nothing of earlier messages."""
        self._key = _encrypt(bytes(KEY_BYTES), b"", _pack_nonce(_LAST_NONCE), self._key)[:KEY_BYTES]

    def _turn(self, nonce: int) -> None:
        """Before a message whose nonce has reached the next rekeying, or the end."""
        if nonce >= _LAST_NONCE:
            raise ProtocolError("all nonces of this Noise channel are used: connect again")
        if self._rekey_every is not None:
            self.rekey()
            self._rekey_at = min(self._rekey_at + self._rekey_every, _LAST_NONCE)
