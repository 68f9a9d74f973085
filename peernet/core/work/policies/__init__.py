"""The policies of verification. `policy.Policy` says what one decides, `choose` makes the one of a job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from peernet.core.work.policies.confidence import Confidence
from peernet.core.work.policies.policy import Policy
from peernet.core.work.policies.quorum import Quorum
from peernet.core.work.trust.credibility import CERTAIN

if TYPE_CHECKING:
    from peernet.core.work.trust import Trust

__all__ = ["Confidence", "Policy", "Quorum", "choose"]


class Wanted(Protocol):
    """What a job asks for: a confidence, or replicas and a quorum, or nothing for the default."""

    @property
    def confidence(self) -> float | None: ...

    @property
    def replicas(self) -> int | None: ...

    @property
    def quorum(self) -> int | None: ...


def choose(wanted: Wanted, trust: Trust) -> Policy:
    """Return the policy that a job asks for.

    Raises:
        ValueError: it asks for what can't be.
    """
    if wanted.confidence is None:
        return Quorum.of(wanted.replicas, wanted.quorum)
    if not 0.5 < wanted.confidence < CERTAIN:
        raise ValueError(f"a confidence of {wanted.confidence} can't be reached: it goes from 0.5 to {CERTAIN}")
    return Confidence(wanted.confidence, trust)
