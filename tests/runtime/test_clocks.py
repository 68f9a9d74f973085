"""A running peer whose clock is wrong warns its user, and tells the control socket's clients."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio

from peernet.core.effects import Note
from peernet.core.events import Now
from peernet.runtime.clock import system_clock
from peernet.runtime.node import open_node
from peernet.runtime.options import PeerOptions
from peernet.runtime.surroundings import Surroundings
from peernet.wire.control import Status, StatusReply

pytestmark = pytest.mark.real


def late_clock() -> Now:
    now = system_clock()
    return Now(now.mono, now.wall - 90.0)


async def test_a_wrong_clock_is_told(tmp_path: Path) -> None:
    told: list[str] = []
    warned = trio.Event()

    def note(note: Note) -> None:
        if note.topic == "warning" and "the clock" in note.text:
            told.append(note.text)
            warned.set()

    def options(name: str, join: tuple[str, ...] = ()) -> PeerOptions:
        return PeerOptions(home=tmp_path / name, host="127.0.0.1", slots=0, join=join)

    async with (
        open_node(options("right")) as right,
        open_node(options("late", right.addresses), note, surroundings=Surroundings(clock=late_clock)) as late,
    ):
        await warned.wait()
        assert "s behind that of the one connected peer" in told[0]
        [status] = [reply async for reply in late.service.serve(Status())]
        assert isinstance(status, StatusReply) and status.health is not None
        assert status.health.behind == pytest.approx(90.0, abs=30.0) and status.health.compared == 1
        assert told[0] in status.warnings
        assert right.vitals.behind == pytest.approx(-90.0, abs=30.0)
        assert (right.vitals.reached, right.vitals.afar) == (1, 0)
