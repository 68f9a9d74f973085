"""Which network an address is in: the defence against one who fills tables from a few machines.

Keys are free, addresses are not: an operator with a thousand keys has them in a few networks. In a full bucket,
those beyond the first few of one network so give way to contacts of others. While there is room nobody is turned
away, or thirty peers on one campus could not find each other. Addresses that mean nothing outside of one machine
or site have no limit: a hundred peers behind one are a lab.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from functools import lru_cache
from ipaddress import ip_address, ip_network

from peernet.core.kad.contact import Contact
from peernet.errors import AddressError
from peernet.identity.multiaddr import Multiaddr

PREFIX_BITS = {4: 24, 6: 48}
"""The networks that are handed out to one customer as a whole, by version of IP."""

_IP4 = "/ip4/"

LOCAL = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "::1/128",
        "fc00::/7",
        "fe80::/10",
    )
)
"""Loopback, private, shared (RFC 6598) and link-local addresses."""


@lru_cache(maxsize=16_384)
def network_of(address: str) -> str:
    """The network of a multiaddr, or the empty text for one that is local, a name, or no address at all.

    Remembered, as each newcomer is compared with all contacts of a table. Full it takes 4 MB.
    """
    try:
        host = ip_address(Multiaddr.parse(address).host)
    except (AddressError, ValueError):
        return ""
    if any(host in local for local in LOCAL if local.version == host.version):
        return ""
    return str(ip_network((host, PREFIX_BITS[host.version]), strict=False))


def counted(contacts: Collection[Contact]) -> dict[str, int]:
    """How many of these contacts each network has, of those that have several.

    First by the text up to the last part of an IPv4 address: mostly no two share it, and then nothing is parsed,
    which for a whole table takes as long as all else that a newcomer costs.
    """
    several: Counter[str] = Counter()
    alike: dict[str, list[str]] = {}
    for contact in contacts:
        address = contact.wire.addresses[0]
        start = address[: address.rfind(".")] if address.startswith(_IP4) else ""
        alike.setdefault(start, []).append(address)
    for start, addresses in alike.items():
        if start and len(addresses) > 1:
            several[network_of(addresses[0])] += len(addresses)
        elif not start:
            several.update([network_of(address) for address in addresses])
    return {network: count for network, count in several.items() if network and count > 1}


def crowded(counts: Mapping[str, int], most: int) -> set[str]:
    """The networks that have so many contacts or more."""
    return {network for network, count in counts.items() if count >= most}
