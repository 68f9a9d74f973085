"""Bounds and defaults of trust: what a submitter remembers of the peers that work for it."""

from __future__ import annotations

from dataclasses import dataclass

DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class TrustConfig:
    """See each field. Times are seconds."""

    policy: str = "confidence:0.99"
    """How results are verified where a project asks for nothing: right in 99 of 100 cases at least, for about a
    tenth more executions once the peers are known, and a fifth to two fifths while they are not."""

    confidence: float = 0.99
    """How probable each accepted result has to be right under iExec's policy, where nothing is said."""

    liars: float = 0.2
    """The share of liars that is assumed among newcomers before anything was measured."""

    liars_weight: float = 10.0
    """How many peers that assumption counts as: after ten banned or proven ones half of it is measured."""

    liars_least: float = 0.01
    """The least share that is assumed however well things go: one bad peer in a hundred is never excluded."""

    liars_most: float = 0.95
    """The most, so that a newcomer's word weighs something even in a flood of liars."""

    proven_checks: float = 3.0
    """Checks in one function after which a peer counts as an honest one in the measured share, and has credit in
    other functions. A liar rarely passes three."""

    proven_liars: float = 0.05
    """The share of liars that is assumed at most, in a function that is new to them, among peers that have proven
    themselves in another one: a quarter of what is assumed of newcomers. The checks of three vouchers are enough
    then, where a newcomer needs nine checks."""

    functions: int = 8
    """Functions of the submitter in which what a peer has proven is remembered; then the one that was touched the
    longest ago is forgotten. Few people run more in the month in which checks fade, and a peer whose proof in one
    is forgotten still has the credit of the others."""

    ban_strikes: float = 1.5
    """Strikes that ban. Two are needed: one may be an honest machine's error, of which there are about one in a
    thousand results; the fraction allows for what has faded between the two."""

    pardon_strikes: float = 0.5
    """A ban ends when its strikes have faded to this: after two half-lives."""

    checks_half_life: float = 30 * DAY
    """Passed checks count half after a month: machines are sold, broken into, and wear out."""

    strikes_half_life: float = 14 * DAY
    """Strikes count half after two weeks, so that a machine whose memory was bad may come back after a month."""

    peers: int = 8192
    """Peers remembered. Beyond it those with the least evidence go first, never one that is shut out: a liar must
    not be forgotten for others' sake. Each takes about 300 bytes, and 200 more for each function."""

    shut: int = 4096
    """Of those at most so many shut out; then the oldest of them go. Fresh keys are free, so a longer list of old
    ones is worth nothing."""

    blocked: int = 2048
    """Of those at most so many by the user's word, which is never forgotten: the other half is for liars."""

    marks: int = 8
    """Strikes of one peer kept as evidence for people."""

    audits: float = 0.08
    """The share of leases that are audits: they repeat a decided slice, chosen among all at random. A sleeper that
    begins to lie is wrong about 1 / audits times before it is caught the first time."""

    own_audits: float = 0.3
    """The same for trusted workers, whose audits can't be deceived: a colluding majority is seen by them alone."""

    evidence_parts: int = 32
    """Workers' results that the evidence of a slice names: twice as many as decide one (`MOST_EXECUTIONS`)."""

    evidence_bytes: int = 256 * 1024 * 1024
    """Signed batches of a job that are kept: of a million slices in batches of a few, at some 200 bytes a result.
    A worker that fills its envelopes with noise uses it up; slices after that are accepted without evidence.
    Counted anew when the peer starts again."""

    refuted_least: int = 3
    """Accepted results that audits of trusted peers have to find wrong before a job is given up for that."""

    refuted_share: float = 0.5
    """And they have to be more than this share of such audits. A minority of liars, sleepers too, stays below it
    until it is banned; a colluding majority, which bans the honest ones, does not."""

    review_records: int = 4096
    """Accepted slices of ended jobs that are looked at together after a peer was shut out: read in about
    ten milliseconds, beside the loop, and judged in less where a peer did a tenth of them."""

    retained: int = 65_536
    """Accepted slices of a job that can still be audited and taken back. Those before have become final."""

    retained_bytes: int = 64 * 1024 * 1024
    """Inline bytes of their inputs and results, for the same reason."""
