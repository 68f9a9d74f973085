"""SymmetricState: the running key and transcript hash of a handshake (specification, section 5.2)."""

from __future__ import annotations

import hashlib
import hmac

from peernet.errors import HandshakeError, ProtocolError
from peernet.net.noise.cipher import CipherState

HASH_BYTES = 32


def hkdf(chaining_key: bytes, material: bytes, outputs: int) -> list[bytes]:
    """HKDF of the specification (section 4.3): `outputs` (2 or 3) keys of 32 bytes by HMAC-SHA256."""
    temporary = hmac.digest(chaining_key, material, "sha256")
    keys = [hmac.digest(temporary, b"\x01", "sha256")]
    while len(keys) < outputs:
        keys.append(hmac.digest(temporary, keys[-1] + bytes([len(keys) + 1]), "sha256"))
    return keys


class SymmetricState:
    """The chaining key, the transcript hash and, once a key is agreed, a cipher."""

    __slots__ = ("_chaining_key", "_cipher", "hash")

    hash: bytes
    """The hash of all that was said so far; at the end it names the session on both sides."""

    def __init__(self, protocol_name: bytes) -> None:
        if len(protocol_name) <= HASH_BYTES:
            self.hash = protocol_name.ljust(HASH_BYTES, b"\0")
        else:
            self.hash = hashlib.sha256(protocol_name).digest()
        self._chaining_key = self.hash
        self._cipher: CipherState | None = None

    def mix_key(self, material: bytes) -> None:
        """Takes a shared secret into the keys."""
        self._chaining_key, key = hkdf(self._chaining_key, material, 2)
        self._cipher = CipherState(key)

    def mix_hash(self, data: bytes) -> None:
        """Takes something said into the transcript."""
        self.hash = hashlib.sha256(self.hash + data).digest()

    def mix_key_and_hash(self, material: bytes) -> None:
        """Takes a pre-shared key into both."""
        self._chaining_key, said, key = hkdf(self._chaining_key, material, 3)
        self.mix_hash(said)
        self._cipher = CipherState(key)

    def encrypt_and_hash(self, plaintext: bytes) -> bytes:
        """What to send for a plaintext: itself while no key is agreed, then its ciphertext."""
        said = plaintext if self._cipher is None else self._cipher.encrypt(self.hash, plaintext)
        self.mix_hash(said)
        return said

    def decrypt_and_hash(self, said: bytes) -> bytes:
        """The plaintext of what the other side sent. Raises HandshakeError if that was altered."""
        try:
            plaintext = said if self._cipher is None else self._cipher.decrypt(self.hash, said)
        except ProtocolError as error:
            raise HandshakeError("a message of the Noise handshake does not decrypt") from error
        self.mix_hash(said)
        return plaintext

    def split(self, rekey_every: int | None) -> tuple[CipherState, CipherState]:
        """The ciphers for messages of the initiator and of the responder."""
        first, second = hkdf(self._chaining_key, b"", 2)
        return CipherState(first, rekey_every), CipherState(second, rekey_every)
