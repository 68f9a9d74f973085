"""How a connection begins: the handshake, then a Hello, a Ping and its Pong each way.

The first ping gives the round trip. Nothing else may come before its answer, so a connection whose greeting
is done has been understood by both sides.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import trio

from peernet.config.net import NetConfig
from peernet.errors import AddressError, ConnectionLostError, HandshakeError, ProtocolError
from peernet.identity.keys import Identity, Verifier
from peernet.identity.multiaddr import MAX_PORT, Multiaddr
from peernet.net.frames import FrameReader, append_frame
from peernet.net.secure import SecureStream, shake_hands
from peernet.net.text import printable
from peernet.types import Instance, PeerId
from peernet.wire.link import PROTOCOL, Frame, Goodbye, Hello, Ping, Pong

AGENT = "peernet"
MAX_ADDRESSES = 8
MAX_HOST = 256

_PORT_ONLY = re.compile(r"/tcp/([0-9]{1,5})")
_FIRST_NONCE = 0


@dataclass(frozen=True, slots=True)
class Self:
    """What this peer says and proves of itself. secret: n secret random bytes. wall: seconds since 1970."""

    identity: Identity
    instance: Instance
    secret: Callable[[int], bytes] = field(repr=False)
    verify: Verifier
    wall: Callable[[], float]


@dataclass(frozen=True, slots=True)
class Greeted:
    """A connection that stands, and what was learned of the peer.

    addresses: where it can be dialled, as far as proven. host: where it was seen. observed: where it sees
    this peer. ahead: seconds that its clock is ahead of this one's, as it says. early: frames that have arrived
    already, in order.
    """

    secure: SecureStream
    frames: FrameReader
    peer: PeerId
    instance: Instance
    addresses: tuple[str, ...]
    host: str
    observed: str
    inbound: bool
    rtt: float
    ahead: float
    early: tuple[Frame, ...]


async def greet(
    stream: trio.abc.Stream,
    host: str,
    me: Self,
    listening: tuple[str, ...],
    config: NetConfig,
    *,
    dialled: Multiaddr | None,
) -> Greeted:
    """Handshake and greeting over a fresh stream, within `config.handshake_seconds`.

    host: where the other side is seen. dialled: the address that this side dialled (its peer must answer), or
    None on the listening side.

    Raises HandshakeError, WrongPeerError, ProtocolError or ConnectionLostError; the stream is closed then, as
    it is when this is cancelled.
    """
    try:
        with trio.fail_after(config.handshake_seconds):
            secure = await shake_hands(
                stream,
                initiator=dialled is not None,
                identity=me.identity,
                expected=None if dialled is None else dialled.peer,
                secret=me.secret,
                verify=me.verify,
                config=config,
            )
            return await _greet(secure, host, me, listening, config, dialled)
    except trio.TooSlowError as error:
        await trio.aclose_forcefully(stream)
        raise HandshakeError(f"no handshake within {config.handshake_seconds:g} s") from error
    except BaseException:
        with trio.CancelScope(shield=True):
            await trio.aclose_forcefully(stream)
        raise


async def _greet(
    secure: SecureStream,
    host: str,
    me: Self,
    listening: tuple[str, ...],
    config: NetConfig,
    dialled: Multiaddr | None,
) -> Greeted:
    hello = Hello(PROTOCOL, me.instance, listening, host[:MAX_HOST], max(0.0, me.wall()), AGENT)
    await _send(secure, hello, Ping(_FIRST_NONCE))
    asked_at = trio.current_time()
    frames = FrameReader()
    theirs: Hello | None = None
    ahead = 0.0
    while True:
        records = await secure.receive()
        if not records:
            raise ConnectionLostError("the other side hung up during the greeting")
        arrived = [frame for record in records for frame in frames.feed(record)]
        for index, frame in enumerate(arrived):
            match frame:
                case Hello() if theirs is None:
                    theirs = _checked(frame)
                    ahead = theirs.wall - me.wall()
                case Ping(nonce=nonce) if theirs is not None:
                    await _send(secure, Pong(nonce))
                case Pong(nonce=nonce) if theirs is not None and nonce == _FIRST_NONCE:
                    return Greeted(
                        secure=secure,
                        frames=frames,
                        peer=secure.remote,
                        instance=theirs.instance,
                        addresses=dialable(theirs.listening, host, dialled, secure.remote),
                        host=host,
                        observed=printable(theirs.observed, MAX_HOST),
                        inbound=dialled is None,
                        rtt=trio.current_time() - asked_at,
                        ahead=ahead,
                        early=tuple(arrived[index + 1 :]),
                    )
                case Goodbye(reason=reason):
                    raise ConnectionLostError(f"the peer said goodbye: {printable(reason, config.text)}")
                case _:
                    raise ProtocolError(f"a {type(frame).__name__} came out of turn in the greeting")


async def _send(secure: SecureStream, *frames: Frame) -> None:
    buffer = bytearray()
    for frame in frames:
        append_frame(buffer, frame)
    await secure.send(buffer)


def _checked(hello: Hello) -> Hello:
    if hello.protocol != PROTOCOL:
        raise ProtocolError(f"the peer speaks {printable(hello.protocol, 128)}, this one {PROTOCOL}")
    return hello


def dialable(announced: tuple[str, ...], host: str, dialled: Multiaddr | None, peer: PeerId) -> tuple[str, ...]:
    """Where a peer can be dialled, as full multiaddrs: what was dialled, and what it announces of the host
    that it is seen at. Other hosts that it announces are not proven to be its own, and left out."""
    found: dict[str, None] = {}
    if dialled is not None:
        found[str(dialled.with_peer(peer))] = None
    for text in announced:
        try:
            port = _PORT_ONLY.fullmatch(text)
            address = Multiaddr(host, int(port[1])) if port else Multiaddr.parse(text)
            if address.host == Multiaddr(host, 0).host and 0 < address.port <= MAX_PORT:
                found[str(address.with_peer(peer))] = None
        except AddressError:
            continue
    return tuple(found)[:MAX_ADDRESSES]
