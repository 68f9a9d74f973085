"""Reaching the network, and the programs of this machine that listen."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

Context = dict[str, object]


def _say(family: int, kind: int, address: Any, context: Context) -> str:
    with socket.socket(family, kind) as link:
        link.settimeout(2)
        link.connect(address)
        link.send(str(context["marker"]).encode())
        return link.recv(100).decode()


def tcp_loopback(context: Context) -> str:
    return _say(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", context["tcp"]), context)


def tcp_lan(context: Context) -> str:
    return _say(socket.AF_INET, socket.SOCK_STREAM, (context["lan"], context["tcp"]), context)


def udp_loopback(context: Context) -> str:
    return _say(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", context["udp"]), context)


def udp_lan(context: Context) -> str:
    return _say(socket.AF_INET, socket.SOCK_DGRAM, (context["lan"], context["udp"]), context)


def unix_abstract(context: Context) -> str:
    return _say(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{context['abstract']}", context)


def unix_path(context: Context) -> str:
    return _say(socket.AF_UNIX, socket.SOCK_STREAM, context["socket"], context)


def unix_by_pair(context: Context) -> list[str]:
    """A pair of sockets may be allowed where a socket is not. Each of them can be turned to somebody else."""
    marker, address = str(context["marker"]).encode(), f"\0{context['abstract']}-datagrams"
    sent = []
    for name in ("sendto", "sendmsg", "connect"):
        with contextlib.suppress(OSError):
            one, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
            with one, other:
                if name == "sendto":
                    one.sendto(marker, address)
                elif name == "sendmsg":
                    one.sendmsg([marker], [], 0, address)
                else:
                    one.connect(address)
                    one.send(marker)
                sent.append(name)
    return sent


def serve(_: Context) -> list[str]:
    """Sockets of every kind, and one that listens."""
    made = []
    kinds = {"inet": 2, "inet6": 10, "unix": 1, "netlink": 16, "packet": 17, "alg": 38, "vsock": 40}
    for name, family in kinds.items():
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW, socket.SOCK_SEQPACKET):
            with contextlib.suppress(OSError):
                socket.socket(family, kind).close()
                made.append(name)
                break
    with contextlib.suppress(OSError), socket.socket() as listener:
        listener.bind(("0.0.0.0", 0))
        listener.listen()
        made.append(f"port {listener.getsockname()[1]}")
    return made


def connections(context: Context) -> str:
    """Whom this machine talks to, and what listens on it."""
    for path in ("/proc/net/tcp", "/proc/self/net/tcp", "/proc/thread-self/net/tcp"):
        with contextlib.suppress(OSError), open(path) as table:
            if f":{context['tcp']:04X} " in table.read():
                return path
    return ""
