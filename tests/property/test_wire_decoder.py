"""Whatever bytes another peer sends, they are a message within its bounds, or a ProtocolError and nothing else."""

from __future__ import annotations

import contextlib
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from peernet.errors import ProtocolError
from peernet.wire import signed
from peernet.wire.base import Message
from peernet.wire.codec import decode_body, decode_frame, encode_body, encode_frame
from peernet.wire.control import decode_reply, decode_request
from peernet.wire.link import Body, Frame

CARRIERS = [kind.__struct_config__.tag for kind in get_args(Frame)]
BODIES = [kind.__struct_config__.tag for kind in get_args(Body)]
SIGNED = [
    kind
    for kind in vars(signed).values()
    if isinstance(kind, type) and issubclass(kind, Message) and kind is not Message
]

atoms = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text(max_size=20)
    | st.binary(max_size=20)
    | st.sampled_from([bytes(16), bytes(20), bytes(32), bytes(64), "/ip4/1.2.3.4/tcp/1"])
)
values = st.recursive(
    atoms, lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
)
bodies = st.tuples(st.sampled_from(BODIES), st.lists(values, max_size=10)).map(lambda body: [body[0], *body[1]])
frames = st.tuples(st.sampled_from(CARRIERS), st.lists(atoms | bodies, max_size=4)).map(
    lambda all_: [all_[0], *all_[1]]
)
encoded = st.binary(max_size=200) | (frames | values).map(msgspec.msgpack.encode)


@given(encoded)
def test_any_bytes_are_a_frame_that_comes_back_or_refused(data: bytes) -> None:
    try:
        frame = decode_frame(data)
    except ProtocolError:
        return
    assert encode_frame(decode_frame(encode_frame(frame))) == encode_frame(frame)


@given(encoded, st.integers(0, 400), st.binary(max_size=8))
def test_a_damaged_frame_is_a_frame_or_refused(data: bytes, at: int, put: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        decode_frame(data[:at] + put + data[at + len(put) :])


@pytest.mark.parametrize("kind", SIGNED, ids=lambda kind: kind.__name__)
@given(data=st.binary(max_size=200) | st.lists(values, max_size=12).map(msgspec.msgpack.encode))
def test_any_bytes_are_a_signed_body_that_comes_back_or_refused(kind: Any, data: bytes) -> None:
    try:
        body = decode_body(kind, data)
    except ProtocolError:
        return
    assert encode_body(decode_body(kind, encode_body(body))) == encode_body(body)


@pytest.mark.parametrize("decode", [decode_frame, decode_request, decode_reply])
@given(data=encoded)
def test_any_bytes_are_decoded_or_refused(decode: Any, data: bytes) -> None:
    with contextlib.suppress(ProtocolError):
        decode(data)


@pytest.mark.parametrize("decode", [decode_frame, decode_request, decode_reply])
@pytest.mark.parametrize("nest", [b"\x91", b"\x81\xa0", b"\x92\x0d"])
def test_lists_that_nest_without_end_are_refused(decode: Any, nest: bytes) -> None:
    with pytest.raises(ProtocolError):
        decode(nest * 100_000)


def test_a_length_that_no_bytes_follow_costs_nothing() -> None:
    for header in (
        b"\xdd\xff\xff\xff\xff",
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
    ):
        with pytest.raises(ProtocolError):
            decode_frame(b"\x93\x0a\x01" + header)
