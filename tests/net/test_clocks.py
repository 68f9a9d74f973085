"""Peers tell their clocks when they greet, and each learns how far the other's is from its own."""

from __future__ import annotations

import pytest
import trio

from peernet.core.events import PeerConnected
from peernet.net.greeting import Self

START = 1_800_000_000.0
"""As in the world of these tests."""


async def test_each_side_is_told_how_far_the_others_clock_is_ahead(world, autojump_clock):
    alice = await world.node()
    me = world.me()
    late = Self(me.identity, me.instance, me.secret, me.verify, lambda: START - 75.0)
    raw = await world.raw(alice, late)
    await trio.testing.wait_all_tasks_blocked()
    [connected] = alice.told(PeerConnected)
    assert connected.ahead == pytest.approx(-75.0)
    assert raw.greeted.ahead == pytest.approx(75.0)
