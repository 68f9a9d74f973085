"""The control socket's server: how the command and Python programs of the same user talk to the running peer.

A unix socket in a 0700 folder; the kernel's word on who connects is checked as well. One request a connection.
"""

from __future__ import annotations

import os
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import trio

from peernet.errors import PeernetError, ProtocolError, UsageError
from peernet.wire.control import (
    CONTROL_LIMIT,
    ControlReply,
    ControlRequest,
    Fault,
    decode_request,
    encode_control,
)

MAX_CLIENTS = 64
"""Connections served at once: front ends of one user. Further ones wait in the listen queue."""

REQUEST_SECONDS = 30.0
"""How long a client may take to send its request: a 32 MiB bundle from a slow disk, at most."""

ACCEPT_PAUSE = 0.1
"""Seconds before accepting is tried again, after the system has refused it."""

Serve = Callable[[ControlRequest], AsyncIterator[ControlReply]]


async def serve_control(path: Path, serve: Serve, *, task_status: trio.TaskStatus[None]) -> None:
    """Listen on `path` until cancelled; the caller holds the home's lock, so a file there is a leftover.

    serve: gives the replies to a request; a PeernetError it raises becomes a `Fault`.
    """
    path.unlink(missing_ok=True)
    listener = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        await listener.bind(str(path))
        path.chmod(0o600)
        listener.listen(MAX_CLIENTS)
        limiter = trio.CapacityLimiter(MAX_CLIENTS)
        task_status.started()
        async with trio.open_nursery() as nursery:
            while True:
                await limiter.acquire_on_behalf_of(token := object())
                client = await _accept(listener)
                nursery.start_soon(
                    _serve_client, client, serve, lambda token=token: limiter.release_on_behalf_of(token)
                )
    finally:
        listener.close()
        path.unlink(missing_ok=True)


async def _accept(listener: trio.socket.SocketType) -> trio.socket.SocketType:
    """Wait for the next client. Want of descriptors passes, and must not end the peer."""
    while True:
        try:
            client, _ = await listener.accept()
        except OSError:
            await trio.sleep(ACCEPT_PAUSE)
        else:
            return client


async def _serve_client(client: trio.socket.SocketType, serve: Serve, release: Callable[[], None]) -> None:
    stream = trio.SocketStream(client)
    try:
        async with stream:
            if not _same_user(client):
                return
            try:
                with trio.fail_after(REQUEST_SECONDS):
                    request = decode_request(await _receive_frame(stream))
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(_until_gone, stream, nursery.cancel_scope)
                    await _answer(stream, serve, request)
                    nursery.cancel_scope.cancel()
            except PeernetError as error:
                await stream.send_all(encode_control(_fault(error)))
    except* (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
        pass  # the client went away or never asked: its own affair
    finally:
        release()


async def _answer(stream: trio.SocketStream, serve: Serve, request: ControlRequest) -> None:
    replies = serve(request)
    try:
        async for reply in replies:
            await stream.send_all(encode_control(reply))
    except PeernetError as error:
        await stream.send_all(encode_control(_fault(error)))
    finally:
        with trio.CancelScope(shield=True):
            await _close(replies)


async def _close(replies: AsyncIterator[ControlReply]) -> None:
    close: Callable[[], Awaitable[None]] | None = getattr(replies, "aclose", None)
    if close is not None:
        await close()


async def _until_gone(stream: trio.SocketStream, scope: trio.CancelScope) -> None:
    """End a watch whose watcher has left."""
    if not await stream.receive_some(1):
        scope.cancel()


def _fault(error: PeernetError) -> Fault:
    return Fault(type(error).__name__, str(error), error.traceback)


def _same_user(client: trio.socket.SocketType) -> bool:
    """Whether the kernel says that the client is of our own user (or root)."""
    if not hasattr(socket, "SO_PEERCRED"):
        return True  # the socket's folder is 0700, which is what other systems offer
    credentials = client.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    return uid in (os.getuid(), 0)


async def _receive_frame(stream: trio.SocketStream) -> bytes:
    size = int.from_bytes(await _receive_exactly(stream, 4), "big")
    if size > CONTROL_LIMIT:
        raise UsageError(f"a control request of {size} bytes is over the limit of {CONTROL_LIMIT}")
    return bytes(await _receive_exactly(stream, size))


async def _receive_exactly(stream: trio.SocketStream, size: int) -> bytearray:
    data = bytearray()
    while len(data) < size:
        chunk = await stream.receive_some(min(size - len(data), 1024 * 1024))
        if not chunk:
            raise ProtocolError("the control client left in mid-request")
        data += chunk
    return data
