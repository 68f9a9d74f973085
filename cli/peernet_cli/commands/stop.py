"""`peernet stop`"""

from __future__ import annotations

import click

from peernet_cli.options import shared
from peernet_cli.terminal import Terminal


@click.command("stop")
@click.argument("job")
@shared
def command(terminal: Terminal, job: str) -> None:
    """Stop a job. What was accepted before stays in the journal.

    JOB is the id of a job, or as much of its beginning as is unique.
    """
    from peernet.api.home import control_client
    from peernet.wire.control import JobReply, Ok, Show, Stop

    client = control_client()
    client.ask(Stop(job), Ok)
    row = client.ask(Show(job), JobReply).row
    if terminal.json:
        terminal.emit({"job": row.job, "state": row.state})
    elif row.state in ("done", "failed"):
        terminal.line(f"{row.job[:10]} had ended before: {row.state}")
    else:
        terminal.line(f"{row.job[:10]} is stopped")
