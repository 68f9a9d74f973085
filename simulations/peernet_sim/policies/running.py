"""Runs cases, each at most once: what is in the file from an earlier run is kept."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

from peernet.errors import UsageError
from peernet_sim.policies import copies
from peernet_sim.policies.cases import POLICIES, Case, Row, Way
from peernet_sim.policies.field import Field, Outcome
from peernet_sim.policies.workers import LIARS, workers_of


def measure(case: Case) -> list[Row]:
    """Run one case on the field: its cold job, and its warm one if it has one."""
    field = Field(workers_of(case), own=case.own, seed=case.seed)
    return [_row(case, warm, field) for warm in ((False, True) if case.warm else (False,))]


def _row(case: Case, warm: bool, field: Field) -> Row:
    begun = time.process_time()
    outcome: Outcome = field.run(case.policy, case.slices, longest=case.patience)
    stats = outcome.stats
    return Row(
        case=case,
        warm=warm,
        state=outcome.state,
        reason=outcome.reason,
        slices=case.slices,
        accepted=outcome.slices,
        wrong=outcome.wrong,
        executions=outcome.executions,
        audits=stats.audits,
        taken_back=stats.taken_back,
        banned=len(stats.banned),
        cpu_seconds=round(time.process_time() - begun, 2),
    )


def run(way: Way, todo: list[Case], processes: int, done: Callable[[list[Row]], None]) -> None:
    """Run cases in so many processes; `done` is told of the rows of each as it comes."""
    if way == "network":
        copies.run(todo, processes, done)
    elif processes <= 1:
        for case in todo:
            done(measure(case))
    else:
        with ProcessPoolExecutor(processes) as pool:
            for future in as_completed([pool.submit(measure, case) for case in todo]):
                done(future.result())


class Store:
    """The rows of one way in a file of JSON lines, to which they are added as they come."""

    def __init__(self, path: Path) -> None:
        """Read what is there.

        Raises:
            UsageError: it holds something else; names the file and the line.
        """
        self._path = path
        self._rows: dict[Case, dict[bool, Row]] = {}
        text = path.read_text(encoding="utf-8") if path.exists() else ""
        for number, line in enumerate(text.splitlines(), 1):
            try:
                row = Row.from_json(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                what = f"{path}, line {number} is no row of a table ({error!r})"
                raise UsageError(f"{what}: move the file away, or take the line out") from error
            self._rows.setdefault(row.case, {})[row.warm] = row

    def __contains__(self, case: Case) -> bool:
        """Whether all jobs of a case are there."""
        return len(self._rows.get(case, ())) == 1 + case.warm

    def add(self, rows: list[Row]) -> None:
        """Add what came of a case, in place of what was left of a run that ended in the midst of it."""
        self._rows[rows[0].case] = {row.warm: row for row in rows}
        with self._path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(row.as_json()) + "\n" for row in rows)

    def rows(self) -> list[Row]:
        """Return all rows in the order of a table, whatever the order in which they came."""
        return [row for case in sorted(self._rows, key=_place) for row in self._rows[case].values()]


def _place(case: Case) -> tuple[object, ...]:
    kinds = ("honest", *LIARS)
    known = POLICIES.index(case.policy) if case.policy in POLICIES else len(POLICIES)
    return case.peers, case.share, kinds.index(case.kind), known, case.policy, case.each, case.seed
