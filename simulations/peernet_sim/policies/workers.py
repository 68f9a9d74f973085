"""Workers as verification sees them: who they are, how fast, and how they lie."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Literal

from peernet.types import PeerId

if TYPE_CHECKING:
    from peernet_sim.policies.cases import Case

Kind = Literal["honest", "independent", "colluding", "sleeper", "rejoining"]

LIARS: tuple[Kind, ...] = ("independent", "colluding", "sleeper", "rejoining")
"""Kinds of liars. independent: each of its lies is another one. colluding: all tell the same lie about a slice.
sleeper: colluding, after a number of honest results. rejoining: colluding, and back under a fresh key when banned.
"""

REJOIN_SECONDS = 10.0
"""How long a banned liar takes to come back under a fresh key. In a network it stays away for five, and takes
about as long until it is told, has joined again and has heard of the job."""

ARRIVAL_SECONDS = 4.0
"""Over how long the workers come to a job, as in a network, where they hear of it by gossip, fetch its bundle and
open a box. Of those who come once others are proven fewer are expected to lie, so they need fewer checks."""

TRUE = b"true"
"""What an honest worker makes of any slice: results are told apart by their bytes only."""


@dataclass(slots=True, eq=False)
class Worker:
    """One worker. number: of the machine, which stays; key: its peer id, which a rejoining liar changes.

    seconds: what a slice takes it. naps: honest results before a sleeper lies. done: results so far.
    """

    number: int
    kind: Kind
    seconds: float
    naps: int = 0
    done: int = 0
    lives: int = 0
    key: PeerId = field(init=False)

    def __post_init__(self) -> None:
        self.be_born()

    def be_born(self) -> None:
        """Take a fresh key."""
        self.lives += 1
        self.key = PeerId(hashlib.sha256(f"worker {self.number} life {self.lives}".encode()).digest())

    def compute(self, index: int, random: Random) -> bytes:
        """Return what it says about a slice."""
        self.done += 1
        if self.kind == "honest" or (self.kind == "sleeper" and self.done <= self.naps):
            return TRUE
        if self.kind == "independent":
            return b"lie %d" % random.getrandbits(60)
        return b"lie about %d" % index


def make_workers(peers: int, share: float, kind: Kind, naps: int, random: Random) -> list[Worker]:
    """Return the workers of a network. share: of liars, from 0 to 1. Speeds vary by a factor of about four."""
    liars = round(peers * share)
    return [
        Worker(number, kind if number < liars else "honest", random.lognormvariate(0.0, 0.35), naps)
        for number in range(peers)
    ]


def workers_of(case: Case) -> list[Worker]:
    """Return the workers of a case: the same machines for all policies and liars, however the case is measured."""
    random = Random(f"{case.seed} {case.peers}")
    return make_workers(case.peers, case.share, case.kind, case.naps, random)
