"""What jobs need installed: locks of this peer's own jobs, and environments for boxes of jobs that it serves."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Protocol

from peernet.config.builds import BuildConfig
from peernet.errors import BuildError, LockError, ProjectError
from peernet.project.lock import Lock
from peernet.runtime.options import PeerOptions
from peernet.runtime.surroundings import Blocking
from peernet.sandbox import Box, Limits, Outcome
from peernet.sandbox.environments import Environments, Installer, lock_requirements

LOCKS_KEPT = 64
"""Locks of own jobs that are remembered while the peer runs, since users submit a project again and again."""


class OpenBox(Protocol):
    """`Executor.open_box` with all but the environment given."""

    def __call__(self, *, environment: Path) -> Awaitable[Box]:
        """Open the box."""
        ...


class EquippedBox:
    """A box with an environment, whose use ends with it."""

    def __init__(self, box: Box, release: Callable[[], None]) -> None:
        self._box = box
        self._release: Callable[[], None] | None = release

    async def run(
        self,
        data: bytes,
        limits: Limits,
        on_start: Callable[[], None],
        *,
        seed: bytes = b"",
        calls: tuple[int, ...] = (),
    ) -> Outcome:
        """See `Box.run`."""
        return await self._box.run(data, limits, on_start, seed=seed, calls=calls)

    async def aclose(self) -> None:
        """See `Box.aclose`."""
        release, self._release = self._release, None
        try:
            await self._box.aclose()
        finally:
            if release is not None:
                release()


class Packages:
    """The packages of one peer's jobs.

    Args:
        folder: where environments are kept, of this peer alone; made when it is first used.
        options: of the peer. blocking: where the installer is waited for.

    Raises:
        UsageError: `options.index_url` is no URL.
    """

    def __init__(self, folder: Path, options: PeerOptions, blocking: Blocking) -> None:
        self._config = BuildConfig()
        self._folder = folder
        self._lend = options.config.lend
        self._index = options.index_url
        self._installer = Installer(self._config, options.index_url)
        self._blocking = blocking
        self._environments: Environments | None = None
        self._locks: OrderedDict[tuple[str, ...], bytes] = OrderedDict()

    def start(self) -> None:
        """Remove what builds that were cut off left behind; nothing is done where nothing was ever built.

        Raises:
            BuildError: the disk refused.
        """
        if self._folder.exists():
            self._open()

    async def lock(self, requirements: tuple[str, ...]) -> bytes:
        """Return the encoded lock of a job's requirements, or nothing if it needs none here.

        Raises:
            LockError: they can't be locked; only peers that have them can run the job.
        """
        if requirements not in self._locks:
            found = await self._blocking(self._resolve, requirements)
            self._locks[requirements] = found
            if len(self._locks) > LOCKS_KEPT:
                self._locks.popitem(last=False)
        return self._locks[requirements]

    async def equip(self, opener: OpenBox, lock: bytes, own: bool) -> Box:
        """Open a box with the packages of a lock, which are built if need be.

        opener: opens the box with the `environment` that it is given. own: the job is of an own key.

        Raises:
            BuildError: they are not built here, or can't be. BoxError: the box can't be opened.
        """
        try:
            wanted = Lock.decode(lock)
        except ProjectError as error:
            raise BuildError(str(error)) from None
        environments = self._open()
        folder = await environments.get(wanted, own)
        release = partial(environments.release, folder)
        opened = False
        try:
            box = await opener(environment=folder)
            opened = True
        finally:
            if not opened:
                release()
        return EquippedBox(box, release)

    def _open(self) -> Environments:
        if self._environments is None:
            self._environments = Environments(self._folder, self._lend.build, self._installer, self._config)
        return self._environments

    def _resolve(self, requirements: tuple[str, ...]) -> bytes:
        found = lock_requirements(requirements, self._config, index_url=self._index)
        try:
            return found.encode() if found is not None else b""
        except ProjectError as error:
            raise LockError(str(error)) from None
