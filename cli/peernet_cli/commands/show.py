"""`peernet show`"""

from __future__ import annotations

import time

import click

from peernet.wire.control import JobRow
from peernet_cli.options import shared
from peernet_cli.terminal import Terminal


@click.command("show")
@click.argument("job")
@shared
def command(terminal: Terminal, job: str) -> None:
    """Show one job: all its numbers, who did how much, and why it failed.

    JOB is the id of a job, or as much of its beginning as is unique.
    """
    from peernet.api.home import open_home
    from peernet_cli.source import Jobs
    from peernet_cli.stats import failure_of, progress_of

    row = Jobs(open_home()).row(job)
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


def _facts(row: JobRow) -> list[tuple[str, object]]:
    from peernet_cli.stats import duration, project_time

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
    return facts
