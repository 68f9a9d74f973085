"""The reduction of a simulated job host, with results that may be replaced as in `peernet.box.host`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from peernet.errors import TaskError
from peernet.project import FailedCall, Folder
from peernet.results import decode


class Folding:
    """A `Folder` of encoded results."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder
        self._kept: dict[int, bytes] = {}
        self._stale = False

    def fold(self, index: int, data: bytes, *, keep: bool) -> bool:
        """Take in the results of a slice, and return whether one of them ends the job. Raises TaskError for what
        is no list of results."""
        values = _values(data)
        hit = self._folder.hits(values)
        if keep:
            self._stale = self._stale or self._kept.get(index, data) != data
            self._kept[index] = data
        if not self._stale:
            self._folder.fold(index, values)
        return hit

    def finish(self, slices: int, *, partial: bool = False, without: Sequence[int] = ()) -> object:
        """Return the value of so many slices. partial: some are missing. without: those of the kept ones that do
        not count now. Raises as `Folder.finish`."""
        folder = self._folder
        if self._stale or (without and self._kept):
            folder = self._folder.afresh()
            for index in sorted(self._kept.keys() - set(without)):
                folder.fold(index, _values(self._kept[index]))
            if not without:
                self._folder, self._stale = folder, False
        return folder.finish(slices, partial=partial)


def _values(data: bytes) -> list[Any]:
    values = decode(data, classes=(FailedCall,))
    if not isinstance(values, list):
        raise TaskError("the results of a slice are no list")
    return values
