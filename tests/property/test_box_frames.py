"""Frames of boxes: whatever the bytes, either a message of the protocol or a BoxError."""

from __future__ import annotations

import struct
from itertools import pairwise

import cbor2
from hypothesis import given
from hypothesis import strategies as st

from peernet.box.frames import FrameDecoder, Message
from peernet.box.hostmessages import FROM_HOST
from peernet.box.limits import Limits
from peernet.box.messages import FROM_CHILD, FROM_ZYGOTE, TO_ZYGOTE, Done, Run, clip
from peernet.errors import BoxError

_READERS = (FROM_CHILD, FROM_HOST, FROM_ZYGOTE, TO_ZYGOTE)
_FIELDS = ("kind", "id", "status", "error", "call", "traceback", "output", "cpu", "wall", "max_rss", "limits")

counts = st.integers(0, (1 << 63) - 1)
seconds = st.floats(0, 1e9, allow_nan=False, exclude_min=True)
texts = st.text(st.characters(codec="utf-8"), max_size=50)
limits = st.builds(
    Limits,
    memory=st.integers(1, 1 << 60),
    seconds=seconds,
    cpu_seconds=st.none() | seconds,
    scratch=st.integers(0, 1 << 60),
    result=st.integers(0, 1 << 60),
    open_files=st.integers(8, 1 << 60),
)
runs = st.builds(Run, counts, limits, st.binary(max_size=200))
ends = st.builds(
    Done, counts, texts, texts, st.none() | counts, texts, texts, seconds, seconds, counts, st.binary(max_size=200)
)
plain = st.recursive(
    st.none()
    | st.booleans()
    | counts
    | st.floats()
    | texts
    | st.sampled_from(["done", "started", "run", "report"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(_FIELDS), inner, max_size=11),
    max_leaves=12,
)


def _read_all(stream: bytes, cuts: list[int]) -> list[Message]:
    decoder = FrameDecoder(header=4096, body=4096)
    found: list[Message] = []
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    for start, end in pairwise(edges):
        decoder.feed(stream[start:end])
        while (frame := decoder.next_frame()) is not None:
            for reader in _READERS:
                try:
                    found.append(reader.read(frame))
                except BoxError:
                    continue
    return found


@given(st.lists(runs | ends, max_size=4), st.lists(st.integers(0, 10_000), max_size=8))
def test_a_stream_of_messages_comes_back_however_it_is_cut(messages: list[Message], cuts: list[int]) -> None:
    stream = b"".join(b"".join(message.encode()) for message in messages)
    assert _read_all(stream, cuts) == messages


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(stream: bytes) -> None:
    try:
        found = _read_all(stream, [])
    except BoxError:
        return
    assert all(isinstance(message, Message) for message in found)


@given(plain, st.binary(max_size=20))
def test_any_plain_header_is_a_message_or_refused(header: object, body: bytes) -> None:
    encoded = cbor2.dumps(header)
    stream = struct.pack(">II", len(encoded), len(body)) + encoded + body
    try:
        found = _read_all(stream, [])
    except BoxError:
        return
    for message in found:
        assert _read_all(b"".join(message.encode()), []) == [message]


@given(st.text(max_size=500), st.integers(64, 300))
def test_a_clipped_text_is_never_longer_than_its_bound(text: str, limit: int) -> None:
    assert len(clip(text, limit).encode()) <= limit
