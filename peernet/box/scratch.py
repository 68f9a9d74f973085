"""Removing what user code may have left in a folder."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_ATTEMPTS = 100

_BLOCK = 512
"""The unit of st_blocks (stat(2))."""


def wipe(folder: Path) -> None:
    """Remove a folder and all that is in it. One that does not exist is no error. Raises OSError, see `empty`."""
    with contextlib.suppress(FileNotFoundError):
        empty(folder)
        folder.rmdir()


@dataclass(slots=True)
class Swept:
    """What was removed: bytes on the disk, and files and folders."""

    size: int = 0
    files: int = 0


def empty(folder: Path) -> Swept:
    """Remove all that is in a folder, and say what there was.

    `shutil.rmtree` recurses and builds paths, so a tree a few thousand folders deep defeats it. Here deep trees
    are flattened as they are met: whatever the depth, names are looked up at most two folders down.

    Raises:
        OSError: something can't be removed, or it does not exist.
    """
    top = _open_top(folder)
    try:
        swept = Swept()
        _empty(top, swept)
        return swept
    finally:
        os.close(top)


def _open_top(folder: Path) -> int:
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
    try:
        return os.open(folder, flags)
    except PermissionError:
        if not stat.S_ISDIR(folder.lstat().st_mode):
            raise
        folder.chmod(stat.S_IRWXU)  # user code may have taken the right away
        return os.open(folder, flags)


def make_read_only(folder: Path) -> None:
    """Take away the right to write to a folder and all below it, which must be files and folders of our own."""
    for parent, _, files in os.walk(folder):
        for name in files:
            Path(parent, name).chmod(stat.S_IRUSR)
        Path(parent).chmod(stat.S_IRUSR | stat.S_IXUSR)


def _empty(top: int, swept: Swept) -> None:
    fresh = 0
    prefix = f".wiped-{os.urandom(8).hex()}"  # a name that user code can't have taken before
    for _ in range(_ATTEMPTS):
        pending = _names(top)
        if not pending:
            return
        while pending:
            name = pending.pop()
            if not _is_folder(name, top):
                _unlink(name, top, swept)
                continue
            with _open_folder(name, top) as inner:
                for entry in _names(inner):
                    if not _is_folder(entry, inner):
                        _unlink(entry, inner, swept)
                        continue
                    _allow(entry, inner)
                    fresh += 1
                    moved = f"{prefix}-{fresh}"
                    with contextlib.suppress(FileNotFoundError):
                        os.rename(entry, moved, src_dir_fd=inner, dst_dir_fd=top)
                        pending.append(moved)
            with contextlib.suppress(FileNotFoundError, FileExistsError):
                os.rmdir(name, dir_fd=top)
                swept.files += 1


def _unlink(name: str, parent: int, swept: Swept) -> None:
    with contextlib.suppress(FileNotFoundError):
        size = os.stat(name, dir_fd=parent, follow_symlinks=False).st_blocks * _BLOCK
        os.unlink(name, dir_fd=parent)
        swept.size += size
        swept.files += 1


@contextlib.contextmanager
def _open_folder(name: str, parent: int) -> Iterator[int]:
    _allow(name, parent)
    inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=parent)
    try:
        yield inner
    finally:
        os.close(inner)


def _names(folder: int) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def _is_folder(name: str, parent: int) -> bool:
    try:
        return stat.S_ISDIR(os.stat(name, dir_fd=parent, follow_symlinks=False).st_mode)
    except FileNotFoundError:
        return False


def _allow(name: str, parent: int) -> None:
    """Give ourselves the right to look into a folder and empty it: user code may have taken it away."""
    os.chmod(name, stat.S_IRWXU, dir_fd=parent)
