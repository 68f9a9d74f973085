"""Frames and messages: what is accepted, and that nothing else is."""

from __future__ import annotations

import struct

import cbor2
import pytest

from peernet.box.frames import Frame, FrameDecoder, Reader
from peernet.box.hostmessages import FROM_HOST, HostOpen, HostOpened, Replay, WereCut
from peernet.box.limits import Limits
from peernet.box.messages import FROM_ZYGOTE, TO_ZYGOTE, Done, Kill, Run, Started, clip
from peernet.errors import BoxError

DONE = Done(3, "ok", "", None, "", "printed", 0.5, 1.5, 1 << 20, b"value")


def raw(header: object, body: bytes = b"") -> bytes:
    encoded = cbor2.dumps(header)
    return struct.pack(">II", len(encoded), len(body)) + encoded + body


def decode(data: bytes, reader: Reader = FROM_ZYGOTE) -> object:
    decoder = FrameDecoder(header=10_000, body=10_000)
    decoder.feed(data)
    frame = decoder.next_frame()
    assert frame is not None and not decoder.partial
    return reader.read(frame)


@pytest.mark.parametrize(
    ("message", "reader"),
    [
        (Started(1), FROM_ZYGOTE),
        (DONE, FROM_ZYGOTE),
        (Run(7, Limits(cpu_seconds=2.5), b"input"), TO_ZYGOTE),
        (Run(7, Limits(), b""), TO_ZYGOTE),
        (HostOpened("name", 1 << 62, None, 2, 2, 1.0, True, False), FROM_HOST),
        (WereCut((1, 2), (3, 4), True, b"inputs!"), FROM_HOST),
    ],
)
def test_messages_come_back_as_they_were(message: object, reader: Reader) -> None:
    assert decode(b"".join(message.encode()), reader) == message  # type: ignore[attr-defined]


def test_frames_may_arrive_in_any_pieces() -> None:
    stream = b"".join(b"".join(message.encode()) for message in (Started(1), DONE, Started(2)))
    for size in (1, 2, 7, len(stream)):
        decoder = FrameDecoder(header=1000, body=1000)
        found = []
        for start in range(0, len(stream), size):
            decoder.feed(stream[start : start + size])
            while (frame := decoder.next_frame()) is not None:
                found.append(FROM_ZYGOTE.read(frame))
        assert found == [Started(1), DONE, Started(2)]
        assert not decoder.partial


def test_a_whole_number_does_for_a_float() -> None:
    header = {"kind": "run", "id": 1, "limits": {**_limits(), "seconds": 3}, "seed": b"", "calls": []}
    message = decode(raw(header), TO_ZYGOTE)
    assert isinstance(message, Run) and message.limits.seconds == 3.0


@pytest.mark.parametrize(("header", "body"), [(11, 0), (0, 11), (0xFFFFFFFF, 0xFFFFFFFF)])
def test_a_frame_over_its_bounds_is_refused_by_its_lengths_alone(header: int, body: int) -> None:
    decoder = FrameDecoder(header=10, body=10)
    decoder.feed(struct.pack(">II", header, body))
    with pytest.raises(BoxError, match="over its bound"):
        decoder.next_frame()


def _limits() -> dict[str, object]:
    return {
        "memory": 1,
        "seconds": 1.0,
        "cpu_seconds": None,
        "scratch": 1,
        "result": 1,
        "open_files": 64,
        "threads": 8,
    }


@pytest.mark.parametrize(
    "header",
    [
        [],
        "started",
        {},
        {"kind": "started"},
        {"kind": "started", "id": 1, "more": 2},
        {"kind": "started", "id": "1"},
        {"kind": "started", "id": True},
        {"kind": "started", "id": 1.0},
        {"kind": "started", "id": -1},
        {"kind": "started", "id": 1 << 63},
        {"kind": "started", "id": None},
        {"kind": ["started"], "id": 1},
        {"kind": "run", "id": 1, "limits": _limits()},
        {"kind": "never heard of"},
    ],
)
def test_a_header_that_is_no_message_is_refused(header: object) -> None:
    with pytest.raises(BoxError):
        decode(raw(header))


@pytest.mark.parametrize(
    "change",
    [
        {"seconds": float("nan")},
        {"seconds": float("inf")},
        {"seconds": 0.0},
        {"seconds": -1.0},
        {"seconds": "1"},
        {"memory": 0},
        {"memory": 1 << 62},
        {"open_files": 7, "threads": 8},
        {"scratch": None},
        {"colour": 1},
    ],
)
def test_limits_that_make_no_sense_are_refused(change: dict[str, object]) -> None:
    header = {"kind": "run", "id": 1, "limits": {**_limits(), **change}, "seed": b"", "calls": []}
    with pytest.raises(BoxError):
        decode(raw(header), TO_ZYGOTE)


@pytest.mark.parametrize(
    "header",
    [
        cbor2.CBORTag(35, "a*"),
        {"kind": "started", "id": cbor2.CBORTag(2, b"\x01")},
        {"kind": "started", "id": cbor2.CBORTag(4, [1, 2])},
        {"kind": "started", "id": cbor2.CBORTag(55799, 1)},
        {"kind": "started", "id": [[[[[[1]]]]]]},
        {1: 2},
    ],
)
def test_tags_and_depths_are_refused_before_they_cost_anything(header: object) -> None:
    with pytest.raises(BoxError, match=r"does not decode|tag"):
        decode(raw(header))


@pytest.mark.parametrize("data", [b"", b"\xff", b"\xbf\xff", b"\xa2\x61a\x01\x61a\x01", b"\x9b" + b"\xff" * 8])
def test_bytes_that_are_no_header_are_refused(data: bytes) -> None:
    decoder = FrameDecoder(header=100, body=100)
    decoder.feed(struct.pack(">II", len(data), 0) + data)
    with pytest.raises(BoxError):
        decoder.next_frame()


def test_a_body_where_none_belongs_is_refused() -> None:
    with pytest.raises(BoxError, match="body"):
        decode(raw({"kind": "started", "id": 1}, b"body"))


def test_lists_hold_whole_numbers_only() -> None:
    frame = Frame({"kind": "replay", "calls": [1, "2"]}, b"")
    with pytest.raises(BoxError, match="calls"):
        Reader(Replay).read(frame)
    assert Reader(Replay).read(Frame({"kind": "replay", "calls": [1, 2]}, b"x")) == Replay((1, 2), b"x")


def test_overrides_are_plain_values() -> None:
    message = HostOpen({"slice_size": 3, "timeout": 1.5}, b"bundle")
    assert decode(b"".join(message.encode()), Reader(HostOpen)) == message
    with pytest.raises(BoxError):
        decode(raw({"kind": "hostopen", "overrides": [1]}), Reader(HostOpen))
    assert decode(b"".join(Kill(1).encode()), TO_ZYGOTE) == Kill(1)


def test_a_clipped_text_fits_and_keeps_both_ends() -> None:
    assert clip("short", 100) == "short"
    clipped = clip("begin" + "ä" * 1000 + "end", 200)
    assert len(clipped.encode()) <= 200
    assert clipped.startswith("begin") and clipped.endswith("end")
    assert clip("\ud800", 100) == "\\ud800"


def test_fields_that_are_no_names_are_refused() -> None:
    frame = Frame({"kind": "kill", 1: 2, b"id": 3}, b"")  # type: ignore[dict-item]
    with pytest.raises(BoxError, match="has the fields"):
        TO_ZYGOTE.read(frame)
