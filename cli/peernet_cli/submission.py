"""From a project file to its results: what `peernet submit` does."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import NoReturn

from peernet.api.client import ControlClient
from peernet.api.home import open_home
from peernet.api.jobs import Job
from peernet.api.results import raise_for_end
from peernet.api.submitting import submit_request
from peernet.api.swarm import MAX_WORKERS
from peernet.errors import JobStoppedError, NoPeerRunningError, PeernetError, UsageError
from peernet.project import collect, make_options
from peernet.runtime.machine import usable_cores
from peernet.storage.home import Home
from peernet.wire.control import JobRow, Submit
from peernet_cli.evidence import Evidence
from peernet_cli.outcome import Encoded, check_output, inline_json, save, summary
from peernet_cli.progress import follow
from peernet_cli.retractions import tell
from peernet_cli.source import Jobs
from peernet_cli.stats import counted, failure_of, stats_of
from peernet_cli.terminal import Terminal

GLANCE_SECONDS = 2.0
"""How long to look at a project before a local swarm is started for it. If one takes longer to load and is broken,
the swarm will tell."""

LOOK_SECONDS = 30.0
"""How long to look at a project that can't be run: long enough to load it, and somebody waits for the answer."""


@dataclass(frozen=True, slots=True)
class Choices:
    """What the command line says; the options are explained in `commands.submit`."""

    file: str
    arguments: tuple[str, ...] = ()
    output: Path | None = None
    local: int | None = None
    no_local: bool = False
    replicas: int | None = None
    quorum: int | None = None
    slice_size: int | None = None
    timeout: float | None = None
    name: str | None = None
    patience: float = 10.0
    detach: bool = False
    memory: str | None = None
    scratch: str | None = None
    confidence: float | None = None
    on_error: str | None = None
    numeric: str | None = None
    require_sandbox: str | None = None
    sandbox_tier: str | None = None
    dry_run: bool = False


def run(terminal: Terminal, choices: Choices) -> None:
    """Submit the project, show it until it has ended, and give out its results.

    Raises:
        PeernetError: what was wrong with the command line or the project, or why the job failed.
    """
    request = prepare(choices)
    if choices.dry_run:
        from peernet_cli.dryrun import show

        show(terminal, request)
        return
    home = open_home()
    running = ControlClient(home.control_socket).running()
    if not running and (choices.no_local or choices.detach):
        _refuse_or_finish(terminal, choices, request, home)
        return
    if not running or choices.local is not None:
        from peernet_cli.preflight import look

        look(request, home, GLANCE_SECONDS)
    if not running and choices.local is None:
        workers = counted(usable_cores(), "worker")
        terminal.note(f"no peer is running here: starting a local swarm of {workers}")
    with _interruptible(), _submitted(terminal, choices, request, home) as job:
        _tell_submitted(terminal, choices, job)
        if choices.detach:
            return
        row = follow(job.client, job.id, terminal)
        if terminal.json and row.state != "done":
            terminal.emit({"event": row.state} | failure_of(row))
        raise_for_end(row)
        jobs = Jobs(home)
        evidence = jobs.evidence(row, whole=True)
        hand_out(terminal, row, lambda: jobs.values(row), choices.output, evidence)


def _tell_submitted(terminal: Terminal, choices: Choices, job: Job) -> None:
    """Say that the job is submitted, and who is known not to be able to take part: before anything runs there."""
    told = job.submitted
    if terminal.json:
        unfit = [{"why": group.why, "peers": list(group.peers)} for group in told.unfit]
        terminal.emit({"event": "submitted", "job": job.id, "fit": told.fit, "unfit": unfit})
    elif choices.detach:
        terminal.line(job.id)
    else:
        terminal.note(f"job {job.id[:10]} is submitted")
    if job.note:
        terminal.note(job.note)
    if told.text:
        terminal.note(told.text)


