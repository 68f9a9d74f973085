"""Results that were folded and may still be taken back, kept in a file: on the disk, or in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import BinaryIO


class Spool:
    """The latest results of each slice, in the order in which they were written.

    A fold can't be undone, so when a result is replaced everything is folded again from here. The file grows by
    what is replaced; that is rare.
    """

    def __init__(self, file: BinaryIO) -> None:
        """file: an empty one, to read and to write; it is the spool's from now on."""
        self._file = file
        self._places: dict[int, tuple[int, int, bytes]] = {}

    def put(self, index: int, body: bytes) -> bool:
        """Keep the encoded results of a slice. Returns whether they take the place of others.

        Raises:
            OSError: the file refused, as on a full disk.
        """
        digest = hashlib.sha256(body).digest()
        before = self._places.get(index)
        if before is not None and before[2] == digest:
            return False
        start = self._file.seek(0, 2)
        self._file.write(body)
        self._places[index] = (start, len(body), digest)
        return before is not None

    def close(self) -> None:
        """Give up the file."""
        self._file.close()

    def __iter__(self) -> Iterator[tuple[int, bytes]]:
        """Go through the slices in order: (index, encoded results)."""
        for index in sorted(self._places):
            start, size, _ = self._places[index]
            self._file.seek(start)
            yield index, self._file.read(size)
