"""`peernet show`"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from peernet.wire.control import EvidencePart, EvidenceSlice, JobRow
from peernet_cli.options import shared
from peernet_cli.terminal import Terminal

if TYPE_CHECKING:
    from peernet_cli.source import Jobs


@click.command("show")
@click.argument("job")
@click.option("--evidence", is_flag=True, help="Show for each slice why its result was accepted.")
@shared
def command(terminal: Terminal, job: str, evidence: bool) -> None:
    """Show one job: all its numbers, who did how much, and why it failed.

    With --evidence a line for each accepted slice: the confidence reached, who agreed, who differed and in which
    calls, and whose result was an audit or trusted by itself; with --json a JSON line each. Honest peers that
    differ point to a function that does not always return the same for the same input. JOB is the id of a job, or
    as much of its beginning as is unique.
    """
    from peernet.api.home import open_home
    from peernet_cli.source import Jobs
    from peernet_cli.stats import failure_of, progress_of

    jobs = Jobs(open_home())
    row = jobs.row(job)
    if evidence:
        _show_evidence(terminal, row, jobs)
        return
    if terminal.json:
        terminal.emit(progress_of(row) | failure_of(row) | {"reduces": row.reduces})
        return
    for label, value in _facts(row):
        terminal.line(f"{label + ':':<15}{value}")
    if row.peers:
        terminal.line()
        table = [
            [work.id, str(work.slices), f"{work.cpu_seconds:.2f} s", f"{100 * work.share:.1f} %"]
            for work in row.peers
        ]
        terminal.table(["peer", "slices", "cpu", "share"], table, frozenset({1, 2, 3}))
    if row.traceback:
        terminal.line()
        terminal.line(row.traceback.rstrip())


def _show_evidence(terminal: Terminal, row: JobRow, jobs: Jobs) -> None:
    shown = 0
    for part in jobs.evidence(row, whole=False):
        if not isinstance(part, EvidenceSlice):
            continue
        shown += 1
        if terminal.json:
            terminal.emit(_evidence_of(row, part))
            continue
        reached = f", {part.reached:.6f} reached" if part.reached else ""
        terminal.line(f"slice {part.index}: {row.policy}{reached}, {part.digest.hex()}")
        if part.retracted:
            terminal.line(f"  retracted: it is believed no more without {part.retracted}; submit the job again")
        if part.differing:
            terminal.line(f"  {_differing(part)}")
        for worker in part.parts:
            said = "agreed" if worker.agrees else f"differed ({worker.status} {worker.digest.hex()[:16]})"
            marks = [name for name in ("trusted", "audit") if getattr(worker, name)]
            marks += [f"asked for {_calls(worker.calls)} alone"] if worker.calls else []
            marks += ["equal by the project's comparison"] if _is_equal(part, worker) else []
            marks += [] if worker.batch else ["its signature was not kept"]
            terminal.line(f"  {worker.peer}  {', '.join([said, *marks])}")
    if not shown and not terminal.json:
        terminal.line(f"no slice of {row.name} is accepted")


def _differing(part: EvidenceSlice) -> str:
    """In which calls of a slice results differed, for people."""
    named = _calls(part.differing) + (" and others" if part.differences > len(part.differing) else "")
    return (
        f"results differed in {part.differences} of its {part.calls} calls: {named}, counted from 0 "
        "(if it is honest peers that differ, the function does not always return the same)"
    )


def _calls(calls: Sequence[int]) -> str:
    named = ", ".join(map(str, calls))
    return f"call {named}" if len(calls) == 1 else f"calls {named}"


def _is_equal(part: EvidenceSlice, worker: EvidencePart) -> bool:
    """Whether a result agrees although its bytes are others."""
    return worker.agrees and worker.digest != part.digest and not worker.calls


def _evidence_of(row: JobRow, part: EvidenceSlice) -> dict[str, object]:
    return {
        "slice": part.index,
        "calls": part.calls,
        "policy": row.policy,
        "reached": part.reached,
        "retracted": part.retracted or None,
        "digest": part.digest.hex(),
        "differing": list(part.differing),
        "differences": part.differences,
        "workers": [
            {
                "peer": worker.peer,
                "agrees": worker.agrees,
                "equal": _is_equal(part, worker),
                "trusted": worker.trusted,
                "audit": worker.audit,
                "status": worker.status,
                "digest": worker.digest.hex(),
                "lease": worker.lease.hex(),
                "batch": worker.batch.hex() or None,
                "calls": list(worker.calls),
            }
            for worker in part.parts
        ],
    }


def _facts(row: JobRow) -> list[tuple[str, object]]:
    from peernet_cli.retractions import retraction_of
    from peernet_cli.stats import counted, duration, project_time

    facts: list[tuple[str, object]] = [
        ("job", row.job),
        ("name", row.name),
        ("state", row.state),
        ("submitted", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(row.submitted))),
        ("calls", "not known yet" if row.calls is None else row.calls),
        ("slices", f"{row.accepted} accepted of {'?' if row.slices is None else row.slices}"),
        ("executions", row.executions),
        ("disagreements", row.disagreements),
    ]
    if row.ended:
        facts.append(("time", duration(project_time(row))))
    else:
        facts.append(
            ("now", f"{row.leased} leased, {row.open} open, {row.disputed} disputed, {row.working} working")
        )
    if row.eta is not None:
        facts.append(("left", f"about {duration(row.eta)}"))
    if row.waiting:
        facts.append(("waiting", row.waiting))
    if row.reason:
        facts.append(("reason", row.reason))
    if row.taken_back:
        facts.append(("taken back", f"{counted(row.taken_back, 'slice')}, computed again before the end"))
    facts += [("retracted", f"{retraction_of(row, entry)}; submit the job again") for entry in row.retracted]
    return facts