def prepare(choices: Choices) -> Submit:
    """Check everything that needs no peer and runs no code of the user, and bundle the source.

    Raises:
        UsageError: an option is out of range, or the project's source can't be used.
    """
    options = make_options(
        slice_size=choices.slice_size,
        replicas=choices.replicas,
        quorum=choices.quorum,
        timeout=choices.timeout,
        name=choices.name,
        memory=choices.memory,
        scratch=choices.scratch,
        confidence=choices.confidence,
        numeric=choices.numeric,
    )
    if choices.local is not None and not 1 <= choices.local <= MAX_WORKERS:
        raise UsageError(f"--local {choices.local}: a local swarm has 1 to {MAX_WORKERS} workers")
    if choices.local is not None and choices.no_local:
        raise UsageError("--local and --no-local exclude each other")
    if choices.detach and choices.local is not None:
        raise UsageError(
            "--detach: a local swarm ends with this command; start a peer with `peernet join` instead"
        )
    if choices.detach and choices.output is not None:
        raise UsageError("--detach: there are no results yet; get them later with `peernet results JOB -o DIR`")
    if not 0 <= choices.patience < float("inf"):
        raise UsageError(f"--patience {choices.patience}: it must be a number of seconds, 0 or more")
    check_output(choices.output)
    path, name = split_target(choices.file)
    bundle = replace(collect(path, name, choices.arguments), on_error=choices.on_error or "")
    encoded = bundle.encode()
    return Submit(
        host_bundle=encoded,
        worker_bundle=encoded,
        needs_python=bundle.python,
        name=choices.name or "",
        slice_size=choices.slice_size,
        replicas=choices.replicas,
        quorum=choices.quorum,
        timeout=choices.timeout,
        patience=choices.patience,
        memory=options.memory,
        scratch=options.scratch,
        confidence=options.confidence,
        tier=choices.require_sandbox or "",
        numeric=choices.numeric,
    )


def split_target(text: str) -> tuple[Path, str | None]:
    """Return the file and the name in `FILE.py[:NAME]`. A file whose own name has a colon is found too."""
    path, colon, name = text.rpartition(":")
    if not colon or text.endswith(".py") or Path(text).exists():
        return Path(text), None
    return Path(path), name


def hand_out(
    terminal: Terminal,
    row: JobRow,
    values: Callable[[], Encoded],
    output: Path | None,
    evidence: Evidence | None = None,
) -> None:
    """Write the results of a job that is done where they were asked for, and a summary.

    values: gives the encoded results anew each time; they are never held as a whole. evidence: why they were
    accepted; None where no peer has run the job.

    Raises:
        StorageError: the disk refused.
    """
    folder = None if output is None else save(row, values(), output, evidence)
    tell(terminal, row)
    if terminal.json:
        value = inline_json(row, values())
        record = {"event": "done", "output": None if folder is None else str(folder)} | stats_of(row)
        terminal.emit(record, {} if value is None else {"value": value})
        return
    lines = summary(row, values())
    terminal.line(lines[0])
    if folder is not None:
        terminal.line(f"results: {folder}")
    elif len(lines) > 1:
        terminal.note(lines[1])


def _refuse_or_finish(terminal: Terminal, choices: Choices, request: Submit, home: Home) -> None:
    """No peer runs and none may be started: a broken project is told as such, an empty one has its result."""
    from peernet_cli.preflight import look

    seen = look(request, home, LOOK_SECONDS)
    for line in seen.printed:
        terminal.printed(line)
    if seen.finished is None:
        remedy = "start one with `peernet join`" + (", or leave out --no-local" if choices.no_local else "")
        raise NoPeerRunningError(f"no peer is running in {home.root}; {remedy}")
    row, encoded = seen.finished
    hand_out(terminal, row, lambda: encoded, choices.output)


@contextmanager
def _submitted(terminal: Terminal, choices: Choices, request: Submit, home: Home) -> Iterator[Job]:
    """Hand the job over; when interrupted, ask it to stop, and end its local swarm whatever happens."""
    with submit_request(
        request,
        home,
        local=choices.local,
        start_local=not choices.no_local,
        sandbox_tier=choices.sandbox_tier,
    ) as job:
        try:
            yield job
        except KeyboardInterrupt:
            _stop(terminal, job)
            raise JobStoppedError(f"interrupted: job {job.id[:10]} was asked to stop") from None


def _stop(terminal: Terminal, job: Job) -> None:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    terminal.note("stopping the job; Ctrl-C again leaves at once")
    try:
        job.stop()
    except PeernetError as error:
        terminal.note(f"the job could not be asked to stop: {error}")


def _leave(number: int, frame: FrameType | None) -> NoReturn:
    """Leave at once. A local swarm ends by itself when the pipes to it close."""
    os._exit(JobStoppedError.exit_code)


@contextmanager
def _interruptible() -> Iterator[None]:
    """While this lasts, SIGTERM and a closed terminal are as Ctrl-C: the job stops and its swarm ends.

    Ctrl-C itself is taken even where a shell script started this in the background, with SIGINT ignored.
    """

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup sets it
        numbers.append(signal.SIGHUP)
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
