"""The messages between the peer and the job host. Each request has one answer; any may be answered by `Failed`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from peernet.box.frames import Message, Reader


class Failure(StrEnum):
    """What a request of the job host failed of."""

    USAGE = "usage"
    """The project is broken, or was asked for something that it can't do."""
    TASK = "task"
    """The user's code raised."""
    CANNOT_TRAVEL = "cannot_travel"
    """An input can't be sent."""
    UNENCODABLE = "unencodable"
    """A value is not plain data."""
    UNDECODABLE = "undecodable"
    """Bytes are no results."""
    INTERNAL = "internal"
    """The box itself: a full disk, a broken bundle."""


# --- requests -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HostOpen(Message):
    """The first frame. body: the bundle. overrides: of what the project declares, by name."""

    overrides: dict[str, object]
    body: bytes


@dataclass(frozen=True, slots=True)
class Cut(Message):
    """Cut up to `count` slices of `calls` calls."""

    calls: int
    count: int


@dataclass(frozen=True, slots=True)
class Replay(Message):
    """Pass over slices. body: their inputs' digests, 32 bytes each, in the order of `calls`."""

    calls: tuple[int, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Fold(Message):
    """Take in the results of a slice. body: encoded. keep: a later request for the slice may replace them."""

    index: int
    keep: bool
    body: bytes


@dataclass(frozen=True, slots=True)
class Finish(Message):
    """Ask for the job's value. partial: not all slices were folded, and those that `body` names, 8 bytes each, are
    left out."""

    slices: int
    partial: bool = False
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Check(Message):
    """Ask whether the results of a slice prove themselves. body: the encoded input, of `given` bytes, and then the
    encoded results."""

    given: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Compare(Message):
    """Put distinct results of a slice into groups of equal ones. body: encoded, one after the other; `sizes` says
    where each ends."""

    sizes: tuple[int, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Differ(Message):
    """Find in which of its `calls` calls distinct results of a slice differ from the first of them, and make the
    input of these calls, if they are at most `most`. also: calls that it holds in any case. body: the slice's
    encoded input, of `given` bytes, then the encoded results, one after the other; `sizes` says where each
    ends."""

    given: int
    calls: int
    also: tuple[int, ...]
    most: int
    sizes: tuple[int, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Compose(Message):
    """Put the results of a narrowed slice into those of a whole one. calls: which they are. body: the encoded
    results of the whole one, `whole` bytes, then those of the narrowed one."""

    calls: tuple[int, ...]
    whole: int
    body: bytes


# --- answers ------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class HostOpened(Message):
    """What the project declares, after overrides. None: not declared.

    length: calls in the whole input, if the iterable tells. timeout: seconds for a slice. whole_slice: the
    function takes the batch. reduces: its value is made here of all results, by `reduce`, `keep_if` or
    `stop_when`. memory, scratch: bytes for a slice. python: versions that it runs on, "" for any. packages:
    requirements, a line each. reuse: slices may share a process. pickles: results travel as pickles. confidence:
    in place of replicas and quorum. retries: slices that fail are run again. checks: it has a `check`. compares:
    it has an `equal`. numeric: the numeric class that its results need, "" for any.
    """

    name: str
    length: int | None
    slice_size: int | None
    replicas: int | None
    quorum: int | None
    timeout: float | None
    whole_slice: bool
    reduces: bool
    memory: int | None = None
    scratch: int | None = None
    python: str = ""
    packages: str = ""
    reuse: bool = False
    pickles: bool = False
    confidence: float | None = None
    checks: bool = False
    retries: bool = False
    compares: bool = False
    numeric: str = ""


@dataclass(frozen=True, slots=True)
class WereCut(Message):
    """The slices cut. body: their encoded inputs, joined; `sizes` says where each ends. end: there are no more."""

    calls: tuple[int, ...]
    sizes: tuple[int, ...]
    end: bool
    body: bytes


@dataclass(frozen=True, slots=True)
class Replayed(Message):
    """The slices were passed over, and the inputs are the same as before."""


@dataclass(frozen=True, slots=True)
class Folded(Message):
    """The results were taken in. hit: one of them ends the job."""

    hit: bool = False


@dataclass(frozen=True, slots=True)
class Checked(Message):
    """proven: the results are what the project's `check` takes for right."""

    proven: bool


@dataclass(frozen=True, slots=True)
class Compared(Message):
    """medoids: of each result, the place of the one that its group is named after."""

    medoids: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Differing(Message):
    """counts: of each result one more than the calls in which it differs from the first one; 0 where it can't be
    compared. places: of each the first `MAX_NARROWED_CALLS` of these calls, one result after the other. narrowed:
    the calls whose encoded input the body is; empty for none."""

    counts: tuple[int, ...]
    places: tuple[int, ...]
    narrowed: tuple[int, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class Composed(Message):
    """body: the encoded results; empty where those of the narrowed slice were nothing of the kind."""

    body: bytes


@dataclass(frozen=True, slots=True)
class Value(Message):
    """body: the encoded value of the job. skipped: calls that failed and are not in it."""

    body: bytes
    skipped: int = 0


@dataclass(frozen=True, slots=True)
class Failed(Message):
    """The request failed. kind: a `Failure`. traceback: of the user's code, if it raised."""

    failure: str
    message: str
    traceback: str


TO_HOST = Reader(HostOpen, Cut, Replay, Fold, Finish, Check, Compare, Differ, Compose)
FROM_HOST = Reader(HostOpened, WereCut, Replayed, Folded, Value, Checked, Compared, Differing, Composed, Failed)
