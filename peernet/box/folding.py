"""What becomes of the accepted results of a job in its host, a real or a simulated one: they are folded, and may
be replaced by others."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, BinaryIO

from peernet.box.spool import Spool
from peernet.project import Folder


class Folding:
    """A `Folder` of encoded results, of which those that are kept may be replaced or left out."""

    def __init__(
        self, folder: Folder, make_store: Callable[[], BinaryIO], read: Callable[[bytes], list[Any]]
    ) -> None:
        """make_store: makes the empty file for results that are kept, when the first one is. read: decodes the
        results of a slice."""
        self._folder = folder
        self._make_store = make_store
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
            OSError: the store refused, as a full disk does.
        """
        values = self._read(body)
        hit = self._folder.hits(values)
        if keep:
            if self._spool is None:
                self._spool = Spool(self._make_store())
            if self._spool.put(index, body):
                self._stale = True
        if not self._stale:
            self._folder.fold(index, values)
        return hit

    def finish(self, slices: int, *, partial: bool = False, without: Collection[int] = ()) -> tuple[Any, int]:
        """Return the value of so many slices, and how many of their calls failed and are not in it. More may be
        folded afterwards. partial: some are missing. without: those of the kept ones that do not count now.

        Raises:
            TaskError: the user's code raised.
            ValueError: a slice is missing; a bug of the caller.
        """
        folder = self._folder
        if self._spool is not None and (self._stale or without):
            folder, left_out = self._folder.afresh(), frozenset(without)
            for index, body in self._spool:
                if index not in left_out:
                    folder.fold(index, self._read(body))
            if not without:
                self._folder, self._stale = folder, False
        return folder.finish(slices, partial=partial), folder.skipped

    def close(self) -> None:
        """Give up the store of kept results."""
        if self._spool is not None:
            self._spool.close()
