"""Many cases in one network: it is brought up once, and each case goes on in a copy of the process.

To bring up a thousand peers takes longer than a short job among them. A copy costs the pages that it changes, and
goes event for event as a run of the case alone would.
"""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Callable, Iterable
from multiprocessing.connection import Connection, wait
from typing import cast

from peernet.errors import UsageError
from peernet_sim.policies import network
from peernet_sim.policies.cases import Case, Row
from peernet_sim.scale import Run


def run(todo: Iterable[Case], processes: int, done: Callable[[list[Row]], None]) -> None:
    """Run cases, at most so many at once; `done` is told of the rows of each as it comes.

    Raises:
        UsageError: this system does not copy processes.
        EOFError: a case ended without a result; its own error is on stderr.
    """
    if "fork" not in multiprocessing.get_all_start_methods():
        raise UsageError(f"networks are measured in copies of a process, and {sys.platform} has none: take Linux")
    groups: dict[tuple[int, int], list[Case]] = {}
    for case in todo:
        groups.setdefault((case.peers, case.seed), []).append(case)
    for group in groups.values():
        _run_group(network.settled(group[0]), group, max(1, processes), done)


def _run_group(settled: Run, group: list[Case], processes: int, done: Callable[[list[Row]], None]) -> None:
    forking = multiprocessing.get_context("fork")
    waiting = iter(group)
    running: dict[Connection, multiprocessing.process.BaseProcess] = {}
    while True:
        while len(running) < processes and (case := next(waiting, None)) is not None:
            here, there = forking.Pipe(duplex=False)
            copy = forking.Process(target=_go_on, args=(there, settled, case), name=str(case))
            copy.start()
            there.close()
            running[here] = copy
        if not running:
            return
        for ready in wait(list(running)):
            end = cast("Connection", ready)
            rows = end.recv()
            running.pop(end).join()
            end.close()
            done(rows)


def _go_on(end: Connection, settled: Run, case: Case) -> None:
    end.send(network.go_on(settled, case))
    end.close()
