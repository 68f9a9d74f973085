"""`peernet results`"""

from __future__ import annotations

from pathlib import Path

import click

from peernet.errors import NoPeerRunningError
from peernet_cli.options import output_option, shared
from peernet_cli.terminal import Terminal


@click.command("results")
@click.argument("job")
@output_option
@shared
def command(terminal: Terminal, job: str, output: Path | None) -> None:
    """Get the results of a job, as often as you like; waits for one that is under way.

    Without -o the JSON of the results is printed; with --json each result is a line of its own, in the order of
    the input. Results that are believed no more, since a peer that they rested on was shut out after the job had
    ended, are given too, and named on standard error.

    JOB is the id of a job, or as much of its beginning as is unique.
    """
    from peernet.api.home import open_home
    from peernet.api.results import raise_for_end
    from peernet.results import to_json
    from peernet_cli.outcome import check_output, save, values_of, write_results
    from peernet_cli.progress import follow
    from peernet_cli.retractions import Places, tell
    from peernet_cli.source import ENDED, Jobs
    from peernet_cli.stats import stats_of, summary_of

    check_output(output)
    jobs = Jobs(open_home())
    row = jobs.row(job)
    if row.state not in ENDED:
        if not jobs.client.running():
            raise NoPeerRunningError(
                f"job {row.job[:10]} is not done, and its peer does not run; start it with `peernet join`"
            )
        row = follow(jobs.client, row.job, terminal)
    raise_for_end(row)
    places = Places(row)
    if output is not None:
        folder = save(row, jobs.values(row), output, jobs.evidence(row, whole=True), places)
        if terminal.json:
            terminal.emit({"event": "done", "output": str(folder)} | stats_of(row, places.ranges))
        else:
            terminal.line(f"results: {folder}  ({summary_of(row)})")
    elif terminal.json:
        for index, value in enumerate(values_of(places.noting(jobs.values(row)))):
            head = {} if row.reduces else {"index": index}
            terminal.emit(
                head | ({"retracted": True} if places.reached(index) else {}), {"result": to_json(value)}
            )
        terminal.emit({"event": "done", "output": None} | stats_of(row, places.ranges))
    else:
        write_results(row, places.noting(jobs.values(row)), terminal.stdout)
    tell(terminal, row, places)
