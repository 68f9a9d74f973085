"""What one submitter remembers of one peer: checks that it passed, strikes, and what follows from them.

Checks are kept for each function (`proofs` says why), strikes for all together: who was wrong in one function has
to prove itself anew in each, and who lies in one is shut out of all.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from peernet.config import TrustConfig
from peernet.core.work.trust.credibility import CERTAIN, checks_for, credibility
from peernet.core.work.trust.proofs import VOUCHERS, Function, Proof
from peernet.types import JobId, PeerId


@dataclass(frozen=True, slots=True)
class Mark:
    """One strike: the evidence that is shown to people. when: wall time. index: of the slice."""

    when: float
    job: JobId
    index: int
    reason: str


@dataclass(slots=True)
class Standing:
    """A peer as one submitter knows it.

    share: of liars among newcomers when it was first seen: what is believed of it before it has proven anything.
        It stays, so that a flood of lying newcomers costs those who were here before nothing.
    strikes: how often it was wrong; like the checks of its proofs it fades since `touched` (wall time).
    passed, failed: the checks that it passed and how often it was wrong since it was first seen, for people.
    banned: its results count for nothing and it gets no work. blocked: the same, by the user's word; stays until
    the user takes it back.
    proofs: what it has proven, for each function, in the order in which they were last touched.
    """

    share: float
    touched: float
    strikes: float = 0.0
    passed: int = 0
    failed: int = 0
    banned: bool = False
    blocked: bool = False
    marks: tuple[Mark, ...] = ()
    proofs: dict[Function, Proof] = field(default_factory=dict)

    @property
    def shut(self) -> bool:
        """It gets no work, and its results count for nothing."""
        return self.banned or self.blocked

    @property
    def shut_for(self) -> str:
        """Why it is shut out, as it reads after its name; nothing if it is not."""
        if self.blocked:
            return "which you have blocked"
        return f"which was banned: {self.marks[-1].reason}" if self.banned else ""

    def proof(self, function: Function) -> Proof:
        """Return what it has proven in a function, to look at only: `passes` adds to it."""
        return self.proofs.get(function) or Proof()

    def share_in(self, function: Function, config: TrustConfig) -> float:
        """Return the share of liars in a function among peers like it, before it has proven anything there: the
        credit of one that has proven itself in another function."""
        for other, proof in self.proofs.items():
            if proof.counting >= config.proven_checks and other != function:
                return min(self.share, config.proven_liars)
        return self.share

    def credibility(self, function: Function, config: TrustConfig) -> float:
        """Return the probability that its next result of a function is right, at least; 0 if it is shut out."""
        if self.shut:
            return 0.0
        return credibility(self.share_in(function, config), self.proof(function).counting)

    def checks_short(self, target: float, function: Function, config: TrustConfig) -> float:
        """Return how many more checks it has to pass until one result of a function is believed at `target`."""
        proof = self.proof(function)
        short = max(0.0, checks_for(self.share_in(function, config), min(target, CERTAIN)) - proof.checks)
        return short if proof.vouched else max(short, float(VOUCHERS - len(proof.vouchers)))

    def age(self, now: float, config: TrustConfig) -> None:
        """Let what is remembered fade up to `now` (wall time); a ban ends when its strikes have faded.

        A clock that was set back lets nothing fade, and never makes anything count for more.
        """
        passed = max(0.0, now - self.touched)
        self.touched = max(now, self.touched)
        faded = 0.5 ** (passed / config.checks_half_life)
        for proof in self.proofs.values():
            proof.checks *= faded
        self.strikes *= 0.5 ** (passed / config.strikes_half_life)
        if self.banned and self.strikes < config.pardon_strikes:
            self.banned = False

    def passes(self, function: Function, weight: float, voucher: PeerId | None, config: TrustConfig) -> None:
        """A result of it was repeated, with the same outcome.

        weight: how far the one who repeated it is believed. voucher: who that is; None for a trusted peer.
        """
        proof = self.proofs.pop(function, None) or Proof()
        while len(self.proofs) >= config.functions:
            del self.proofs[next(iter(self.proofs))]
        self.proofs[function] = proof
        proof.passes(weight, voucher)
        self.passed += 1

    def strike(self, mark: Mark, config: TrustConfig) -> bool:
        """A result of it was found wrong. Returns whether this is what it is banned for.

        It has to prove itself anew in any case, in all functions.
        """
        self.proofs.clear()
        self.strikes += 1
        self.failed += 1
        self.marks = (*self.marks, mark)[-config.marks :]
        if self.banned or self.strikes < config.ban_strikes:
            return False
        self.banned = True
        return True
