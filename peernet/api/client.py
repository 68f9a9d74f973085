"""The control socket's client: what the command and `Job` use to talk to a running peer.

Blocking and small on purpose: it needs neither trio nor the network stack, so a command answers fast, and it works
the same under no event loop, trio or asyncio.
"""

from __future__ import annotations

import io
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

from peernet import errors
from peernet.wire.control import (
    CONTROL_LIMIT,
    ControlReply,
    ControlRequest,
    Fault,
    decode_reply,
    encode_control,
)

R = TypeVar("R")


class ControlClient:
    """Talks to the peer whose control socket is at `path`. Each request has a connection of its own."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def ask(self, request: ControlRequest, reply: type[R]) -> R:
        """Return the one reply to a request.

        Raises:
            NoPeerRunningError: no peer runs there.
            PeernetError: what the peer answered instead.
        """
        for message in self.stream(request):
            if isinstance(message, reply):
                return message
            raise errors.ProtocolError(f"the peer answered {type(message).__name__} instead of {reply.__name__}")
        raise errors.ConnectionLostError("the peer ended before it answered; is it still running?")

    def stream(self, request: ControlRequest) -> Iterator[ControlReply]:
        """Yield the replies to a request as they come. Closing the iterator ends the request.

        Raises:
            NoPeerRunningError: no peer runs there.
            PeernetError: the peer's own error, raised where it came in the stream.
        """
        with self._connect() as connection:
            try:
                connection.sendall(encode_control(request))
                with io.BufferedReader(socket.SocketIO(connection, "r"), 256 * 1024) as incoming:
                    while (data := _read_frame(incoming)) is not None:
                        message = decode_reply(data)
                        if isinstance(message, Fault):
                            raise _error(message)
                        yield message
            except (ConnectionResetError, BrokenPipeError):
                raise _lost() from None

    def running(self) -> bool:
        """Return whether a peer answers there."""
        try:
            self._connect().close()
        except errors.NoPeerRunningError:
            return False
        return True

    def _connect(self) -> socket.socket:
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            connection.connect(str(self.path))
        except (FileNotFoundError, ConnectionRefusedError):
            connection.close()
            raise errors.NoPeerRunningError(
                f"no peer is running here (nothing answers at {self.path}); start one with `peernet join`"
            ) from None
        except OSError as error:
            connection.close()
            raise errors.NoPeerRunningError(f"the control socket {self.path} can't be used: {error}") from error
        return connection


def _read_frame(incoming: io.BufferedReader[socket.SocketIO]) -> bytes | None:
    """Return the next frame, or None at the end of the stream."""
    head = incoming.read(4)
    if not head:
        return None
    size = int.from_bytes(head, "big")
    if len(head) < 4 or size > CONTROL_LIMIT:
        raise errors.ProtocolError("the control socket sent no valid frame")
    data = incoming.read(size)
    if len(data) < size:
        raise _lost()
    return data


def _lost() -> errors.ConnectionLostError:
    return errors.ConnectionLostError("the peer ended in mid-answer; start it again, its jobs go on")


def _error(fault: Fault) -> errors.PeernetError:
    """Return the peer's error as the same class here."""
    family = getattr(errors, fault.error, errors.PeernetError)
    if not (isinstance(family, type) and issubclass(family, errors.PeernetError)):
        family = errors.PeernetError
    error = family(fault.message)
    if fault.traceback:
        error.traceback = fault.traceback
    return error
