"""`peernet jobs`"""

from __future__ import annotations

import time

import click

from peernet_cli.options import shared
from peernet_cli.terminal import Terminal


@click.command("jobs")
@shared
def command(terminal: Terminal) -> None:
    """List the jobs that were submitted from here, the newest first, whether the peer runs or not."""
    from peernet.api.home import open_home
    from peernet_cli.retractions import told_in_short
    from peernet_cli.source import Jobs
    from peernet_cli.stats import duration, project_time, stats_of

    rows = Jobs(open_home()).rows()
    if terminal.json:
        for row in rows:
            terminal.emit(stats_of(row) | {"waiting": row.waiting, "reason": row.reason})
        return
    if not rows:
        terminal.note("no job was submitted from here yet")
        return
    table = [
        [
            row.job[:10],
            row.name,
            row.state,
            time.strftime("%Y-%m-%d %H:%M", time.localtime(row.submitted)),
            duration(project_time(row)) if row.ended else "",
            f"{row.accepted}/{row.slices}" if row.slices is not None else str(row.accepted),
            told_in_short(row) or row.waiting or row.reason,
        ]
        for row in rows
    ]
    terminal.table(["job", "name", "state", "submitted", "time", "slices", ""], table, frozenset({4, 5}))
