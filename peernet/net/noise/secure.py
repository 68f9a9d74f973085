"""The handshake of two peers: Noise XX whose static keys are signed by Ed25519 identities.

Follows the libp2p noise specification, with a payload of fixed size in place of its protobuf: the identity key and
its signature over `noise-libp2p-static-key:` and the static key. So each message has one possible size, and a
stranger can't make a peer buffer more than that.
"""

from __future__ import annotations

import hmac

from peernet.errors import HandshakeError, WrongPeerError
from peernet.identity.keys import PEER_ID_BYTES, SIGNATURE_BYTES, Identity, Verifier
from peernet.identity.peerid import format_peer_id, short_peer_id
from peernet.net.noise.cipher import KEY_BYTES, TAG_BYTES, CipherState
from peernet.net.noise.handshake import XX, XX_PSK0, CurveKey, HandshakeState
from peernet.types import PeerId

REKEY_EVERY = 2**20
"""Records after which a direction takes a new key, if the caller does not say: far below what ChaCha20-Poly1305
allows, and rare enough to cost nothing."""

MAX_NOISE_MESSAGE = 65535
"""Bytes of the largest message that Noise allows, its tag included."""

_CONTEXT = b"noise-libp2p-static-key:"
_PAYLOAD = PEER_ID_BYTES + SIGNATURE_BYTES
_SIZES = (
    KEY_BYTES,
    KEY_BYTES + (KEY_BYTES + TAG_BYTES) + (_PAYLOAD + TAG_BYTES),
    (KEY_BYTES + TAG_BYTES) + (_PAYLOAD + TAG_BYTES),
)


class SecureHandshake:
    """One side of the handshake that every connection begins with. The initiator writes first; then by turns.

    initiator: whether this side dialled. identity: proves who this side is. ephemeral_seed, static_seed: 32 fresh
    secret random bytes each, never used twice. expected: who must answer, or None for anybody. verify: checks
    signatures. rekey_every: records after which each direction takes a new key; both sides must agree.
    psk: 32 bytes that the members of a private network share; it makes the first message 48 bytes.

    After an error nothing more can be written or read; end the connection.
    """

    __slots__ = (
        "_expected",
        "_failed",
        "_identity",
        "_noise",
        "_proven",
        "_rekey_every",
        "_sizes",
        "_split",
        "_static",
        "_step",
        "_verify",
    )

    def __init__(
        self,
        initiator: bool,
        identity: Identity,
        ephemeral_seed: bytes,
        static_seed: bytes,
        *,
        expected: PeerId | None,
        verify: Verifier,
        rekey_every: int = REKEY_EVERY,
        psk: bytes | None = None,
    ) -> None:
        self._identity = identity
        self._static = CurveKey.from_seed(static_seed)
        self._noise = HandshakeState(
            XX if psk is None else XX_PSK0,
            initiator=initiator,
            prologue=b"",
            static=self._static,
            ephemeral=CurveKey.from_seed(ephemeral_seed),
            psk=psk,
        )
        self._sizes = _SIZES if psk is None else (_SIZES[0] + TAG_BYTES, *_SIZES[1:])
        self._expected = expected
        self._verify = verify
        self._rekey_every = rekey_every
        self._step = 0
        self._proven: PeerId | None = None
        self._failed = False
        self._split = False

    @property
    def done(self) -> bool:
        """Whether both sides have proven who they are and `split` is due."""
        return self._noise.done and not self._failed

    @property
    def next_read_size(self) -> int:
        """Bytes of the next message to be read, exactly: 32, 192 or 160. 0 if none is left to read.

        It does not matter whether this side has to write before.
        """
        step = self._step + 1 if self._noise.writes_next else self._step
        return self._sizes[step] if step < len(self._sizes) else 0

    @property
    def remote(self) -> PeerId:
        """Who the other side has proven to be. Raises HandshakeError before it has."""
        if self._proven is None or self._failed:
            raise HandshakeError("the other side has not proven who it is")
        return self._proven

    def write(self) -> bytes:
        """The next message to send.

        Raises HandshakeError out of turn, after a failure, or if the other side's key is a low-order point.
        """
        self._check_alive()
        try:
            message = self._noise.write(b"" if self._step == 0 else self._proof())
        except HandshakeError:
            self._failed = True
            raise
        self._step += 1
        return message

    def read(self, message: bytes) -> None:
        """Takes the other side's next message, which must be whole.

        Raises HandshakeError if it is not exactly what an honest peer would send, and WrongPeerError if it proves
        another peer than the expected one; nothing of this side's identity has been sent by then if it dialled.
        """
        self._check_alive()
        self._failed = True  # Until the message has passed every check.
        if len(message) != self.next_read_size:
            raise HandshakeError(
                f"a handshake message has {len(message)} bytes, {self.next_read_size} were expected"
            )
        payload = self._noise.read(message)
        if self._step > 0:
            self._proven = self._check_proof(payload)
        self._step += 1
        self._failed = False

    def split(self) -> tuple[CipherState, CipherState]:
        """The ciphers to send and to receive with, once: two of the same key would give its secrets away.

        Raises HandshakeError before the handshake is done, after a failure, and the second time.
        """
        self._check_alive()
        if self._split:
            raise HandshakeError("the ciphers of this handshake were taken already")
        ciphers = self._noise.split(self._rekey_every)
        self._split = True
        return ciphers

    def _proof(self) -> bytes:
        return self._identity.peer_id + self._identity.sign(_CONTEXT + self._static.public)

    def _check_proof(self, payload: bytes) -> PeerId:
        """Who a payload proves that the other side is."""
        peer, signature = PeerId(payload[:PEER_ID_BYTES]), payload[PEER_ID_BYTES:]
        if not self._verify(peer, _CONTEXT + self._noise.remote_static, signature):
            raise HandshakeError(f"the other side did not prove to be {short_peer_id(peer)}")
        if self._expected is not None and not hmac.compare_digest(peer, self._expected):
            raise WrongPeerError(
                f"{format_peer_id(peer)} answered in place of {format_peer_id(self._expected)}: "
                "ask for its present address"
            )
        return peer

    def _check_alive(self) -> None:
        if self._failed:
            raise HandshakeError("this handshake has failed already")
