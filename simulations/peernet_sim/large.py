"""What a peer of a large simulated network may keep: less than a real one, so that thousands fit into memory."""

from __future__ import annotations

from dataclasses import replace

from peernet.config import Config

PEERS = 5_000
"""From so many on: 256 connections alone would take more than the 64 KiB of a peer."""

CONNECTIONS = 42
"""A dict of so many, as a peer has one in its core and one in its network, takes half the room of a larger one."""

SPARE_CONNECTIONS = 8
"""Connections kept without need: a quarter of the usual."""

SPARE_SECONDS = 10.0
"""How long the others stay unused: a sixth of the usual, so that half as many stand while all begin."""

ADDRESS_BOOK = 20
"""Peers whose addresses are remembered, the routing table's besides: two dicts of 10, as full as they can be."""

BACKOFF_ADDRESSES = 64
"""Addresses whose failures are remembered."""

SAVED_CONTACTS = 5
"""Contacts in the journal: enough to return through."""

REPLACEMENTS = 1
"""Contacts that wait for a place in a full bucket: a table of ten thousand peers has nine such buckets."""


def limited(config: Config, peers: int) -> Config:
    """Return the bounds for a network of so many simulated peers."""
    if peers < PEERS:
        return config
    return replace(
        config,
        address_book=ADDRESS_BOOK,
        net=replace(
            config.net,
            connections=CONNECTIONS,
            spare_connections=SPARE_CONNECTIONS,
            spare_seconds=SPARE_SECONDS,
            backoff_addresses=BACKOFF_ADDRESSES,
        ),
        kad=replace(config.kad, saved_contacts=SAVED_CONTACTS, replacements=REPLACEMENTS),
    )
