"""The file that holds a peer's secret: a 32-byte Ed25519 seed as text, readable by its owner only."""

from __future__ import annotations

import os
import re
import shlex
import stat
import tempfile
from collections.abc import Callable
from pathlib import Path

from peernet.errors import KeyFileError
from peernet.storage.disk import disk_error, sync_folder, write_all

SEED_SIZE = 32

_HEADER = b"peernet ed25519 seed 1 (secret; one peer, one machine)"
_CONTENT = re.compile(re.escape(_HEADER) + rb"\r?\n([0-9a-f]{64})\s*")
_READ_LIMIT = 4096
"""Bytes read at most: enough for any key file, and a huge file given by mistake is not loaded."""


def load_or_create_key(path: Path, new_seed: Callable[[int], bytes]) -> bytes:
    """The seed in the key file; on first use a new one is written there.

    Processes that start at once agree: whoever links its finished file to `path` first wins, the others load it.
    A reader never sees half a file.

    Args:
        path: the key file; its folder exists.
        new_seed: gives that many secret random bytes, for example `secrets.token_bytes`.

    Returns:
        32 secret bytes.

    Raises:
        KeyFileError: the file can't be read, is not a key file, or its group or others have access to it.
        StorageError: a new file can't be written.
    """
    seed = _load(path)
    if seed is not None:
        return seed
    seed = new_seed(SEED_SIZE)
    if len(seed) != SEED_SIZE:
        raise ValueError(f"new_seed gave {len(seed)} bytes instead of {SEED_SIZE}")
    if _create(path, seed):
        return seed
    seed = _load(path)
    if seed is None:
        raise KeyFileError(f"the key file {path} was removed while it was being created: start again")
    return seed


def _load(path: Path) -> bytes | None:
    """The seed, or None where there is no file."""
    try:
        # O_NONBLOCK: opening a pipe by mistake must fail below instead of waiting for a writer.
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise KeyFileError(f"cannot read the key file {path}: {error.strerror}") from None
    try:
        # The open file is what is checked, so it can't be exchanged between the check and the reading.
        _check_mode(path, os.fstat(fd).st_mode)
        content = os.read(fd, _READ_LIMIT)
    except OSError as error:
        raise KeyFileError(f"cannot read the key file {path}: {error.strerror}") from None
    finally:
        os.close(fd)
    found = _CONTENT.fullmatch(content)
    if found is None:
        raise KeyFileError(
            f"{path} is not a key file of peernet: restore it from a copy, or move it away to get a new identity"
        )
    return bytes.fromhex(found[1].decode("ascii"))


def _check_mode(path: Path, mode: int) -> None:
    if not stat.S_ISREG(mode):
        raise KeyFileError(f"the key file {path} is not a regular file: move it away")
    if mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise KeyFileError(
            f"the key file {path} has mode {stat.S_IMODE(mode):04o}, so others may use this peer's identity:"
            f" run `chmod 600 {shlex.quote(str(path))}`"
        )


def _create(path: Path, seed: bytes) -> bool:
    """Write the file whole under another name, then link it. False when somebody else was first."""
    try:
        fd, name = tempfile.mkstemp(prefix=f"{path.name}-", suffix=".tmp", dir=path.parent)  # 0600, O_EXCL
        try:
            try:
                write_all(fd, _HEADER + b"\n" + seed.hex().encode("ascii") + b"\n")
                os.fsync(fd)
            finally:
                os.close(fd)
            os.link(name, path)
        finally:
            Path(name).unlink()
        sync_folder(path.parent)
    except FileExistsError:
        return False
    except OSError as error:
        raise disk_error("write the key file", path, error) from None
    return True
