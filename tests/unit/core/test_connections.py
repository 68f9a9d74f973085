"""What a core makes of the end of a connection, by how it ended."""

from __future__ import annotations

import random

import pytest

from peernet.config import Config
from peernet.core.effects import Call
from peernet.core.events import Now, PeerConnected, PeerLost, Tick
from peernet.core.node import Identity, NodeCore, Restored
from peernet.types import Instance, PeerId
from peernet.wire.kad import Probe

ME, BOB = PeerId(b"m" * 32), PeerId(b"b" * 32)
PARTED = Config().kad.parted_seconds


@pytest.mark.parametrize(("spare", "asked"), [(True, False), (False, True)])
def test_a_peer_is_looked_after_unless_only_the_connection_was_given_up(spare: bool, asked: bool) -> None:
    core = NodeCore(
        Identity(ME, Instance(b"i" * 16), lambda data: bytes(64), lambda *_: True),
        Config(),
        slots=0,
        max_slices=None,
        serves="anyone",
        random=random.Random(1),
        secret=random.Random(1).randbytes,
    )
    core.start(Restored(), Now(0.0, 0.0))
    there = ("/ip4/192.0.2.7/tcp/4001",)
    core.handle(PeerConnected(BOB, Instance(b"b" * 16), there, "192.0.2.7", "", False, 0.01), Now(1.0, 1.0))
    assert BOB in core.kad.table
    core.handle(PeerLost(BOB, "nobody needs it", True, spare), Now(2.0, 2.0))
    assert BOB not in core.context.links and BOB in core.kad.table
    later = Now(3.0 + PARTED, 3.0 + PARTED)
    probed = [one for one in core.handle(Tick(), later) if isinstance(one, Call) and isinstance(one.body, Probe)]
    assert bool(probed) is asked
