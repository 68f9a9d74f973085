"""What trust for each function costs and saves: `python -m peernet_sim.policies.functions --out DIR`.

A submitter runs two functions in turn: A, B, A again, B again. Some peers are right in A and wrong in B: selective
liars, who collude, or honest machines that are broken where only B goes (each has errors of its own). What they
have proven in A must not be believed in B, and should not be lost there either (`core.work.trust.proofs`).
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from itertools import product
from pathlib import Path
from random import Random
from typing import Literal, get_args

from peernet_sim.policies.field import Field, Outcome
from peernet_sim.policies.intervals import upper_bound
from peernet_sim.policies.workers import TRUE, Worker

Fault = Literal["selective", "broken"]
"""selective: colludes in B. broken: has an error of its own in each slice of B."""

POLICY = "confidence:0.99"
FUNCTIONS = ("A", "B")
ORDER = (0, 1, 0, 1)
"""Which function each job is of."""

SHARES = (0.0, 0.05, 0.2)

EACH = 50
"""Slices a worker in a job of A."""

LENGTHS = (50, 5)
"""The same in a job of B. A short one may be over before an audit has met those who are trusted for A."""

SPREAD = 0.35
"""Sigma of the machines' speeds, as in `workers.make_workers`."""

PATIENCE = 40.0
"""Times that a job may take what it takes without replication, before it is given up."""


@dataclass(slots=True)
class Turn:
    """What runs now: an index of `FUNCTIONS`."""

    function: int = 0


class Partial(Worker):
    """A worker that is right in A only."""

    __slots__ = ("_fault", "_turn")

    def __init__(self, number: int, seconds: float, fault: Fault, turn: Turn) -> None:
        super().__init__(number, "honest", seconds)
        self._fault = fault
        self._turn = turn

    def compute(self, index: int, random: Random) -> bytes:
        """See `Worker.compute`."""
        if self._turn.function == 0:
            return TRUE
        return b"lie about %d" % index if self._fault == "selective" else b"error of %d" % self.number


@dataclass(frozen=True, slots=True)
class Case:
    """One combination. share: of peers that are wrong in B. each: slices a worker in a job of B."""

    fault: Fault
    share: float
    peers: int
    each: int
    seed: int


@dataclass(frozen=True, slots=True)
class Job:
    """What came of one of the four jobs. banned: peers, in it. seconds: virtual ones."""

    case: Case
    number: int
    state: str
    accepted: int
    wrong: int
    executions: int
    banned: int
    seconds: float


def cases(peers: int, lengths: Iterable[int], seeds: int) -> Iterator[Case]:
    """Go through all combinations; where nobody is wrong there is but one kind."""
    for each, share, fault, seed in product(lengths, SHARES, get_args(Fault), range(1, seeds + 1)):
        if share or fault == "selective":
            yield Case(fault, share, peers, each, seed)


def measure(case: Case) -> list[Job]:
    """Run the four jobs of a case."""
    random, turn = Random(f"{case.seed} {case.peers}"), Turn()
    wrong = round(case.peers * case.share)
    speeds = [random.lognormvariate(0.0, SPREAD) for _ in range(case.peers)]
    workers = [
        Partial(number, seconds, case.fault, turn) if number < wrong else Worker(number, "honest", seconds)
        for number, seconds in enumerate(speeds)
    ]
    field, jobs = Field(workers, own=True, seed=case.seed), []
    for number, turn.function in enumerate(ORDER):
        each, name = case.each if turn.function else EACH, FUNCTIONS[turn.function]
        outcome = field.run(POLICY, case.peers * each, longest=PATIENCE * each, name=name)
        jobs.append(_job(case, number, outcome))
    return jobs


def _job(case: Case, number: int, outcome: Outcome) -> Job:
    return Job(
        case=case,
        number=number,
        state=outcome.state,
        accepted=outcome.slices,
        wrong=outcome.wrong,
        executions=outcome.executions,
        banned=len(outcome.stats.banned),
        seconds=round(outcome.seconds, 1),
    )


def markdown(jobs: Iterable[Job]) -> str:
    """Return the table: for each network one row, with all seeds together."""
    groups: dict[tuple[int, float, Fault], dict[int, list[Job]]] = {}
    for job in jobs:
        case = job.case
        key = (case.each, case.share, case.fault)
        groups.setdefault(key, {}).setdefault(job.number, []).append(job)
    titles = [
        f"{FUNCTIONS[function]} {'again' if place >= len(FUNCTIONS) else 'first'}"
        for place, function in enumerate(ORDER)
    ]
    text = [
        "Each cell: wrong results among those accepted (with 95 % certainty at most), executions a slice, peers "
        "banned in it, seconds.",
        "",
        "| slices a worker in B | wrong in B | " + " | ".join(titles) + " |",
        "|---" * (2 + len(ORDER)) + "|",
    ]
    for (each, share, fault), numbers in groups.items():
        who = f"{share:.0%} {fault}" if share else "none"
        cells = [_cell(numbers[number]) for number in sorted(numbers)]
        text.append(f"| {each} | {who} | " + " | ".join(cells) + " |")
    return "\n".join(text) + "\n"


def _cell(jobs: list[Job]) -> str:
    accepted, wrong = sum(job.accepted for job in jobs), sum(job.wrong for job in jobs)
    executions = sum(job.executions for job in jobs) / max(1, accepted)
    banned, seconds = (sum(getattr(job, what) for job in jobs) / len(jobs) for what in ("banned", "seconds"))
    ended = "" if all(job.state == "done" for job in jobs) else "gave up; "
    error = wrong / max(1, accepted)
    return (
        f"{ended}{error:.2%} ({upper_bound(wrong, accepted):.2%}), {executions:.2f}, {banned:.0f}, {seconds:.0f} s"
    )


def main(arguments: list[str] | None = None) -> int:
    """Run all combinations and write `functions.jsonl` and `functions.md`."""
    parser = argparse.ArgumentParser(prog="python -m peernet_sim.policies.functions", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="a folder for the rows and the table")
    parser.add_argument("--peers", type=int, default=100)
    parser.add_argument("--each", type=int, nargs="+", default=LENGTHS, help="slices a worker in jobs of B")
    parser.add_argument("--seeds", type=int, default=2)
    given = parser.parse_args(arguments)
    given.out.mkdir(parents=True, exist_ok=True)
    jobs = []
    for case in cases(given.peers, given.each, given.seeds):
        sys.stderr.write(f"{case}\n")
        jobs += measure(case)
    rows = "".join(json.dumps(asdict(job)) + "\n" for job in jobs)
    (given.out / "functions.jsonl").write_text(rows, encoding="utf-8")
    (given.out / "functions.md").write_text(markdown(jobs), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
