"""Installs a seccomp filter on this process (seccomp(2)). It stays for good, and every child inherits it."""

from __future__ import annotations

import ctypes

from peernet.box.confine import kernel

_PR_SET_SECCOMP, _MODE_FILTER = 22, 2
_INSTRUCTION_BYTES = 8


class _Program(ctypes.Structure):
    """struct sock_fprog."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def install(program: bytes) -> None:
    """Install a filter that `policy` made. The process must have given up new privileges, and have one thread.

    Raises:
        OSError: the kernel has no seccomp filters, or does not take this one.
    """
    code = ctypes.create_string_buffer(program, len(program))
    given = _Program(len(program) // _INSTRUCTION_BYTES, ctypes.cast(code, ctypes.c_void_p))
    kernel.prctl(_PR_SET_SECCOMP, _MODE_FILTER, ctypes.addressof(given), name="prctl(PR_SET_SECCOMP)")
