"""A policy by its name, as people write it and journals keep it."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from peernet.core.work.policies.adaptive import Adaptive
from peernet.core.work.policies.confidence import Confidence
from peernet.core.work.policies.poco import Poco
from peernet.core.work.policies.proving import Proving
from peernet.core.work.policies.quorum import Quorum
from peernet.core.work.trust.credibility import CERTAIN
from peernet.core.work.trust.proofs import function_named

if TYPE_CHECKING:
    from peernet.core.records import JobRecord
    from peernet.core.work.policies.policy import Policy
    from peernet.core.work.policies.scores import Scores
    from peernet.core.work.trust import Function, Trust

    Make = Callable[[Trust, Scores, Function], Policy]

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


def choose(text: str, trust: Trust, scores: Scores, function: Function) -> Policy:
    """Return the policy of this name. trust, scores: what the owner knows of the peers. function: of the job.

    Raises:
        ValueError: as `read_policy`.
    """
    return read_policy(text)(trust, scores, function)


def for_job(record: JobRecord, trust: Trust, scores: Scores) -> Policy:
    """Return the policy of a job, whose project may know by itself which results are right.

    Raises:
        ValueError: as `read_policy`.
    """
    chosen = choose(record.policy, trust, scores, function_named(record.name))
    return Proving(chosen) if record.checks else chosen


def read_policy(text: str) -> Make:
    """Return what makes the policy of this name, for an owner. Use it alone to check a name.

    Raises:
        ValueError: there is no such policy, or it asks for what can't be.
    """
    if text == "plain":
        return _quorum(Quorum.of(None, None))
    if found := re.fullmatch(r"majority:([0-9]{1,4})/([0-9]{1,4})", text):
        return _quorum(Quorum.of(int(found[2]), int(found[1])))
    if text == "adaptive":
        return lambda _trust, scores, _function: Adaptive(scores)
    if text == "poco":
        return lambda trust, scores, _function: Poco(scores, trust.config.confidence)
    if found := re.fullmatch(f"(confidence|poco):{_NUMBER}", text):
        target = float(found[2])
        if not 0.5 < target < CERTAIN:
            raise ValueError(f"a confidence of {found[2]} can't be reached: it goes from 0.5 to {CERTAIN}")
        if found[1] == "poco":
            return lambda _trust, scores, _function: Poco(scores, target)
        return lambda trust, _scores, function: Confidence(target, trust, function)
    raise ValueError(f"{text!r:.60} is no policy; there are {FORMS}")


def _quorum(chosen: Quorum) -> Make:
    return lambda _trust, _scores, _function: chosen
