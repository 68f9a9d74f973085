"""What is measured, and the numbers that a report makes of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

CURVE = 200
"""Points of a curve in a report at most."""


@dataclass(slots=True)
class Lookup:
    """One lookup. found: the nearest peer that there was came out."""

    at: float
    found: bool
    hops: int
    calls: int
    seconds: float


@dataclass(slots=True)
class Get:
    """One fetch of a value. found: the newest one came back. lost: no live peer holds it any more."""

    at: float
    found: bool
    seconds: float


@dataclass(slots=True)
class Cast:
    """One broadcast. heard: when each peer had it first, by place. copies: payloads that arrived, again or not.
    audience: peers that were there from its beginning to its end; settled once that is known."""

    at: float
    origin: int
    heard: dict[int, float] = field(default_factory=dict)
    copies: dict[int, int] = field(default_factory=dict)
    audience: tuple[int, ...] = ()
    settled: bool = False

    def coverage(self) -> float:
        """The share of the audience that has it."""
        return sum(peer in self.heard for peer in self.audience) / len(self.audience) if self.audience else 1.0

    def reached(self, share: float) -> float | None:
        """Seconds until this share of the audience had it, or None."""
        times = sorted(self.heard[peer] - self.at for peer in self.audience if peer in self.heard)
        need = math.ceil(share * len(self.audience))
        return None if len(times) < need or not need else times[need - 1]


@dataclass(slots=True)
class JobRun:
    """One job of the plan. wrong: accepted slices whose result is not the honest one. outvoted: peers whose
    results differed from the accepted ones, and in how many slices."""

    submitter: int
    began: float = 0.0
    state: str = "not submitted"
    reason: str = ""
    ended: float | None = None
    slices: int = 0
    executions: int = 0
    accepted: int = 0
    wrong: int = 0
    disagreements: int = 0
    ends: int = 0
    outvoted: dict[int, int] = field(default_factory=dict)
    work: dict[int, int] = field(default_factory=dict)
    progress: list[tuple[float, int]] = field(default_factory=list)

    def line(self, now: float) -> dict[str, Any]:
        """This job in a report."""
        ended = now if self.ended is None else self.ended
        return {
            "slices": self.slices,
            "executions": self.executions,
            "accepted": self.accepted,
            "wrong": self.wrong,
            "disagreements": self.disagreements,
            "seconds": round(max(0.0, ended - self.began), 6),
            "state": self.state,
            "reason": self.reason,
            "submitter": self.submitter,
            "outvoted": {str(peer): count for peer, count in sorted(self.outvoted.items())},
        }


@dataclass(slots=True)
class Measures:
    """Everything measured in a run."""

    lookups: list[Lookup] = field(default_factory=list)
    gets: list[Get] = field(default_factory=list)
    puts: int = 0
    stored: int = 0
    values_lost: int = 0
    casts: list[Cast] = field(default_factory=list)
    jobs: list[JobRun] = field(default_factory=list)

    def lookup_metrics(self) -> dict[str, Any]:
        """The `lookups` of a report."""
        seconds = [lookup.seconds for lookup in self.lookups]
        hops = [lookup.hops for lookup in self.lookups]
        return {
            "count": len(self.lookups),
            "success": share(lookup.found for lookup in self.lookups),
            "hops_mean": mean(hops),
            "hops_max": max(hops, default=None),
            "calls_mean": mean([lookup.calls for lookup in self.lookups]),
            "latency_p50": percentile(seconds, 0.50),
            "latency_p99": percentile(seconds, 0.99),
        }

    def value_metrics(self) -> dict[str, Any]:
        """The `values` of a report: puts and gets."""
        seconds = [get.seconds for get in self.gets]
        return {
            "puts": self.puts,
            "stored": self.stored,
            "gets": len(self.gets),
            "success": share(get.found for get in self.gets),
            "lost": self.values_lost,
            "latency_p50": percentile(seconds, 0.50),
            "latency_p99": percentile(seconds, 0.99),
        }

    def gossip_metrics(self) -> dict[str, Any]:
        """The `gossip` of a report."""
        casts = [cast for cast in self.casts if cast.settled and cast.audience]
        deliveries = sum(sum(peer in cast.heard for peer in cast.audience) for cast in casts)
        copies = sum(cast.copies.get(peer, 0) for cast in casts for peer in cast.audience)
        times = [time for cast in casts if (time := cast.reached(0.99)) is not None]
        alls = [time for cast in casts if (time := cast.reached(1.0)) is not None]
        return {
            "broadcasts": len(casts),
            "coverage": mean([cast.coverage() for cast in casts]),
            "copies_per_delivery": round(copies / deliveries, 4) if deliveries else None,
            "t99": max(times) if times and len(times) == len(casts) else None,
            "t100": max(alls) if alls and len(alls) == len(casts) else None,
        }

    def series(self, now: float) -> dict[str, list[Any]]:
        """What pictures are drawn from (`model.Report`)."""
        found: dict[str, list[Any]] = {
            "hops": [lookup.hops for lookup in self.lookups],
            "latency": [round(lookup.seconds, 6) for lookup in self.lookups],
            "get_latency": [round(get.seconds, 6) for get in self.gets],
            "gossip_coverage": _coverage([cast for cast in self.casts if cast.settled]),
        }
        for number, job in enumerate(self.jobs):
            slices = max(job.slices, 1)
            found[f"job_progress/{number}"] = thin([(at, count / slices) for at, count in job.progress])
        return found


def share(found: Iterable[bool]) -> float | None:
    """The share of True; None of nothing."""
    values = list(found)
    return round(sum(values) / len(values), 6) if values else None


def mean(values: Sequence[float]) -> float | None:
    """The mean; None of nothing."""
    return round(math.fsum(values) / len(values), 6) if values else None


def percentile(values: Sequence[float], part: float) -> float | None:
    """The value below or at which this part of the values lies (nearest rank); None of nothing."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[max(0, math.ceil(part * len(ordered)) - 1)], 6)


def thin(points: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """A curve of at most `CURVE` points, the last one kept."""
    step = max(1, -(-len(points) // CURVE))
    return [(round(x, 6), round(y, 6)) for x, y in (*points[:-1:step], *points[-1:])]


def _coverage(casts: list[Cast]) -> list[tuple[float, float]]:
    """Over all broadcasts: the share of deliveries made so many seconds after the beginning."""
    wanted = sum(len(cast.audience) for cast in casts)
    times = sorted(cast.heard[peer] - cast.at for cast in casts for peer in cast.audience if peer in cast.heard)
    return thin([(time, (place + 1) / wanted) for place, time in enumerate(times)])
