"""All peers that this submitter knows something of, and the share of liars among them.

Trust is local: it rests on checks of one's own jobs only. It survives restarts (`TrustRecord`) and fades.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from peernet.core.effects import Note
from peernet.core.records import MarkRecord, ProofRecord, TrustRecord
from peernet.core.work.trust.proofs import Function, Proof
from peernet.core.work.trust.standing import Mark, Standing
from peernet.types import JobId, PeerId

if TYPE_CHECKING:
    from peernet.core.context import Context


class Trust:
    """The standings of peers. Trusted keys (one's own) have none: they are believed outright.

    A change is noted in `moved`, taken by `take_moved`: slices that wait for a peer's credibility are judged anew
    then. Who was shut out or forgiven is taken by `take_shut`. Changes are saved once for each handle, by `flush`.
    changed: whether anything is to be taken or saved; a core asks at the end of each handle.
    """

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self.config = ctx.config.trust
        # In the order in which evidence of them last came in.
        self._standings: dict[PeerId, Standing] = {}
        self._moved: dict[PeerId, None] = {}
        self._unsaved: dict[PeerId, None] = {}
        self._shut_now: dict[PeerId, str] = {}
        self.changed = False
        self._liars = 0
        self._proven = 0
        self._shut = 0

    def restore(self, records: Iterable[TrustRecord]) -> None:
        """Take in what the journal holds."""
        for record in sorted(records, key=lambda record: (record.touched, record.peer)):
            marks = tuple(Mark(mark.when, JobId(mark.job), mark.index, mark.reason) for mark in record.marks)
            self._standings[record.peer] = standing = Standing(
                share=record.share,
                touched=record.touched,
                strikes=record.strikes,
                passed=record.passed,
                failed=record.failed,
                banned=record.banned,
                blocked=record.blocked,
                marks=marks,
                proofs={
                    Function(proof.function, proof.name): Proof(proof.checks, proof.sure, proof.vouchers)
                    for proof in record.proofs
                },
            )
            self._count(standing, 1)

    def __iter__(self) -> Iterator[tuple[PeerId, Standing]]:
        """Go through all peers of whom anything is known."""
        return iter(self._standings.items())

    def share(self) -> float:
        """Return the share of liars to expect among newcomers: measured, beside the assumption it began with."""
        config = self.config
        liars = config.liars * config.liars_weight + self._liars
        share = liars / (config.liars_weight + self._liars + self._proven)
        return min(config.liars_most, max(config.liars_least, share))

    def of(self, peer: PeerId) -> Standing:
        """Return a peer as it stands now; a newcomer's standing if nothing is known."""
        standing = self._standings.get(peer)
        if standing is None:
            return Standing(self.share(), self._ctx.now.wall)
        self._age(peer, standing)
        return standing

    def credibility(self, peer: PeerId, function: Function) -> float:
        """Return the probability that the next result of a peer in a function is right, at least."""
        return self.of(peer).credibility(function, self.config)

    def checks_short(self, peer: PeerId, target: float, function: Function) -> float:
        """Return how many more checks a peer has to pass. See `Standing.checks_short`."""
        return self.of(peer).checks_short(target, function, self.config)

    def shut(self, peer: PeerId) -> bool:
        """Return whether a peer gets no work and its results count for nothing."""
        return peer in self._standings and self.of(peer).shut

    def meet(self, peer: PeerId) -> None:
        """Remember a peer that has returned something, so that later newcomers change nothing for it."""
        if peer not in self._standings:
            self._open(peer)

    def passed(self, peer: PeerId, function: Function, weight: float, voucher: PeerId | None) -> None:
        """A result of a peer was repeated, with the same outcome. See `Standing.passes`."""
        standing = self._open(peer)
        self._count(standing, -1)
        standing.passes(function, weight, voucher, self.config)
        self._count(standing, 1)

    def strike(self, peer: PeerId, job: JobId, index: int, reason: str) -> bool:
        """A result of a peer was found wrong. Returns whether it is banned for this now."""
        standing = self._open(peer)
        self._count(standing, -1)
        banned = standing.strike(Mark(self._ctx.now.wall, job, index, reason), self.config)
        self._count(standing, 1)
        if banned:
            self._ctx.note(Note("trust", f"banned: {reason}", job=job, peer=peer))
            if not standing.blocked:
                self._shut_now[peer] = standing.shut_for
            self._forget_some()
        return banned

    def block(self, peer: PeerId, blocked: bool) -> None:
        """Shut a peer out by the user's word, or take that word back: then its strikes are forgiven too.

        Ask `no_room_to_block` before.
        """
        if not blocked and peer not in self._standings:
            return
        standing = self._open(peer)
        self._count(standing, -1)
        was_shut, standing.blocked = standing.shut, blocked
        if not blocked:
            standing.banned, standing.strikes = False, 0.0
        if standing.shut != was_shut:
            self._shut_now[peer] = standing.shut_for
        self._count(standing, 1)
        self._forget_some()

    def no_room_to_block(self, peers: Iterable[PeerId]) -> str:
        """Return why these peers can't be blocked, and what to do; nothing if they can."""
        blocked = {peer for peer, standing in self._standings.items() if standing.blocked}
        more, most = len(set(peers) - blocked), self.config.blocked
        if len(blocked) + more <= most:
            return ""
        return (
            f"{most} peers can be blocked, {len(blocked)} are, and {more} more are too many; take some back with "
            "`peernet unblock`, `peernet trust` lists them"
        )

    def take_moved(self) -> dict[PeerId, None]:
        """Return the peers whose standing changed since the last call."""
        moved, self._moved = self._moved, {}
        return moved

    def take_shut(self) -> dict[PeerId, str]:
        """Return the peers that were shut out since the last call, and for what; no reason for the forgiven."""
        shut, self._shut_now = self._shut_now, {}
        return shut

    def flush(self) -> None:
        """Put what changed in this handle on record."""
        for peer in self._unsaved:
            standing = self._standings.get(peer)
            if standing is not None:
                self._ctx.save(_record(peer, standing))
        self._unsaved.clear()
        self.changed = bool(self._moved)

    def validate(self) -> None:
        """Check that the counts agree with the standings. For tests."""
        standings = self._standings.values()
        assert self._liars == sum(standing.banned for standing in standings)
        assert self._proven == sum(self._is_proven(standing) for standing in standings)
        assert self._shut == sum(standing.shut for standing in standings)
        assert self._shut <= self.config.shut
        assert len(self._standings) <= self.config.peers
        assert all(len(standing.proofs) <= self.config.functions for standing in standings)

    def _open(self, peer: PeerId) -> Standing:
        """Return the standing of a peer of whom something is to be remembered, aged."""
        standing = self._standings.pop(peer, None)
        if standing is None:
            self._make_room()
            standing = Standing(self.share(), self._ctx.now.wall)
            self._count(standing, 1)
        self._standings[peer] = standing
        self._age(peer, standing)
        self._moved[peer] = None
        self._unsaved[peer] = None
        self.changed = True
        return standing

    def _age(self, peer: PeerId, standing: Standing) -> None:
        """Let it fade. Only the end of a ban is put on record by itself: the rest fades anew from the record."""
        if standing.touched == self._ctx.now.wall:
            return  # in this handle already
        self._count(standing, -1)
        was_banned = standing.banned
        standing.age(self._ctx.now.wall, self.config)
        self._count(standing, 1)
        if standing.banned != was_banned:
            self._unsaved[peer] = None
            self.changed = True

    def _is_proven(self, standing: Standing) -> bool:
        if standing.banned:
            return False
        least = self.config.proven_checks
        return any(proof.checks >= least for proof in standing.proofs.values())

    def _count(self, standing: Standing, sign: int) -> None:
        self._liars += sign * standing.banned
        self._proven += sign * self._is_proven(standing)
        self._shut += sign * standing.shut

    def _make_room(self) -> None:
        """Forget the one with the least evidence among those that were not heard of for longest."""
        if len(self._standings) < self.config.peers:
            return
        oldest = [peer for peer, standing in self._standings.items() if not standing.shut][:64]
        self._drop(min(oldest, key=lambda peer: self._standings[peer].passed))

    def _forget_some(self) -> None:
        """Forget the oldest of those that are shut out, if they are too many; none that the user named."""
        if self._shut <= self.config.shut:
            return
        for peer, standing in self._standings.items():
            if standing.banned and not standing.blocked:
                self._drop(peer)
                return

    def _drop(self, peer: PeerId) -> None:
        self._count(self._standings.pop(peer), -1)
        self._unsaved.pop(peer, None)
        self._ctx.forget("trust", peer)


def _record(peer: PeerId, standing: Standing) -> TrustRecord:
    return TrustRecord(
        peer=peer,
        share=standing.share,
        touched=standing.touched,
        strikes=standing.strikes,
        passed=standing.passed,
        failed=standing.failed,
        banned=standing.banned,
        blocked=standing.blocked,
        marks=tuple(MarkRecord(mark.when, mark.job, mark.index, mark.reason) for mark in standing.marks),
        proofs=tuple(
            ProofRecord(function.id, function.name, proof.checks, proof.sure, proof.vouchers)
            for function, proof in standing.proofs.items()
        ),
    )
