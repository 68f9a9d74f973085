"""A child looks whether it is confined before it takes an order: one that is not must not run a stranger's
code."""

from __future__ import annotations

import errno
import os
import socket

from peernet.box.confine import kernel, privileges
from peernet.errors import BoxError

_PR_GET_SECCOMP, _PR_GET_NO_NEW_PRIVS = 21, 39
_FILTERED = 2


def check(uid: int | None, keep: int, landlocked: bool) -> None:
    """Look at what the kernel says, and try what must not work.

    Raises:
        BoxError: something is not as it must be.
    """
    wrong = list(_faults(uid, keep, landlocked))
    if wrong:
        raise BoxError(f"the box is not confined as it must be: {'; '.join(wrong)}")


def _faults(uid: int | None, keep: int, landlocked: bool) -> list[str]:
    faults = []
    if kernel.read_prctl(_PR_GET_SECCOMP) != _FILTERED:
        faults.append("there is no seccomp filter")
    if kernel.read_prctl(_PR_GET_NO_NEW_PRIVS) != 1:
        faults.append("privileges can be gained")
    if privileges.permitted() & ~keep:
        faults.append(f"it has the capabilities {privileges.permitted():#x}")
    if uid is not None and os.getresuid() != (uid, uid, uid):
        faults.append(f"it runs as the user {os.getuid()}")
    if not _refuses_sockets():
        faults.append("sockets can be made")
    if landlocked and not _refuses_root():
        faults.append("the root folder can be read")
    return faults


def _refuses_sockets() -> bool:
    try:
        socket.socket().close()
    except OSError as error:
        return error.errno == errno.EPERM
    return False


def _refuses_root() -> bool:
    try:
        os.close(os.open("/", os.O_RDONLY))
    except OSError as error:
        return error.errno == errno.EACCES
    return False
