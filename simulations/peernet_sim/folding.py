"""The reduction of a simulated job host, with results that may be replaced as in `peernet.box.host`."""

from __future__ import annotations

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

    def fold(self, index: int, data: bytes, *, keep: bool) -> None:
        """Take in the results of a slice. Raises TaskError for what is no list of results."""
        values = _values(data)
        if keep:
            self._stale = self._stale or self._kept.get(index, data) != data
            self._kept[index] = data
        if not self._stale:
            self._folder.fold(index, values)

    def finish(self, slices: int) -> object:
        """Return the value of so many slices. Raises as `Folder.finish`."""
        if self._stale:
            self._folder = self._folder.afresh()
            for index in sorted(self._kept):
                self._folder.fold(index, _values(self._kept[index]))
        return self._folder.finish(slices)


def _values(data: bytes) -> list[Any]:
    values = decode(data, classes=(FailedCall,))
    if not isinstance(values, list):
        raise TaskError("the results of a slice are no list")
    return values
