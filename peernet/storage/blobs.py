"""Blobs by digest, as files: bundles, inputs and results too large for a message.

A blob is complete and right or it is absent: it is written under a temporary name, renamed when whole, and
verified when it is read. Files are not synced: kill -9 loses nothing, and what a power loss takes is found missing
and is fetched or computed again (64 KiB take 0.3 ms with syncing and 0.05 without, 1 MiB 4 ms and 0.4).

One peer owns the folder (see `Home.lock`). The index of what is there lives in memory and is read at open.
"""

from __future__ import annotations

import hashlib
import os
import threading
from pathlib import Path

from peernet.config.storage import StorageConfig
from peernet.errors import BlobMissingError, StorageError
from peernet.storage.blobindex import BlobIndex
from peernet.storage.blobwriter import BlobWriter
from peernet.storage.disk import PRIVATE_FOLDER, disk_error
from peernet.types import Digest

DIGEST_SIZE = 32
_INCOMING = "incoming"
_EMPTY = hashlib.sha256(b"").hexdigest()


def blob_path(folder: Path, digest: Digest) -> Path:
    """Where a blob lies: `<first two hex digits>/<64 hex digits>`. Only hex, so no digest leads elsewhere."""
    name = digest.hex()
    return folder.joinpath(name[:2], name)


def read_blob(folder: Path, digest: Digest) -> bytes:
    """The bytes of a blob, verified. For readers beside a running peer or without one; changes nothing.

    Raises:
        BlobMissingError: it is not there, or its bytes no longer match its digest.
        StorageError: it can't be read.
    """
    path = blob_path(folder, digest)
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise _missing(digest) from None
    except OSError as error:
        raise disk_error("read", path, error) from None
    if hashlib.sha256(data).digest() != digest:
        raise BlobMissingError(f"the blob {digest.hex()} has been altered on disk: it has to be got again")
    return data


