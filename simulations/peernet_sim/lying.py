"""Liars and policies as the command line asks for them, for any plan."""

from __future__ import annotations

from typing import Literal

from peernet.core.work.policies import read_policy
from peernet.errors import UsageError
from peernet_sim.faults.catalogue import NOT_SUBMITTER
from peernet_sim.faults.compiling import Apply, Compilation
from peernet_sim.faults.liars import LIES, Liar, Rejoining
from peernet_sim.faults.selection import Share
from peernet_sim.model import Behaviour

LiarKind = Literal["independent", "colluding", "sleeper", "rejoining"]

SLEEP = 5
"""Slices that a sleeper computes well before it lies."""


def liar(kind: LiarKind, honest_for: int = SLEEP, *, told_only: bool = False) -> Behaviour:
    """Return a liar of a kind. honest_for: slices that a sleeper computes well first. told_only: a rejoining one
    stays until it is told that it is banned."""
    if kind == "rejoining":
        return Rejoining(lies=None if told_only else LIES)
    return Liar(1.0, None if kind == "independent" else 0, honest_for if kind == "sleeper" else 0)


def lying(share: float, kind: LiarKind) -> tuple[Apply, ...]:
    """Return what makes a share of the peers lie, submitters excepted.

    Raises:
        UsageError: it is no share.
    """
    if not 0.0 <= share <= 1.0:
        raise UsageError(f"liars are a share of the peers between 0 and 1, not {share:g}: for a fifth write 0.2")
    if not share:
        return ()

    def apply(to: Compilation) -> None:
        to.behave(to.members(Share(NOT_SUBMITTER, share, "liars")), lambda: liar(kind))

    return (apply,)


def checked(policy: str) -> str:
    """Return the name of a policy, or nothing for those that jobs have themselves.

    Raises:
        UsageError: there is no such policy.
    """
    try:
        if policy:
            read_policy(policy)
    except ValueError as error:
        raise UsageError(f"--policy: {error}") from None
    return policy
