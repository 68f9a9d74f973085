"""Where this peer can be reached, as it can know by itself."""

from __future__ import annotations

import socket

from peernet.identity.multiaddr import Multiaddr
from peernet.types import PeerId

_LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
_FAR_AWAY = {socket.AF_INET: "198.51.100.1", socket.AF_INET6: "2001:db8::1"}
"""Addresses for documentation (RFC 5737, RFC 3849): routed like any other, and never sent anything."""


def reachable_at(host: str, port: int, peer: PeerId) -> tuple[str, ...]:
    """Return full multiaddrs for a peer that listens at `host`, the most useful first.

    A wildcard host stands for the address of the default route, then for loopback.
    """
    if host == "0.0.0.0":
        hosts = _hosts(socket.AF_INET)
    elif host == "::":
        hosts = _hosts(socket.AF_INET6) + _hosts(socket.AF_INET)
    else:
        hosts = [host]
    return tuple(str(Multiaddr(one, port, peer)) for one in dict.fromkeys(hosts))


def _hosts(family: socket.AddressFamily) -> list[str]:
    """The source address of a far destination (connecting a datagram socket sends nothing), and loopback."""
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((_FAR_AWAY[family], 9))
        except OSError:
            return [_LOOPBACK[family]]
        return [probe.getsockname()[0], _LOOPBACK[family]]
