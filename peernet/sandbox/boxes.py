"""The executor: starts boxes and job hosts, keeps them served, and leaves nothing of them behind."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

import trio

from peernet.box.folders import BoxFolders
from peernet.box.limits import Limits, default_limits
from peernet.config.box import BoxConfig
from peernet.errors import BoxError
from peernet.sandbox.cgroups import Cgroup, ours
from peernet.sandbox.executor import Box, Executor, HostBox
from peernet.sandbox.hostprocess import HostProcess
from peernet.sandbox.launchers import LAUNCHERS, Launch, Wanted, host_launch
from peernet.sandbox.process import BoxProcess, start_process
from peernet.sandbox.zygotebox import ZygoteBox


class BoxExecutor:
    """An `Executor` of one tier. Job hosts are in every tier child processes of this one, with this user's rights:
    they run the user's own project, which reads the user's files.

    Make it, and open boxes, in the thread of trio's loop: boxes die with the thread that started them.

    tier: how boxes are confined; None: this machine runs no slices, and `open_box` raises.
    scratch: the folder for all that boxes write; this executor uses a folder of its own in it, and removes those
    that killed peers left there.

    Each box is served by a system task of trio, so that it may outlive the scope that opened it; `aclose` ends
    them.

    Raises:
        BoxError: the folder can't be used. ValueError: there is no such tier.
    """

    def __init__(self, tier: str | None, scratch: Path, config: BoxConfig) -> None:
        if tier is not None and tier not in LAUNCHERS:
            raise ValueError(f"tier={tier!r}: it is one of {', '.join(LAUNCHERS)}, or None")
        self.tier = tier
        self._folders = BoxFolders(scratch)
        self._config = config
        self._boxes: set[ZygoteBox | HostProcess] = set()
        self._closed = False

    async def open_box(
        self, bundle: bytes, limits: Limits, slots: int, *, environment: Path | None = None, reuse: bool = False
    ) -> Box:
        """See `Executor.open_box`."""
        if self.tier is None:
            raise BoxError(
                "this machine has no sandbox, so it runs no slices: `peernet doctor` says what is missing"
            )
        if not 1 <= slots <= self._config.slots:
            raise BoxError(f"a box has 1 to {self._config.slots} slots, not {slots}")
        launcher = LAUNCHERS[self.tier]
        process = self._start(launcher.launch, limits, slots, environment)
        cgroup = _join_cgroup(process.pid, limits, slots)
        box = ZygoteBox(process, slots, self._config)
        self._spawn(box, partial(box.serve, bundle, reuse=reuse), cgroup)
        await self._or_close(box, box.opened())
        return box

    async def open_host(
        self, bundle: bytes, overrides: dict[str, object], on_output: Callable[[str], None]
    ) -> HostBox:
        """See `Executor.open_host`."""
        process = self._start(host_launch, default_limits(self._config), 0, None)
        host = HostProcess(process, on_output, self._config)
        self._spawn(host, host.serve, None)
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

    def _start(
        self, launch: Callable[[Wanted], Launch], limits: Limits, slots: int, environment: Path | None
    ) -> BoxProcess:
        if self._closed:
            raise BoxError("the executor is closed")
        folder = self._folders.make()

        def plan(channel: int) -> Launch:
            return launch(Wanted(folder, channel, os.getpid(), limits, slots, environment))

        return start_process(plan, folder, self._config)

    def _spawn(
        self, box: ZygoteBox | HostProcess, serve: Callable[[], Awaitable[None]], cgroup: Cgroup | None
    ) -> None:
        """Serve a box for as long as it lives."""
        self._boxes.add(box)

        async def keep() -> None:
            try:
                await serve()
            finally:
                self._boxes.discard(box)
                if cgroup is not None:
                    cgroup.close()

        trio.lowlevel.spawn_system_task(keep)

    async def _or_close(self, box: ZygoteBox | HostProcess, opening: Awaitable[None]) -> None:
        """Open a box; leave none behind that does not open, or whose opening is cancelled."""
        opened = False
        try:
            await opening
            opened = True
        finally:
            if not opened:
                await box.aclose()


def _join_cgroup(process: int, limits: Limits, slots: int) -> Cgroup | None:
    """Have a box counted as a whole, where that can be done. No tier depends on it, so a refusal is none."""
    cgroups = ours()
    if cgroups is None:
        return None
    try:
        cgroup = cgroups.make(limits, slots)
        cgroup.adopt(process)
    except OSError:
        return None
    return cgroup


def make_executor(tier: str | None, scratch: Path, config: BoxConfig) -> Executor:
    """Make the executor of a tier. None: job hosts only; `open_box` raises. See `BoxExecutor`."""
    return BoxExecutor(tier, scratch, config)
