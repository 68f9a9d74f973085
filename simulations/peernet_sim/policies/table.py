"""All combinations, and what came of them: of a cold job, and of a warm one with what was learnt in the first."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from itertools import product
from random import Random
from typing import Any, cast

from peernet_sim.policies.field import Field, Outcome
from peernet_sim.policies.workers import LIARS, Kind, make_workers

POLICIES = ("confidence:0.99", "confidence:0.999", "majority:2/3", "majority:3/5", "adaptive", "poco")
PEERS = (50, 200, 1000)
SHARES = (0.0, 0.05, 0.2, 0.4)


@dataclass(frozen=True, slots=True)
class Case:
    """One combination. each: slices a worker, in either job. share: of liars. own: the submitter works too."""

    policy: str
    peers: int
    share: float
    kind: Kind
    each: int
    seed: int
    own: bool = True

    @property
    def naps(self) -> int:
        """Honest results of a sleeper before it lies: it wakes in the middle of the warm job."""
        return self.each * 3 // 2


@dataclass(frozen=True, slots=True)
class Row:
    """What came of one job of a case. wrong: of the accepted slices. state: done, or how else it ended."""

    case: Case
    warm: bool
    state: str
    reason: str
    slices: int
    accepted: int
    wrong: int
    executions: int
    audits: int
    taken_back: int
    banned: int
    cpu_seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return it for a file."""
        told = asdict(self)
        return cast("dict[str, Any]", told.pop("case")) | told


def cases(
    policies: Iterable[str], peers: Iterable[int], shares: Iterable[float], each: int, seeds: int
) -> Iterator[Case]:
    """Go through all combinations; without liars there is but one kind."""
    for count, share, policy, seed in product(peers, shares, policies, range(1, seeds + 1)):
        kinds: tuple[Kind, ...] = LIARS if share else ("honest",)
        for kind in kinds:
            yield Case(policy, count, share, kind, each, seed)


def measure(case: Case) -> tuple[Row, Row]:
    """Run one case: its cold job and its warm one."""
    random = Random(f"{case.seed} {case.peers} {case.share} {case.kind}")
    workers = make_workers(case.peers, case.share, case.kind, case.naps, random)
    field = Field(workers, own=case.own, seed=case.seed)
    slices = case.peers * case.each
    return _row(case, False, slices, field), _row(case, True, slices, field)


def _row(case: Case, warm: bool, slices: int, field: Field) -> Row:
    begun = time.process_time()
    outcome: Outcome = field.run(case.policy, slices, longest=_patience(case))
    stats = outcome.stats
    return Row(
        case=case,
        warm=warm,
        state=outcome.state,
        reason=outcome.reason,
        slices=slices,
        accepted=outcome.slices,
        wrong=outcome.wrong,
        executions=outcome.executions,
        audits=stats.audits,
        taken_back=stats.taken_back,
        banned=len(stats.banned),
        cpu_seconds=round(time.process_time() - begun, 2),
    )


def _patience(case: Case) -> float:
    """Virtual seconds after which a job is given up: forty times what it takes without any replication."""
    return 40.0 * case.each + 300.0


def run(todo: list[Case], processes: int, done: Callable[[Row], None]) -> list[Row]:
    """Run cases in so many processes and return their rows in order; `done` is told of each as it comes."""
    rows: dict[int, tuple[Row, Row]] = {}
    if processes <= 1:
        for number, case in enumerate(todo):
            rows[number] = measure(case)
            for row in rows[number]:
                done(row)
    else:
        with ProcessPoolExecutor(processes) as pool:
            futures = {pool.submit(measure, case): number for number, case in enumerate(todo)}
            for future in as_completed(futures):
                rows[futures[future]] = future.result()
                for row in future.result():
                    done(row)
    return [row for number in range(len(todo)) for row in rows[number]]


@dataclass(frozen=True, slots=True)
class Line:
    """Rows that differ in their seed only, together.

    error: wrong slices of those accepted. most: its upper bound, with 95 % certainty. each: executions a slice.
    ended: share of the jobs that were done.
    """

    policy: str
    peers: int
    share: float
    kind: str
    warm: bool
    error: float
    most: float
    each: float
    ended: float

    def keeps(self, confidence: float) -> bool:
        """Whether it kept the promise that at most 1 - confidence of what it accepts is wrong."""
        return self.error <= 1 - confidence


def lines(rows: Iterable[Row]) -> list[Line]:
    """Return the rows of all seeds together."""
    groups: dict[tuple[str, int, float, str, bool], list[Row]] = {}
    for row in rows:
        case = row.case
        groups.setdefault((case.policy, case.peers, case.share, case.kind, row.warm), []).append(row)
    return [
        Line(
            *key,
            error=_part(sum(row.wrong for row in group), sum(row.accepted for row in group)),
            most=upper_bound(sum(row.wrong for row in group), sum(row.accepted for row in group)),
            each=_part(sum(row.executions for row in group), sum(row.accepted for row in group)),
            ended=_part(sum(row.state == "done" for row in group), len(group)),
        )
        for key, group in groups.items()
    ]


def _part(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def upper_bound(wrong: int, accepted: int, certainty: float = 0.95) -> float:
    """Return the share of wrong slices that is not exceeded, with this certainty (Clopper and Pearson, 1934)."""
    if accepted == 0 or wrong >= accepted:
        return 1.0
    low, high = wrong / accepted, 1.0
    for _ in range(60):
        middle = (low + high) / 2
        if _at_most(wrong, accepted, middle) > 1 - certainty:
            low = middle
        else:
            high = middle
    return high


def _at_most(wrong: int, accepted: int, share: float) -> float:
    """The probability of at most so many wrong ones, where each is wrong with a probability of `share`."""
    logs = [
        math.lgamma(accepted + 1)
        - math.lgamma(count + 1)
        - math.lgamma(accepted - count + 1)
        + count * math.log(share)
        + (accepted - count) * math.log1p(-share)
        for count in range(wrong + 1)
    ]
    return math.fsum(map(math.exp, logs))
