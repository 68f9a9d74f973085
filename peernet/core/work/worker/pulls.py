"""From an offer to a parked pull: whether to ask, when, and what the owner's answer means.

Many workers hear one offer. Each pulls with the probability at which the capacity it knows of matches the open
slices, and after jitter, so that an owner is asked by about as many as it has work for. A job of this peer itself
is pulled at once.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import partial

from peernet.core.adverts import Adverts
from peernet.core.context import Context
from peernet.core.effects import Note
from peernet.core.events import Failed, Outcome
from peernet.core.ownadvert import Serves
from peernet.core.work.worker.held import Bench, Held
from peernet.core.work.worker.lending import Lending
from peernet.core.work.worker.offers import Known, OfferTable
from peernet.core.work.worker.outbox import Outbox
from peernet.errors import EnvelopeError, ProtocolError
from peernet.identity.envelope import open_envelope
from peernet.types import PeerId
from peernet.wire.base import ENVELOPE_LIMIT, MAX_SHORT_TEXT
from peernet.wire.codec import decode_body
from peernet.wire.signed import MANIFEST, Manifest
from peernet.wire.work import Parked, Pull, PullRefused


class Pulls:
    """Pulls jobs from offers.

    Args:
        ctx: the core's context.
        bench: what this worker holds.
        adverts: what this machine is, and the capacity known.
        offers: what was offered.
        lending: what this machine lends.
        serves: whose code runs here.
        parked: called with a job whose owner parked a pull.
        end: called with a job that is not served any longer, and a text for people.
        again: called with a job whose owner did not answer: try later.
    """

    def __init__(
        self,
        ctx: Context,
        bench: Bench,
        adverts: Adverts,
        offers: OfferTable,
        lending: Lending,
        serves: Serves,
        *,
        parked: Callable[[Held], None],
        end: Callable[[Held, str], None],
        again: Callable[[Held], None],
    ) -> None:
        self._ctx = ctx
        self._bench = bench
        self._bounds = ctx.config.work
        self._adverts = adverts
        self._offers = offers
        self._lending = lending
        self._serves = serves
        self._parked = parked
        self._end = end
        self._again = again

    def look_around(self) -> None:
        """Consider all open offers anew: slots have become free."""
        for known in self._offers.open(self._ctx.now.wall):
            self.consider(known)

    def consider(self, known: Known) -> None:
        """Pull the job of an offer, or not. Own jobs at once, others after jitter."""
        owner = known.key[0]
        if known.planned is not None or known.tried or not self._may_take(known) or not self._draws(known):
            return
        if owner == self._ctx.me:
            self._first_pull(known)
        else:
            crowd = min(1.0, self._adverts.capacity() / self._bounds.worker_pull_crowd)
            delay = self._ctx.random.uniform(0, self._bounds.worker_pull_jitter * crowd)
            known.planned = self._ctx.after(delay, partial(self._first_pull, known))

    def serves(self, owner: PeerId) -> bool:
        """Whether code of this peer runs here."""
        return self._serves == "anyone" or owner == self._ctx.me or owner in self._ctx.mine

    def _may_take(self, known: Known) -> bool:
        return (
            self._bench.slots > 0
            and not self._bench.paused
            and known.offer.open_slices > 0
            and known.key not in self._bench.held
            and self._adverts.measured is not None
            and self.serves(known.key[0])
            and self._fits(known)
        )

    def _fits(self, known: Known) -> bool:
        """Whether this machine is known to have what a job needs; why not is told once."""
        owner, job = known.key
        lack = self._lending.lack(owner, known.offer.needs)
        if lack and lack != known.told:
            self._ctx.note(Note("work", f"leaves a job alone: this machine lacks {lack}", job=job, peer=owner))
        known.told = lack
        return not lack and not self._lending.must_measure(known.offer.needs)

    def _draws(self, known: Known) -> bool:
        """Whether this peer is one of those that ask. A busy one asks only when the free are too few."""
        slices, capacity = known.offer.open_slices, self._adverts.capacity()
        if known.key[0] == self._ctx.me or slices >= capacity:
            return True
        if not self._bench.free():
            return False
        share = (slices + self._bounds.worker_pull_surplus) / capacity
        return self._ctx.random.random() < max(self._bounds.worker_pull_floor, share)

    def _first_pull(self, known: Known) -> None:
        known.planned = None
        now = self._ctx.now
        if known.until <= now.wall or not self._may_take(known) or not self._make_room():
            return
        known.tried = True
        owner, job = known.key
        held = Held(owner, job, known.until, now.mono, Outbox(self._bounds))
        self._bench.held[known.key] = held
        self.pull(held)

    def _make_room(self) -> bool:
        """Whether one more job fits, if need be in place of the one that has been idle for longest."""
        if len(self._bench.held) < self._bounds.worker_jobs:
            return True
        long_ago = self._ctx.now.mono - self._bounds.worker_idle_room
        idle = [held for held in self._bench.held.values() if not held.count and not len(held.outbox)]
        idle = [held for held in idle if held.heard <= long_ago]
        if idle:
            longest = min(idle, key=lambda held: held.heard)
            self.withdraw(longest)
            self._end(longest, "another job needs its place")
        return bool(idle)

    def withdraw(self, held: Held) -> None:
        """Take a parked pull back before its job is dropped, or the owner would grant into the void."""
        if held.parked:
            body = Pull(held.job, 0, True, self._adverts.own())
            self._ctx.call(held.owner, body, lambda outcome: None, self._bounds.worker_pull_timeout)

    def tell_unable(self, held: Held, why: str) -> None:
        """Tell the owner that its job can't be served here after all: it would go on counting on this worker."""
        body = Pull(held.job, 0, True, self._adverts.own(), why[:MAX_SHORT_TEXT])
        self._ctx.call(held.owner, body, lambda outcome: None, self._bounds.worker_pull_timeout)

    def pull(self, held: Held) -> None:
        """Ask for as many slices as are wanted now; zero takes an earlier pull back."""
        if held.pulling or held.ended:
            return
        want = self._bench.want(held)
        held.pulling = True
        held.ask(want, self._bench.most)
        body = Pull(held.job, want, held.manifest is not None, self._adverts.own())
        self._ctx.call(held.owner, body, partial(self._answered, held, want), self._bounds.worker_pull_timeout)

    def _answered(self, held: Held, want: int, outcome: Outcome) -> None:
        held.pulling = False
        if isinstance(outcome, Failed):
            held.unanswered(want)
            if not held.ended:
                self._unanswered(held, outcome)
            return
        held.answered(want)
        if held.ended:
            return
        if isinstance(outcome.value, Parked):
            self._on_parked(held, outcome.value)
        elif isinstance(outcome.value, PullRefused):
            self._on_refused(held, outcome.value)
        else:
            self._ctx.refuse("pull: wrong answer", held.owner, type(outcome.value).__name__)
            self._forget(held, "its owner breaks the protocol")

    def _unanswered(self, held: Held, outcome: Failed) -> None:
        if held.manifest is None and not held.count:
            self._end(held, outcome.failure.message)  # offers are repeated while slices are open
            return
        if outcome.failure.kind == "refused":
            held.refusals += 1
            if held.refusals >= self._bounds.worker_refusals:
                self._forget(held, outcome.failure.message)
                return
        elif held.lost_since is None:
            held.lost_since = self._ctx.now.mono
        self._again(held)

    def _on_parked(self, held: Held, answer: Parked) -> None:
        if held.manifest is None and not self._read_manifest(held, answer.manifest):
            return
        held.parked = not held.closing
        held.lost_since = None
        held.attempts = held.refusals = 0
        held.heard = self._ctx.now.mono
        self._parked(held)

    def _read_manifest(self, held: Held, envelope: bytes) -> bool:
        """Whether the owner's manifest is the job's and asks for nothing that this worker refuses."""
        try:
            opened = open_envelope(
                envelope,
                MANIFEST,
                now=self._ctx.now.wall,
                verify=self._ctx.verify,
                max_lifetime=self._bounds.manifest_lifetime,
                max_size=ENVELOPE_LIMIT,
            )
            manifest = decode_body(Manifest, opened.body)
        except (EnvelopeError, ProtocolError) as error:
            return self._bad_manifest(held, str(error))
        if opened.author != held.owner or hashlib.sha256(envelope).digest() != held.job:
            return self._bad_manifest(held, "it is another job's or another peer's")
        unfit = self._unfit(held, manifest)
        if unfit:
            self._forget(held, unfit)
            return False
        held.manifest, held.until = manifest, opened.expires
        return True

    def _bad_manifest(self, held: Held, text: str) -> bool:
        self._ctx.refuse("manifest: refused", held.owner, text)
        self._forget(held, "its manifest is not valid")
        return False

    def _unfit(self, held: Held, manifest: Manifest) -> str:
        lack = self._lending.lack(held.owner, manifest.needs, manifest.lock)
        if lack:
            return f"this machine lacks {lack}"
        if manifest.bundle_size > self._ctx.config.box.bundle:
            return f"its bundle of {manifest.bundle_size} bytes is too large"
        return ""

    def _on_refused(self, held: Held, answer: PullRefused) -> None:
        if answer.why != "busy":
            self._forget(held, f"{answer.why}: {answer.text}" if answer.text else answer.why)
            return
        held.attempts = 0
        longest = self._bounds.worker_busy_longest
        wait = min(longest, max(self._bounds.worker_retry_first, answer.retry_after))
        wait *= self._ctx.random.uniform(1.0, 1.5)
        if held.manifest is not None or held.count:
            held.parked = False
            held.retry = self._ctx.after(wait, partial(self._pull_later, held))
            return
        # Nothing is held of it yet, so its place goes to others meanwhile.
        self._end(held, "its owner is busy")
        known = self._offers.get(held.key, self._ctx.now.wall)
        if known is not None and known.planned is None:
            known.planned = self._ctx.after(wait, partial(self._first_pull, known))

    def _pull_later(self, held: Held) -> None:
        held.retry = None
        self.pull(held)

    def _forget(self, held: Held, why: str) -> None:
        """The job is not for this worker: its offers are ignored from now on."""
        self._offers.bar(held.key, self._ctx.now.wall, max(held.until, self._ctx.now.wall))
        self._ctx.note(Note("work", f"leaves a job: {why}", job=held.job, peer=held.owner))
        self._end(held, why)
