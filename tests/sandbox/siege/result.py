"""How one run of a payload ended, and what counts as won."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from siege.world import World


@dataclass(frozen=True, slots=True)
class Result:
    """status: of the outcome; "dead" if the box failed. value: what the payload returned, as far as it decodes.

    error: of the outcome or the box. output: what it printed, as kept. grown: bytes by which the peer grew.
    beside: what went wrong with an honest slice that ran at the same time. awake: which process went on after its
    slice.
    """

    status: str
    value: Any
    error: str
    output: str = ""
    grown: int = 0
    beside: str = ""
    awake: str = ""


Judge = Callable[[Result, World], str]
"""Returns the evidence that an attack got what it wanted; nothing if it did not."""


def got_value(result: Result, _: World) -> str:
    """It returned something."""
    return repr(result.value)[:200] if result.status == "ok" and result.value else ""


def more_than(bound: float) -> Judge:
    """It returned a number above a bound."""

    def judge(result: Result, _: World) -> str:
        above = isinstance(result.value, int | float) and result.value > bound
        return f"{result.value}, and {bound} are allowed" if above else ""

    return judge


def filled(result: Result, world: World) -> str:
    """It wrote more MiB, all places together, than a slice may hold in scratch, and a box beside it."""
    places: dict[str, int] = result.value if isinstance(result.value, dict) else {}
    return f"wrote {places} MiB" if sum(places.values()) > SCRATCH_MIB + OTHER_MIB else ""


SCRATCH_MIB = 8
"""The scratch limit of attacks, in MiB."""

OTHER_MIB = 2
"""What a box may offer beside: a small /dev/shm."""


def touched(*looks: str) -> Judge:
    """It returned something, or one of the world's methods finds traces of it."""

    def judge(result: Result, world: World) -> str:
        traces = [found for look in looks if (found := getattr(world, look)())]
        return "; ".join(traces)

    return judge


def heard(result: Result, world: World) -> str:
    """A listener heard it, or it heard an answer."""
    return world.was_heard() or got_value(result, world)


def died(result: Result, _: World) -> str:
    """The box is gone."""
    return result.error if result.status == "dead" else ""


def believed(result: Result, _: World) -> str:
    """The zygote took the lie for a result, or broke over it."""
    if result.status in ("ok", "dead"):
        return f"{result.status}: {result.value!r:.100} {result.error:.200}"
    return ""


def swamped(result: Result, _: World) -> str:
    """The peer kept what it should have dropped."""
    if len(result.output) > OUTPUT_BOUND or result.grown > GROWTH_BOUND:
        return f"kept {len(result.output)} bytes of output, the peer grew by {result.grown} bytes"
    return ""


OUTPUT_BOUND = 8 * 1024
"""`BoxConfig.output_tail`."""

GROWTH_BOUND = 32 << 20
"""Bytes: half of what is printed, and much more than an outcome takes."""
