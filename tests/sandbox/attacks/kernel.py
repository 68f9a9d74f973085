"""System calls by number, for payloads: what is refused through the C library must be refused raw too."""

from __future__ import annotations

import ctypes
import errno
import os

MACHINE = os.uname().machine
LIBC = ctypes.CDLL(None, use_errno=True)

X86_64, ARM64 = 0, 1
NUMBERS = {
    "add_key": (248, 217),
    "bpf": (321, 280),
    "chroot": (161, 51),
    "clone": (56, 220),
    "execveat": (322, 281),
    "fanotify_init": (300, 262),
    "io_uring_setup": (425, 425),
    "keyctl": (250, 219),
    "memfd_create": (319, 279),
    "memfd_secret": (447, 447),
    "mount": (165, 40),
    "msgget": (68, 186),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "semget": (64, 190),
    "shmctl": (31, 195),
    "shmget": (29, 194),
    "sethostname": (170, 161),
    "socket": (41, 198),
    "timer_create": (222, 107),
    "umount2": (166, 39),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}
"""Of each call its number on x86_64 and aarch64, from the kernel's tables."""


def number(name: str) -> int:
    """The number of a call on this machine."""
    return NUMBERS[name][ARM64 if MACHINE == "aarch64" else X86_64]


def call(name: str | int, *arguments: object) -> int:
    """Make a system call. Raises OSError."""
    wanted = number(name) if isinstance(name, str) else name
    passed = [ctypes.c_long(item) if isinstance(item, int) else item for item in arguments]
    LIBC.syscall.restype = ctypes.c_long
    result = int(LIBC.syscall(ctypes.c_long(wanted), *passed))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def attempt(name: str | int, *arguments: object) -> str:
    """Make a system call. Returns how it went, or nothing if the kernel refused."""
    try:
        return f"{name} returned {call(name, *arguments)}"
    except OSError:
        return ""


def why(name: str, *arguments: object) -> str:
    """The error of a call by its name, or nothing if it works."""
    try:
        call(name, *arguments)
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, "?")
    return ""
