"""A job as it goes on: a live bar on a terminal, plain lines now and then elsewhere, JSON lines for programs."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from peernet.api.client import ControlClient
from peernet.errors import ConnectionLostError
from peernet.wire.control import JobReply, JobRow, Printed, Watch
from peernet_cli.source import ENDED
from peernet_cli.stats import progress_line, progress_of
from peernet_cli.terminal import Terminal, visible

if TYPE_CHECKING:
    from rich.progress import Progress

LINE_SECONDS = 3.0
"""The least time between two plain lines: a log should tell a story, not each slice."""

JSON_SECONDS = 0.5
"""The least time between two JSON lines of progress."""

Show = Callable[[JobRow], None]


def follow(
    client: ControlClient, job: str, terminal: Terminal, clock: Callable[[], float] = time.monotonic
) -> JobRow:
    """Show a job until it has ended, and return it. What the project prints goes to standard error.

    Raises:
        ConnectionLostError: the peer ended before the job did.
    """
    row = None
    with _display(terminal, clock) as (show, printed):
        for reply in client.stream(Watch(job)):
            if isinstance(reply, Printed):
                printed(reply.text)
            elif isinstance(reply, JobReply):
                row = reply.row
                if row.state not in ENDED:
                    show(row)
    if row is None or row.state not in ENDED:
        raise ConnectionLostError(
            f"the peer ended before job {job[:10]} did; start it with `peernet join` and the job goes on"
        )
    return row


class Lines:
    """Shows changes as lines, at most one every `every` seconds; a new reason to wait is told at once."""

    def __init__(self, write: Show, every: float, clock: Callable[[], float]) -> None:
        self._write = write
        self._every = every
        self._clock = clock
        self._last: JobRow | None = None
        self._due = 0.0

    def show(self, row: JobRow) -> None:
        """Take a state of the job, and perhaps write it."""
        now, last = self._clock(), self._last
        if last is not None and now < self._due and (row.waiting == last.waiting or not row.waiting):
            return
        if last is not None and progress_line(row) == progress_line(last):
            return
        self._last, self._due = row, now + self._every
        self._write(row)


@contextmanager
def _display(terminal: Terminal, clock: Callable[[], float]) -> Iterator[tuple[Show, Callable[[str], None]]]:
    if terminal.json:
        write: Show = lambda row: terminal.emit({"event": "progress"} | progress_of(row))  # noqa: E731

        def printed(text: str) -> None:
            terminal.printed(text)
            terminal.emit({"event": "printed", "text": text})

        yield Lines(write, JSON_SECONDS, clock).show, printed
    elif terminal.stderr.isatty():
        with _bar(terminal) as bar:
            yield bar
    else:
        yield Lines(lambda row: terminal.note(progress_line(row)), LINE_SECONDS, clock).show, terminal.printed


@contextmanager
def _bar(terminal: Terminal) -> Iterator[tuple[Show, Callable[[str], None]]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.text import Text

    console = Console(file=terminal.stderr, highlight=False)
    columns = (BarColumn(bar_width=24), TextColumn("{task.description}", markup=False))
    progress: Progress
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting", total=None)

        def show(row: JobRow) -> None:
            progress.update(
                task, total=row.slices, completed=row.accepted, description=visible(progress_line(row))
            )

        yield show, lambda text: console.print(Text(text), end="")
