"""Which system calls the zygote and its children may make. What is in no list here is refused."""

from __future__ import annotations

import errno
import platform
import struct
from dataclasses import dataclass
from functools import cache

from peernet.box.confine.bpf import Check, assemble
from peernet.box.confine.syscalls import NEWEST, NUMBERS
from peernet.errors import BoxError


@dataclass(frozen=True, slots=True)
class Machine:
    """A kind of processor. audit: its AUDIT_ARCH (linux/audit.h). column: its place in `NUMBERS`. foreign: see
    `bpf.assemble`."""

    audit: int
    column: int
    foreign: int | None


MACHINES = {
    "x86_64": Machine(0xC000003E, 0, 0x40000000),
    "aarch64": Machine(0xC00000B7, 1, None),
}

_MEMORY = "brk madvise mincore mmap mprotect mremap msync munmap"

_FILES = """
    access chdir close close_range copy_file_range dup dup2 dup3 epoll_create epoll_create1 epoll_ctl
    epoll_pwait epoll_wait eventfd eventfd2 faccessat faccessat2 fadvise64 fallocate fchdir
    fdatasync fgetxattr flistxattr flock fstat fstatfs fsync ftruncate getcwd getdents64 getxattr lgetxattr
    listxattr llistxattr lseek lstat newfstatat open openat pipe pipe2 poll ppoll pread64
    preadv pselect6 pwrite64 pwritev read readahead readlink readlinkat readv select sendfile stat statfs statx
    umask write writev
"""
"""Reading and writing. Which paths, the mounts and Landlock say. No memfd_create: what is written there counts
against no limit of a process."""

_CHANGES = """
    chmod creat fchmod fchmodat fchmodat2 link linkat mkdir mkdirat rename renameat renameat2 rmdir symlink
    symlinkat truncate unlink unlinkat utimensat
"""
"""Changing names, modes and times: for boxes with a folder to write to. Landlock says nothing of modes and times,
nor, before ABI 3, of truncate: in a box among the user's own files these would reach every one of them."""

_ITSELF = """
    alarm capget clock_getres clock_gettime clock_nanosleep exit exit_group futex futex_waitv getcpu getegid
    geteuid getgid getgroups getitimer getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid
    getrlimit getrusage getsid gettid gettimeofday getuid membarrier nanosleep pause restart_syscall rseq
    rt_sigaction rt_sigpending rt_sigprocmask rt_sigreturn rt_sigsuspend rt_sigtimedwait sched_get_priority_max
    sched_get_priority_min sched_getaffinity sched_getparam sched_getscheduler sched_yield set_robust_list
    set_tid_address setitimer setrlimit sigaltstack signalfd4 sysinfo time timer_create timer_delete
    timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime timerfd_settime times uname wait4
    waitid
"""

_ZYGOTES_OWN = """
    capset kill landlock_add_rule landlock_create_ruleset landlock_restrict_self prctl prlimit64
    setsid
"""

_UNKNOWN = ("clone3",)
"""Its flags are in memory, where no filter sees them; the C library falls back on clone."""

_CLONE_NEW = 0x7E020000
"""CLONE_NEWNS, -CGROUP, -UTS, -IPC, -USER, -PID, -NET. (CLONE_NEWTIME is for clone3 and unshare only.)"""

_CLONE_THREAD = 0x00010000 | 0x00000800 | 0x00000100
"""CLONE_THREAD, and what it needs: CLONE_SIGHAND and CLONE_VM."""

_TERMINAL_COMMANDS = (0x5401, 0x5413, 0x5421, 0x541B, 0x5450, 0x5451)
"""ioctl TCGETS, TIOCGWINSZ, FIONBIO, FIONREAD, FIONCLEX, FIOCLEX: what Python asks of any file."""

_FCNTL_COMMANDS = (*range(8), *range(36, 39), 1030, 1032)
"""F_DUPFD to F_SETLKW, the locks of open files, F_DUPFD_CLOEXEC, F_GETPIPE_SZ. Not F_SETOWN and F_SETSIG: they
send signals to other processes."""

_PRCTL_OPTIONS = (2, 3, 15, 16, 21, 23, 39)
"""PR_GET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_NAME, PR_GET_NAME, PR_GET_SECCOMP, PR_CAPBSET_READ,
PR_GET_NO_NEW_PRIVS."""

_AF_UNIX = 1


_TRUNCATE = 0o1000
"""O_TRUNC, of the second argument of open and the third of openat."""


