"""Gives up what a process may do beyond any other of its user: capabilities, and the user itself where it is
root."""

from __future__ import annotations

import ctypes
import os
import struct

from peernet.box.confine import kernel
from peernet.box.confine.syscalls import NUMBERS
from peernet.errors import BoxError

CAP_DAC_READ_SEARCH = 1 << 2
"""Reading whatever the file's mode says. A root whose interpreter lies in its own 0700 home needs it once it has
given up being root; Landlock says which files are meant."""

_HEADER = struct.pack("=Ii", 0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
_HALVES = struct.Struct("=6I")
_LOW = 0xFFFFFFFF


def drop(uid: int | None, keep: int) -> None:
    """Give up, for this process and all its children: gaining privileges by starting programs, all capabilities
    but `keep` (a mask), root for the user and group `uid` if one is given, and being looked into by processes of
    the same user.

    Raises:
        OSError: the kernel refused.
    """
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1, name="prctl(PR_SET_NO_NEW_PRIVS)")
    if uid is not None:
        _empty_bounding_set()
        kernel.prctl(kernel.PR_SET_KEEPCAPS, 1, name="prctl(PR_SET_KEEPCAPS)")
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
    _set_capabilities(keep & permitted())
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0, name="prctl(PR_SET_DUMPABLE)")


def permitted() -> int:
    """The capabilities that this process has or may take up, as a mask."""
    header = ctypes.create_string_buffer(_HEADER, len(_HEADER))
    data = ctypes.create_string_buffer(_HALVES.size)
    kernel.syscall(_number("capget"), header, data, name="capget")
    words = _HALVES.unpack(data.raw)
    return int(words[0] | words[1] | (words[3] | words[4]) << 32)


def _set_capabilities(mask: int) -> None:
    low, high = mask & _LOW, mask >> 32
    header = ctypes.create_string_buffer(_HEADER, len(_HEADER))
    data = _HALVES.pack(low, low, 0, high, high, 0)
    kernel.syscall(_number("capset"), header, ctypes.create_string_buffer(data, len(data)), name="capset")


def _empty_bounding_set() -> None:
    for capability in range(64):
        try:
            kernel.prctl(kernel.PR_CAPBSET_DROP, capability, name="prctl(PR_CAPBSET_DROP)")
        except OSError:
            return  # past the last one that this kernel knows


def _number(call: str) -> int:
    machine = os.uname().machine
    number = NUMBERS[call][1 if machine == "aarch64" else 0]
    if number is None:
        raise BoxError(f"the system call {call} is not known on {machine}")
    return number
