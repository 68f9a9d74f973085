"""What one submitter remembers of one peer: checks that it passed, strikes, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass

from peernet.config import TrustConfig
from peernet.core.work.trust.credibility import CERTAIN, checks_for, credibility
from peernet.types import JobId, PeerId

VOUCHERS = 3
"""Distinct peers that have to find a newcomer's results right before that counts: where a fifth lie, it and its
first three vouchers all belong to them in one case of six hundred."""


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
    checks, strikes: how many checks it passed and how often it was wrong, both fading since `touched` (wall time).
    vouchers: the first of those who repeated its results and found them right. Until there are enough of them, it
        may be that a few colluders vouch for each other, and its checks count for nothing. sure: one of its checks
        was made by a trusted peer, which is enough.
    passed, failed: the same since it was first seen, without decay, for people.
    banned: its results count for nothing and it gets no work. blocked: the same, by the user's word; stays until
    the user takes it back.
    """

    share: float
    touched: float
    checks: float = 0.0
    strikes: float = 0.0
    passed: int = 0
    failed: int = 0
    banned: bool = False
    blocked: bool = False
    sure: bool = False
    vouchers: tuple[PeerId, ...] = ()
    marks: tuple[Mark, ...] = ()

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

    @property
    def credibility(self) -> float:
        """The probability that its next result is right, at least; 0 for one that is shut out."""
        if self.shut:
            return 0.0
        return credibility(self.share, self.checks if self.vouched else 0.0)

    @property
    def vouched(self) -> bool:
        """Its checks were made by enough others to count."""
        return self.sure or len(self.vouchers) >= VOUCHERS

    def checks_short(self, target: float) -> float:
        """Return how many more checks it has to pass until one result of it is believed at `target`."""
        short = max(0.0, checks_for(self.share, min(target, CERTAIN)) - self.checks)
        return short if self.vouched else max(short, float(VOUCHERS - len(self.vouchers)))

    def age(self, now: float, config: TrustConfig) -> None:
        """Let what is remembered fade up to `now` (wall time); a ban ends when its strikes have faded.

        A clock that was set back lets nothing fade, and never makes anything count for more.
        """
        passed = max(0.0, now - self.touched)
        self.touched = max(now, self.touched)
        self.checks *= 0.5 ** (passed / config.checks_half_life)
        self.strikes *= 0.5 ** (passed / config.strikes_half_life)
        if self.banned and self.strikes < config.pardon_strikes:
            self.banned = False

    def passes(self, weight: float, voucher: PeerId | None) -> None:
        """A result of it was repeated, with the same outcome.

        weight: how far the one who repeated it is believed. voucher: who that is; None for a trusted peer.
        """
        self.checks += weight
        self.passed += 1
        if voucher is None:
            self.sure = True
        elif len(self.vouchers) < VOUCHERS and voucher not in self.vouchers:
            self.vouchers = (*self.vouchers, voucher)

    def strike(self, mark: Mark, config: TrustConfig) -> bool:
        """A result of it was found wrong. Returns whether this is what it is banned for.

        It has to prove itself anew in any case.
        """
        self.checks, self.sure, self.vouchers = 0.0, False, ()
        self.strikes += 1
        self.failed += 1
        self.marks = (*self.marks, mark)[-config.marks :]
        if self.banned or self.strikes < config.ban_strikes:
            return False
        self.banned = True
        return True
