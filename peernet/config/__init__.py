"""Bounds and defaults, each with its reason. Passed as an argument; nothing here is read from a global.

The parts load on first use (PEP 562): a box needs two of them, and every dataclass costs its start a few
milliseconds.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from peernet.config.box import BoxConfig
    from peernet.config.gossip import GossipConfig
    from peernet.config.kad import KadConfig
    from peernet.config.net import NetConfig
    from peernet.config.storage import StorageConfig
    from peernet.config.trust import TrustConfig
    from peernet.config.whole import Config
    from peernet.config.work import WorkConfig

_HOMES = {
    "BoxConfig": "box",
    "Config": "whole",
    "GossipConfig": "gossip",
    "KadConfig": "kad",
    "NetConfig": "net",
    "StorageConfig": "storage",
    "TrustConfig": "trust",
    "WorkConfig": "work",
}

__all__ = [
    "INLINE_LIMIT",
    "BoxConfig",
    "Config",
    "GossipConfig",
    "KadConfig",
    "NetConfig",
    "StorageConfig",
    "TrustConfig",
    "WorkConfig",
]

INLINE_LIMIT = 48 * 1024
"""Payloads up to this many bytes travel inside messages: one fits a Noise record of 65,535 with room for
its neighbours. Larger ones are blobs, pulled by the receiver."""


def __getattr__(name: str) -> object:
    """Load a part from the module that owns it."""
    try:
        home = _HOMES[name]
    except KeyError:
        raise AttributeError(f"module 'peernet.config' has no attribute {name!r}") from None
    return getattr(import_module(f"peernet.config.{home}"), name)
