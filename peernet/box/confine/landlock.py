"""Landlock: which files this process may touch, and that it opens no connections (landlock(7)).

Written against the kernel's interface, through plain system calls: the C library wraps none of them. ABI 1 (Linux
5.13) to 7 (6.15) are told apart; what a kernel does not know yet is left out, and what it adds is forbidden.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from peernet.box.confine import kernel
from peernet.box.confine.syscalls import NUMBERS

_CREATE, _ADD, _RESTRICT = (
    NUMBERS[f"landlock_{name}"][0] or 0 for name in ("create_ruleset", "add_rule", "restrict_self")
)
"""The same numbers on every machine."""

_CREATE_VERSION = 1
_PATH_BENEATH = 1

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE = 1 << 4 | 1 << 5
_MAKE = 1 << 7 | 1 << 8 | 1 << 12  # folders, regular files, symbolic links; no sockets, pipes or devices
_REFER, _TRUNCATE = 1 << 13, 1 << 14

_FILE_RIGHTS = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 5: (1 << 16) - 1}
"""All rights on files that an ABI knows (from it on): ABI 2 added REFER, 3 TRUNCATE, 5 IOCTL_DEV."""

TRUNCATE_ABI = 3
"""From here on Landlock sees to it that files which may only be read are not emptied."""

_NET_ABI, _NET_RIGHTS = 4, 0b11
"""BIND_TCP and CONNECT_TCP."""

_SCOPE_ABI, _SCOPES = 6, 0b11
"""Abstract unix sockets, and signals, of processes outside."""

_QUIET_ABI, _QUIET = 7, 1
"""LOG_SAME_EXEC_OFF: user code could fill the system's audit log with its refusals."""

_READ = _READ_FILE | _READ_DIR


@dataclass(frozen=True, slots=True)
class Rights:
    """What stays allowed. Paths that do not exist are passed over.

    read: files and folders, with all below. write: folders with all below, which may be read too. devices: files
    that may be read and written.
    """

    read: tuple[str, ...]
    write: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()


def abi() -> int:
    """The kernel's Landlock ABI; 0 where there is none, or it is switched off."""
    try:
        return kernel.syscall(_CREATE, None, 0, _CREATE_VERSION, name="landlock_create_ruleset")
    except OSError:
        return 0


def restrict(rights: Rights, version: int) -> None:
    """Forbid this process everything on files but `rights`, and TCP. version: what `abi` returned, 1 or more.

    The process must have given up new privileges. Raises OSError.
    """
    known = _known(version)
    net = _NET_RIGHTS if version >= _NET_ABI else 0
    scopes = _SCOPES if version >= _SCOPE_ABI else 0
    words = (known, net, scopes) if scopes else (known, net) if net else (known,)
    attributes = struct.pack(f"={len(words)}Q", *words)
    ruleset = kernel.syscall(
        _CREATE,
        ctypes.create_string_buffer(attributes, len(attributes)),
        len(attributes),
        0,
        name="landlock_create_ruleset",
    )
    try:
        _allow(ruleset, rights.read, _READ & known)
        _allow(ruleset, rights.write, (_READ | _WRITE_FILE | _REMOVE | _MAKE | _REFER | _TRUNCATE) & known)
        _allow(ruleset, rights.devices, _READ_FILE | _WRITE_FILE)
        flags = _QUIET if version >= _QUIET_ABI else 0
        kernel.syscall(_RESTRICT, ruleset, flags, name="landlock_restrict_self")
    finally:
        os.close(ruleset)


def _known(version: int) -> int:
    return _FILE_RIGHTS[max(least for least in _FILE_RIGHTS if least <= version)]


def _allow(ruleset: int, paths: Iterable[str], rights: int) -> None:
    for path in paths:
        with contextlib.suppress(FileNotFoundError):
            _allow_one(ruleset, path, rights)


def _allow_one(ruleset: int, path: str, rights: int) -> None:
    beneath = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(beneath).st_mode):
            rights &= _READ_FILE | _WRITE_FILE | _TRUNCATE
        rule = struct.pack("=Qi", rights, beneath)
        kernel.syscall(
            _ADD,
            ruleset,
            _PATH_BENEATH,
            ctypes.create_string_buffer(rule, len(rule)),
            0,
            name=f"landlock_add_rule({path})",
        )
    finally:
        os.close(beneath)
