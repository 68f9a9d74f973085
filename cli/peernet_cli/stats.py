"""The numbers of a job, as `stats.json` and JSON lines hold them, and as people read them."""

from __future__ import annotations

from collections.abc import Sequence

from peernet.wire.control import JobRow

_PROGRESS = (
    "calls",
    "slices",
    "accepted",
    "open",
    "leased",
    "disputed",
    "executions",
    "disagreements",
    "taken_back",
    "working",
    "waiting",
    "eta",
)


def stats_of(row: JobRow, retracted: Sequence[tuple[int, int]] | None = None) -> dict[str, object]:
    """Return what `stats.json` holds. Times are seconds; shares are of the slices and add to 1. Its "retracted"
    counts the slices whose accepted result was believed no more: computed again before the end, or named since.

    Args:
        retracted: where results stand that are believed no more, if the results have been read.
    """
    places = {} if retracted is None else {"retracted_results": [list(place) for place in retracted]}
    return {
        "job": row.job,
        "name": row.name,
        "state": row.state,
        "submitted": row.submitted,
        "ended": row.ended,
        "project_time": project_time(row),
        "calls": row.calls,
        "slices": row.accepted if row.slices is None else row.slices,
        "executions": row.executions,
        "disagreements": row.disagreements,
        "policy": row.policy,
        "audits": row.audits,
        "strikes": row.strikes,
        "retracted": row.taken_back + sum(entry.slices for entry in row.retracted),
        "banned": list(row.banned),
        "skipped": row.skipped,
        "peers": [
            {"id": work.id, "slices": work.slices, "cpu_seconds": work.cpu_seconds, "share": work.share}
            for work in row.peers
        ],
        "retractions": [
            {
                "peer": entry.peer,
                "slices": entry.slices,
                "calls": entry.calls,
                "when": entry.when,
                "reason": entry.reason,
            }
            for entry in row.retracted
        ],
        **places,
    }


def progress_of(row: JobRow) -> dict[str, object]:
    """Return what a JSON line says of a job that is under way."""
    return {"job": row.job, "state": row.state} | {name: getattr(row, name) for name in _PROGRESS}


def failure_of(row: JobRow) -> dict[str, object]:
    """Return what a JSON line says of a job that ended without a result."""
    return stats_of(row) | {"reason": row.reason, "reason_kind": row.reason_kind, "traceback": row.traceback}


def project_time(row: JobRow) -> float:
    """Return the seconds from submission to the end; 0 while there is none."""
    return round(max(0.0, row.ended - row.submitted), 3) if row.ended else 0.0


def counted(number: int, noun: str) -> str:
    """Return "1 slice", "2 slices"."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def duration(seconds: float) -> str:
    """Return a duration with as much precision as people need."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min"


def summary_of(row: JobRow) -> str:
    """Return the numbers of an ended job in a few words."""
    parts = [
        counted(row.accepted if row.slices is None else row.slices, "slice"),
        counted(len(row.peers), "peer"),
        duration(project_time(row)),
    ]
    if row.disagreements:
        parts.insert(2, counted(row.disagreements, "disagreement"))
    if row.skipped:
        parts.append(f"{counted(row.skipped, 'call')} skipped")
    if row.retracted:
        parts.append(f"{counted(sum(entry.slices for entry in row.retracted), 'slice')} retracted")
    return ", ".join(parts)


def progress_line(row: JobRow) -> str:
    """Return the state of a job in one line: slices, peers at work, disagreements, time left, reason to wait."""
    if row.waiting:
        return f"waiting: {row.waiting} ({_slices(row)})"
    if row.state == "preparing":
        return "preparing: loading the project"
    parts = [_slices(row), f"{counted(row.working, 'peer')} working"]
    if row.disagreements:
        parts.append(counted(row.disagreements, "disagreement"))
    if row.taken_back:
        parts.append(f"{row.taken_back} taken back")
    if row.eta is not None:
        parts.append(f"about {duration(row.eta)} left")
    return f"{row.state}: {', '.join(parts)}"


def _slices(row: JobRow) -> str:
    return f"{row.accepted} of {row.slices} slices" if row.slices is not None else counted(row.accepted, "slice")
