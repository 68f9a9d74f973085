"""What came of all cases, put together: one line for each combination, over its seeds."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from peernet_sim.policies.cases import Row
from peernet_sim.policies.intervals import interval, upper_bound


@dataclass(frozen=True, slots=True)
class Line:
    """Rows that differ in their seed only, together.

    worker_slices: slices a worker. jobs: how many; ended: the share of them that were done. accepted, wrong,
    executions: of all of them.
    """

    policy: str
    peers: int
    share: float
    kind: str
    worker_slices: int
    warm: bool
    jobs: int
    ended: float
    accepted: int
    wrong: int
    executions: int

    @property
    def error(self) -> float:
        """Wrong slices of those accepted."""
        return self.wrong / self.accepted if self.accepted else 0.0

    @property
    def most(self) -> float:
        """The upper bound of the error, with 95 % certainty."""
        return upper_bound(self.wrong, self.accepted)

    @property
    def each(self) -> float:
        """Executions a slice."""
        return self.executions / self.accepted if self.accepted else 0.0

    def between(self, burst: float = 1.0) -> tuple[float, float]:
        """Between what the error lies with 95 % certainty. burst: wrong slices that come together."""
        return interval(self.wrong / burst, self.accepted / burst)

    def keeps(self, confidence: float) -> bool:
        """Whether it kept the promise that at most 1 - confidence of what is accepted is wrong, with a certainty
        of 95 %."""
        return self.ended == 1.0 and self.most <= 1 - confidence


def lines(rows: Iterable[Row]) -> list[Line]:
    """Return the rows of all seeds together."""
    groups: dict[tuple[str, int, float, str, int, bool], list[Row]] = {}
    for row in rows:
        case = row.case
        key = (case.policy, case.peers, case.share, case.kind, case.each, row.warm)
        groups.setdefault(key, []).append(row)
    return [
        Line(
            *key,
            jobs=len(group),
            ended=sum(row.state == "done" for row in group) / len(group),
            accepted=sum(row.accepted for row in group),
            wrong=sum(row.wrong for row in group),
            executions=sum(row.executions for row in group),
        )
        for key, group in groups.items()
    ]
