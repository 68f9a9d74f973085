"""What Python users hold: `submit` and the `Job` that it returns."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, TypeVar, cast

import sniffio

from peernet.api.client import ControlClient
from peernet.api.home import open_home, refuse_in_box
from peernet.api.swarm import LocalSwarm
from peernet.errors import (
    JobError,
    JobStoppedError,
    NoPeerRunningError,
    PeernetError,
    ProjectError,
    StorageError,
    TaskError,
    TooFewPeersError,
    UsageError,
)
from peernet.project import FailedCall, Project, bundle_project, make_options
from peernet.project.options import OnError, read_on_error
from peernet.project.pickledresults import load_result
from peernet.results import decode
from peernet.runtime.machine import usable_cores
from peernet.storage.home import Home
from peernet.wire.control import (
    FinalValue,
    JobReply,
    JobRow,
    Ok,
    Results,
    Show,
    SliceValue,
    Stop,
    Submit,
    Submitted,
    Watch,
)

T = TypeVar("T")

_REASONS: dict[str, type[PeernetError]] = {
    "usage": ProjectError,
    "task": TaskError,
    "too-few": TooFewPeersError,
    "storage": StorageError,
    "stopped": JobStoppedError,
}


def submit(
    project: Project[Any, Any],
    *,
    home: Path | str | None = None,
    local: int | None = None,
    start_local: bool = True,
    slice_size: int | None = None,
    replicas: int | None = None,
    quorum: int | None = None,
    timeout: float | None = None,
    name: str | None = None,
    patience: float = 10.0,
    memory: int | str | None = None,
    scratch: int | str | None = None,
    require_sandbox: Literal["A", "B"] | None = None,
    sandbox_tier: Literal["A", "B", "C"] | None = None,
    confidence: float | None = None,
    on_error: OnError | None = None,
    numeric: str | None = None,
) -> Job:
    """Submit a project to the network of the peer that runs here, and return its job at once.

    Args:
        project: a function decorated with `peernet.parallel`.
        home: of the peer to submit through; the user's own by default.
        local: start this many worker peers on this machine for the job, and trust them.
        start_local: when no peer runs here, start a local swarm with a worker for each core. False: refuse.
        slice_size, replicas, quorum, confidence, timeout, name, on_error, numeric: override what the decorator
            says; numeric="any" asks for no class.
        patience: seconds to wait for enough peers before the job fails.
        memory, scratch: override what the decorator says, as bytes or a text such as "512MiB".
        require_sandbox: the lowest sandbox tier that may execute the job; any by default.
        sandbox_tier: of a local swarm that is started for the job; the best that works by default.

    Raises:
        ProjectError, CannotTravelError: the project or one of its first arguments is wrong.
        NoPeerRunningError: no peer runs here and `start_local` is false.
    """
    needs = make_options(
        memory=memory,
        scratch=scratch,
        replicas=replicas,
        quorum=quorum,
        confidence=confidence,
        numeric=numeric,
    )
    if require_sandbox not in (None, "A", "B"):
        raise UsageError(f"require_sandbox={require_sandbox!r}: it must be 'A' or 'B', or None for any tier")
    errors = "" if on_error is None else read_on_error(on_error)
    host_bundle, worker_bundle = (replace(bundle, on_error=errors) for bundle in bundle_project(project))
    request = Submit(
        host_bundle=host_bundle.encode(),
        worker_bundle=worker_bundle.encode(),
        needs_python=worker_bundle.python,
        name=name or "",
        slice_size=slice_size,
        replicas=replicas,
        quorum=quorum,
        timeout=timeout,
        patience=patience,
        memory=needs.memory,
        scratch=needs.scratch,
        tier=require_sandbox or "",
        confidence=confidence,
        numeric=numeric,
    )
    return submit_request(
        request, open_home(home), local=local, start_local=start_local, sandbox_tier=sandbox_tier
    )


def submit_request(
    request: Submit, home: Home, *, local: int | None, start_local: bool, sandbox_tier: str | None = None
) -> Job:
    """Hand a request to the running peer, or to a local swarm started for it. See `submit`."""
    refuse_in_box()
    client = ControlClient(home.control_socket)
    running = client.running()
    if local is not None and not running:
        _check_enough(request, local)
    if not running and not start_local:
        raise NoPeerRunningError(
            f"no peer is running in {home.root}; start one with `peernet join`, or allow a local swarm"
        )
    if sandbox_tier is not None and running and local is None:
        raise UsageError(
            f"sandbox tier {sandbox_tier}: it is that of a local swarm, and a peer runs here already; "
            "start that one with `peernet join --sandbox-tier`, or add workers with --local N"
        )
    swarm = None
    if local is not None or not running:
        workers = local if local is not None else usable_cores()
        swarm = LocalSwarm(workers, home, client if running else None, sandbox_tier)
        swarm.start()
    try:
        if swarm is not None:
            request = _trusting(request, swarm.worker_ids)
        submitted = client.ask(request, Submitted)
    except BaseException:
        if swarm is not None:
            swarm.close()
        raise
    return Job(submitted.job, client, swarm, submitted)


def _check_enough(request: Submit, workers: int) -> None:
    """Refuse at once what a local swarm of so many workers can never fulfil."""
    if request.replicas is None and request.quorum is None:
        return
    quorum = request.quorum or min(2, request.replicas or 1)
    if quorum > workers:
        raise TooFewPeersError(
            f"a result needs {quorum} different peers that agree, and --local {workers} gives {workers}: "
            "ask for more workers or a smaller quorum"
        )


def _trusting(request: Submit, workers: tuple[str, ...]) -> Submit:
    fields = {name: getattr(request, name) for name in request.__struct_fields__}
    return Submit(**(fields | {"trusted": workers}))


class JobResults:
    """The results of a job in the order of the input, as they are accepted. Iterate with `for` or `async for`.

    Pickled results (`results="pickle"`) are loaded here, in the caller's process: only own peers have made them.

    A project with `reduce`, `keep_if` or `stop_when` has one result: the reduced value, or the list of what is
    kept. A job that fails raises once what was accepted before has been handed out.
    """

    def __init__(self, job: Job) -> None:
        self._job = job

    def __iter__(self) -> Iterator[Any]:
        for reply in self._job.client.stream(Results(self._job.id)):
            if isinstance(reply, SliceValue):
                values = cast(list[Any], decode(reply.value, classes=(FailedCall,)))
                yield from map(load_result, values) if reply.pickles else values
            elif isinstance(reply, FinalValue):
                value = decode(reply.value)
                yield load_result(value) if reply.pickles else value
            elif isinstance(reply, JobReply):
                raise_for_end(reply.row)

    async def __aiter__(self) -> AsyncIterator[Any]:
        values = iter(self)
        while (value := await _in_thread(lambda: next(values, _END))) is not _END:
            yield value


_END = object()


class Job:
    """A submitted job. Use it as a context manager when it has a local swarm of its own: leaving ends the swarm.

    id: the job's id, as `peernet show` takes it. submitted: what the peer answered when the job was handed over.
    note: what people have to know of how it runs, or nothing.
    """

    def __init__(
        self,
        job: str,
        client: ControlClient,
        swarm: LocalSwarm | None = None,
        submitted: Submitted | None = None,
    ) -> None:
        self.id = job
        self.submitted = submitted or Submitted(job)
        self.note = "" if swarm is None else swarm.note
        self.client = client
        self._swarm = swarm

    def __repr__(self) -> str:
        return f"<peernet.Job {self.id}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the local swarm that was started for this job, if any. The job goes on when its peer next runs."""
        if self._swarm is not None:
            self._swarm.close()
            self._swarm = None

    def results(self) -> JobResults:
        """Return the results in the order of the input, for `for` and `async for`, as they are accepted.

        Raises, while iterating:
            TaskError: the user's function raised; `traceback` has the remote traceback.
            JobError, TooFewPeersError, JobStoppedError, ProjectError: the job ended otherwise.
        """
        return JobResults(self)

    def result(self) -> Any:
        """Wait for the job and return the reduced value, or the list of all results, or of those that are kept.

        Raises as `results` does.
        """
        values = list(self.results())
        return values[0] if self.status().reduces else values

    async def result_async(self) -> Any:
        """As `result`, under trio or asyncio."""
        return await _in_thread(self.result)

    def wait(self, changed: Callable[[JobRow], None] | None = None) -> JobRow:
        """Wait until the job has ended and return it; `changed` is called with each new state meanwhile.

        What the project prints in its job host goes to standard error.
        """
        row = None
        for reply in self.client.stream(Watch(self.id)):
            if isinstance(reply, JobReply):
                row = reply.row
                if changed is not None:
                    changed(row)
            else:
                sys.stderr.write(getattr(reply, "text", "") + "\n")
        return row if row is not None else self.status()

    async def wait_async(self) -> JobRow:
        """As `wait`, under trio or asyncio."""
        return await _in_thread(self.wait)

    def status(self) -> JobRow:
        """Return the job as it is now."""
        return self.client.ask(Show(self.id), JobReply).row

    def stop(self) -> None:
        """Ask the job to stop. Accepted results stay."""
        self.client.ask(Stop(self.id), Ok)


def raise_for_end(row: JobRow) -> None:
    """Raise the error that tells why a job ended, unless it is done."""
    if row.state == "done":
        return
    error = _REASONS.get(row.reason_kind, JobError)(row.reason or f"the job is {row.state}")
    if row.traceback:
        error.traceback = row.traceback
    raise error


async def submit_async(project: Project[Any, Any], **options: Any) -> Job:
    """As `submit`, under trio or asyncio."""
    return await _in_thread(lambda: submit(project, **options))


async def _in_thread(work: Callable[[], T]) -> T:
    """Run blocking work in a thread of whichever event loop is running."""
    if sniffio.current_async_library() == "trio":
        import trio

        return await trio.to_thread.run_sync(work, abandon_on_cancel=True)
    import asyncio

    return await cast(Awaitable[T], asyncio.to_thread(work))
