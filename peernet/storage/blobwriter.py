"""One blob on its way in: written and hashed chunk by chunk, whole at the end or gone."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from peernet.errors import BlobMissingError, StorageError
from peernet.storage.disk import PRIVATE_FILE, disk_error, write_all
from peernet.types import Digest


class BlobWriter:
    """Made by `BlobStore.writer`. Use it as a context: whatever is not finished at its end is removed.

    digest, size: what the blob must turn out to be. path: its temporary file.
    """

    def __init__(self, path: Path, digest: Digest, size: int, settle: Callable[[BlobWriter, bool], None]) -> None:
        """`settle(writer, whole)` is called exactly once, at the end, with the file closed."""
        self.path = path
        self.digest = digest
        self.size = size
        self._settle = settle
        self._hash = hashlib.sha256()
        self._written = 0
        self._fd = -1
        self._open = True

    def open(self) -> None:
        """Make the temporary file. Raises StorageError, after which the writer has ended."""
        try:
            self._fd = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE_FILE)
        except OSError as error:
            self.abort()
            raise disk_error("write", self.path, error) from None

    @property
    def written(self) -> int:
        """Bytes so far: the offset of the chunk that comes next."""
        return self._written

    def write(self, chunk: bytes) -> None:
        """Append a chunk.

        Raises:
            BlobMissingError: it is more than the blob's size.
            StorageError: the disk is full or fails.
            ValueError: the writer has ended. After any error it has.
        """
        self._append(chunk)
        self._hash.update(chunk)

    def write_whole(self, data: bytes) -> None:
        """Write and finish at once bytes that the caller has just hashed itself: hashing costs as much as writing.

        Raises:
            StorageError: the disk is full or fails.
            ValueError: the writer has ended.
        """
        self._append(data)
        self._keep()

    def finish(self) -> Digest:
        """Check the whole and put it into the store.

        Raises:
            BlobMissingError: bytes are missing, or they are not those of the digest; nothing is kept.
            StorageError: the disk fails.
            ValueError: the writer has ended.
        """
        self._check_open()
        if self._written != self.size or self._hash.digest() != self.digest:
            written = self._written
            self.abort()
            raise BlobMissingError(
                f"the {written} bytes that came are not the blob {self.digest.hex()} of {self.size} bytes"
            )
        self._keep()
        return self.digest

    def abort(self) -> None:
        """Remove what came so far and free its room. Does nothing to a writer that has ended."""
        if self._open:
            self._close()
            self._remove()
            self._settle(self, False)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.abort()

    def _append(self, chunk: bytes) -> None:
        self._check_open()
        if self._written + len(chunk) > self.size:
            self.abort()
            raise BlobMissingError(f"more than {self.size} bytes came for the blob {self.digest.hex()}")
        try:
            write_all(self._fd, chunk)
        except OSError as error:
            self.abort()
            raise disk_error("write", self.path, error) from None
        self._written += len(chunk)

    def _keep(self) -> None:
        self._close()
        try:
            self._settle(self, True)
        except StorageError:
            self._remove()
            raise

    def _close(self) -> None:
        self._open = False
        if self._fd >= 0:
            os.close(self._fd)

    def _remove(self) -> None:
        # A file that stays is removed when the store is opened next; the error that led here matters more.
        with suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _check_open(self) -> None:
        if not self._open:
            raise ValueError(f"the writer of the blob {self.digest.hex()} has ended")
