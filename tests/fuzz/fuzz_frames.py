"""Coverage-guided fuzzing, with atheris, of what reads the frames of boxes and of other peers; run by hand:

    pip install atheris
    python tests/fuzz/fuzz_frames.py -max_total_time=300 [CORPUS_FOLDER]

The first byte chooses the reader. Whatever the bytes, a reader returns a message, which is encoded to what gives
that message again, or raises BoxError (frames of boxes) or ProtocolError (frames of peers, control messages).
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["peernet.box.frames", "peernet.wire", "cbor2"]):
    from peernet.box.frames import FrameDecoder, Message, Reader
    from peernet.box.hostmessages import FROM_HOST, Cut, Finish
    from peernet.box.limits import Limits
    from peernet.box.messages import (
        FROM_CHILD,
        FROM_ZYGOTE,
        TO_CHILD,
        TO_ZYGOTE,
        Done,
        Kill,
        Open,
        Opened,
        Order,
        Report,
        Run,
        Started,
    )
    from peernet.errors import BoxError, ProtocolError
    from peernet.wire.codec import decode_frame, encode_frame
    from peernet.wire.control import decode_reply, decode_request
    from peernet.wire.kad import Probe
    from peernet.wire.link import Goodbye, Notice, Ping, Request

_MAX_BYTES = 4096


def read_box_frames(reader: Reader) -> Callable[[bytes], None]:
    """Read a stream of frames of one direction."""

    def read(data: bytes) -> None:
        for message in _messages(reader, data):
            (again,) = _messages(reader, b"".join(message.encode()))
            if repr(again) != repr(message):
                raise AssertionError(f"{message!r:.300} comes back as {again!r:.300}")

    return read


def _messages(reader: Reader, data: bytes) -> list[Message]:
    decoder, found = FrameDecoder(header=_MAX_BYTES, body=_MAX_BYTES), []
    try:
        decoder.feed(data)
        while (frame := decoder.next_frame()) is not None:
            found.append(reader.read(frame))
    except BoxError:
        pass
    return found


def read_peer_frame(data: bytes) -> None:
    frame = decode_frame(data)
    again = encode_frame(frame)
    if encode_frame(decode_frame(again)) != again:
        raise AssertionError(f"{frame!r:.300} does not come back")


def read_request(data: bytes) -> None:
    decode_request(data)


def read_reply(data: bytes) -> None:
    decode_reply(data)


READERS: tuple[Callable[[bytes], None], ...] = (
    *(read_box_frames(reader) for reader in (FROM_CHILD, FROM_ZYGOTE, TO_CHILD, TO_ZYGOTE, FROM_HOST)),
    read_peer_frame,
    read_request,
    read_reply,
)

_LIMITS = Limits()
_BOX_SEEDS: tuple[tuple[int, Message], ...] = (
    (0, Report("ok", "", None, "", b"\x80")),
    (0, Report("error", "text", 3, "trace", b"")),
    (1, Started(1)),
    (1, Opened("3.11.7")),
    (1, Done(1, "ok", "", None, "", "", 0.5, 0.5, 1, b"\x80")),
    (2, Order(_LIMITS, b"input")),
    (3, Open(2, "numpy", False, b"bundle")),
    (3, Run(1, _LIMITS, b"input")),
    (3, Kill(1)),
    (4, Cut(1, 1)),
    (4, Finish(1)),
)
_PEER_SEEDS = (Ping(1), Goodbye("bye"), Request(1, Probe()), Notice(Probe()))


def seeds() -> list[bytes]:
    """A frame of each kind, after the byte that chooses its reader."""
    boxes = [bytes([reader]) + b"".join(message.encode()) for reader, message in _BOX_SEEDS]
    peers = [b"\x05" + encode_frame(frame) for frame in _PEER_SEEDS]
    return [*boxes, *peers, b"\x06\x92\x01\x02", b"\x07\x92\x01\x02"]


def test_one_input(data: bytes) -> None:
    """Read once; only the errors that a reader may raise are no finding."""
    if not data:
        return
    try:
        READERS[data[0] % len(READERS)](data[1:])
    except ProtocolError:
        return


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="peernet-frame-seeds-"))
    for number, seed in enumerate(seeds()):
        (folder / f"{number:03}").write_bytes(seed)
    atheris.Setup([*sys.argv, str(folder), f"-max_len={_MAX_BYTES}"], test_one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
