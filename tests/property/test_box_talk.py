"""Between the peer, a zygote and its children: whatever one side says, the other stays whole and bounded."""

from __future__ import annotations

import os
import resource
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import cbor2
import trio
from hypothesis import given
from hypothesis import strategies as st

from peernet.box import children
from peernet.box.children import Child
from peernet.box.frames import FrameDecoder, Message, Reader
from peernet.box.limits import Limits
from peernet.box.messages import FROM_ZYGOTE, TO_CHILD, Done, Opened, Order, Refused, Run, Started, Status
from peernet.box.scratch import Swept
from peernet.config import BoxConfig
from peernet.errors import BoxError
from peernet.sandbox import Outcome
from peernet.sandbox.zygotebox import ZygoteBox

CONFIG = BoxConfig()
CHUNK = 32 * 1024
"""What a socket surely holds, so that one thread can be both sides."""

LIMITS = Limits(seconds=30.0, result=1000)

plain = st.none() | st.booleans() | st.integers(-(1 << 70), 1 << 70) | st.floats() | st.text() | st.binary()
values = st.recursive(
    plain, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3), max_leaves=8
)
statuses = st.sampled_from([*Status, "", "OK", "ok\0"])
long_texts = st.builds(lambda part, times: part * times, st.text(min_size=1, max_size=4), st.integers(0, 12_000))


def frame(header: object, body: bytes) -> bytes:
    encoded = cbor2.dumps(header)
    return struct.pack(">II", len(encoded), len(body)) + encoded + body


def odd(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[bytes]:
    """Frames with these fields, some of which hold something else or are missing."""
    strange = {name: field | values for name, field in fields.items()}
    header = st.fixed_dictionaries(fields) | st.fixed_dictionaries({}, optional=strange)
    return st.builds(frame, header, st.just(b"") | st.binary(max_size=1200))


reports = odd(
    kind=st.just("report"),
    status=statuses,
    error=long_texts,
    call=st.none() | st.integers(0, 1 << 62),
    traceback=long_texts,
)
noise = st.binary(max_size=100) | st.builds(struct.Struct(">II").pack, *[st.integers(0, 2**32 - 1)] * 2)
streams = st.lists(reports | noise, max_size=4).map(b"".join)


@contextmanager
def child(killed: list[int]) -> Iterator[tuple[Child, socket.socket]]:
    """A `Child` as the zygote holds it, and the end of its socket that user code has. Nothing is killed."""
    ours, theirs = socket.socketpair()
    reading, writing = os.pipe()
    with theirs, mock.patch.object(children.system, "kill_group", killed.append):
        held = Child(1, ours, reading, Path(), CONFIG)
        try:
            yield held, theirs
        finally:
            os.close(writing)
            held.close()


@given(streams, st.integers(0, 255))
def test_whatever_a_child_says_its_slice_ends_with_a_frame_that_the_peer_takes(stream: bytes, code: int) -> None:
    killed: list[int] = []
    with child(killed) as (held, theirs):
        held.begin(Run(7, LIMITS, b"input"), 0.0)
        for start in range(0, len(stream), CHUNK):
            theirs.sendall(stream[start : start + CHUNK])
            held.read_report()
        theirs.shutdown(socket.SHUT_WR)
        while held.read_report():
            pass
        done = held.done(code << 8, resource.getrusage(resource.RUSAGE_SELF), 1.0, Swept(0, 0))
    decoder = FrameDecoder(header=CONFIG.header, body=LIMITS.result)
    decoder.feed(b"".join(done.encode()))
    read = decoder.next_frame()
    assert read is not None and FROM_ZYGOTE.read(read) == done
    assert done.status in list(Status)
    assert not killed or done.status == Status.EXITED
    if done.status == Status.OK:
        assert code == 0 and len(done.body) <= LIMITS.result and stream.count(b"report") == 1


@given(
    st.builds(
        Order,
        st.just(LIMITS),
        st.binary(max_size=5000),
        st.binary(max_size=16),
        st.lists(st.integers(0, 1 << 53), max_size=256).map(tuple),
    )
)
def test_an_order_reaches_its_child_whole(order: Order) -> None:
    with child([]) as (held, theirs):
        held.begin(Run(7, order.limits, order.body, order.seed, order.calls), 0.0)
        while held.has_outgoing:
            held.write()
        decoder = FrameDecoder(header=CONFIG.header, body=CONFIG.input)
        while (read := decoder.next_frame()) is None:
            decoder.feed(theirs.recv(CONFIG.chunk))
    assert TO_CHILD.read(read) == order


class Scripted:
    """A zygote that says what a test made up, then ends. It takes the place of a `BoxProcess`."""

    pid = 1

    def __init__(self, stream: bytes) -> None:
        self._decoder = FrameDecoder(header=CONFIG.header, body=CONFIG.result)
        self._stream = stream
        self.ended = False

    async def send(self, message: Message) -> None:
        await trio.lowlevel.checkpoint()

    async def receive(self, reader: Reader) -> Message:
        await trio.lowlevel.checkpoint()
        if (read := self._decoder.next_frame()) is None:
            if not self._stream:
                raise BoxError("the box has ended")
            self._decoder.feed(self._stream)
            self._stream = b""
            return await self.receive(reader)
        return reader.read(read)

    async def read_output(self, on_data: object) -> None:
        await trio.lowlevel.checkpoint()

    async def end(self) -> None:
        self.ended = True


numbers = st.integers(0, 2)
texts = st.text(max_size=20)
said = st.one_of(
    st.builds(Opened, st.just("3.11")),
    st.builds(Started, numbers),
    st.builds(Refused, texts),
    st.builds(
        Done,
        numbers,
        statuses,
        texts,
        st.none() | numbers,
        texts,
        texts,
        *[st.floats(0, 10)] * 2,
        numbers,
        st.binary(),
    ),
).map(lambda message: b"".join(message.encode()))
conversations = st.lists(said | reports | noise, max_size=8).map(b"".join)
opening = st.just(b"".join(Opened("3.11").encode())) | st.just(b"")


@given(opening, conversations)
def test_whatever_a_zygote_says_each_run_ends_and_the_box_is_given_up(opened: bytes, rest: bytes) -> None:
    process = Scripted(opened + rest)
    ends: list[Outcome | BoxError] = []

    async def one(box: ZygoteBox) -> None:
        try:
            ends.append(await box.run(b"input", LIMITS, lambda: None))
        except BoxError as error:
            ends.append(error)

    async def talk() -> None:
        box = ZygoteBox(process, 2, CONFIG)  # type: ignore[arg-type]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one, box)
            nursery.start_soon(one, box)
            await box.serve(b"bundle", reuse=False)
        await one(box)

    trio.run(talk)
    assert process.ended and len(ends) == 3 and isinstance(ends[-1], BoxError)
    assert all(isinstance(end, BoxError) or end.status in Status for end in ends)
