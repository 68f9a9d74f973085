"""What a task's error has to do with its box: which limit it met, or what a box does not allow, in words."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from dataclasses import dataclass

from peernet.box.confine import Plan
from peernet.box.limits import Limits
from peernet.box.messages import Status

_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)
_FORBIDDEN = (errno.EPERM, errno.EACCES, errno.EROFS)
_CAUSES = 8
"""Causes of an error that are looked at: chains are short, and the task's own code may build them."""


@dataclass(frozen=True, slots=True)
class Explained:
    """The status of a slice that ended so, and what to add to its error."""

    status: Status
    remark: str


def explain(error: BaseException, plan: Plan, limits: Limits) -> Explained:
    """Look at an error and at what it came from. It is the user's object: only exact types are trusted."""
    for cause in _causes(error):
        if isinstance(cause, OSError):
            number = getattr(cause, "errno", None)
            if number in _FULL:
                return Explained(Status.SCRATCH, _full(plan, limits))
            if plan.confined and (number in _FORBIDDEN or _wants_temporary(cause, plan)):
                return Explained(Status.ERROR, _forbidden(plan))
        if plan.confined and isinstance(cause, RuntimeError) and "can't start new thread" in str(cause.args):
            return Explained(Status.ERROR, f" ({limits.threads} threads are allowed, and all are in use)")
    return Explained(Status.ERROR, "")


def _causes(error: BaseException) -> Iterator[BaseException]:
    cause: BaseException | None = error
    for _ in range(_CAUSES):
        if cause is None:
            return
        yield cause
        cause = cause.__cause__ or cause.__context__


def _wants_temporary(error: OSError, plan: Plan) -> bool:
    """`tempfile` found no folder that it may write to, and says that there is none."""
    return not plan.writable and "No usable temporary directory" in str(error.args)


def _full(plan: Plan, limits: Limits) -> str:
    if not plan.writable:
        return " (slices write no files in this box)"
    return f" (its scratch folder is full: {limits.scratch} bytes are allowed)"


def _forbidden(plan: Plan) -> str:
    rule = "a slice starts no processes and opens no connections"
    if plan.writable:
        return f" ({rule}, and it writes files in its scratch folder only)"
    return f" ({rule}, and in tier B it writes no files: keep data in memory, or require tier A)"
