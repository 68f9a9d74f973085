"""What becomes of the accepted results of a job in its host: they are folded, and may be replaced by others."""

from __future__ import annotations

from collections.abc import Callable, Set
from pathlib import Path
from typing import Any

from peernet.box.spool import Spool
from peernet.project import Folder


class Folding:
    """A `Folder` of encoded results, of which those that are kept may be replaced or left out."""

    def __init__(self, folder: Folder, path: Path, read: Callable[[bytes], list[Any]]) -> None:
        """path: of the file for results that are kept; made when it is needed. read: decodes the results of a
        slice."""
        self._folder = folder
        self._path = path
        self._read = read
        self._spool: Spool | None = None
        self._stale = False
        """Something that is folded was replaced."""

    def fold(self, index: int, body: bytes, *, keep: bool) -> bool:
        """Take in the results of a slice. keep: another call for it may replace them. Returns whether one of them
        ends the job.

        Raises:
            CannotDecodeError: they are no results.
            TaskError, JobError: as `Folder.fold` and `Folder.hits`.
            OSError: the disk refused.
        """
        values = self._read(body)
        hit = self._folder.hits(values)
        if keep:
            if self._spool is None:
                self._spool = Spool(self._path)
            if self._spool.put(index, body):
                self._stale = True
        if not self._stale:
            self._folder.fold(index, values)
        return hit

    def finish(self, slices: int, *, partial: bool = False, without: Set[int] = frozenset()) -> Any:
        """Return the value of so many slices. partial: some are missing. without: those of the kept ones that do
        not count now. More may be folded afterwards.

        Raises:
            TaskError: the user's code raised.
            ValueError: a slice is missing; a bug of the caller.
        """
        folder = self._folder
        if self._spool is not None and (self._stale or without):
            folder = self._folder.afresh()
            for index, body in self._spool:
                if index not in without:
                    folder.fold(index, self._read(body))
            if not without:
                self._folder, self._stale = folder, False
        return folder.finish(slices, partial=partial)

    def close(self) -> None:
        """Give up the file of kept results."""
        if self._spool is not None:
            self._spool.close()
