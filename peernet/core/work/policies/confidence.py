"""The default policy: as few executions as reach the confidence that was asked for.

After Sarmenta (2002), credibility-based fault tolerance, with three additions.

- *A result may wait.* One result of a peer that has not proven itself is not accepted; but rather than to repeat
  all of them, only as many are repeated as the peer needs checks. When it has passed them, all that waited is
  accepted at once. So a newcomer costs a fixed number of executions, not a share of all.
- *Audits* repeat decided slices, chosen after the fact and at random among all, so that nobody can tell them from
  work; those of the submitter's own machine can't be deceived by any number of colluders.
- *Backtracking*: what rested on a peer that is banned is opened again.

A failure ends the job, so one peer's word is never enough for it, however credible it is.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from peernet.core.work.trust import Function, Trust, weigh
from peernet.core.work.trust.credibility import odds
from peernet.core.work.votes import Key, Vote
from peernet.types import PeerId

MOST_EXECUTIONS = 16
"""Results of one slice before it has failed: so many that do not settle it are no accident."""


@dataclass(frozen=True, slots=True)
class Confidence:
    """Accepts a result that is right with a probability of at least `target`.

    trust: what is known of the peers; it changes while the policy is in use. target: above 0.5 and below 1.
    function: whose results they are.
    """

    target: float
    trust: Trust
    function: Function
    believes: bool = True
    retains: bool = True
    limit: int = MOST_EXECUTIONS
    judges_once: bool = False

    @property
    def name(self) -> str:
        """See `Policy.name`. With all digits that `read_policy` takes."""
        return f"confidence:{self.target:.9g}"

    def decide(self, votes: Collection[Vote]) -> Key | None:
        """See `Policy.decide`."""
        for vote in votes:
            if vote.trusted:
                return vote.key
        groups = self._groups(votes)
        if not groups:
            return None
        weights = weigh(groups)
        best = max(weights, key=lambda key: weights[key])
        if weights[best] < self.target or (best[0] != "ok" and len(groups[best]) < 2):
            return None
        return best

    def reached(self, votes: Collection[Vote], key: Key) -> float:
        """See `Policy.reached`."""
        if any(vote.trusted and vote.key == key for vote in votes):
            return 1.0
        return weigh(self._groups(votes)).get(key, 0.0)

    def suffices(self, reached: float) -> bool:
        """See `Policy.suffices`."""
        return reached >= self.target

    def missing(self, votes: Collection[Vote], live: int, trusted_live: bool) -> int:
        """See `Policy.missing`. One at a time: the next result may make further ones unnecessary."""
        if trusted_live or live or len(votes) >= self.limit:
            return 0
        return 1

    def holds(self, vote: Vote, checking: int) -> bool:
        """See `Policy.holds`."""
        return vote.key[0] == "ok" and checking >= self.trust.checks_short(vote.peer, self.target, self.function)

    def audits(self, *, trusted: bool) -> float:
        """See `Policy.audits`."""
        config = self.trust.config
        return config.own_audits if trusted else config.audits

    def settled(self, votes: Collection[Vote], key: Key) -> None:
        """See `Policy.settled`. What is learnt is learnt by `owner.checking`, from agreement as well."""

    def enough(self, peers: Collection[PeerId]) -> bool:
        """See `Policy.enough`."""
        return self._reached(peers) >= self.target

    def shortage(self, peers: Collection[PeerId]) -> tuple[str, str]:
        """See `Policy.shortage`."""
        share, reached = self.trust.share(), self._reached(peers)
        if share >= 0.5:
            return (
                f"not enough honest peers: about {share:.0%} lie, and no number of newcomers is believed",
                "join peers that you know, mark keys as your own, or let this machine take part",
            )
        return (
            f"a confidence of {self.target:g} is asked for, and {len(peers)} peers can work, which reach "
            f"{reached:.3g} if all agree",
            "join more peers, let this machine take part, mark keys as your own, or ask for less by --confidence",
        )

    @property
    def unmet(self) -> str:
        """See `Policy.unmet`."""
        return f"none is believed at a confidence of {self.target:g}"

    def _groups(self, votes: Collection[Vote]) -> dict[Key, list[float]]:
        """The credibility of those who returned each result; none of those who are shut out."""
        groups: dict[Key, list[float]] = {}
        for vote in votes:
            believed = self.trust.credibility(vote.peer, self.function)
            if believed > 0:
                groups.setdefault(vote.key, []).append(believed)
        return groups

    def _reached(self, peers: Collection[PeerId]) -> float:
        """The confidence that a slice gets if all of these peers agree on it."""
        product = 1.0
        for peer in peers:
            believed = self.trust.credibility(peer, self.function)
            if believed > 0.5:
                product *= odds(believed)
        return product / (1 + product) if product > 1 else 0.0
