"""The control socket: what a client of the same user may do wrong, and a system that is short of descriptors."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trio

from peernet.runtime.control import serve_control
from peernet.wire.control import (
    CONTROL_LIMIT,
    ControlReply,
    ControlRequest,
    Fault,
    Ok,
    Status,
    decode_reply,
    encode_control,
)


async def serve(request: ControlRequest) -> AsyncIterator[ControlReply]:
    yield Ok()


@pytest.fixture
async def path(tmp_path: Path, nursery: trio.Nursery) -> Path:
    await nursery.start(serve_control, tmp_path / "control", serve)
    return tmp_path / "control"


async def ask(path: Path, data: bytes) -> ControlReply:
    async with await trio.open_unix_socket(path) as stream:
        await stream.send_all(data)
        answer = bytearray()
        async for part in stream:
            answer += part
    return decode_reply(bytes(answer[4:]))


@pytest.mark.parametrize("data", [(CONTROL_LIMIT + 1).to_bytes(4, "big"), b"\0\0\0\3abc"])
async def test_a_bad_request_is_told_and_the_next_one_is_served(path: Path, data: bytes) -> None:
    assert isinstance(await ask(path, data), Fault)
    assert isinstance(await ask(path, encode_control(Status())), Ok)


async def test_clients_that_leave_at_any_moment_cost_nothing(path: Path) -> None:
    request = encode_control(Status())
    for end in range(0, len(request) + 1):
        async with await trio.open_unix_socket(path) as stream:
            await stream.send_all(request[:end])
    assert isinstance(await ask(path, request), Ok)


async def test_want_of_descriptors_passes(
    tmp_path: Path, nursery: trio.Nursery, monkeypatch: pytest.MonkeyPatch
) -> None:
    with trio.socket.socket() as any_socket:
        kind: Any = type(any_socket)
    accept, refusals = kind.accept, [OSError(errno.EMFILE, "Too many open files")] * 2

    async def short(self: Any) -> Any:
        if refusals:
            raise refusals.pop()
        return await accept(self)

    monkeypatch.setattr(kind, "accept", short)
    await nursery.start(serve_control, tmp_path / "control", serve)
    assert isinstance(await ask(tmp_path / "control", encode_control(Status())), Ok)
    assert not refusals
