"""What carries bytes: TCP here, an in-memory twin in `net.memory`. Both pass one suite of tests."""

from __future__ import annotations

import errno
import ipaddress
import os
import socket
from typing import Protocol

import psutil
import trio

from peernet.errors import PortInUseError, UnreachableError, UsageError

WILDCARDS = ("0.0.0.0", "::")
"""Listening here means at every address of this machine."""


class Listener(Protocol):
    """A place where connections arrive."""

    @property
    def port(self) -> int:
        """The port in use, also when the system has picked it."""

    @property
    def hosts(self) -> tuple[str, ...]:
        """Where it can be reached, as far as this machine knows, the most useful first."""

    async def accept(self) -> tuple[trio.abc.Stream, str]:
        """Wait for the next connection: its stream, and the host that it comes from.

        Raises OSError when the system refuses (try again later) and trio.ClosedResourceError once closed.
        """

    async def aclose(self) -> None:
        """Accept no more. What was accepted goes on."""


class Transport(Protocol):
    """Opens and accepts streams of bytes. It proves nothing about who is at the other end."""

    async def listen(self, host: str, port: int, backlog: int) -> Listener:
        """Listen at a host of this machine; port 0 lets the system pick one.

        Raises PortInUseError if another program has the port, UsageError if the host or port can't be used.
        """

    async def dial(self, host: str, port: int) -> tuple[trio.abc.Stream, str]:
        """Connect: a stream, and the host that was reached (an IP address where `host` is a name).

        Raises UnreachableError if nobody answers. Bounded in time by the caller.
        """


class TcpTransport:
    """TCP through the system's sockets, without delaying small messages (TCP_NODELAY)."""

    async def listen(self, host: str, port: int, backlog: int) -> TcpListener:
        """See `Transport.listen`."""
        try:
            listeners = await trio.open_tcp_listeners(port, host=host, backlog=backlog)
        except (OSError, OverflowError) as error:
            raise _listen_error(host, port, error) from error
        # A name may stand for several addresses, which would get different ports: the first one is it.
        for spare in listeners[1:]:
            await spare.aclose()
        return TcpListener(listeners[0])

    async def dial(self, host: str, port: int) -> tuple[trio.SocketStream, str]:
        """See `Transport.dial`."""
        try:
            stream = await trio.open_tcp_stream(host, port)
        except (OSError, OverflowError, UnicodeError) as error:
            raise UnreachableError(f"nobody answers at {host} port {port}: {_reason(error)}") from error
        try:
            return stream, _remote_host(stream)
        except OSError as error:
            await trio.aclose_forcefully(stream)
            raise UnreachableError(f"{host} port {port} hung up at once") from error


class TcpListener:
    """See `Listener`."""

    def __init__(self, listener: trio.SocketListener) -> None:
        self._listener = listener
        self._port: int = listener.socket.getsockname()[1]

    @property
    def port(self) -> int:
        """The port in use."""
        return self._port

    @property
    def hosts(self) -> tuple[str, ...]:
        """See `Listener.hosts`. For a wildcard these are the addresses of all interfaces."""
        bound = str(self._listener.socket.getsockname()[0])
        if bound not in WILDCARDS:
            return (bound,)
        family = self._listener.socket.family
        found = [
            entry.address
            for entries in psutil.net_if_addrs().values()
            for entry in entries
            if entry.family == family and "%" not in entry.address
        ]
        return tuple(sorted(found, key=lambda host: ipaddress.ip_address(host).is_loopback))

    async def accept(self) -> tuple[trio.SocketStream, str]:
        """See `Listener.accept`."""
        stream = await self._listener.accept()
        try:
            return stream, _remote_host(stream)
        except OSError:
            # It has gone already. Whoever reads from the stream will find that out.
            return stream, "unknown"

    async def aclose(self) -> None:
        """See `Listener.aclose`."""
        await self._listener.aclose()


def _remote_host(stream: trio.SocketStream) -> str:
    name = stream.socket.getpeername()
    host = str(name[0])
    if stream.socket.family == socket.AF_INET6 and host.startswith("::ffff:"):
        return host.removeprefix("::ffff:")
    return host


def _reason(error: BaseException) -> str:
    """The first plain reason in an error of `open_tcp_stream`, which may hold a group with one for each
    attempt."""
    cause = error.__cause__
    while isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    if isinstance(cause, OSError):
        error = cause
    if isinstance(error, OSError) and error.errno is not None and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _listen_error(host: str, port: int, error: OSError | OverflowError) -> UsageError:
    if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
        return PortInUseError(
            f"port {port} is in use by another program: choose another with --port, or 0 for any"
        )
    return UsageError(f"can't listen at {host} port {port}: {_reason(error)}")
