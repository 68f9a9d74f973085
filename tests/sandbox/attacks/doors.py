"""Doors of the kernel that computing never needs, and that have been the way out of sandboxes."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import struct

from attacks import kernel

Context = dict[str, object]

_CLONE_NEWUSER = 0x10000000


def unshare_user(_: Context) -> list[str]:
    """Root in a user namespace of its own reaches much more of the kernel."""
    got = []
    reading, writing = os.pipe()
    with contextlib.suppress(OSError):
        pid = os.fork()
        if pid == 0:
            os.write(writing, kernel.attempt("unshare", _CLONE_NEWUSER).encode() or b"-")
            os._exit(0)
        os.waitpid(pid, 0)
        got.append(os.read(reading, 100).decode().strip("-"))
    got.append(kernel.attempt("unshare", 0x04000000))  # CLONE_NEWUTS: needs to be root
    return [item for item in got if item]


def clone_user(_: Context) -> str:
    """The same by clone, whose flags also come with rubbish above their 32 bits."""
    for flags in (_CLONE_NEWUSER | 17, _CLONE_NEWUSER | 17 | 1 << 40):
        with contextlib.suppress(OSError):
            pid = kernel.call("clone", flags, 0, 0, 0, 0)
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)
            return f"clone returned {pid}"
    return ""


def io_uring(_: Context) -> str:
    return kernel.attempt("io_uring_setup", 4, ctypes.create_string_buffer(256))


def bpf(_: Context) -> str:
    """A map of one entry."""
    return kernel.attempt("bpf", 0, struct.pack("=5I", 2, 4, 4, 1, 0) + bytes(108), 128)


def keyctl(_: Context) -> list[str]:
    """The session's keys."""
    got = [kernel.attempt("keyctl", 0, -3, 1), kernel.attempt("add_key", b"user", b"peernet", b"x", 1, -1)]
    return [item for item in got if item]


def perf(_: Context) -> str:
    """Watch this process by a software clock."""
    attributes = struct.pack("=IIQQQQQ", 1, 112, 0, 0, 0, 0, 1 | 1 << 5 | 1 << 6) + bytes(64)
    return kernel.attempt("perf_event_open", attributes, 0, -1, -1, 0)


def userfaultfd(_: Context) -> str:
    return kernel.attempt("userfaultfd", 1)


def shared_objects(context: Context) -> list[str]:
    """System V objects, which stay when their maker is gone. The test removes them."""
    key = int(str(context["ipc"]))
    return [found for name in ("msgget", "semget") if (found := _ipc(name, key))]


def _ipc(name: str, key: int) -> str:
    return kernel.attempt(name, key, *((1,) if name == "semget" else ()), 0o1600)


def mount(_: Context) -> str:
    """A file system over the scratch folder; it is taken off again."""
    os.mkdir("mounted")
    got = kernel.attempt("mount", b"none", b"mounted", b"tmpfs", 0, None)
    kernel.attempt("umount2", b"mounted", 2)
    return got


def chroot(_: Context) -> str:
    return kernel.attempt("chroot", b".")


def foreign_calls(_: Context) -> list[str]:
    """The numbers of x32: the same kernel functions behind other numbers, which a careless filter lets through."""
    return [found for number in (39, 41, 57) if (found := kernel.attempt(0x40000000 | number, 2, 1, 0))]


def interrupt_80(_: Context) -> int:
    """A 32-bit system call from a 64-bit process: other numbers again. getpid, by hand-written machine code."""
    if kernel.MACHINE != "x86_64":
        return 0
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\x53\xb8\x14\x00\x00\x00\xcd\x80\x5b\xc3")  # push rbx; mov eax, 20; int 0x80; pop rbx; ret
    function = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
    return max(0, int(function()))


def priorities(_: Context) -> list[str]:
    """Come before all other programs of the machine."""
    got = []
    with contextlib.suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
        got.append("real time")
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
    with contextlib.suppress(OSError):
        os.nice(-5)
        got.append("nice")
    return got


def become_another_user(_: Context) -> str:
    """setresuid, for one that is root."""
    os.setresuid(12345, 12345, 12345)
    return f"user {os.getuid()}"
