"""HandshakeState: the XX pattern, with or without a pre-shared key (specification, sections 5.3, 7.5 and 9)."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field

from nacl import bindings
from nacl.exceptions import RuntimeError as SodiumRuntimeError

from peernet.errors import HandshakeError
from peernet.net.noise.cipher import KEY_BYTES, TAG_BYTES, CipherState
from peernet.net.noise.symmetric import SymmetricState

Token = str
"""One of e, s, ee, es, se, psk, as the specification writes patterns."""


@dataclass(frozen=True, slots=True)
class Pattern:
    """A handshake pattern without pre-messages: its protocol name and the tokens of its messages in turn."""

    protocol_name: bytes
    messages: tuple[tuple[Token, ...], ...]

    @property
    def has_psk(self) -> bool:
        """Whether a pre-shared key takes part."""
        return any("psk" in tokens for tokens in self.messages)


XX = Pattern(b"Noise_XX_25519_ChaChaPoly_SHA256", (("e",), ("e", "ee", "s", "es"), ("s", "se")))
XX_PSK0 = Pattern(b"Noise_XXpsk0_25519_ChaChaPoly_SHA256", (("psk", "e"), ("e", "ee", "s", "es"), ("s", "se")))
"""XX for those who share a key: a stranger's first message is refused already."""


@dataclass(frozen=True, slots=True)
class CurveKey:
    """An X25519 key pair of one handshake."""

    secret: bytes = field(repr=False)
    public: bytes

    @classmethod
    def from_seed(cls, seed: bytes) -> CurveKey:
        """The key pair whose secret is a seed of 32 random bytes. Raises ValueError for another length."""
        if len(seed) != KEY_BYTES:
            raise ValueError(f"an X25519 seed has {KEY_BYTES} bytes, this one has {len(seed)}")
        return cls(bytes(seed), bindings.crypto_scalarmult_base(bytes(seed)))

    def exchange(self, public: bytes) -> bytes:
        """The secret shared with the holder of `public`.

        Raises HandshakeError for a wrong length, which the binding would read past, and for low-order points.
        """
        if len(public) != KEY_BYTES:
            raise HandshakeError(f"an X25519 key has {KEY_BYTES} bytes, the other side's has {len(public)}")
        try:
            return bindings.crypto_scalarmult(self.secret, public)
        except SodiumRuntimeError as error:
            raise HandshakeError("the other side's X25519 key is a low-order point") from error


class HandshakeState:
    """One side of a handshake: `write` and `read` in the order of the pattern, then `split`.

    prologue: bytes both sides must have in common. static, ephemeral: fresh keys of this side. psk: 32 bytes,
    given if and only if the pattern has a psk. After an error the handshake is over, whatever comes next.
    """

    __slots__ = (
        "_ephemeral",
        "_initiator",
        "_pattern",
        "_psk",
        "_remote_ephemeral",
        "_static",
        "_symmetric",
        "_turn",
        "remote_static",
    )

    remote_static: bytes
    """The other side's static public key; empty until it was read."""

    def __init__(
        self,
        pattern: Pattern,
        *,
        initiator: bool,
        prologue: bytes,
        static: CurveKey,
        ephemeral: CurveKey,
        psk: bytes | None = None,
    ) -> None:
        if pattern.has_psk != (psk is not None) or (psk is not None and len(psk) != KEY_BYTES):
            raise ValueError(f"{pattern.protocol_name.decode()} got a pre-shared key that does not fit it")
        self._pattern = pattern
        self._initiator = initiator
        self._static = static
        self._ephemeral = ephemeral
        self._psk = psk
        self._symmetric = SymmetricState(pattern.protocol_name)
        self._symmetric.mix_hash(prologue)
        self._remote_ephemeral = b""
        self.remote_static = b""
        self._turn = 0

    @property
    def done(self) -> bool:
        """Whether all messages have passed and `split` is due."""
        return self._turn >= len(self._pattern.messages)

    @property
    def writes_next(self) -> bool:
        """Whether the next message is this side's."""
        return not self.done and self._initiator == (self._turn % 2 == 0)

    @property
    def hash(self) -> bytes:
        """The hash of the transcript so far; once done, it is the same on both sides and theirs alone."""
        return self._symmetric.hash

    def write(self, payload: bytes) -> bytes:
        """This side's next message with `payload` in it. Raises HandshakeError out of turn."""
        if not self.writes_next:
            raise HandshakeError("a Noise handshake was to write out of turn")
        parts: list[bytes] = []
        for token in self._pattern.messages[self._turn]:
            if token == "e":
                parts.append(self._ephemeral.public)
                self._mix_ephemeral(self._ephemeral.public)
            elif token == "s":
                parts.append(self._symmetric.encrypt_and_hash(self._static.public))
            else:
                self._mix_secret(token)
        parts.append(self._symmetric.encrypt_and_hash(payload))
        self._turn += 1
        return b"".join(parts)

    def read(self, message: bytes) -> bytes:
        """The payload of the other side's next message.

        Raises HandshakeError if it was altered, is too short, holds a low-order point, or comes out of turn.
        """
        if self.done or self.writes_next:
            raise HandshakeError("a message of the Noise handshake came out of turn")
        rest = bytes(message)
        for token in self._pattern.messages[self._turn]:
            if token == "e":
                self._remote_ephemeral, rest = _cut(rest, KEY_BYTES)
                if hmac.compare_digest(self._remote_ephemeral, self._ephemeral.public):
                    raise HandshakeError("the other side sent this side's own key back")
                self._mix_ephemeral(self._remote_ephemeral)
            elif token == "s":
                sealed, rest = _cut(rest, KEY_BYTES + TAG_BYTES)
                self.remote_static = self._symmetric.decrypt_and_hash(sealed)
            else:
                self._mix_secret(token)
        payload = self._symmetric.decrypt_and_hash(rest)
        self._turn += 1
        return payload

    def split(self, rekey_every: int | None = None) -> tuple[CipherState, CipherState]:
        """The ciphers of this side: the one to send with, the one to receive with.

        Raises HandshakeError before the handshake is done.
        """
        if not self.done:
            raise HandshakeError("the Noise handshake is not complete")
        first, second = self._symmetric.split(rekey_every)
        return (first, second) if self._initiator else (second, first)

    def _mix_ephemeral(self, public: bytes) -> None:
        self._symmetric.mix_hash(public)
        if self._psk is not None:  # Section 9.2: with a psk, e is mixed into the key as well.
            self._symmetric.mix_key(public)

    def _mix_secret(self, token: Token) -> None:
        if token == "psk":
            assert self._psk is not None
            self._symmetric.mix_key_and_hash(self._psk)
        else:
            self._symmetric.mix_key(self._shared_secret(token))

    def _shared_secret(self, token: Token) -> bytes:
        """The exchange that a token names: initiator's key first, responder's second."""
        own, other = (token[0], token[1]) if self._initiator else (token[1], token[0])
        key = self._ephemeral if own == "e" else self._static
        return key.exchange(self._remote_ephemeral if other == "e" else self.remote_static)


def _cut(data: bytes, length: int) -> tuple[bytes, bytes]:
    """The first `length` bytes and the rest. Raises HandshakeError if there are fewer."""
    if len(data) < length:
        raise HandshakeError(f"a message of the Noise handshake ends {length - len(data)} bytes early")
    return data[:length], data[length:]
