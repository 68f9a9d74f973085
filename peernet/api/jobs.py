"""What Python users hold of a job: its state, and its results as they come."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable, Iterator
from types import TracebackType
from typing import Any, Self, cast

from peernet.api.client import ControlClient
from peernet.api.swarm import LocalSwarm
from peernet.api.threads import in_thread
from peernet.errors import (
    JobError,
    JobStoppedError,
    PeernetError,
    ProjectError,
    StorageError,
    TaskError,
    TooFewPeersError,
)
from peernet.project import FailedCall
from peernet.project.pickledresults import load_result
from peernet.results import decode
from peernet.wire.control import (
    FinalValue,
    JobReply,
    JobRow,
    Ok,
    Results,
    Show,
    SliceValue,
    Stop,
    Submitted,
    Watch,
)

_REASONS: dict[str, type[PeernetError]] = {
    "usage": ProjectError,
    "task": TaskError,
    "too-few": TooFewPeersError,
    "storage": StorageError,
    "stopped": JobStoppedError,
}


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
        while (value := await in_thread(lambda: next(values, _END))) is not _END:
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
        return await in_thread(self.result)

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
        return await in_thread(self.wait)

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
