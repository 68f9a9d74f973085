"""Calls and fetches that are given up when no answer came in time."""

from __future__ import annotations

from collections import deque

from peernet.core.events import Failed, Failure
from peernet_sim.engine import Engine
from peernet_sim.links import Post
from peernet_sim.machine import Machine


class _Line:
    """What waits equally long, the first asked first, also what was answered meanwhile: while a network forms that
    is hundreds of thousands of calls, so they stand in columns. since: when it was asked for."""

    __slots__ = ("handles", "machines", "since")

    def __init__(self) -> None:
        self.since: deque[float] = deque()
        self.machines: deque[Machine] = deque()
        self.handles: deque[int] = deque()

    def add(self, now: float, machine: Machine, handle: int) -> None:
        self.since.append(now)
        self.machines.append(machine)
        self.handles.append(handle)

    def pop(self) -> tuple[Machine, int]:
        self.since.popleft()
        return self.machines.popleft(), self.handles.popleft()


class Deadlines:
    """Few different timeouts exist, so what waits equally long stands in line; the engine knows the first of each.

    A handle (`Machine.asked`) is of one life of its machine: what a former life asked for is not found any more.
    """

    def __init__(self, engine: Engine, post: Post) -> None:
        self._engine = engine
        self._post = post
        self._lines: dict[float, _Line] = {}

    def add(self, machine: Machine, handle: int, timeout: float) -> None:
        """Give something up in so many seconds, if it is still asked for then."""
        line = self._lines.get(timeout)
        if line is None:
            line = self._lines[timeout] = _Line()
        if not line.handles:
            self._engine.after(timeout, self._expire, timeout)
        line.add(self._engine.now, machine, handle)

    def _expire(self, timeout: float) -> None:
        line, now = self._lines[timeout], self._engine.now
        while line.handles and line.since[0] + timeout <= now:
            machine, handle = line.pop()
            asked = machine.asked.pop(handle, None)
            if asked is not None:
                self._post(machine, machine.life, Failed(asked[1], Failure("timeout", "no answer in time")))
        while line.handles and line.handles[0] not in line.machines[0].asked:
            line.pop()
        if line.handles:
            self._engine.at(line.since[0] + timeout, self._expire, timeout)
