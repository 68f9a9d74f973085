"""One build, from a lock to a folder of packages. Runs in a thread; nothing that it fetches is ever run."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from peernet.box.scratch import wipe
from peernet.config.builds import BuildConfig
from peernet.errors import BuildError
from peernet.project.lock import Lock
from peernet.sandbox.environments.installer import Installer
from peernet.sandbox.environments.shelf import PACKAGES


class Builder:
    """Builds environments.

    Args:
        installer: fetches and unpacks. config: the bounds.
        check: called all the while; what it raises ends the build.
        claim: called with the bytes that a build takes in all, whenever they grow. Raises BuildError.
    """

    def __init__(
        self, installer: Installer, config: BuildConfig, check: Callable[[], None], claim: Callable[[int], None]
    ) -> None:
        self._installer = installer
        self._config = config
        self._check = check
        self._claim = claim
        self._deadline = time.monotonic() + config.build_seconds

    def build(self, lock: Lock, folder: Path) -> int:
        """Make the folder with an environment in it, and return its size in bytes. On any error it is gone again.

        Raises:
            BuildError: a wheel is not in the index, has another digest, is broken, or there is no room for it; or
                it took too long. And what `check` raises.
        """
        complete = False
        try:
            size = self._build(lock, folder)
            complete = True
            return size
        except OSError as error:
            raise BuildError(f"the disk refused: {error.strerror or error}; free some space") from error
        finally:
            if not complete:
                wipe(folder)

    def _build(self, lock: Lock, folder: Path) -> int:
        wheels, work, packages, listed = (folder / name for name in ("wheels", "work", PACKAGES, "lock"))
        for new in (folder, wheels, work, packages):
            new.mkdir()
            new.chmod(0o755)  # boxes may run as another user
        lines = [f"{one.name}=={one.version} --hash=sha256:{one.sha256}\n" for one in lock.packages]
        listed.write_text("".join(lines), "ascii")
        self._installer.download(listed, wheels, work, self._left(), lambda: self._watch(folder))
        fetched = _weigh(folder)
        size = self._measure(wheels, work)
        self._claim(fetched + size)
        self._installer.unpack(listed, wheels, packages, work, self._left(), self._check)
        for rest in (wheels, work):
            wipe(rest)
        listed.unlink()
        os.sync()  # a name that says "complete" must not survive a power loss without the bytes
        return size

    def _measure(self, wheels: Path, work: Path) -> int:
        """How many bytes the wheels unpack to. Raises BuildError if they hold too many files."""
        try:
            measured = json.loads(self._installer.measure(wheels, work, self._left(), self._check))
            files, size = int(measured["files"]), int(measured["size"])
        except (ValueError, KeyError, TypeError) as error:
            raise BuildError(f"the wheels can't be measured: {error!r}") from None
        if files > self._config.files:
            raise BuildError(f"its wheels hold {files} files; at most {self._config.files} are unpacked")
        return size

    def _watch(self, folder: Path) -> None:
        self._check()
        self._claim(_weigh(folder))

    def _left(self) -> float:
        return max(0.0, self._deadline - time.monotonic())


def _weigh(folder: Path) -> int:
    """The bytes of the files below a folder that another process may be writing to."""
    size = 0
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                size += Path(parent, name).lstat().st_size
            except FileNotFoundError:  # moved meanwhile: seen at the next look
                continue
    return size
