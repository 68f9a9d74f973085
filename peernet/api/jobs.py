"""What Python users hold of a job: its state, and its results as they come."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

from peernet.api.client import ControlClient
from peernet.api.results import JobResults
from peernet.api.swarm import LocalSwarm
from peernet.api.threads import in_thread
from peernet.wire.control import JobReply, JobRow, Ok, Show, Stop, Submitted, Watch


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
        Warns with `RetractedWarning` where results are believed no more; see `JobResults`.
        """
        return JobResults(self.client, self.id)

    def result(self) -> Any:
        """Wait for the job and return the reduced value, or the list of all results, or of those that are kept.

        What was taken back before the end is corrected. Raises and warns as `results` does.
        """
        values = self.results().whole()
        return values[0] if self.status().reduces else values

    async def result_async(self) -> Any:
        """As `result`, under trio or asyncio."""
        return await in_thread(self.result)

    def wait(self, changed: Callable[[JobRow], None] | None = None) -> JobRow:
        """Wait until the job has ended and return it; `changed` is called with each new state meanwhile.

        What the project prints in its job host goes to standard error, and what is believed no more of jobs that
        have ended.
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
