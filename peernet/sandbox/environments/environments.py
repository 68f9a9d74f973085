"""The volunteer's side: environments for the boxes of jobs, built from locks and kept."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

import trio

from peernet.box.scratch import wipe
from peernet.config.builds import BuildConfig
from peernet.errors import BuildError
from peernet.project.bundle import running_python
from peernet.project.lock import Lock, running_platform
from peernet.sandbox.environments.builder import Builder
from peernet.sandbox.environments.installer import Installer
from peernet.sandbox.environments.shelf import Claim, Shelf

Builds = Literal["mine", "anyone", "none"]
"""Whose missing packages are built: those of submitters marked as mine, of anyone, of nobody."""


@dataclass(slots=True)
class _Turn:
    """Who asks for an environment waits for those who asked before. waiting: how many hold or want the turn."""

    lock: trio.Lock = field(default_factory=trio.Lock)
    waiting: int = 0


class Environments:
    """Folders of packages by lock. Use it in the thread of trio's loop.

    A folder is laid out as `pip install --target` does it. It is only ever put on the path of a box's children: no
    interpreter starts in it, so that no `.pth` file of it is processed.

    Args:
        folder: where they are kept; this object has it to itself.
        builds: for whom. installer: fetches from this machine's own index.

    Raises:
        BuildError: the folder can't be used.
    """

    def __init__(self, folder: Path, builds: Builds, installer: Installer, config: BuildConfig) -> None:
        self._builds = builds
        self._installer = installer
        self._config = config
        self._shelf = Shelf(folder, config)
        self._turns: dict[str, _Turn] = {}
        self._failures: OrderedDict[str, tuple[float, str]] = OrderedDict()
        self._limiter = trio.CapacityLimiter(config.builds)

    def builds_for(self, owner_is_mine: bool) -> bool:
        """Whether missing packages of an owner's jobs are built here."""
        return self._builds == "anyone" or (self._builds == "mine" and owner_is_mine)

    async def get(self, lock: Lock, owner_is_mine: bool) -> Path:
        """Return the folder of a lock's packages, built if there is none. `release` it when its box is closed.

        Whoever asks for one that is being built waits for it. A build that is cancelled, or fails, leaves nothing;
        a failure is told again, without a new try, for `retry_seconds`.

        Raises:
            BuildError: this machine does not build for that owner, the lock is for another Python or platform, or
                the build failed, or the disk refused.
        """
        self._refuse_unfit(lock, owner_is_mine)
        digest = lock.digest
        turn = self._turns.setdefault(digest, _Turn())
        turn.waiting += 1
        try:
            async with turn.lock:
                if (kept := self._shelf.take(digest)) is not None:
                    return kept
                self._refuse_failed(digest)
                await self._build(lock, digest)
                made = self._shelf.take(digest)
                assert made is not None
                return made
        finally:
            turn.waiting -= 1
            if not turn.waiting:
                del self._turns[digest]

    def release(self, packages: Path) -> None:
        """End the use of a folder that `get` returned: it may make room for others from now on."""
        self._shelf.give_back(packages)

    async def _build(self, lock: Lock, digest: str) -> None:
        folder, claim = self._shelf.begin()
        try:
            build = partial(_build, self._installer, self._config, claim, lock, folder)
            size = await trio.to_thread.run_sync(build, limiter=self._limiter)
            self._shelf.put(digest, folder, size)
        except BuildError as error:
            self._failures[digest] = (trio.current_time(), str(error))
            if len(self._failures) > self._config.failures:
                self._failures.popitem(last=False)
            raise BuildError(_explained(str(error))) from error
        finally:
            self._shelf.end(claim)

    def _refuse_unfit(self, lock: Lock, owner_is_mine: bool) -> None:
        if not self.builds_for(owner_is_mine):
            whose = "mine" if owner_is_mine else "anyone"
            raise BuildError(
                "this machine builds no packages for this submitter; "
                f"with `peernet join --build-environments {whose}` it would"
            )
        if lock.python != running_python():
            raise BuildError(f"its packages are locked for Python {lock.python}, and here runs {running_python()}")
        if lock.platform and lock.platform != running_platform():
            raise BuildError(f"its packages are locked for {lock.platform}, and this is {running_platform()}")

    def _refuse_failed(self, digest: str) -> None:
        at, text = self._failures.get(digest, (float("-inf"), ""))
        if trio.current_time() - at < self._config.retry_seconds:
            raise BuildError(_explained(text))


def _build(installer: Installer, config: BuildConfig, claim: Claim, lock: Lock, folder: Path) -> int:
    """Build in a thread of the loop, whose thread owns the claim."""

    def grow(size: int) -> None:
        for gone in trio.from_thread.run_sync(claim.grow_to, size):
            wipe(gone)

    return Builder(installer, config, trio.from_thread.check_cancelled, grow).build(lock, folder)


def _explained(text: str) -> str:
    return f"the packages of the job can't be had here: {text}"
