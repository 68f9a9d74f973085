"""What the job host is asked about a slice whose results differ, and what its answer means."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from peernet.core.events import DifferencesFound
from peernet.core.work.owner.disputes import MOST_NAMED, Dispute, Narrowed
from peernet.core.work.owner.slices import Slice
from peernet.types import Digest, Payload


@dataclass(frozen=True, slots=True)
class Question:
    """What the host is asked about a slice. values: distinct results, `Dispute.narrowed`'s base first if calls of
    it were lent. failures: the calls that raised, by the digests of those who say so. most: see `Differ`."""

    entry: Slice
    dispute: Dispute
    names: frozenset[Digest]
    values: tuple[Payload, ...]
    failures: dict[Digest, int]
    most: int


def values_of(entry: Slice) -> dict[Digest, Payload]:
    """The distinct results of a slice, those with most votes first, and in the order in which they came."""
    votes = [vote for vote in entry.votes.values() if vote.value is not None]
    count = Counter(vote.key for vote in votes)
    votes.sort(key=lambda vote: -count[vote.key])
    return {vote.value.digest: vote.value for vote in votes if vote.value is not None}


def names_of(entry: Slice) -> frozenset[Digest]:
    """What distinguishes this set of votes from another one, as far as the host is concerned."""
    return frozenset(vote.key[1] for vote in entry.votes.values())


def found_out(question: Question, found: DifferencesFound) -> Dispute:
    """Return what is known of the dispute now, and what leases are on from now on. Once calls were lent they stay
    the same: where results turn out to differ elsewhere too, whole slices follow."""
    before = question.dispute
    old, lent = before.narrowed, before.lent and before.narrowed is not None
    calls = found.narrowed if found.input is not None else ()
    new = Narrowed(calls, question.values[0], found.input) if calls else None
    if lent and old is not None:
        new = Narrowed(old.calls, old.base, found.input if calls == old.calls else None)
    places = {place for told in found.places for place in told}
    places.update(question.failures.values(), before.differing)
    return Dispute(
        compared=question.names,
        narrowed=new,
        lent=lent,
        shares=_shares(new, question, found),
        whole=lent and old is not None and calls != old.calls,
        differing=tuple(sorted(places)[:MOST_NAMED]),
        total=max(before.total, len(places), *(count or 0 for count in found.counts)),
    )


def _shares(narrowed: Narrowed | None, question: Question, found: DifferencesFound) -> frozenset[Digest]:
    """The digests of results that are equal to the base but for the narrowed calls, and of failures in these."""
    if narrowed is None:
        return frozenset()
    calls = frozenset(narrowed.calls)
    equal = [
        value.digest
        for value, count, places in zip(question.values, found.counts, found.places, strict=True)
        if count is not None and count == len(places) and calls.issuperset(places)
    ]
    return frozenset((*equal, *(name for name, call in question.failures.items() if call in calls)))
