"""Which concerns of a core run: a plan may leave some out, to measure the others or to have more peers."""

from __future__ import annotations

from collections.abc import Collection

from peernet.core.node import NodeCore


def leave_out(core: NodeCore, features: Collection[str]) -> None:
    """Leave out what is not among the features, before the core starts. The DHT is always there: all else needs
    it.

    Without "gossip" a core has no neighbours and asks for none. "adverts" and "work" are left out by not telling
    the core what its machine can do, and by giving it no slots.
    """
    if "gossip" not in features:
        core._behaviours = tuple(one for one in core._behaviours if one is not core.gossip)  # type: ignore[assignment]
