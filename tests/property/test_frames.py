"""However a stream is cut into pieces, the same messages come out, and no more is kept than one of them."""

from __future__ import annotations

import struct

from hypothesis import given
from hypothesis import strategies as st

from peernet.errors import ProtocolError
from peernet.net.frames import FrameReader, Splitter


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=20), st.lists(st.integers(1, 30), max_size=80))
def test_any_cut_gives_the_same_messages(messages, cuts):
    stream = b"".join(struct.pack(">H", len(message)) + message for message in messages)
    splitter, got, at = Splitter(">H", 1, 50, "record"), [], 0
    for cut in [*cuts, len(stream) + 1]:
        got += [bytes(message) for message in splitter.feed(stream[at : at + cut])]
        assert splitter.pending < 2 + 50
        at += cut
    assert got == messages
    assert splitter.pending == 0


@given(st.lists(st.binary(max_size=40), max_size=10))
def test_garbage_is_refused_or_waits_for_more_and_never_more_than_a_limit_is_kept(pieces):
    reader = FrameReader(limit=100)
    splitter = Splitter(">I", 1, 100, "frame")
    for piece in pieces:
        try:
            splitter.feed(piece)
            assert splitter.pending < 104
            reader.feed(piece)
        except ProtocolError:
            return
