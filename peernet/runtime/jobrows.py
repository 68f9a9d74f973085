"""Jobs as rows for people: those that run here, and those that the journal knows."""

from __future__ import annotations

from msgspec.structs import replace

from peernet.core.records import JobRecord, RetractedRecord
from peernet.core.work.stats import JobView, PeerWork, Unfit, view_of
from peernet.identity.jobid import format_job_id
from peernet.identity.peerid import format_peer_id
from peernet.wire.control import JobRow, RetractedRow, UnfitRow, WorkRow


def row_of_record(record: JobRecord) -> JobRow:
    """Return a job as its record knows it, which of one that has not ended is little."""
    row = row_of_view(view_of(record))
    if record.state != "running":
        return row
    return replace(
        row,
        calls=record.length,
        slices=None,
        waiting="its peer is not running; it goes on when `peernet join` is started here",
    )


def row_of_view(view: JobView) -> JobRow:
    """Return a job as this peer sees it now."""
    return JobRow(
        job=format_job_id(view.id),
        name=view.name,
        state=view.state,
        submitted=view.submitted,
        ended=view.ended,
        reduces=view.reduces,
        calls=view.calls,
        slices=view.slices,
        cut=view.cut,
        open=view.open,
        leased=view.leased,
        accepted=view.accepted,
        disputed=view.disputed,
        executions=view.executions,
        disagreements=view.disagreements,
        working=view.working,
        waiting=view.waiting_reason,
        eta=view.eta_seconds,
        reason=view.reason,
        reason_kind=view.reason_kind,
        traceback=view.traceback,
        peers=_work_rows(view.peers),
        policy=view.policy,
        audits=view.audits,
        strikes=view.strikes,
        taken_back=view.taken_back,
        banned=tuple(map(format_peer_id, view.banned)),
        skipped=view.skipped if view.reduces else None,
        unfit=unfit_rows(view.unfit),
        retracted=_retracted_rows(view.retracted),
    )


def _work_rows(peers: tuple[PeerWork, ...]) -> tuple[WorkRow, ...]:
    """Return who did how much, in the text form."""
    return tuple(
        WorkRow(format_peer_id(work.peer), work.slices, round(work.cpu_seconds, 6), work.share) for work in peers
    )


def _retracted_rows(retracted: tuple[RetractedRecord, ...]) -> tuple[RetractedRow, ...]:
    """Return what is believed no more, in the text form."""
    return tuple(
        RetractedRow(format_peer_id(entry.peer), entry.slices, entry.calls, entry.when, entry.reason)
        for entry in retracted
    )


def unfit_rows(groups: tuple[Unfit, ...]) -> tuple[UnfitRow, ...]:
    """Return who can't take part, in the text form."""
    return tuple(UnfitRow(group.why, tuple(map(format_peer_id, group.peers))) for group in groups)
