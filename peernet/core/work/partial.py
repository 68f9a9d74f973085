"""What votes decide where some of them are on a few calls of a slice only.

When results of a slice differ in a few calls, others execute just these (`owner.narrowing`). Such a vote names the
whole result that it makes together with the part that the others have in common, so that equal votes are equal
keys as ever. But it says nothing about that part. Hence three rules, on top of the policy's:

- Somebody has executed the whole of what is accepted. Calls may come out differently on their own, where a
  function keeps something from one call to the next; then no whole result agrees, and whole slices are executed
  again.
- The rest, too, must be believed: by the policy, on the votes of those who executed it. Under a policy that shuts
  liars out, those who are wrong in the calls in dispute are not believed in the others either: their word would
  fall with them. Where each word counts alike, it counts for each call alike.
- Both must be right at once: where probabilities are weighed, their product must suffice.

A failure is a failure whatever the other calls return, so there is no rest to it.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from peernet.core.work.policies import Policy
from peernet.core.work.votes import Key, Vote
from peernet.types import Digest


def decide(policy: Policy, votes: Collection[Vote], shares: Collection[Digest]) -> Key | None:
    """Return the result that is accepted, or None. shares: digests of whole results that are equal but for the
    calls in dispute, and of failures in one of these."""
    key = policy.decide(votes)
    if key is None or not _leans(votes, key):
        return key
    if not whole_of(votes, key):
        return None
    if key[0] != "ok":
        return key
    if policy.decide(rest_of(policy, votes, shares, key)) != key:
        return None
    return key if policy.suffices(reached(policy, votes, shares, key)) else None


def reached(policy: Policy, votes: Collection[Vote], shares: Collection[Digest], key: Key) -> float:
    """Return how probable it is that this result is right in all calls, as `Policy.reached`."""
    there = policy.reached(votes, key)
    if key[0] != "ok" or not _leans(votes, key):
        return there
    return there * policy.reached(rest_of(policy, votes, shares, key), key)


def missing(policy: Policy, votes: Collection[Vote], live: int, trusted_live: bool) -> int:
    """Return how many more leases an undecided slice needs, as `Policy.missing`. Where all that is missing is a
    vote on the rest, or a whole one, the policy does not know."""
    wanted = policy.missing(votes, live, trusted_live)
    if wanted or live or len(votes) >= policy.limit:
        return wanted
    return int(policy.decide(votes) is not None)


def whole_of(votes: Collection[Vote], key: Key) -> list[Vote]:
    """Return the votes of those who executed the whole slice and got this."""
    return [vote for vote in votes if vote.key == key and not vote.calls]


def rest_of(policy: Policy, votes: Collection[Vote], shares: Collection[Digest], key: Key) -> list[Vote]:
    """Return the votes on all other calls, as if each were on the whole: those for `key` agree with it there."""
    rest = []
    for vote in votes:
        if vote.calls:
            continue
        if vote.key == key or vote.key[1] not in shares:
            rest.append(vote)
        elif vote.key[0] == "ok" and not policy.retains:
            rest.append(replace(vote, key=key))
    return rest


def unmatched(votes: Collection[Vote]) -> bool:
    """Return whether some result on a few calls makes a whole that nobody has returned as one."""
    return any(vote.calls and not whole_of(votes, vote.key) for vote in votes)


def narrowing_helps(policy: Policy, votes: Collection[Vote], shares: Collection[Digest]) -> bool:
    """Return whether one more vote on the calls in dispute brings a decision nearer than one on the whole
    slice."""
    if unmatched(votes):
        return False
    key = policy.decide(votes)
    if key is not None:
        rest = rest_of(policy, votes, shares, key)
        return policy.decide(rest) == key and policy.reached(votes, key) < policy.reached(rest, key)
    if policy.retains:
        return True
    keys = dict.fromkeys(vote.key for vote in votes if vote.key[0] == "ok" and vote.key[1] in shares)
    return any(policy.decide(rest_of(policy, votes, shares, one)) == one for one in keys)


def _leans(votes: Collection[Vote], key: Key) -> bool:
    """Whether a vote on a few calls is among those for this result."""
    return any(vote.calls and vote.key == key for vote in votes)
