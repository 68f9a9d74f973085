"""A look at a project without any peer: is it sound, and is there anything to do?

So a broken project is told at once, before a local swarm is started for it, and as what it is where no peer runs
and none may be started. The project's code runs in a job host, as it would under a peer.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import trio

from peernet.config import BoxConfig
from peernet.results import encode
from peernet.sandbox import HostBox, make_executor
from peernet.storage.home import Home
from peernet.wire.control import FinalValue, JobRow, SliceValue, Submit

FIRST_INPUTS = 16
"""Inputs that are looked at: one that can't travel is often among the first, and making them may take long."""

Finished = tuple[JobRow, list[SliceValue | FinalValue]]


@dataclass(frozen=True, slots=True)
class Look:
    """What was seen. printed: lines that the project printed. finished: what an empty input amounts to, without a
    job; None where there is something to compute, or it took too long to see."""

    printed: tuple[str, ...]
    finished: Finished | None


def look(request: Submit, home: Home, seconds: float) -> Look:
    """Load the project and cut its first inputs; give up after so many seconds.

    Raises:
        PeernetError: the project is broken, or one of its first inputs can't travel.
    """
    printed: list[str] = []

    async def within() -> Finished | None:
        with trio.move_on_after(seconds):
            return await _look(request, home, printed.append)
        return None

    finished = trio.run(within)
    return Look(tuple(printed), finished)


async def _look(request: Submit, home: Home, printed: Callable[[str], None]) -> Finished | None:
    executor = make_executor(None, home.scratch_folder, BoxConfig())
    names = ("slice_size", "replicas", "quorum", "timeout", "memory", "scratch", "confidence", "numeric")
    overrides = {name: getattr(request, name) for name in names if getattr(request, name) is not None}
    try:
        host = await executor.open_host(request.host_bundle, overrides, printed)
        if (await host.cut(1, FIRST_INPUTS)).cuts:
            return None
        opened = host.opened
        value = await _result_of_nothing(host)
    finally:
        await executor.aclose()
    now = time.time()
    row = JobRow(
        job="",
        name=request.name or opened.name,
        state="done",
        submitted=now,
        ended=now,
        reduces=opened.reduces,
        calls=0,
        slices=0,
    )
    return row, [value]


async def _result_of_nothing(host: HostBox) -> SliceValue | FinalValue:
    if host.opened.reduces:
        return FinalValue((await host.finish(0)).data, host.opened.pickles)
    return SliceValue(0, encode([]), host.opened.pickles)
