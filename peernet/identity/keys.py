"""Ed25519 keys (RFC 8032) on libsodium: who a peer is, and how it proves what it says.

Nothing here reads a file, a clock or randomness: the seed is an argument, and `storage` keeps it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn, Protocol

from nacl import bindings
from nacl.exceptions import BadSignatureError

from peernet.errors import KeyFileError
from peernet.identity.peerid import short_peer_id
from peernet.types import PeerId

SEED_BYTES = 32
"""The length of an Ed25519 seed, which is all that the key file holds."""

SIGNATURE_BYTES = 64
"""The length of an Ed25519 signature."""

PEER_ID_BYTES = 32
"""The length of a raw peer id: an Ed25519 public key."""

Signer = Callable[[bytes], bytes]
"""Signs bytes with one peer's key and returns the signature. `KeyPair.sign` is one; a simulator injects a fake."""

Verifier = Callable[[PeerId, bytes, bytes], bool]
"""Says whether a signature (third) of this peer (first) over these bytes (second) holds. `verify` is one."""


class Identity(Protocol):
    """What proves who a peer is: `KeyPair`, or a simulator's cheap fake."""

    @property
    def peer_id(self) -> PeerId:
        """The raw 32-byte id of the peer."""

    def sign(self, data: bytes) -> bytes:
        """A 64-byte signature over exactly these bytes."""


class KeyPair:
    """The secret and public key of one peer. Neither its repr nor a pickle gives the secret away."""

    __slots__ = ("_secret", "peer_id")

    peer_id: PeerId
    """The raw 32-byte public key."""

    def __init__(self, public: bytes, secret: bytes) -> None:
        """Takes what libsodium made of a seed; call `from_seed` instead."""
        self.peer_id = PeerId(public)
        self._secret = secret

    @classmethod
    def from_seed(cls, seed: bytes) -> KeyPair:
        """The key pair that belongs to a seed of 32 bytes. The same seed gives the same peer.

        Raises KeyFileError if the seed has another length: seeds come from the key file.
        """
        if len(seed) != SEED_BYTES:
            raise KeyFileError(
                f"a key has {SEED_BYTES} bytes, this one has {len(seed)}: restore the key file from a copy, "
                "or move it away to start as a new peer"
            )
        public, secret = bindings.crypto_sign_seed_keypair(bytes(seed))
        return cls(public, secret)

    @property
    def seed(self) -> bytes:
        """The 32 secret bytes that make this key. For the key file only; never log or send them."""
        return self._secret[:SEED_BYTES]

    def sign(self, data: bytes) -> bytes:
        """A 64-byte Ed25519 signature over exactly these bytes (about 24 microseconds: sign batches).

        The caller puts a domain in front of what it signs, so that no signature holds for anything else.
        """
        return bindings.crypto_sign(data, self._secret)[:SIGNATURE_BYTES]

    def __repr__(self) -> str:
        return f"KeyPair({short_peer_id(self.peer_id)})"

    def __reduce__(self) -> NoReturn:
        # Functions travel by cloudpickle; one that has caught a key must fail here rather than send it away.
        raise TypeError("a KeyPair can't be pickled: it holds the secret key of this peer")


def verify(peer: PeerId, data: bytes, signature: bytes) -> bool:
    """Whether `signature` is this peer's Ed25519 signature over exactly these bytes (about 62 microseconds).

    All three may come from a stranger: a wrong length or a key that is no point of the curve is False, never an
    exception. libsodium refuses small-order keys and non-canonical signatures.
    """
    if len(peer) != PEER_ID_BYTES or len(signature) != SIGNATURE_BYTES:
        return False
    try:
        bindings.crypto_sign_open(b"".join((signature, data)), bytes(peer))
    except BadSignatureError:
        return False
    return True
