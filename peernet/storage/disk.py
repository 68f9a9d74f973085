"""What the operating system's refusals mean to the user, and the few calls that Python has no name for."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from peernet.errors import StorageError

PRIVATE_FILE = 0o600
PRIVATE_FOLDER = 0o700

_REMEDIES = {
    errno.ENOSPC: "the disk is full: free some space, or set PEERNET_HOME to a folder on another disk",
    errno.EDQUOT: "your disk quota is used up: free some space, or set PEERNET_HOME to a folder on another disk",
    errno.EFBIG: "the file would be larger than this system allows: raise the limit (ulimit -f)",
    errno.EROFS: "the disk is read-only: set PEERNET_HOME to a folder that can be written",
    errno.EACCES: "permission denied: give yourself access, or set PEERNET_HOME to a folder of your own",
    errno.EPERM: "not permitted: give yourself access, or set PEERNET_HOME to a folder of your own",
    errno.EMFILE: "too many open files: raise the limit (ulimit -n)",
    errno.EIO: "the disk reports an input/output error: check it, and set PEERNET_HOME to another one",
}


def disk_error(what: str, path: Path, error: OSError) -> StorageError:
    """A `StorageError` that says what could not be done to which path, why, and what to do about it."""
    reason = _REMEDIES.get(error.errno or 0) or os.strerror(error.errno or 0)
    return StorageError(f"cannot {what} {path}: {reason}")


def write_all(fd: int, data: bytes) -> None:
    """Write every byte; `os.write` may write fewer. Raises OSError, after which part may have been written."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power loss. Raises OSError."""
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
