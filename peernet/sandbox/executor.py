"""What the rest of the peer knows of boxes: these protocols, and the values that cross them.

One implementation exists for each way of confining a box; `probe` says which of them this machine can run.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from peernet.box.hostmessages import HostOpened
from peernet.box.limits import Limits
from peernet.box.messages import Status
from peernet.project.narrowing import Differences
from peernet.types import Digest


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one slice ended.

    value: the encoded results if the status is ok, else None. They are a stranger's bytes until decoded.
    error: one line for people; empty if ok. call: the index within the slice of the call that failed, where known.
    traceback: of the user's code, if it raised. output: the end of what it printed.
    cpu_seconds, wall_seconds: what it took. max_rss: its largest resident size in bytes, with the interpreter.
    """

    status: Status
    value: bytes | None
    error: str
    call: int | None
    traceback: str
    output: str
    cpu_seconds: float
    wall_seconds: float
    max_rss: int


class Box(Protocol):
    """The box of one job on a worker. Slices run in it, each in a fresh process."""

    async def run(
        self,
        data: bytes,
        limits: Limits,
        on_start: Callable[[], None],
        *,
        seed: bytes = b"",
        calls: tuple[int, ...] = (),
    ) -> Outcome:
        """Run one slice and return how it ended. May be called as often at once as the box has slots; more wait.

        data: the slice's encoded input. on_start: called once when the slice begins to run. seed: of the random
        numbers that its calls draw. calls: of a narrowed slice, which calls of the whole one its inputs are. If
        the calling task is cancelled, the slice is killed.

        Raises:
            BoxError: the box itself failed; the slice may run elsewhere. It is of no more use then: close it.
        """
        ...

    async def aclose(self) -> None:
        """End the box: no process and no folder of it is left. Idempotent."""
        ...


class HostBox(Protocol):
    """The box of one job at its owner: it holds the project, cuts inputs, folds results. One request at a time.

    Each method raises TaskError (with the traceback) if the user's code raised, CannotTravelError,
    CannotEncodeError or CannotDecodeError if a value is not what can be sent or kept, and BoxError if the box
    itself failed.
    """

    @property
    def opened(self) -> HostOpened:
        """What the project declares, after overrides."""
        ...

    async def cut(self, calls: int, count: int) -> Cuts:
        """Cut up to `count` more slices of up to `calls` calls. Waits as long as the user's iterator takes."""
        ...

    async def replay(self, slices: Sequence[tuple[int, Digest]]) -> None:
        """After a restart: pass over the slices that were cut before, in order.

        slices: of each the number of calls and its input's digest. Raises ProjectError if the iterable gives other
        inputs now."""
        ...

    async def fold(self, index: int, value: bytes, *, keep: bool = False) -> bool:
        """Take in the encoded results of the accepted slice `index`. Slices may come in any order, each once, or
        again if they were kept: what comes later takes the place of what came before. Returns whether one of the
        results ends the job, by the project's own `stop_when`."""
        ...

    async def check(self, given: bytes, value: bytes) -> bool:
        """Return whether the encoded results of a slice prove themselves, by the project's own `check`. given: the
        slice's encoded input."""
        ...

    async def compare(self, values: Sequence[bytes]) -> tuple[int, ...]:
        """Put distinct encoded results of a slice into groups of equal ones, by the project's own `equal`. Returns
        of each the place of its group's medoid."""
        ...

    async def differ(
        self, given: bytes, calls: int, values: Sequence[bytes], also: Sequence[int], most: int
    ) -> Differences:
        """Find in which of its `calls` calls distinct encoded results of a slice differ from the first of them,
        and make the input of these calls, if they are at most `most`. given: the slice's encoded input. also:
        calls that it holds in any case."""
        ...

    async def compose(self, base: bytes, calls: Sequence[int], part: bytes) -> bytes | None:
        """Put the encoded results of some calls into those of a whole slice. None if a peer returned as these what
        is nothing of the kind."""
        ...

    async def finish(self, slices: int, *, partial: bool = False, without: Sequence[int] = ()) -> EncodedValue:
        """Return the value of the job, whose slices 0 to `slices - 1` have been folded. partial: some of
        them have not, and `without` is left out although it was."""
        ...

    async def aclose(self) -> None:
        """End the box: no process and no folder of it is left. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class EncodedValue:
    """The encoded value of a job. skipped: calls that failed and are not in it."""

    data: bytes
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Cuts:
    """Slices in the order of the input, each as its number of calls and its encoded input.

    end: there are no more. Fewer than were asked for, without an end, means that the answer grew large: ask again.
    """

    cuts: tuple[tuple[int, bytes], ...]
    end: bool


class Executor(Protocol):
    """Starts boxes of one tier. tier: "A", "B" or "C"; None: no boxes, only job hosts."""

    tier: str | None

    async def open_box(
        self, bundle: bytes, limits: Limits, slots: int, *, environment: Path | None = None, reuse: bool = False
    ) -> Box:
        """Open the box of a job for up to `slots` slices at once.

        limits: what its slices are expected to use, for a tier that sizes the box beforehand. The limits of a
        slice are those that `run` is given. environment: a folder of packages, as `pip install --target` makes
        it, that comes before the system's; `.pth` files in it are not run. reuse: keep a slice's process for the
        next one, so that modules stay imported; the scratch folder is wiped all the same. Raises BoxError, also
        for a bundle that is broken, and where the tier is None."""
        ...

    async def open_host(
        self, bundle: bytes, overrides: dict[str, object], on_output: Callable[[str], None]
    ) -> HostBox:
        """Open the job host. overrides: slice_size, replicas, quorum, timeout instead of the declared ones.

        on_output: called with each line that the project prints. Raises ProjectError, TaskError (the project's
        own code raised) or BoxError."""
        ...

    async def aclose(self) -> None:
        """Close all boxes. No process and no folder is left. Idempotent."""
        ...
