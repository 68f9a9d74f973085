"""The boxes of the jobs that a worker serves: their bundle is pulled and the box opened before the first slice.

A box may end by itself (a slice that exhausts the machine, a killed zygote). It is opened once more; when it fails
again before any slice was done, the job is given up here. No result is sent then: a failure of this machine is not
one of the user's code, and leases that it has go elsewhere once they are late.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from peernet.core.context import Context
from peernet.core.effects import CloseBox, Fetch, OpenBox, PinBlob
from peernet.core.events import Done, Failed, Failure, Outcome
from peernet.core.work.worker.held import Bench, Box, Held
from peernet.core.work.worker.lending import Lending
from peernet.types import Digest
from peernet.wire.signed import Manifest

WITHHELD = ("missing", "corrupt", "refused")
"""Failures of a fetch that are the owner's doing, so that asking again is of no use."""


class Boxes:
    """Opens boxes and opens them again.

    Args:
        ctx: the core's context.
        bench: what this worker holds.
        lending: what slices may use here.
        disk: called with a text when this machine's disk refused.
        give_up: called with a job whose box can't be had here, and why.
    """

    def __init__(
        self,
        ctx: Context,
        bench: Bench,
        lending: Lending,
        *,
        disk: Callable[[str], None],
        give_up: Callable[[Held, str], None],
    ) -> None:
        self._ctx = ctx
        self._bench = bench
        self._lending = lending
        self._disk = disk
        self._give_up = give_up

    def prepare(self, held: Held) -> None:
        """Get the box of a job ready, as far as nothing is under way. Safe to call at any time."""
        manifest = held.manifest
        if manifest is None or held.ended or held.closing or held.box is not Box.ABSENT or self._bench.halted:
            return
        if held.owner == self._ctx.me or held.bundle_here:
            self._open(held, manifest)
            return
        held.box = Box.FETCHING
        addresses = self._ctx.book.get(held.owner)
        self._ctx.ask(
            lambda number: Fetch(number, held.owner, addresses, manifest.bundle, manifest.bundle_size),
            partial(self._fetched, held, manifest.bundle),
        )

    def ended(self, held: Held, box_round: int, failure: Failure) -> None:
        """A slice failed because its box did. Several slices may tell the same end."""
        if held.ended or box_round != held.box_round or held.box is not Box.OPEN:
            return
        self._ctx.emit(CloseBox(held.job))
        self._failed(held, failure)

    def _fetched(self, held: Held, bundle: Digest, outcome: Outcome) -> None:
        if held.ended or held.box is not Box.FETCHING:
            return
        held.box = Box.ABSENT
        if isinstance(outcome, Done):
            held.bundle_here = True
            self._ctx.emit(PinBlob(bundle, held.job))
            self.prepare(held)
            return
        failure = outcome.failure
        if failure.kind == "storage":
            self._disk(failure.message)
        elif failure.kind in WITHHELD:
            self._ctx.refuse("bundle: withheld", held.owner, failure.message)
            self._give_up(held, f"its bundle can't be had: {failure.message}")
        else:
            held.bundle_tries += 1
            if held.bundle_tries >= self._ctx.config.work.worker_tries:
                self._give_up(held, f"its bundle can't be had: {failure.message}")
            else:
                self._ctx.after(self._ctx.config.work.worker_retry_first, partial(self.prepare, held))

    def _open(self, held: Held, manifest: Manifest) -> None:
        held.box = Box.OPENING
        held.box_round += 1
        lending = self._lending
        allowed = lending.allow(held.owner, manifest.needs)
        lock = b"" if lending.has_packages(manifest.needs) else manifest.lock
        self._ctx.ask(
            lambda number: OpenBox(
                number,
                held.job,
                manifest.bundle,
                self._bench.slots,
                allowed.seconds,
                allowed.memory,
                allowed.scratch,
                manifest.reuse,
                lock,
                lending.is_own(held.owner),
                manifest.needs.numeric,
            ),
            partial(self._opened, held, held.box_round),
        )

    def _opened(self, held: Held, box_round: int, outcome: Outcome) -> None:
        if held.ended or held.box_round != box_round or held.box is not Box.OPENING:
            return
        if isinstance(outcome, Failed):
            self._failed(held, outcome.failure)
        else:
            held.box = Box.OPEN

    def _failed(self, held: Held, failure: Failure) -> None:
        held.box = Box.ABSENT
        if failure.kind == "storage":
            self._disk(failure.message)
            return
        held.box_failures += 1
        if held.box_failures > 1:
            self._give_up(held, f"its box fails here: {failure.message}")
        else:
            self.prepare(held)
