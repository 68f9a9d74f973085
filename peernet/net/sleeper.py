"""How one task waits to be woken, where waking is so frequent that it must cost next to nothing."""

from __future__ import annotations

import trio


class Sleeper:
    """One task sleeps here until another one wakes it. Unlike a trio.Event it is used again and again, and
    waking costs no more than a look when nobody sleeps. A wake that comes before the sleep is not
    remembered."""

    __slots__ = ("_task",)

    def __init__(self) -> None:
        self._task: trio.lowlevel.Task | None = None

    async def sleep(self) -> None:
        """Wait for the next `wake`. For one task at a time."""
        self._task = trio.lowlevel.current_task()
        await trio.lowlevel.wait_task_rescheduled(self._abort)

    def wake(self) -> None:
        """Let the sleeping task, if any, go on."""
        task = self._task
        if task is not None:
            self._task = None
            trio.lowlevel.reschedule(task)

    def _abort(self, _: trio.lowlevel.RaiseCancelT) -> trio.lowlevel.Abort:
        self._task = None
        return trio.lowlevel.Abort.SUCCEEDED