def child_filter(pid: int, *, writable: bool, truncates: bool = False) -> bytes:
    """The filter of the process that runs a slice: no new processes, no sockets but pairs of its own, signals
    only to itself.

    pid: of the process itself. writable: whether it has a folder to write to. truncates: Landlock, before ABI 3,
    lets it empty files that it may read, by opening them; so the filter must not, if no folder is writable. Raises
    BoxError on a kind of processor whose calls are not known here."""
    program, places = _childs(_this_machine(), writable, truncates)
    filled = bytearray(program)
    for place in places:
        struct.pack_into("=I", filled, place, pid)
    return bytes(filled)


@cache
def _childs(machine: Machine, writable: bool, truncates: bool) -> tuple[bytes, tuple[int, ...]]:
    """The filter of some child, and where its pid stands in it: where those of two children differ. Assembling it
    takes ten times as long as filling it in, so it is done before children are forked, once for all."""
    one, other = (_assemble_childs(machine, pid, writable, truncates) for pid in (1, 2))
    words = range(0, len(one), struct.calcsize("=I"))
    return one, tuple(at for at in words if one[at : at + 4] != other[at : at + 4])


def _assemble_childs(machine: Machine, pid: int, writable: bool, truncates: bool) -> bytes:
    itself = (Check(0, (pid,)),)
    return _filter(
        machine,
        _plain(_MEMORY, _FILES, _ITSELF, *([_CHANGES] if writable else []))
        | _commands()
        | (_opening_only() if truncates and not writable else {})
        | {
            "clone": (Check(0, (_CLONE_THREAD,), _CLONE_THREAD | _CLONE_NEW),),
            "kill": itself,
            "prctl": (Check(0, _PRCTL_OPTIONS),),
            "prlimit64": (Check(0, (0, pid)),),
            "rt_sigqueueinfo": itself,
            "rt_tgsigqueueinfo": itself,
            "sched_setaffinity": (Check(0, (0, pid)),),
            # Event loops wake themselves through a pair of sockets, which leads to nobody else.
            "socketpair": (Check(0, (_AF_UNIX,)),),
            "tgkill": itself,
            "tkill": itself,
        },
    )


def zygote_filter(pid: int) -> bytes:
    """The filter of the zygote: it forks, signals and confines its children, and gives them their sockets. It runs
    no user code, and starts no other program."""
    return _filter(
        _this_machine(),
        _plain(_MEMORY, _FILES, _CHANGES, _ITSELF, _ZYGOTES_OWN)
        | _commands()
        | {
            "clone": (Check(0, (0,), _CLONE_NEW),),
            "rt_sigqueueinfo": (Check(0, (pid,)),),
            "rt_tgsigqueueinfo": (),
            "sched_setaffinity": (),
            "socketpair": (Check(0, (_AF_UNIX,)),),
            "tgkill": (),
            "tkill": (),
        },
    )


def _plain(*lists: str) -> dict[str, tuple[Check, ...]]:
    return {name: () for names in lists for name in names.split()}


def _commands() -> dict[str, tuple[Check, ...]]:
    """Calls that are many in one. Bytes go through sockets that are connected already: no address is named."""
    return {
        "fcntl": (Check(1, _FCNTL_COMMANDS),),
        "ioctl": (Check(1, _TERMINAL_COMMANDS),),
        "recvfrom": (Check(4, (0,), wide=True),),
        "sendto": (Check(4, (0,), wide=True),),
    }


def _opening_only() -> dict[str, tuple[Check, ...]]:
    return {"open": (Check(1, (0,), _TRUNCATE),), "openat": (Check(2, (0,), _TRUNCATE),)}


def _this_machine() -> Machine:
    name = platform.machine().lower()
    machine = MACHINES.get(name)
    if machine is None:
        raise BoxError(f"boxes can be confined on {', '.join(sorted(MACHINES))}, and this is {name}")
    return machine


def _filter(machine: Machine, calls: dict[str, tuple[Check, ...]]) -> bytes:
    rules: dict[int, tuple[Check, ...]] = {}
    for call, checks in calls.items():
        number = NUMBERS[call][machine.column]
        if number is not None:
            rules[number] = checks
    unknown = [number for call in _UNKNOWN if (number := NUMBERS[call][machine.column]) is not None]
    return assemble(machine.audit, machine.foreign, rules, unknown, NEWEST, errno.ENOSYS)
