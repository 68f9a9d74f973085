"""How a box's processes give up what user code must not have: seccomp, Landlock, capabilities, the user, limits.

Each wall stands for itself: in tier A the namespaces and mounts of bubblewrap are around these. Order: privileges
first (Landlock and seccomp need that none can be gained), then Landlock (its calls are not in a child's filter),
then seccomp, then a look whether it holds.
"""

from __future__ import annotations

import os
import resource

from peernet.box.confine import landlock, policy, privileges, seccomp, selfcheck
from peernet.box.confine.landlock import Rights
from peernet.box.confine.plan import Plan
from peernet.errors import BoxError

__all__ = ["Plan", "confine_child", "confine_zygote", "drop_privileges"]

_DEVICES = ("/dev/null", "/dev/zero", "/dev/full")
_READ_DEVICES = ("/dev/random", "/dev/urandom")
_SHARED_MEMORY = "/dev/shm"

_PROC_OF_ITSELF = (
    *(f"/proc/self/{name}" for name in ("cmdline", "fd", "maps", "smaps_rollup", "stat", "statm", "status")),
    *("/proc/cpuinfo", "/proc/meminfo"),
)
"""What a slice may read of a /proc that shows other processes too. Not all of /proc/self: `net` in it shows whom
this machine is connected to."""


_SIGNALS = 64
"""Signals that wait, and timers, which hold one each: the kernel counts them for all of a user's processes, and
without a limit a slice takes the user's share."""


def drop_privileges(plan: Plan) -> None:
    """The zygote's first step, before it imports packages. Raises OSError."""
    if plan.confined:
        privileges.drop(plan.uid, plan.keep)


def confine_zygote(plan: Plan) -> None:
    """Confine the zygote, once it has imported what all children share. Raises OSError and BoxError."""
    if not plan.confined:
        return
    version = landlock.abi()
    if version > 1 or (version and plan.needs_landlock):  # ABI 1 keeps files from being moved, as wiping does
        write = (plan.folder, *plan.scratch, *((_SHARED_MEMORY,) if plan.own_proc else ()))
        landlock.restrict(Rights((*plan.read, "/proc", *_READ_DEVICES), write, _DEVICES), version)
    elif plan.needs_landlock:
        raise BoxError("this kernel has no Landlock (Linux 5.13 or newer, with landlock in its lsm= list)")
    _childs_filter(plan, version)  # the zygote assembles it, and its children only fill in their pids
    seccomp.install(policy.zygote_filter(os.getpid()))


def confine_child(plan: Plan, source: str, scratch: str) -> None:
    """Confine a forked child, before it takes its order.

    source: the folder of the project. scratch: the child's own. Raises OSError and BoxError: it must end then.
    """
    if not plan.confined:
        return
    _limit_what_no_order_sets(plan)
    version = landlock.abi()
    if version:
        proc = ("/proc",) if plan.own_proc else _PROC_OF_ITSELF
        read = (*plan.read, source, *proc, *_READ_DEVICES, *(() if plan.writable else (scratch,)))
        landlock.restrict(Rights(read, (scratch,) if plan.writable else (), _DEVICES), version)
    seccomp.install(_childs_filter(plan, version))
    selfcheck.check(plan.uid, plan.keep, landlocked=bool(version))


def _childs_filter(plan: Plan, version: int) -> bytes:
    return policy.child_filter(os.getpid(), writable=plan.writable, truncates=version < landlock.TRUNCATE_ABI)


def _limit_what_no_order_sets(plan: Plan) -> None:
    for kind in (resource.RLIMIT_CORE, resource.RLIMIT_MEMLOCK, resource.RLIMIT_MSGQUEUE, resource.RLIMIT_NICE):
        resource.setrlimit(kind, (0, 0))
    resource.setrlimit(resource.RLIMIT_SIGPENDING, (_SIGNALS, _SIGNALS))
    if plan.processes is not None:
        resource.setrlimit(resource.RLIMIT_NPROC, (plan.processes, plan.processes))
