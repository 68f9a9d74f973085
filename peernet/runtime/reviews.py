"""Carries out reviews: looks through the journal for what rested on a peer, beside the loop."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import trio

from peernet.config import Config
from peernet.core.effects import Review
from peernet.core.events import Done, Event, Failed, Failure, Reviewed
from peernet.core.records import EvidenceRecord, JobRecord, decode_record
from peernet.core.work.reviews import look_through
from peernet.errors import StorageError
from peernet.runtime.failures import to_failure
from peernet.runtime.surroundings import Blocking
from peernet.storage.journal import Journal
from peernet.types import PeerId


class Reviews:
    """The reviews of one peer. post: takes outcomes. nursery: where the work runs; blocking: the work itself."""

    def __init__(
        self,
        journal: Journal,
        config: Config,
        blocking: Blocking,
        post: Callable[[Event], None],
        nursery: trio.Nursery,
    ) -> None:
        self._journal = journal
        self._limit = config.trust.review_records
        self._blocking = blocking
        self._post = post
        self._nursery = nursery

    def carry(self, effect: Review) -> None:
        """Carry out one; its outcome is posted later."""
        self._nursery.start_soon(self._review, effect)

    async def _review(self, effect: Review) -> None:
        try:
            part = await self._blocking(review, self._journal, effect.peer, effect.after, self._limit)
        except StorageError as error:
            self._post(Failed(effect.id, to_failure(error)))
        except msgspec.DecodeError as error:
            text = f"a record of an ended job is of another version or damaged ({error})"
            self._post(Failed(effect.id, Failure("storage", text)))
        else:
            self._post(Done(effect.id, part))


def review(journal: Journal, peer: PeerId, after: bytes, limit: int) -> Reviewed | None:
    """Return the next part of a review. See `look_through`. Raises StorageError."""
    return look_through(
        lambda start: (decode_record(JobRecord, data) for _, data in journal.load(JobRecord.space, b"", start)),
        lambda job, start: (
            decode_record(EvidenceRecord, data) for _, data in journal.load(EvidenceRecord.space, job, start)
        ),
        peer,
        after,
        limit,
    )