class BlobStore:
    """The blobs of one peer, up to a quota. Methods may be called from any thread.

    A pinned blob stays; the others are evicted, oldest access first, when room is needed. Pins are kept in memory
    only: whoever knows which job needs which blob pins again after a restart, before it puts anything.
    """

    def __init__(self, folder: Path, quota: int, config: StorageConfig | None = None) -> None:
        """Open the store in `folder` (created if absent), remove what an earlier run left unfinished, and count.

        Args:
            folder: a folder on one disk, used by nobody else.
            quota: bytes of blobs kept at most. More found on disk is evicted only when room is needed.
            config: the other bounds.

        Raises:
            StorageError: the folder can't be read or written.
        """
        config = StorageConfig() if config is None else config
        self._folder = folder
        self._incoming = folder / _INCOMING
        self._turn = threading.Lock()
        self._size_limit = config.blob_size
        self._writers_limit = config.blob_writers
        self._writers = 0
        self._names = 0
        try:
            self._incoming.mkdir(mode=PRIVATE_FOLDER, parents=True, exist_ok=True)
            for leftover in self._incoming.iterdir():
                leftover.unlink()
            found = _scan(folder)
        except OSError as error:
            raise disk_error("open the blob folder", folder, error) from None
        self._index = BlobIndex(found, quota, config)

    @property
    def used(self) -> int:
        """Bytes of all blobs here, and of those being written."""
        return self._index.used

    def put(self, data: bytes) -> Digest:
        """Keep bytes and return their digest. Putting the same bytes again changes nothing but their age.

        Raises:
            StorageError: no room within the quota or on the disk; nothing is left of the attempt.
        """
        digest = Digest(hashlib.sha256(data).digest())
        if self._touch(digest):
            return digest
        with self.writer(digest, len(data)) as writer:
            writer.write_whole(data)
        return digest

    def writer(self, expected: Digest, size: int) -> BlobWriter:
        """Take a blob that arrives in chunks, of a digest and size known beforehand. Room is reserved now.

        Args:
            expected: its digest, 32 bytes. size: its bytes, 0 or more. Both may come from a stranger.

        Raises:
            StorageError: no room within the quota or on the disk, a size that no blob has, or too many writers.
            BlobMissingError: `expected` is not 32 bytes, so no blob can have it.
        """
        if len(expected) != DIGEST_SIZE:
            raise BlobMissingError(f"{len(expected)} bytes are no digest: it has {DIGEST_SIZE}")
        if not 0 <= size <= self._size_limit:
            raise StorageError(f"a blob can't have {size} bytes: at most {self._size_limit}")
        with self._turn:
            if self._writers >= self._writers_limit:
                raise StorageError(f"{self._writers} blobs are being written already: wait until one is done")
            victims = self._index.reserve(size)
            try:
                for victim in victims:
                    self._unlink(victim)
            except StorageError:
                self._index.release(size)
                raise
            self._writers += 1
            self._names += 1
            path = self._incoming / str(self._names)
        writer = BlobWriter(path, expected, size, self._settle)
        writer.open()
        return writer

    def get(self, digest: Digest) -> bytes:
        """The whole blob, verified.

        Raises:
            BlobMissingError: it is not here, or was altered on disk; then it is dropped, to be got again.
            StorageError: it can't be read.
        """
        if not self._touch(digest):
            raise _missing(digest)
        try:
            return read_blob(self._folder, digest)
        except BlobMissingError:
            return self._recheck(digest)

    def read(self, digest: Digest, offset: int, length: int) -> bytes:
        """A part of a blob, not verified: the receiver verifies the whole.

        The file is opened for each part: that is 6 microseconds for 64 KiB against 3 with a cache of open files,
        where sending them takes over 100.

        Args:
            digest: which blob.
            offset: first byte, 0 or more. Past the end nothing is read.
            length: bytes at most, 0 or more; fewer at the blob's end.

        Raises:
            BlobMissingError: it is not here.
            StorageError: it can't be read, or the part is not one.
        """
        with self._turn:
            size = self._index.touch(digest)
        if size is None:
            raise _missing(digest)
        if offset < 0 or length < 0:
            raise StorageError(f"a blob has no {length} bytes at {offset}")
        if offset >= size:
            return b""
        wanted = min(length, size - offset)
        path = blob_path(self._folder, digest)
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            try:
                data = os.pread(fd, wanted, offset)
            finally:
                os.close(fd)
        except FileNotFoundError:
            data = b""
        except OSError as error:
            raise disk_error("read", path, error) from None
        if len(data) < wanted:
            return self._recheck(digest)[offset : offset + wanted]
        return data

    def size(self, digest: Digest) -> int | None:
        """Bytes of a blob, or None when it is not here."""
        with self._turn:
            return self._index.size(digest)

    def has(self, digest: Digest) -> bool:
        """Whether a blob is here, as far as known without reading it."""
        return self.size(digest) is not None

    def pin(self, digest: Digest, owner: bytes) -> None:
        """Keep a blob until `owner` (a job id, say) is unpinned. It may be pinned before it is here.

        Raises:
            StorageError: too many pins.
        """
        with self._turn:
            self._index.pin(digest, owner)

    def unpin_owner(self, owner: bytes) -> None:
        """Take back all pins of an owner. A blob without pins stays, as accessed now, until its room is needed."""
        with self._turn:
            self._index.unpin_owner(owner)

    def _touch(self, digest: Digest) -> bool:
        """Note an access, also on disk for the next run. False when the blob is not here (any more)."""
        with self._turn:
            size = self._index.touch(digest)
            if size is None:
                return False
            path = blob_path(self._folder, digest)
            try:
                os.utime(path)
                same = path.stat().st_size == size
            except FileNotFoundError:
                same = False
            except OSError as error:
                raise disk_error("read", path, error) from None
            if not same:
                self._drop(digest)
            return same

    def _recheck(self, digest: Digest) -> bytes:
        """Read again a blob that looked bad: it may have been evicted and put back meanwhile. Else drop it."""
        with self._turn:
            try:
                return read_blob(self._folder, digest)
            except BlobMissingError:
                self._drop(digest)
                raise

    def _settle(self, writer: BlobWriter, whole: bool) -> None:
        """End a writer: its file becomes the blob, or its room is free again."""
        path = blob_path(self._folder, writer.digest)
        with self._turn:
            self._index.release(writer.size)
            self._writers -= 1
            if not whole:
                return
            try:
                path.parent.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
                writer.path.replace(path)
            except OSError as error:
                raise disk_error("write", path, error) from None
            self._index.add(writer.digest, writer.size)

    def _drop(self, digest: Digest) -> None:
        if self._index.remove(digest):
            self._unlink(digest)

    def _unlink(self, digest: Digest) -> None:
        path = blob_path(self._folder, digest)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise disk_error("remove", path, error) from None


def _missing(digest: Digest) -> BlobMissingError:
    return BlobMissingError(f"the blob {digest.hex()} is not here")


def _scan(folder: Path) -> list[tuple[Digest, int]]:
    """The blobs on disk with their sizes, oldest access first. Names that are no blob's are left alone."""
    found: list[tuple[int, str, int]] = []
    for fan in folder.iterdir():
        if len(fan.name) != 2 or not fan.is_dir():
            continue
        with os.scandir(fan) as entries:
            for entry in entries:
                if not _is_blob_name(entry.name, fan.name) or not entry.is_file(follow_symlinks=False):
                    continue
                info = entry.stat()
                if info.st_size == 0 and entry.name != _EMPTY:
                    os.unlink(entry)  # noqa: PTH108  (a name whose bytes a power loss took)
                    continue
                found.append((info.st_mtime_ns, entry.name, info.st_size))
    return [(Digest(bytes.fromhex(name)), size) for _, name, size in sorted(found)]


def _is_blob_name(name: str, fan: str) -> bool:
    return len(name) == 2 * DIGEST_SIZE and name.startswith(fan) and not name.strip("0123456789abcdef")
