"""The scratch folders of a box: one for each slice at once, one for the child that waits. Emptied after each."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from peernet.box.scratch import Swept, empty
from peernet.errors import BoxError

_SHARED_MEMORY = Path("/dev/shm")
_BYTES_A_FILE = 4096
"""For each page that a slice may write it may make one file: names cost the machine memory too, that no size of a
file system counts."""

_FEWEST_FILES = 1024


def files_allowed(scratch: int) -> int:
    """How many files and folders a slice may make whose scratch limit is so many bytes."""
    return max(_FEWEST_FILES, scratch // _BYTES_A_FILE)


class Room:
    """Gives out the folders and takes them back.

    mounted: each is a file system of its own, which ends at its size by itself, and can be measured at once. own:
    /dev/shm is the box's own too, and is emptied with them.
    """

    def __init__(self, folders: Sequence[str], *, mounted: bool, own: bool) -> None:
        self.mounted = mounted
        self._own = own
        self._free = [Path(folder) for folder in reversed(folders)]

    def open(self) -> None:
        """Make those that do not exist. Raises OSError."""
        for folder in self._free:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def take(self) -> Path:
        """Take an empty folder. Raises BoxError if there is none left."""
        if not self._free:
            raise BoxError("there is no scratch folder left")
        return self._free.pop()

    def give_back(self, folder: Path) -> Swept:
        """Empty a folder for the next slice, and say what was there. Raises as `wipe` does."""
        swept = self.wipe(folder)
        self._free.append(folder)
        return swept

    def wipe(self, folder: Path) -> Swept:
        """Empty a folder that stays taken, and say what was there.

        Raises:
            BoxError: something is left, and must meet no other slice.
        """
        try:
            used = self.used(folder) if self.mounted else None
            swept = empty(folder)
            if self._own:
                empty(_SHARED_MEMORY)
        except OSError as error:
            raise BoxError(f"a slice's files can't be removed: {error}") from error
        return used or swept

    def used(self, folder: Path) -> Swept:
        """Measure a mounted folder. Raises OSError."""
        found = os.statvfs(folder)
        return Swept((found.f_blocks - found.f_bfree) * found.f_frsize, found.f_files - found.f_ffree - 1)
