"""The plain executor: resource limits, fresh processes and clean-up, but no isolation from the system."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import trio

from peernet.box.folders import BoxFolders
from peernet.box.limits import Limits
from peernet.config.box import BoxConfig
from peernet.errors import BoxError
from peernet.sandbox.executor import Box, HostBox
from peernet.sandbox.plainbox import PlainBox
from peernet.sandbox.plainhost import PlainHost
from peernet.sandbox.process import BoxProcess, start_process


class PlainExecutor:
    """An `Executor` whose boxes are child processes of this one, with this user's rights.

    Make it, and open boxes, in the thread of trio's loop: boxes die with the thread that started them.

    scratch: the folder for all that boxes write; this executor uses a folder of its own in it, and removes those
    that killed peers left there.

    Each box is served by a system task of trio, so that it may outlive the scope that opened it; `aclose` ends
    them.

    Raises:
        BoxError: the folder can't be used.
    """

    tier = "plain"

    def __init__(self, scratch: Path, config: BoxConfig) -> None:
        self._folders = BoxFolders(scratch)
        self._config = config
        self._boxes: set[PlainBox | PlainHost] = set()
        self._closed = False

    async def open_box(self, bundle: bytes, limits: Limits, slots: int) -> Box:
        """See `Executor.open_box`."""
        if not 1 <= slots <= self._config.slots:
            raise BoxError(f"a box has 1 to {self._config.slots} slots, not {slots}")
        box = PlainBox(self._start("peernet.box.zygote"), slots, self._config)
        self._spawn(box, partial(box.serve, bundle))
        await self._or_close(box, box.opened())
        return box

    async def open_host(
        self, bundle: bytes, overrides: dict[str, object], on_output: Callable[[str], None]
    ) -> HostBox:
        """See `Executor.open_host`."""
        host = PlainHost(self._start("peernet.box.host"), on_output, self._config)
        self._spawn(host, host.serve)
        await self._or_close(host, host.open(bundle, overrides))
        return host

    async def aclose(self) -> None:
        """See `Executor.aclose`."""
        if self._closed:
            return
        self._closed = True
        for box in list(self._boxes):
            await box.aclose()
        with trio.CancelScope(shield=True):
            await trio.to_thread.run_sync(self._folders.close)

    def _start(self, module: str) -> BoxProcess:
        if self._closed:
            raise BoxError("the executor is closed")
        return start_process(module, self._folders.make(), self._config)

    def _spawn(self, box: PlainBox | PlainHost, serve: Callable[[], Awaitable[None]]) -> None:
        """Serve a box for as long as it lives."""
        self._boxes.add(box)

        async def keep() -> None:
            try:
                await serve()
            finally:
                self._boxes.discard(box)

        trio.lowlevel.spawn_system_task(keep)

    async def _or_close(self, box: PlainBox | PlainHost, opening: Awaitable[None]) -> None:
        """Open a box; leave none behind that does not open, or whose opening is cancelled."""
        opened = False
        try:
            await opening
            opened = True
        finally:
            if not opened:
                await box.aclose()
