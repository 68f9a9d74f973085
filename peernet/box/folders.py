"""Where the boxes of one peer keep their folders, and how what a killed peer left behind is found and removed."""

from __future__ import annotations

import fcntl
import os
import secrets
from pathlib import Path

from peernet.box.scratch import wipe
from peernet.errors import BoxError

_ATTEMPTS = 10


class BoxFolders:
    """A folder of this process's own under `scratch`, with a lock file beside it, held while the process lives.

    A lock that can be taken belongs to nobody alive, so its folder is a leftover: no guess by age or pid.
    """

    def __init__(self, scratch: Path) -> None:
        try:
            scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
            _remove_leftovers(scratch)
            self._root, self._lock = _claim(scratch)
            self._root.mkdir(mode=0o700)
        except OSError as error:
            raise BoxError(f"the folder {scratch} for boxes can't be used: {error}") from error
        self._made = 0

    def make(self) -> Path:
        """Make an empty folder for one box. Raises BoxError if the disk refuses."""
        self._made += 1
        folder = self._root / f"box-{self._made}"
        try:
            folder.mkdir(mode=0o700)
        except OSError as error:
            raise BoxError(f"a folder for a box can't be made: {error}") from error
        return folder

    def close(self) -> None:
        """Remove the folder with all that is in it, and give up the lock."""
        try:
            wipe(self._root)
            _lock_path(self._root).unlink(missing_ok=True)
        except OSError as error:
            raise BoxError(f"the folder {self._root} of boxes can't be removed: {error}") from error
        finally:
            os.close(self._lock)


def _lock_path(root: Path) -> Path:
    return root.with_suffix(".lock")


def _claim(scratch: Path) -> tuple[Path, int]:
    for _ in range(_ATTEMPTS):
        root = scratch / secrets.token_hex(8)
        lock = _take(_lock_path(root))
        if lock is not None:
            return root, lock
    raise BoxError(f"no lock can be taken in {scratch}")


def _take(path: Path) -> int | None:
    """Lock a file, made if it is missing. None if another process holds it, or removed it while we opened it."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.fstat(lock).st_nlink > 0:
            return lock
    except BlockingIOError:
        pass
    os.close(lock)
    return None


def _remove_leftovers(scratch: Path) -> None:
    for path in sorted(scratch.glob("*.lock")):
        lock = _take(path)
        if lock is None:
            continue
        try:
            wipe(path.with_suffix(""))
            path.unlink(missing_ok=True)
        finally:
            os.close(lock)
