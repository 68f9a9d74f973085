"""Noise_XX_25519_ChaChaPoly_SHA256 without I/O, after the Noise specification, revision 34.

`cipher`, `symmetric` and `handshake` are the specification's three objects; `secure` is what peers use: the XX
handshake in which each side proves its Ed25519 identity, as in the libp2p noise specification. Time and randomness
are arguments, so a test or a simulator can replay a handshake byte by byte.
"""

from __future__ import annotations

from peernet.net.noise.cipher import TAG_BYTES, CipherState
from peernet.net.noise.secure import MAX_NOISE_MESSAGE, REKEY_EVERY, SecureHandshake

__all__ = ["MAX_NOISE_MESSAGE", "REKEY_EVERY", "TAG_BYTES", "CipherState", "SecureHandshake"]
