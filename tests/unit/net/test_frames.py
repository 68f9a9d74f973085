"""Frames and records are cut as their bytes arrive."""

from __future__ import annotations

import struct

import pytest

from peernet.errors import ProtocolError
from peernet.net.frames import FrameReader, Splitter, append_frame
from peernet.wire.codec import FRAME_LIMIT
from peernet.wire.kad import FindNode, Probe
from peernet.wire.link import BlobChunk, Goodbye, Notice, Ping, Request

FRAMES = [
    Ping(1),
    Request(2, Probe()),
    Notice(FindNode(bytes(20))),
    BlobChunk(3, 9, b"x" * 70_000),
    Goodbye("bye"),
]


def encoded() -> bytes:
    buffer = bytearray()
    for frame in FRAMES:
        append_frame(buffer, frame)
    return bytes(buffer)


def test_frames_that_come_at_once():
    assert FrameReader().feed(encoded()) == FRAMES


@pytest.mark.parametrize("step", [1, 2, 3, 4, 5, 7, 1000, 65_519])
def test_frames_that_come_in_pieces(step):
    reader, data, got = FrameReader(), encoded(), []
    for start in range(0, len(data), step):
        got += reader.feed(data[start : start + step])
    assert got == FRAMES


def test_a_claimed_length_costs_nothing_until_the_bytes_come():
    splitter = Splitter(">I", 1, FRAME_LIMIT, "frame")
    assert splitter.feed(struct.pack(">I", FRAME_LIMIT)) == []
    assert splitter.pending == 4
    splitter.feed(bytes(100))
    assert splitter.pending == 104
    splitter.feed(bytes(FRAME_LIMIT - 100) + struct.pack(">I", 5) + b"ab")
    assert splitter.pending == 6


@pytest.mark.parametrize("length", [0, FRAME_LIMIT + 1, 2**32 - 1])
@pytest.mark.parametrize("cut", [1, 4])
def test_a_length_out_of_bounds_is_refused_at_once(length, cut):
    splitter = Splitter(">I", 1, FRAME_LIMIT, "frame")
    header = struct.pack(">I", length)
    splitter.feed(header[: 4 - cut])
    with pytest.raises(ProtocolError, match=f"a frame of {length} bytes"):
        splitter.feed(header[4 - cut :])


def test_a_frame_over_the_limit_is_not_sent_and_leaves_the_buffer_as_it_was():
    buffer = bytearray(b"before")
    with pytest.raises(ProtocolError):
        append_frame(buffer, BlobChunk(1, 1, bytes(FRAME_LIMIT)))
    assert buffer == b"before"


def test_a_frame_that_can_not_be_encoded_leaves_the_buffer_as_it_was():
    buffer = bytearray(b"before")
    with pytest.raises(TypeError):
        append_frame(buffer, Ping(object()))  # type: ignore[arg-type]
    assert buffer == b"before"


def test_what_is_no_frame_is_refused():
    with pytest.raises(ProtocolError):
        FrameReader().feed(b"\x00\x00\x00\x02\x91\x63")
