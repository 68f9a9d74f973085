"""The policies of verification. `policy.Policy` says what one decides, `choose` makes the one of a job."""

from __future__ import annotations

from peernet.core.work.policies.choosing import choose, for_job, policy_text, read_policy
from peernet.core.work.policies.confidence import Confidence
from peernet.core.work.policies.policy import Policy
from peernet.core.work.policies.quorum import Quorum
from peernet.core.work.policies.scores import Scores

__all__ = ["Confidence", "Policy", "Quorum", "Scores", "choose", "for_job", "policy_text", "read_policy"]
