"""What boxes cost, tier by tier in one run: `make bench-boxes`, or `python tests/benchmarks/bench_boxes.py`.

`--json` prints one object. The tiers take turns, so that a busy machine slows all of them alike; the median
counts. Compare the tiers with each other, not with figures of another machine. Run it as the user who would run
the peer: the boxes of root get a user of their own instead of a user namespace.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import psutil
import trio

from peernet.config import BoxConfig
from peernet.project import Bundle, Cutter
from peernet.sandbox import Box, Executor, Limits, make_executor, probe

PROJECT = b"""
import peernet

@peernet.parallel(over=[])
def same(value):
    return value
"""
LIMITS = Limits()
ROUNDS = 5
"""Boxes opened in each tier."""

COLD = "cold box: open, until a slice could run (ms)"
CLOSE = "cold box: close (ms)"
WARM = "a slice in a fresh child, from a warm box (ms)"
REUSED = "a slice in a reused child (ms)"
PSS = "idle box: proportional memory, PSS (MiB)"
PRIVATE = "idle box: private memory (MiB)"
PROCESSES = "idle box: processes"

Figures = dict[str, dict[str, list[float]]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--slices", type=int, default=100, help="slices in each box")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="peernet-bench-") as folder:
        findings = probe(Path(folder) / "probe", BoxConfig())
        for note in findings.notes:
            print(note, file=sys.stderr)
        figures = trio.run(measure, Path(folder), sorted(findings.tiers), given.slices)
    medians = {
        name: {tier: statistics.median(all_) for tier, all_ in row.items()} for name, row in figures.items()
    }
    if given.json:
        print(json.dumps(medians))
        return 0
    print(f"{'':<50}" + "".join(f"{'tier ' + tier:>10}" for tier in sorted(findings.tiers)))
    for name, row in medians.items():
        print(f"{name:<50}" + "".join(f"{row[tier]:>10.2f}" for tier in sorted(row)))
    return 0


async def measure(folder: Path, tiers: list[str], slices: int) -> Figures:
    """Each round opens a box of each tier, with fresh children and with a reused one."""
    figures: Figures = defaultdict(lambda: defaultdict(list))
    executors = {tier: make_executor(tier, folder / tier, BoxConfig()) for tier in tiers}
    try:
        for _ in range(ROUNDS):
            for tier, executor in executors.items():
                for name, values in (await one_round(executor, slices)).items():
                    figures[name][tier] += values
    finally:
        for executor in executors.values():
            await executor.aclose()
    return figures


async def one_round(executor: Executor, slices: int) -> dict[str, list[float]]:
    before = set(below())
    begun = time.perf_counter()
    box = await executor.open_box(bundle(), LIMITS, 1)
    opened = time.perf_counter()
    await run(box)
    figures = {COLD: [1e3 * (opened - begun)], **memory_of(set(below()) - before)}
    figures[WARM] = [await run(box) for _ in range(slices)]
    closing = time.perf_counter()
    await box.aclose()
    figures[CLOSE] = [1e3 * (time.perf_counter() - closing)]
    box = await executor.open_box(bundle(), LIMITS, 1, reuse=True)
    await run(box)
    figures[REUSED] = [await run(box) for _ in range(slices)]
    await box.aclose()
    return figures


async def run(box: Box) -> float:
    """Run one slice that does nothing, and return how many milliseconds it took."""
    begun = time.perf_counter()
    outcome = await box.run(INPUT, LIMITS, lambda: None)
    assert outcome.status == "ok", outcome
    return 1e3 * (time.perf_counter() - begun)


def below() -> list[int]:
    """The processes that this one has started, and theirs."""
    return [process.pid for process in psutil.Process().children(recursive=True)]


def memory_of(pids: set[int]) -> dict[str, list[float]]:
    """The memory of an idle box: its zygote, the child that waits, and what started them."""
    pss = private = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:]:
            name, size = line.split()[:2]
            pss += int(size) if name == "Pss:" else 0
            private += int(size) if name.startswith("Private_") else 0
    return {PSS: [pss / 1024], PRIVATE: [private / 1024], PROCESSES: [float(len(pids))]}


def bundle() -> bytes:
    return Bundle("source", "same.py", "", (), (("same.py", PROJECT),), "", (), b"").encode()


def _input() -> bytes:
    cut = Cutter([1]).cut(1)
    assert cut is not None
    return cut.data


INPUT = _input()


if __name__ == "__main__":
    if os.name != "posix":
        sys.exit("boxes need a POSIX system")
    sys.exit(main())
