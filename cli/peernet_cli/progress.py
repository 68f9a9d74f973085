"""A job as it goes on: a live bar on a terminal, plain lines now and then elsewhere, JSON lines for programs."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from peernet.api.client import ControlClient
from peernet.errors import ConnectionLostError
from peernet.wire.control import JobReply, JobRow, Printed, Retraction, Watch
from peernet_cli.source import ENDED
from peernet_cli.stats import progress_line, progress_of
from peernet_cli.terminal import Terminal, visible

if TYPE_CHECKING:
    from rich.progress import Progress

LINE_SECONDS = 3.0
"""The least time between two plain lines: a log should tell a story, not each slice."""

FIRST_SECONDS = 2.0
"""No line before this: short jobs need none, and at first every job waits for peers."""

TICK_SECONDS = 0.1
"""How often the thread looks whether a line is due."""

JSON_SECONDS = 0.5
"""The least time between two JSON lines of progress."""

Show = Callable[[JobRow], None]

Display = tuple[Show, Callable[[str], None], Callable[[Retraction], None]]
"""What is shown: a state of the job, what the project printed, and what is believed no more of ended jobs."""


def follow(
    client: ControlClient, job: str, terminal: Terminal, clock: Callable[[], float] = time.monotonic
) -> JobRow:
    """Show a job until it has ended, and return it. What the project prints goes to standard error, and what
    is believed no more of jobs that have ended.

    Raises:
        ConnectionLostError: the peer ended before the job did.
    """
    row = None
    with _display(terminal, clock) as (show, printed, retracted):
        for reply in client.stream(Watch(job)):
            if isinstance(reply, Printed):
                printed(reply.text)
            elif isinstance(reply, Retraction):
                retracted(reply)
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
    """Shows changes as lines: the state as it is every `every` seconds, where it changed since the line before.

    `show` takes states whenever they come and `tick` writes, so that a state after which nothing more happens
    (waiting for peers, say) is told too.
    """

    def __init__(self, write: Show, every: float, clock: Callable[[], float]) -> None:
        self._write = write
        self._every = every
        self._clock = clock
        self._due = clock() + FIRST_SECONDS
        self._latest: JobRow | None = None
        self._told = ""

    def show(self, row: JobRow) -> None:
        """Take a state of the job."""
        self._latest = row

    def tick(self) -> None:
        """Write the latest state if it is time for it and there is anything new."""
        row, now = self._latest, self._clock()
        if row is None or now < self._due or (text := progress_line(row)) == self._told:
            return
        self._told, self._due = text, now + self._every
        self._write(row)


@contextmanager
def _display(terminal: Terminal, clock: Callable[[], float]) -> Iterator[Display]:
    if terminal.json:
        with _ticking(Lines(lambda row: _emit(terminal, row), JSON_SECONDS, clock)) as (lines, lock):

            def printed(text: str) -> None:
                with lock:
                    terminal.printed(text)
                    terminal.emit({"event": "printed", "text": text})

            def retracted(told: Retraction) -> None:
                with lock:
                    terminal.note(f"warning: {told.text}")
                    terminal.emit({"event": "retracted", "job": told.job, "peer": told.peer, "text": told.text})

            yield lines.show, printed, retracted
    elif terminal.stderr.isatty():
        with _bar(terminal, clock) as (show, say):
            yield show, say, lambda told: say(f"warning: {visible(told.text)}")
    else:
        with _ticking(Lines(lambda row: terminal.note(progress_line(row)), LINE_SECONDS, clock)) as (lines, lock):
            yield lines.show, terminal.printed, lambda told: terminal.note(f"warning: {told.text}")


def _emit(terminal: Terminal, row: JobRow) -> None:
    terminal.emit({"event": "progress"} | progress_of(row))


@contextmanager
def _ticking(lines: Lines) -> Iterator[tuple[Lines, threading.Lock]]:
    """Tick in a thread of its own: this one waits for the peer's next word. The lock keeps lines whole."""
    ended = threading.Event()
    lock = threading.Lock()

    def tick() -> None:
        while not ended.wait(TICK_SECONDS):
            with lock:
                lines.tick()

    thread = threading.Thread(target=tick, name="progress", daemon=True)
    thread.start()
    try:
        yield lines, lock
    finally:
        ended.set()
        thread.join()


@contextmanager
def _bar(terminal: Terminal, clock: Callable[[], float]) -> Iterator[tuple[Show, Callable[[str], None]]]:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.text import Text

    console = Console(file=terminal.stderr, highlight=False)
    columns = (BarColumn(bar_width=24), TextColumn("{task.description}", markup=False))
    progress: Progress
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("starting", total=None)

        begun = clock()

        def show(row: JobRow) -> None:
            early = row.waiting and clock() - begun < FIRST_SECONDS
            text = "starting" if early else visible(progress_line(row))
            progress.update(task, total=row.slices, completed=row.accepted, description=text)

        yield show, lambda text: console.print(Text(text))
