"""Where a peer listens, in libp2p's notation: `/ip4/192.0.2.7/tcp/4001/p2p/12D3KooW…`.

Only what peernet can dial is accepted: an IP address or DNS name, TCP, and the peer id if it is known.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, replace
from typing import Literal, cast

from peernet.errors import AddressError
from peernet.identity.peerid import format_peer_id, parse_peer_id
from peernet.types import PeerId

MAX_ADDRESS = 326
"""Characters in the longest address: `/dns4/` and the longest DNS name (253), `/tcp/65535/p2p/` and a peer id."""

MAX_PORT = 65535

Names = Literal["dns", "dns4", "dns6"]
"""How a DNS name is to be resolved: to any address, to IPv4 only, or to IPv6 only."""

_PORT = re.compile(r"0|[1-9][0-9]{0,4}")
_LABEL = re.compile(r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?")
# A last label like these makes resolvers take the name for a number: "127.1", "0x7f000001".
_NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
_FORM = (
    "the form is /ip4/192.0.2.7/tcp/4001 or /dns/example.org/tcp/4001, then /p2p/12D3KooW… if the peer is known"
)


@dataclass(frozen=True, slots=True)
class Multiaddr:
    """Where a peer listens and, if known, who must answer there.

    host: an IPv4 or IPv6 address or a DNS name; kept in its canonical text, so equal addresses are equal.
    port: the TCP port, 0 to 65535; 0 stands for "any free port" and is of use for listening only.
    peer: who must answer, or None to take whoever does.
    names: how to resolve the host if it is a DNS name.

    Raises AddressError if host or port is none of these. IPv6 zones (`%eth0`) mean nothing to other peers and are
    refused; an IPv4 address in IPv6 clothes (`::ffff:192.0.2.7`) is taken for what it is.
    """

    host: str
    port: int
    peer: PeerId | None = None
    names: Names = "dns"

    def __post_init__(self) -> None:
        if not 0 <= self.port <= MAX_PORT:
            raise AddressError(f"port {self.port} does not exist: ports go from 0 to {MAX_PORT}")
        host = _canonical_host(self.host)
        if host is None:
            raise AddressError(f"{_shown(self.host)} is neither an IP address nor a DNS name; {_FORM}")
        object.__setattr__(self, "host", host)

    @classmethod
    def parse(cls, text: str) -> Multiaddr:
        """The address that a text names. `str()` of the answer is its canonical form.

        Raises AddressError, with the value and the form that is expected, for anything else.
        """
        if len(text) > MAX_ADDRESS:
            raise _refused(text, f"it has {len(text)} characters, at most {MAX_ADDRESS} are possible")
        empty, *parts = text.split("/")
        if empty or len(parts) not in (4, 6) or parts[2] != "tcp" or (len(parts) == 6 and parts[4] != "p2p"):
            raise _refused(text, "it has other parts than host, tcp and p2p")
        kind, host, _, port = parts[:4]
        if kind not in ("ip4", "ip6", "dns", "dns4", "dns6") or not _is_of_kind(host, kind):
            raise _refused(text, f"/{kind}/{host} names no host")
        if not _PORT.fullmatch(port) or int(port) > MAX_PORT:
            raise _refused(text, f"its port is not a number from 0 to {MAX_PORT}")
        peer = parse_peer_id(parts[5]) if len(parts) == 6 else None
        names = cast(Names, kind) if kind.startswith("dns") else "dns"
        return cls(host, int(port), peer, names)

    def with_peer(self, peer: PeerId | None) -> Multiaddr:
        """The same place, where now this peer must answer (None: anybody)."""
        return self if peer == self.peer else replace(self, peer=peer)

    def __str__(self) -> str:
        version = _ip_version(self.host)
        kind = f"ip{version}" if version else self.names
        tail = "" if self.peer is None else f"/p2p/{format_peer_id(self.peer)}"
        return f"/{kind}/{self.host}/tcp/{self.port}{tail}"


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return None if "%" in host else address


def _ip_version(host: str) -> int | None:
    address = _ip(host)
    return None if address is None else address.version


def _is_of_kind(host: str, kind: str) -> bool:
    version = _ip_version(host)
    if kind.startswith("dns"):
        return version is None and _canonical_host(host) is not None
    return kind == f"ip{version}"


def _canonical_host(host: str) -> str | None:
    """The one text of a host, or None if it is no host."""
    address = _ip(host)
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address is not None:
        return str(address)
    name = host.lower()
    labels = name.split(".")
    if len(name) > 253 or not name.isascii() or not all(_LABEL.fullmatch(label) for label in labels):
        return None
    return None if _NUMBER.fullmatch(labels[-1]) else name


def _shown(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:80] + "…")


def _refused(text: str, why: str) -> AddressError:
    return AddressError(f"{_shown(text)} is not an address of a peer: {why}; {_FORM}")
