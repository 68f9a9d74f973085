"""Folders of output that appear whole or not at all, and never touch what is there: results, simulations."""

from __future__ import annotations

import errno
import io
import itertools
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from peernet.errors import UsageError


def check_new_folder(folder: Path | None, option: str, holds: str) -> None:
    """Tell before anything runs that a folder for output can't be made. option: what named it; holds: what it is
    for, in a word or two.

    Raises:
        UsageError: its name is empty, or the folder it would be in is no folder or can't be written.
    """
    if folder is None:
        return
    if folder.name in ("", ".."):
        raise UsageError(f"{option} {folder}: name a new folder for {holds}")
    parent = folder.absolute().parent
    while not parent.exists() and parent != parent.parent:
        parent = parent.parent
    if not parent.is_dir():
        raise UsageError(f"{option} {folder}: {parent} is not a folder; name another place")
    if not os.access(parent, os.W_OK | os.X_OK):
        raise UsageError(f"{option} {folder}: {parent} can't be written; name another place")


class NewFolder:
    """A folder that is being filled under a name of its own, beside the one it will have. path: where to write."""

    def __init__(self, path: Path, output: Path) -> None:
        self.path = path
        self._output = output

    def publish(self) -> Path:
        """Give the folder its name, or the next free suffix of it, and return what it is called now."""
        self.path.chmod(0o777 & ~_umask())
        return self._output.parent / _claim(self.path, self._output.absolute()).name


@contextmanager
def new_folder(output: Path) -> Iterator[NewFolder]:
    """Make a folder to fill. Unless it is published within, nothing is left of it. The disk's OSErrors pass."""
    target = output.absolute()
    target.parent.mkdir(parents=True, exist_ok=True)
    path = Path(tempfile.mkdtemp(prefix=f".{target.name[:100]}-", dir=target.parent))
    try:
        yield NewFolder(path, output)
    finally:
        shutil.rmtree(path, ignore_errors=True)


class _Synced(io.IOBase):
    """A file that is on the disk, or has failed, once it is closed: a full disk may show as late as that."""

    def close(self) -> None:
        if not self.closed:
            try:
                self.flush()
                os.fsync(self.fileno())
            finally:
                super().close()


class _SyncedText(_Synced, io.TextIOWrapper):
    """Such a file of text."""


class _SyncedBytes(_Synced, io.BufferedWriter):
    """Such a file of bytes."""


def new_file(path: Path) -> TextIO:
    """Open a new file for ASCII text, such as JSON, that is on the disk once it is closed."""
    return _SyncedText(path.open("xb"), encoding="ascii", newline="\n")


def new_binary(path: Path) -> BinaryIO:
    """Open a new file for bytes, that is on the disk once it is closed."""
    return _SyncedBytes(path.open("xb", buffering=0))


def why(error: OSError) -> str:
    """Return why the disk refused, in the words of people."""
    return _REASONS.get(error.errno or 0) or error.strerror or str(error)


_REASONS = {
    errno.ENOSPC: "the disk is full",
    errno.EDQUOT: "your disk quota is used up",
    errno.EFBIG: "the file would be larger than this system allows (ulimit -f)",
}


def _claim(temporary: Path, target: Path) -> Path:
    """Rename a folder to the first free name. Making the name first is what never takes somebody else's."""
    for number in itertools.count(1):
        name = target if number == 1 else target.with_name(f"{target.name}-{number}")
        try:
            name.mkdir()
        except FileExistsError:
            continue
        try:
            temporary.rename(name)  # replaces the empty folder, and no other
        except OSError as error:
            if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                name.rmdir()
                raise
            continue
        return name
    raise AssertionError("unreachable")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
