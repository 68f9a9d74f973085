"""The messages between the peer and a zygote, and between a zygote and its children."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from peernet.box.frames import Message, Reader
from peernet.box.limits import Limits


class Status(StrEnum):
    """How a slice ended in its box."""

    OK = "ok"
    ERROR = "error"
    """The user's function raised."""
    TIMEOUT = "timeout"
    """It used up its wall-clock or processor time."""
    MEMORY = "memory"
    """It asked for more memory than its limit."""
    EXITED = "exited"
    """Its process ended by itself, or sent what no child of ours sends."""
    UNENCODABLE = "unencodable"
    """Its result is not plain data. The error names the type."""
    TOO_LARGE = "too_large"
    """Its encoded result is over the limit."""
    SCRATCH = "scratch"
    """It wrote more to its scratch folder than its limit."""


# --- the peer to the zygote ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Open(Message):
    """The first frame. body: the bundle. preload: names that may be imported, joined by spaces. reuse: a child
    goes on to further slices."""

    slots: int
    preload: str
    reuse: bool
    body: bytes


@dataclass(frozen=True, slots=True)
class Run(Message):
    """Run one slice. body: its encoded input. seed: of the random numbers that its calls draw. calls: of a
    narrowed slice, which calls of the whole one its inputs are; empty for a whole one."""

    id: int
    limits: Limits
    body: bytes
    seed: bytes = b""
    calls: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Kill(Message):
    """Stop a slice. It is answered by `Done` like any other end; an unknown id is a slice that ended meanwhile."""

    id: int


# --- the zygote to the peer ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Opened(Message):
    """The bundle is on disk and a first child waits."""

    python: str


@dataclass(frozen=True, slots=True)
class Refused(Message):
    """The box can't be used: a broken bundle, a full disk, no more processes. The zygote ends after it."""

    message: str


@dataclass(frozen=True, slots=True)
class Started(Message):
    """A child has been given the slice."""

    id: int


@dataclass(frozen=True, slots=True)
class Done(Message):
    """A slice ended. body: its encoded results if the status is ok, else empty.

    call: the index of the call that raised, within the slice. cpu, wall: seconds. max_rss: bytes.
    """

    id: int
    status: str
    error: str
    call: int | None
    traceback: str
    output: str
    cpu: float
    wall: float
    max_rss: int
    body: bytes


# --- the zygote to a child, and back ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Order(Message):
    """What a waiting child has to do. body: the encoded input. seed, calls: as in `Run`."""

    limits: Limits
    body: bytes
    seed: bytes = b""
    calls: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Report(Message):
    """What a child says about its slice; it may lie. body: the encoded results if the status is ok."""

    status: str
    error: str
    call: int | None
    traceback: str
    body: bytes


TO_ZYGOTE = Reader(Open, Run, Kill)
FROM_ZYGOTE = Reader(Opened, Refused, Started, Done)
TO_CHILD = Reader(Order)
FROM_CHILD = Reader(Report)


def clip(text: str, limit: int) -> str:
    """Return text that encodes to at most `limit` bytes of UTF-8: the middle of a longer one is left out."""
    data = text.encode("utf-8", "backslashreplace")
    if len(data) <= limit:
        return data.decode("utf-8")
    half = max(0, limit - 32) // 2
    head, tail = data[:half].decode("utf-8", "ignore"), data[len(data) - half :].decode("utf-8", "ignore")
    return f"{head}\n[... left out ...]\n{tail}"
