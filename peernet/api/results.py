"""The results of a job as Python users get them: as they come, and what becomes of those that are taken back."""

from __future__ import annotations

import warnings
from array import array
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

from peernet.api.client import ControlClient
from peernet.api.threads import in_thread
from peernet.errors import (
    JobError,
    JobStoppedError,
    PeernetError,
    ProjectError,
    RetractedWarning,
    StorageError,
    TaskError,
    TooFewPeersError,
)
from peernet.project import FailedCall
from peernet.project.pickledresults import load_result
from peernet.results import decode
from peernet.wire.control import FinalValue, JobReply, JobRow, Results, SliceValue, TakenBack

_REASONS: dict[str, type[PeernetError]] = {
    "usage": ProjectError,
    "task": TaskError,
    "too-few": TooFewPeersError,
    "storage": StorageError,
    "stopped": JobStoppedError,
}

_END = object()


class JobResults:
    """The results of a job in the order of the input, as they are accepted. Iterate with `for` or `async for`.

    Pickled results (`results="pickle"`) are loaded here, in the caller's process: only own peers have made them.

    A project with `reduce`, `keep_if` or `stop_when` has one result: the reduced value, or the list of what is
    kept. A job that fails raises once what was accepted before has been handed out.

    A result that has been handed out may turn out to rest on a peer that lies. While the job runs it is computed
    again: a `RetractedWarning` says so at once, and at the end of the iteration `corrected` has what is believed
    in its place. After the job's end nothing is computed any more: a `RetractedWarning` says that the job is to be
    submitted again, and `retracted` has the places. Places are counted from 0 in the order of the input, and both
    are of the latest iteration.
    """

    def __init__(self, client: ControlClient, job: str) -> None:
        self._client = client
        self._job = job
        self.corrected: dict[int, Any] = {}
        self.retracted: list[int] = []

    def __iter__(self) -> Iterator[Any]:
        self.corrected, self.retracted = {}, []
        places = array("Q", [0])  # where the results of each slice begin, and those of the next one will
        for reply in self._client.stream(Results(self._job)):
            if isinstance(reply, SliceValue):
                values = _values(reply)
                if reply.index < len(places) - 1:
                    self.corrected.update(enumerate(values, places[reply.index]))
                    continue
                places.append(places[-1] + len(values))
                if reply.retracted:
                    self.retracted.extend(range(places[-2], places[-1]))
                yield from values
            elif isinstance(reply, TakenBack):
                _warn(f"{_name(places, reply.index)} of job {self._job[:10]} {_AGAIN}")
            elif isinstance(reply, FinalValue):
                value = decode(reply.value)
                yield load_result(value) if reply.pickles else value
            elif isinstance(reply, JobReply):
                for text in _retractions(reply.row):
                    _warn(text)
                raise_for_end(reply.row)

    async def __aiter__(self) -> AsyncIterator[Any]:
        values = iter(self)
        while (value := await in_thread(lambda: next(values, _END))) is not _END:
            yield value

    def whole(self) -> list[Any]:
        """Return all results, with what is believed in the place of what was taken back meanwhile."""
        values = list(self)
        for place, value in self.corrected.items():
            values[place] = value
        return values


def raise_for_end(row: JobRow) -> None:
    """Raise the error that tells why a job ended, unless it is done."""
    if row.state == "done":
        return
    error = _REASONS.get(row.reason_kind, JobError)(row.reason or f"the job is {row.state}")
    if row.traceback:
        error.traceback = row.traceback
    raise error


_AGAIN = (
    "is believed no more, after it was handed out, and is computed again; JobResults.corrected has what takes its "
    "place once the iteration is at its end"
)


def _values(reply: SliceValue) -> list[Any]:
    values = cast(list[Any], decode(reply.value, classes=(FailedCall,)))
    return [load_result(value) for value in values] if reply.pickles else values


def _name(places: array[int], index: int) -> str:
    first, last = places[index], places[index + 1] - 1
    return f"result {first}" if first == last else f"what stands in places {first} to {last}"


def _retractions(row: JobRow) -> Iterator[str]:
    for entry in row.retracted:
        yield (
            f"{entry.slices} of {row.accepted} slices of job {row.job[:10]} are retracted: they rested on "
            f"{entry.peer}, {entry.reason}; submit the job again"
        )


def _warn(text: str) -> None:
    warnings.warn(text, RetractedWarning, stacklevel=3)
