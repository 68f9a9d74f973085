"""A policy by its name, as people write it and manifests carry it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from peernet.core.work.policies.adaptive import Adaptive
from peernet.core.work.policies.confidence import Confidence
from peernet.core.work.policies.poco import Poco
from peernet.core.work.policies.quorum import Quorum
from peernet.core.work.trust.credibility import CERTAIN

if TYPE_CHECKING:
    from peernet.core.work.policies.policy import Policy
    from peernet.core.work.policies.scores import Scores
    from peernet.core.work.trust import Trust

FORMS = (
    '"confidence:0.99", "majority:2/3" (2 equal of 3), "plain" (a trusted one or 2 equal), "adaptive", "poco:0.99"'
)

_NUMBER = r"([0-9]{0,3}\.?[0-9]{1,9})"


def policy_text(confidence: float | None, replicas: int | None, quorum: int | None) -> str:
    """Return the name of what a project asks for; empty if it asks for nothing."""
    if confidence is not None:
        return f"confidence:{confidence!r}"
    if replicas is None and quorum is None:
        return ""
    chosen = Quorum.of(replicas, quorum)
    return f"majority:{chosen.quorum}/{chosen.replicas}"


def choose(text: str, trust: Trust, scores: Scores) -> Policy:
    """Return the policy of this name. trust, scores: what the owner knows of the peers.

    Raises:
        ValueError: there is no such policy, or it asks for what can't be.
    """
    if text == "plain":
        return Quorum.of(None, None)
    if found := re.fullmatch(r"majority:([0-9]{1,4})/([0-9]{1,4})", text):
        return Quorum.of(int(found[2]), int(found[1]))
    if text == "adaptive":
        return Adaptive(scores)
    if text == "poco":
        text = f"poco:{trust.config.confidence}"
    if found := re.fullmatch(f"(confidence|poco):{_NUMBER}", text):
        target = float(found[2])
        if not 0.5 < target < CERTAIN:
            raise ValueError(f"a confidence of {found[2]} can't be reached: it goes from 0.5 to {CERTAIN}")
        return Confidence(target, trust) if found[1] == "confidence" else Poco(scores, target)
    raise ValueError(f"{text!r:.60} is no policy; there are {FORMS}")
