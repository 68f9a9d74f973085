"""What a box asks of the operating system. Linux has all of it; elsewhere a part is missing, and says so."""

from __future__ import annotations

import contextlib
import io
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from peernet.box.confine import kernel
from peernet.box.limits import Limits

MEMORY_RESERVE = 16 << 20
"""Bytes of address space kept back from a slice, so that it can still report that it ran out of memory."""

Usage = resource.struct_rusage
"""What os.wait4 says of a process that has ended."""

_all_memory = [(resource.RLIM_INFINITY, resource.RLIM_INFINITY)]
"""The limit with the reserve, ready for `release_reserve`."""

_LINUX = sys.platform == "linux"


def die_with(parent: int) -> None:
    """Have the kernel kill this process when `parent` (a pid) ends. Does nothing but on Linux.

    The parent may have ended before the call: then this process ends here. A `parent` of 0 is one that this
    process's pid namespace hides, so that nobody can tell. (prctl(2): the signal is sent when
    the *thread* that made this process ends.)
    """
    if not _LINUX:
        return
    kernel.prctl(kernel.PR_SET_PDEATHSIG, signal.SIGKILL, name="prctl(PR_SET_PDEATHSIG)")
    if parent and os.getppid() != parent:
        os._exit(1)


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends, so that none is lost. Only on Linux."""
    if _LINUX:
        kernel.prctl(kernel.PR_SET_CHILD_SUBREAPER, 1, name="prctl(PR_SET_CHILD_SUBREAPER)")


def children_of(process: int) -> list[int]:
    """The pids of a single-threaded process's children, orphans it adopted included. Empty but on Linux."""
    try:
        return [int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def threads() -> int:
    """How many threads this process has; 1 where the system does not tell."""
    try:
        return sum(1 for _ in Path("/proc/self/task").iterdir())
    except FileNotFoundError:
        return 1


def kill_group(leader: int) -> None:
    """Kill a process group. Its leader must not have been reaped, else the number may be another's by now."""
    for kill in (os.killpg, os.kill):  # a child may not have made its group yet
        with contextlib.suppress(ProcessLookupError, PermissionError):
            kill(leader, signal.SIGKILL)


def reap() -> Iterator[tuple[int, int, Usage]]:
    """Reap children that have ended, one at a time: (pid, status, usage) as from os.wait4.

    Each one's process group is killed while its leader is a zombie, so that its number can't be another's yet.
    """
    while True:
        try:
            ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return
        if ended is None:
            return
        kill_group(ended.si_pid)
        yield os.wait4(ended.si_pid, 0)


def keep_only(channel: int, output: int) -> None:
    """Make stdin empty, stdout and stderr `output`, keep `channel`, and close every other descriptor."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.closerange(3, channel)
    os.closerange(channel + 1, os.sysconf("SC_OPEN_MAX"))


def print_by_line() -> None:
    """Let what Python prints reach the pipe line by line, so that a sudden end loses none of it."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(line_buffering=True, errors="backslashreplace")


def default_signals() -> None:
    """Undo the zygote's signal handling in a child of it."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def mapped() -> int:
    """Bytes of address space that this process has mapped; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return 0
    return pages * resource.getpagesize()


def apply(limits: Limits, held: int, *, again: bool) -> None:
    """Limit this process, for good. A limit that the system has already set lower stays.

    held: bytes of address space that do not count as the slice's. again: more slices will come to this process, so
    that its processor time is limited anew by each (and by the zygote, since nothing can be limited for good
    then).
    """
    memory = held + limits.memory
    _limit(resource.RLIMIT_AS, memory, memory + MEMORY_RESERVE)
    _all_memory[0] = (resource.getrlimit(resource.RLIMIT_AS)[1],) * 2
    _limit(resource.RLIMIT_FSIZE, limits.scratch, limits.scratch)
    _limit(resource.RLIMIT_NOFILE, limits.open_files, limits.open_files)
    _limit(resource.RLIMIT_CORE, 0, 0)
    if limits.cpu_seconds is not None:
        seconds = math.ceil(time.process_time() + limits.cpu_seconds)
        _limit(resource.RLIMIT_CPU, seconds, resource.RLIM_INFINITY if again else seconds + 1)


def release_reserve() -> None:
    """Use the memory kept back: called once a slice has run out of its own, so that nothing is made anew here."""
    try:
        resource.setrlimit(resource.RLIMIT_AS, _all_memory[0])
    except (ValueError, OSError):
        return


def _limit(kind: int, soft: int, hard: int) -> None:
    _, highest = resource.getrlimit(kind)
    if highest != resource.RLIM_INFINITY:
        soft = min(soft, highest)
        hard = highest if hard == resource.RLIM_INFINITY else min(hard, highest)
    resource.setrlimit(kind, (soft, hard))


def peak() -> int:
    """Bytes of address space that this process had mapped at most; 0 where the system does not tell."""
    return _status_bytes("self", "VmPeak:")


def resident_peak(pid: int) -> int:
    """Bytes that a process had in memory at most; 0 where the system does not tell."""
    return _status_bytes(pid, "VmHWM:")


def _status_bytes(process: int | str, field: str) -> int:
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith(field)), 0)


def processor_time(pid: int) -> float:
    """Seconds of processor time that a living process has used. Linux only (its clock: see
    clock_getcpuclockid(3)).

    Raises OSError if there is no such process."""
    return time.clock_gettime((~pid << 3) | 2)


def max_rss(usage: Usage) -> int:
    """The largest resident size of a process, in bytes: the kernels disagree on the unit."""
    return usage.ru_maxrss if sys.platform == "darwin" else usage.ru_maxrss * 1024


def signal_name(number: int) -> str:
    """A signal as people know it, or its number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
