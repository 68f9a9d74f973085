"""The kernel's doors that Python has no functions for, through the C library's `syscall` and `prctl`."""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38

_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def prctl(option: int, value: int = 0, more: int = 0, *, name: str) -> None:
    """Set an attribute of this process (prctl(2)). name: for the error. Raises OSError."""
    if _libc is None:
        raise OSError(0, f"{name}: {sys.platform} has no prctl")
    if _libc.prctl(option, ctypes.c_ulong(value), ctypes.c_ulong(more), ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
        raise _error(name)


def read_prctl(option: int) -> int:
    """Return an attribute of this process; negative where the kernel refuses."""
    return -1 if _libc is None else int(_libc.prctl(option, *[ctypes.c_ulong(0)] * 4))


def syscall(number: int, *arguments: int | ctypes.Array[ctypes.c_char] | None, name: str) -> int:
    """Make a system call. Pointers are given as buffers or None. name: for the error. Raises OSError."""
    if _libc is None:
        raise OSError(0, f"{name}: {sys.platform} is not Linux")
    passed = [ctypes.c_long(item) if isinstance(item, int) else item for item in arguments]
    result = int(_libc.syscall(ctypes.c_long(number), *passed))
    if result < 0:
        raise _error(name)
    return result


def _error(name: str) -> OSError:
    number = ctypes.get_errno()
    return OSError(number, f"{name}: {os.strerror(number)}")
