"""Offers that this worker has heard of, and which of them it may take."""

from __future__ import annotations

from dataclasses import dataclass

from peernet.config.work import WorkConfig
from peernet.core.context import Timer
from peernet.core.work.worker.held import HeldKey
from peernet.identity.envelope import Opened
from peernet.wire.signed import Offer


@dataclass(slots=True)
class Known:
    """One offer. until: wall-clock expiry. sequence: of its envelope. planned: the pull that is about to leave.
    tried: a pull has left; the next one waits for the offer to be repeated. told: what this machine lacks for it,
    as it was told to the volunteer."""

    key: HeldKey
    offer: Offer
    sequence: int
    until: float
    planned: Timer | None = None
    tried: bool = False
    told: str = ""

    def cancel(self) -> None:
        """Drop the planned pull."""
        if self.planned is not None:
            self.planned.cancel()
            self.planned = None


class OfferTable:
    """Known offers and barred jobs, both bounded and by (owner, job), the latest last. Plain dicts: all peers have
    one of each."""

    def __init__(self, bounds: WorkConfig) -> None:
        self._bounds = bounds
        self._known: dict[HeldKey, Known] = {}
        self._barred: dict[HeldKey, float] = {}

    def put(self, opened: Opened, offer: Offer, now: float) -> Known | None:
        """Take in an offer; None if the job is barred or a newer offer of it is known. now: wall-clock seconds."""
        key = (opened.author, offer.job)
        if self.barred(key, now):
            return None
        known = self._known.get(key)
        if known is None:
            known = Known(key, offer, opened.sequence, opened.expires)
        elif opened.sequence < known.sequence:
            return None
        known.offer, known.sequence, known.until = offer, opened.sequence, opened.expires
        known.tried = False
        self._known.pop(key, None)
        self._known[key] = known
        if len(self._known) > self._bounds.worker_offers:
            self._known.pop(next(iter(self._known))).cancel()
        return known

    def get(self, key: HeldKey, now: float) -> Known | None:
        """Return the offer of a job unless it has expired."""
        known = self._known.get(key)
        return known if known is not None and now < known.until else None

    def open(self, now: float) -> list[Known]:
        """Return the offers that had open slices, the latest heard first; expired ones are dropped."""
        for key in [key for key, known in self._known.items() if known.until <= now]:
            self._known.pop(key).cancel()
        return [known for known in reversed(self._known.values()) if known.offer.open_slices]

    def bar(self, key: HeldKey, now: float, until: float | None = None) -> None:
        """Ignore offers of a job until they have expired (wall-clock seconds)."""
        known = self._known.pop(key, None)
        if known is not None:
            known.cancel()
        span = now + self._bounds.worker_bar_seconds
        if until is None:
            until = span if known is None else max(span, known.until)
        self._barred.pop(key, None)
        self._barred[key] = until
        if len(self._barred) > self._bounds.worker_barred:
            del self._barred[next(iter(self._barred))]

    def barred(self, key: HeldKey, now: float) -> bool:
        """Whether offers of this job are ignored."""
        until = self._barred.get(key)
        if until is not None and until <= now:
            del self._barred[key]
            return False
        return until is not None
