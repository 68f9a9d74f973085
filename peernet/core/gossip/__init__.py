"""The neighbourhood, and what is gossiped in it: adverts, offers, tombstones."""

from __future__ import annotations

from peernet.core.gossip.behaviour import Gossip

__all__ = ["Gossip"]
