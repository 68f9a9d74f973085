"""Where a command learns of jobs: from the running peer, or from the journal where none runs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from peernet.api.client import ControlClient
from peernet.errors import ConnectionLostError, NoPeerRunningError
from peernet.storage.home import Home
from peernet.wire.control import (
    ControlReply,
    Evidence,
    EvidenceBatch,
    EvidenceHead,
    EvidenceSlice,
    FinalValue,
    JobReply,
    JobRow,
    JobsReply,
    ListJobs,
    Results,
    Show,
    SliceValue,
)

ENDED = frozenset({"done", "failed", "stopped"})
"""States that a job does not leave."""


class Jobs:
    """The jobs of a home, whether its peer runs or not."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.client = ControlClient(home.control_socket)

    def rows(self) -> list[JobRow]:
        """Return all jobs, newest first."""
        try:
            return list(self.client.ask(ListJobs(), JobsReply).rows)
        except NoPeerRunningError:
            from peernet.runtime import history

            return history.job_rows(self.home)

    def row(self, job: str) -> JobRow:
        """Return one job by its id or a unique prefix. Raises UsageError where there is none such."""
        try:
            return self.client.ask(Show(job), JobReply).row
        except NoPeerRunningError:
            from peernet.runtime import history

            return history.job_row(self.home, job)

    def values(self, row: JobRow) -> Iterator[SliceValue | FinalValue]:
        """Yield the encoded results of a job that is done, in order.

        Raises:
            ConnectionLostError: the peer ended meanwhile. StorageError: a result is gone from the disk.
        """
        for reply in self._stream(Results(row.job), lambda history: history.job_replies(self.home, row.job, 0)):
            if isinstance(reply, SliceValue | FinalValue):
                yield reply

    def evidence(self, row: JobRow, *, whole: bool) -> Iterator[EvidenceHead | EvidenceBatch | EvidenceSlice]:
        """Yield why the slices of a job were accepted, in order. whole: with what `peernet verify` needs.

        Raises:
            ConnectionLostError: the peer ended meanwhile. StorageError: a result is gone from the disk.
        """
        request = Evidence(row.job, whole)
        for reply in self._stream(
            request, lambda history: history.evidence_replies(self.home, row.job, whole=whole)
        ):
            if isinstance(reply, EvidenceHead | EvidenceBatch | EvidenceSlice):
                yield reply

    def _stream(
        self, request: Results | Evidence, offline: Callable[[Any], Iterable[ControlReply]]
    ) -> Iterator[ControlReply]:
        """Yield replies up to the job's own, which ends them. offline: gives them from `runtime.history`."""
        try:
            replies = self.client.stream(request)
            reply = next(replies, None)
        except NoPeerRunningError:
            from peernet.runtime import history

            replies = iter(offline(history))
            reply = next(replies, None)
        while reply is not None and not isinstance(reply, JobReply):
            yield reply
            reply = next(replies, None)
        if reply is None:
            raise ConnectionLostError("the peer ended before it gave all results; run `peernet results` again")
