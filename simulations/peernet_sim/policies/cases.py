"""What is measured: combinations of peers, liars and policies, and what came of each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from itertools import product
from typing import Any, Literal, cast

from peernet_sim.policies.workers import LIARS, Kind

Way = Literal["field", "network"]
"""field: the owner's code among workers that answer at once. network: whole peers in scale mode."""

POLICIES = ("confidence:0.99", "confidence:0.999", "majority:2/3", "majority:3/5", "adaptive", "poco")
PEERS = (50, 200, 1000)
SHARES = (0.0, 0.05, 0.2, 0.4)

MAJORITIES = ("majority:2/3", "majority:3/5")
"""Policies that learn nothing of peers: their second job goes as their first, and so does the end of one."""


@dataclass(frozen=True, slots=True)
class Case:
    """One combination. each: slices a worker, in either job. share: of liars. own: the submitter works too. warm:
    a second job follows the first."""

    policy: str
    peers: int
    share: float
    kind: Kind
    each: int
    seed: int
    own: bool = True
    warm: bool = True

    @property
    def naps(self) -> int:
        """Honest results of a sleeper before it lies: it wakes in the middle of the warm job."""
        return self.each * 3 // 2

    @property
    def slices(self) -> int:
        """Slices of each job."""
        return self.peers * self.each

    @property
    def patience(self) -> float:
        """Virtual seconds after which a job is given up: forty times what it takes without any replication."""
        return 40.0 * self.each + 300.0


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one job of a case. wrong: of the accepted slices. state: done, or how else it ended."""

    case: Case
    warm: bool
    state: str
    reason: str
    slices: int
    accepted: int
    wrong: int
    executions: int
    audits: int
    taken_back: int
    banned: int
    cpu_seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return it for a file. The case's word for a second job is left out where there is one."""
        told = asdict(self)
        case = cast("dict[str, Any]", told.pop("case"))
        case["jobs"] = 2 if case.pop("warm") else 1
        return case | told

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Row:
        """Return what `as_json` has told."""
        names = {field.name for field in fields(Case)} - {"warm"}
        case = Case(warm=told["jobs"] == 2, **{name: told[name] for name in names})
        return cls(case, **{field.name: told[field.name] for field in fields(cls) if field.name != "case"})


def cases(
    policies: Iterable[str],
    peers: Iterable[int],
    shares: Iterable[float],
    each: int,
    seeds: int,
    *,
    warm: bool = True,
) -> Iterator[Case]:
    """Go through all combinations; without liars there is but one kind."""
    for count, share, policy, seed in product(peers, shares, policies, range(1, seeds + 1)):
        kinds: tuple[Kind, ...] = LIARS if share else ("honest",)
        for kind in kinds:
            yield Case(policy, count, share, kind, each, seed, warm=warm)


@dataclass(frozen=True, slots=True)
class Batch:
    """Combinations that are measured alike. See `Case`; seeds: how many of each."""

    policies: tuple[str, ...]
    peers: int
    shares: tuple[float, ...]
    each: int
    seeds: int
    warm: bool = True

    def cases(self) -> Iterator[Case]:
        """Go through them."""
        return cases(self.policies, [self.peers], self.shares, self.each, self.seeds, warm=self.warm)


DEFAULT = POLICIES[:1]
OTHERS = tuple(policy for policy in POLICIES if policy not in DEFAULT + MAJORITIES)

BATCHES: dict[Way, tuple[Batch, ...]] = {
    "field": (
        Batch(POLICIES, 50, SHARES, 50, 3),
        Batch(POLICIES, 200, SHARES, 50, 1),
        Batch(POLICIES, 1000, (0.0, 0.2, 0.4), 20, 1),
    ),
    # A network takes about a millisecond for each execution. So majorities have short jobs, which tell as much of
    # them, and the others are measured where they are in question.
    "network": (
        Batch(DEFAULT, 50, SHARES, 50, 2),
        Batch(MAJORITIES, 50, SHARES, 10, 2, warm=False),
        Batch(OTHERS, 50, (0.0, 0.2), 20, 1),
        Batch(DEFAULT, 200, SHARES, 10, 2),
        Batch(MAJORITIES, 200, SHARES, 2, 2, warm=False),
        Batch(DEFAULT, 1000, SHARES, 5, 1),
        Batch(MAJORITIES, 1000, SHARES, 1, 1, warm=False),
    ),
}
"""What is measured where nothing else is asked for."""
