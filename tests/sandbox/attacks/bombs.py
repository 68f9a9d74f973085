"""Using up what the machine has. Caps keep the machine alive where nothing else does."""

from __future__ import annotations

import contextlib
import ctypes
import mmap
import os
import re
import resource
import signal
import socket
import threading

from attacks import kernel

Context = dict[str, object]

MIB = 1 << 20


def _cap(context: Context) -> int:
    return int(str(context["cap"]))


def memory(context: Context) -> int:
    """Touch so many MiB."""
    held = [bytearray(MIB) for _ in range(_cap(context))]
    return len(held)


def memory_shared(context: Context) -> int:
    """The same by mmap, shared, so that it is nobody's heap."""
    held = []
    with contextlib.suppress(OSError):
        for _ in range(_cap(context)):
            held.append(mmap.mmap(-1, MIB))
            held[-1][::4096] = b"x" * (MIB // 4096)
    return len(held)


def memory_in_files(context: Context) -> int:
    """MiB in files of memory that no address space holds."""
    held = 0
    block = b"x" * MIB
    with contextlib.suppress(OSError):
        for _ in range(_cap(context)):
            os.write(kernel.call("memfd_create", b"bomb", 0), block)
            held += 1
    return held


def memory_in_buffers(context: Context) -> int:
    """MiB in the buffers of pipes and sockets."""
    held = 0
    with contextlib.suppress(OSError):
        while held < _cap(context) * MIB:
            for descriptor in (os.pipe()[1], _socket()):
                os.set_blocking(descriptor, False)
                with contextlib.suppress(BlockingIOError):
                    while held < _cap(context) * MIB:
                        held += os.write(descriptor, b"x" * 65536)
    return held // MIB


def _socket() -> int:
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * MIB)
    theirs.detach()
    return ours.detach()


def memory_in_shared_segments(context: Context) -> int:
    """MiB in a System V segment that outlives its maker. The test removes it."""
    kernel.call("shmget", int(str(context["ipc"])), _cap(context) * MIB, 0o1600)
    return _cap(context)


def threads(context: Context) -> int:
    """So many threads at once, with small stacks."""
    threading.stack_size(64 * 1024)
    stop = threading.Event()
    begun = []
    with contextlib.suppress(RuntimeError, MemoryError):
        for _ in range(_cap(context)):
            thread = threading.Thread(target=stop.wait)
            thread.start()
            begun.append(thread)
    stop.set()
    for thread in begun:
        thread.join()
    return len(begun)


def descriptors(context: Context) -> int:
    """So many open files."""
    held = []
    with contextlib.suppress(OSError):
        for _ in range(_cap(context)):
            held.append(os.open("/dev/null", os.O_RDONLY))
    for descriptor in held:
        os.close(descriptor)
    return len(held)


def timers(context: Context) -> int:
    """Timers, each with a queued signal that counts against all of the user's processes."""
    made = 0
    with contextlib.suppress(OSError):
        for _ in range(_cap(context)):
            kernel.call("timer_create", 1, None, ctypes.byref(ctypes.c_int()))
            made += 1
    return made


def lift_limits(_: Context) -> list[str]:
    """Take one's own limits away, those that the box has set and those that one has lowered oneself."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(32, most), most - 1))
    lifted = []
    for name in ("AS", "CPU", "NOFILE", "NPROC", "FSIZE", "MEMLOCK"):
        kind = getattr(resource, f"RLIMIT_{name}")
        hard = resource.getrlimit(kind)[1]
        if hard == resource.RLIM_INFINITY:
            continue
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(kind, (hard + 1, hard + 1))
            lifted.append(name)
    return lifted


def scratch(context: Context) -> int:
    """So many files of a MiB in the scratch folder. Errors are not caught."""
    for number in range(_cap(context)):
        with open(f"part-{number}", "wb") as file:
            file.write(b"x" * MIB)
    return _cap(context)


def disks(context: Context) -> dict[str, int]:
    """MiB written to every place there is, each up to the cap. All is removed again where nobody else would."""
    written = {}
    block = b"x" * MIB
    for place in (".", *context["places"], "/dev", "/run", "/", "..", "/proc", "/sys"):  # type: ignore[misc]
        paths = []
        with contextlib.suppress(OSError):
            for number in range(_cap(context)):
                path = os.path.join(place, f"{context['marker']}-{number}")
                with open(path, "wb") as file:
                    paths.append(path)
                    file.write(block)
                written[place] = number + 1
        if place != ".":
            for path in paths:
                os.unlink(path)
    return written


def inodes(context: Context) -> int:
    """Empty files, which a limit on bytes does not see."""
    made = 0
    with contextlib.suppress(OSError):
        for number in range(_cap(context)):
            os.close(os.open(f"empty-{number}", os.O_CREAT | os.O_WRONLY))
            made += 1
    return made


def spin_python(context: Context) -> str:
    """A loop of Python, deaf to all signals."""
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    for _ in range(_cap(context) * 10_000_000):
        pass
    return "finished"


def spin_pow(context: Context) -> str:
    """One call into C."""
    return f"finished: {pow(7, _cap(context) * 2_000_000).bit_length()}"


def spin_regex(context: Context) -> str:
    """One match that takes for ever."""
    re.match("(a|a)*$", "a" * (20 + _cap(context)) + "b")
    return "finished"


def spin_processor(context: Context) -> str:
    """Use processor time in spite of the kernel's warning."""
    signal.signal(signal.SIGXCPU, signal.SIG_IGN)
    return spin_python(context)


def stop_itself(_: Context) -> str:
    """Neither run nor end."""
    os.kill(os.getpid(), signal.SIGSTOP)
    return "woken"


def large_result(context: Context) -> bytes:
    """So many MiB."""
    return bytes(_cap(context) * MIB)


def flood(context: Context) -> str:
    """So many MiB of output."""
    block = b"x" * (MIB - 1) + b"\n"
    for _ in range(_cap(context)):
        os.write(1, block)
    return "printed"
