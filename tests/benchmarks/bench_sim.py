"""The figures of the simulator, and of the node code as it shows there: `make bench-sim`, or in pieces
`python tests/benchmarks/bench_sim.py [ROW ...] [--json] [--list]`.

Each row runs in a process of its own, so that its memory is its own. Figures per CPU second depend on the machine;
all others are the same everywhere, as one seed is one run.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from peernet_sim.fidelity.run import run_fidelity
from peernet_sim.replay import Recipe, compile_recipe, perform

KIB = 1024


@dataclass(frozen=True)
class Figure:
    """What was measured. wanted: what it has to reach, as ">= 15000", or nothing."""

    name: str
    value: float | None
    wanted: str = ""

    @property
    def met(self) -> bool | None:
        """Whether it is reached; None where nothing is wanted."""
        if not self.wanted:
            return None
        sign, _, limit = self.wanted.partition(" ")
        if self.value is None:
            return False
        return self.value >= float(limit) if sign == ">=" else self.value <= float(limit)


Figures = Iterator[Figure]
ROWS: dict[str, tuple[str, Callable[[], Figures]]] = {}
"""Name of a row -> what it shows, and who measures it."""


def row(name: str, about: str) -> Callable[[Callable[[], Figures]], Callable[[], Figures]]:
    def keep(measure: Callable[[], Figures]) -> Callable[[], Figures]:
        ROWS[name] = about, measure
        return measure

    return keep


def simulate(
    peers: int,
    seconds: float,
    *,
    join: float | None = 10.0,
    features: str = '"dht", "gossip", "adverts", "work"',
    workload: str = "",
    faults: str = "",
    seed: int = 1,
    mode: Any = "scale",
    null: bool = False,
) -> dict[str, Any]:
    """Run a scenario and return its metrics, with the bytes that its world took.

    join: seconds in which all join; None for a network that has stood for long. null: as for `run_fidelity`.
    """
    start = "formed = true" if join is None else f"join_seconds = {join}"
    text = (
        f'name = "bench"\nabout = "a benchmark"\npeers = {peers}\nseconds = {seconds}\n{start}\n'
        f'features = [{features}]\n[topology]\nkind = "regions"\n[workload]\n{workload}\n{faults}\n'
    )
    with tempfile.TemporaryDirectory(prefix="peernet-bench-") as folder:
        path = Path(folder) / "bench.toml"
        path.write_text(text)
        recipe = Recipe(source=str(path), seed=seed, mode=mode)
        before = psutil.Process().memory_info().rss
        plan = compile_recipe(recipe)
        report = run_fidelity(plan, recipe.options, null=True) if null else perform(plan, recipe.options)
    if report.violations:
        raise SystemExit(f"an invariant broke: {report.violations[0]}")
    return report.metrics | {"world_bytes": report.metrics["peak_rss_bytes"] - before}


def churn(percent: float) -> str:
    return f'[[fault]]\nkind = "churn"\nfrom = 20.0\npercent_per_minute = {percent}\n'


def requests(metrics: dict[str, Any]) -> int:
    """How many calls of the DHT were made."""
    kinds = metrics["messages_by_kind"]
    return sum(kinds[kind]["count"] for kind in ("FindNode", "FindValue", "Store", "Probe") if kind in kinds)


JOB = "[[job]]\nat = {at}\ncalls = 5000\nslice_size = 10\nseconds = 2.0\n"


STANDING = "a network that has stood for long"


@row("memory", f"10,000 peers in one process with everything on, {STANDING}")
def memory() -> Figures:
    told = simulate(
        10_000,
        60.0,
        join=None,
        workload="settle = 20.0\nlookups = 1000\nbroadcasts = 5",
        faults=JOB.format(at=30),
    )
    yield Figure("KiB a peer, 10,000 peers, everything on", told["world_bytes"] / KIB / 10_000, "<= 64")
    yield Figure("slices accepted of 500", told["jobs"][0]["accepted"])
    yield Figure("lookups that found the nearest (%)", 100 * told["lookups"]["success"])
    yield Figure("peers reached by a broadcast (%)", 100 * told["gossip"]["coverage"])
    yield Figure("payload copies a delivery, 10,000 peers", told["gossip"]["copies_per_delivery"], "<= 1.1")
    yield Figure("connections made a peer", told["connections"]["made"] / 10_000)
    yield Figure("virtual seconds a CPU second, 10,000 starting peers", per_cpu(told))


@row("memory-100k", f"100,000 peers in one process with DHT and gossip, {STANDING}; takes its time")
def memory_100k() -> Figures:
    told = simulate(
        100_000,
        40.0,
        join=None,
        features='"dht", "gossip"',
        workload="settle = 20.0\nlookups = 200\nbroadcasts = 1",
    )
    yield Figure("KiB a peer, 100,000 peers, DHT and gossip", told["world_bytes"] / KIB / 100_000)
    yield Figure("lookups that found the nearest (%)", 100 * told["lookups"]["success"], ">= 100")
    yield Figure("peers reached by a broadcast (%)", 100 * told["gossip"]["coverage"])
    yield Figure("virtual seconds a CPU second, 100,000 starting peers", per_cpu(told))


@row("joining", "what it costs 10,000 peers to join, everything on; takes its time")
def joining() -> Figures:
    told = simulate(10_000, 40.0, join=30.0, workload="settle = 35.0")
    yield Figure("CPU ms a join, 10,000 peers", 1000 * told["cpu_seconds"] / 10_000)
    yield Figure("calls of the DHT a join", requests(told) / 10_000)
    yield Figure("connections made a join", told["connections"]["made"] / 10_000)
    yield Figure("KiB a peer, 10,000 joining peers", told["world_bytes"] / KIB / 10_000)


@row("rpc", f"DHT calls a CPU second over the whole path of the core, {STANDING}")
def rpc() -> Figures:
    # In small networks connections stand already, and what is asked lies in the processor's cache.
    for peers in (30, 100, 1000):
        told = simulate(peers, 90.0, join=None, features='"dht"', workload="settle = 30.0\nlookups = 5000")
        yield Figure(f"DHT RPCs a CPU second, {peers:,} peers", requests(told) / told["cpu_seconds"], ">= 15000")
        yield Figure(f"messages a CPU second, {peers:,} peers", told["messages"] / told["cpu_seconds"])


@row("fidelity", "the real runtime on the virtual clock")
def fidelity() -> Figures:
    for peers, null in ((10, False), (40, False), (40, True), (100, True)):
        told = simulate(
            peers, 60.0, mode="fidelity", workload="settle = 20.0\nlookups = 200\nbroadcasts = 5",
            faults=JOB.format(at=20), null=null,
        )  # fmt: skip
        cipher = "null cipher" if null else "Noise"
        yield Figure(f"messages a CPU second, {cipher}, {peers} peers", told["messages"] / told["cpu_seconds"])
        yield Figure(f"virtual seconds a CPU second, {cipher}, {peers} peers", per_cpu(told))
        yield Figure(f"KiB a peer, fidelity, {cipher}, {peers} peers", told["world_bytes"] / KIB / peers)


@row("speed-100", "virtual seconds a CPU second at 100 peers")
def speed_100() -> Figures:
    told = simulate(100, 600.0, workload="settle = 30.0\nlookups = 500\nbroadcasts = 20", faults=JOB.format(at=40))
    yield Figure("virtual seconds a CPU second, 100 peers", per_cpu(told), ">= 100")


@row("speed-1000", f"virtual seconds a CPU second at 1,000 churning peers, {STANDING}")
def speed_1000() -> Figures:
    # 1.7 % a minute: a median session of 40 minutes, less than what was measured in file sharing networks (Saroiu,
    # Gummadi and Gribble, "A Measurement Study of Peer-to-Peer File Sharing Systems", 2002: 60).
    for percent in (1.7, 5, 10):
        told = simulate(
            1000,
            300.0,
            join=None,
            workload="settle = 30.0\nlookups = 500\nbroadcasts = 20",
            faults=JOB.format(at=40) + churn(percent),
        )
        yield Figure(f"virtual seconds a CPU second, 1,000 peers, {percent} % churn", per_cpu(told), ">= 30")


@row("speed-10000", f"virtual seconds a CPU second at 10,000 peers, {STANDING}")
def speed_10000() -> Figures:
    told = simulate(
        10_000, 600.0, join=None, workload="settle = 40.0\nlookups = 500\nbroadcasts = 5", faults=JOB.format(at=50)
    )
    yield Figure("virtual seconds a CPU second, 10,000 peers", per_cpu(told), ">= 3")


@row("hops", "hops of lookups, against the binary logarithm of the number of peers")
def hops() -> Figures:
    for peers in (100, 1000, 10_000):
        told = simulate(peers, 90.0, join=20.0, features='"dht"', workload="settle = 40.0\nlookups = 1000")[
            "lookups"
        ]
        scale = math.log2(peers)
        yield Figure(f"mean hops / log2 N, {peers:,} peers", told["hops_mean"] / scale, "<= 0.35")
        yield Figure(f"most hops / log2 N, {peers:,} peers", told["hops_max"] / scale, "<= 1")
        yield Figure(f"true nearest found (%), {peers:,} peers", 100 * told["success"], ">= 100")


@row("gets", "gets of values while peers come and go")
def gets() -> Figures:
    for percent, wanted in ((5, 99.9), (10, 99.5), (20, 99.0)):
        told = simulate(
            500, 600.0, features='"dht"', workload="settle = 40.0\nputs = 2000", faults=churn(percent)
        )["values"]
        yield from get_figures(told, f"{percent} % churn a minute", wanted)


@row("lost", "values lost in an hour at 10 % churn a minute")
def lost() -> Figures:
    told = simulate(
        500, 3700.0, features='"dht"', workload="settle = 40.0\nputs = 1010\nput_seconds = 60.0", faults=churn(10)
    )["values"]
    yield Figure("values put", told["stored"], ">= 1000")
    yield Figure("values lost in 60 minutes at 10 % churn", told["lost"], "<= 0")


@row("colluders", "gets while a share of the peers name only each other and give nothing out")
def colluders() -> Figures:
    for share, wanted in ((0.2, 99.5), (0.3, 98.0)):
        for since, when in ((40.0, "once the network stands"), (0.0, "from the start")):
            faults = f"[sets]\nbad = {{ share = {share} }}\n" + "".join(
                f'[[fault]]\nkind = "{kind}"\npeers = "bad"\nfrom = {since}\n' for kind in ("eclipse", "withhold")
            )
            told = simulate(500, 300.0, features='"dht"', workload="settle = 40.0\nputs = 2000", faults=faults)
            yield from get_figures(told["values"], f"{share:.0%} colluders {when}", wanted)


@row("gossip", "broadcasts in a healthy network, at 5 % loss, and with 30 % mute peers")
def gossip() -> Figures:
    loss = '[[fault]]\nkind = "loss"\nrate = 0.05\n'
    mute = '[[fault]]\nkind = "mute"\npeers = { share = 0.3 }\n'
    for name, faults, copies in (("healthy", "", "<= 1.1"), ("5 % loss", loss, "<= 1.4"), ("30 % mute", mute, "")):
        told = simulate(
            1000, 150.0, features='"dht", "gossip"', workload="settle = 40.0\nbroadcasts = 50", faults=faults
        )["gossip"]
        yield Figure(f"peers reached (%), {name}", 100 * told["coverage"], ">= 100")
        yield Figure(f"seconds until everybody has it, {name}", told["t100"], "<= 4")
        yield Figure(f"payload copies a delivery, {name}", told["copies_per_delivery"], copies)


@row("determinism", "20 seeds run twice, and a third time under another PYTHONHASHSEED")
def determinism() -> Figures:
    runs = [
        json.loads(
            subprocess.run(
                [sys.executable, __file__, "--digests"],
                env=os.environ | {"PYTHONHASHSEED": hashing},
                stdout=subprocess.PIPE,
                check=True,
            ).stdout
        )
        for hashing in ("1", "1", "2")
    ]
    first, again, otherwise = runs
    same = sum(one == other for one, other in zip(first, again, strict=True))
    yield Figure("equal trace digests of 20 seeds, run twice", same, ">= 20")
    same = sum(one == other for one, other in zip(first, otherwise, strict=True))
    yield Figure("equal trace digests of 20 seeds, hashed otherwise", same, ">= 20")
    yield Figure("different digests among 20 seeds", len(set(runs[0])), ">= 20")


def digests() -> list[str]:
    """The digests of twenty runs with churn, values, gossip and a job."""
    faults = "[[job]]\nat = 25.0\ncalls = 200\nslice_size = 10\nseconds = 1.0\n" + churn(20)
    workload = "settle = 20.0\nlookups = 50\nputs = 10\nbroadcasts = 5"
    return [
        simulate(30, 60.0, workload=workload, faults=faults, seed=seed)["trace_digest"] for seed in range(1, 21)
    ]


def per_cpu(told: dict[str, Any]) -> float:
    return float(told["virtual_seconds"] / told["cpu_seconds"])


def get_figures(told: dict[str, Any], where: str, wanted: float) -> Figures:
    yield Figure(f"gets that succeed (%), {where}", 100 * told["success"], f">= {wanted:g}")
    yield Figure(f"median seconds of a get, {where}", told["latency_p50"], "<= 0.5")
    yield Figure(f"99 % of the gets within (s), {where}", told["latency_p99"], "<= 2")
    yield Figure(f"gets, {where}", told["gets"])


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("rows", nargs="*", metavar="ROW", help="rows to measure; all by default")
    parser.add_argument("--json", action="store_true", help="print a JSON line for each figure")
    parser.add_argument("--list", action="store_true", help="name the rows and leave")
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--digests", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if unknown := [name for name in given.rows if name not in ROWS]:
        parser.error(f"there is no row {unknown[0]}; rows are {', '.join(ROWS)}")
    if given.list:
        for name, (about, _) in ROWS.items():
            print(f"{name:<14} {about}")
        return 0
    if given.digests:
        print(json.dumps(digests()))
        return 0
    if given.inside:
        for figure in ROWS[given.rows[0]][1]():
            print(json.dumps([figure.name, figure.value, figure.wanted]), flush=True)
        return 0
    return max([measured(name, given.json) for name in given.rows or ROWS])


def measured(name: str, as_json: bool) -> int:
    """Measure a row in a process of its own and print its figures. Returns 1 if one is missed."""
    began, missed = time.perf_counter(), 0
    with subprocess.Popen(
        [sys.executable, __file__, "--inside", name], stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        for line in child.stdout:
            figure = Figure(*json.loads(line))
            missed |= figure.met is False
            if as_json:
                told = {"row": name, "name": figure.name, "value": figure.value, "wanted": figure.wanted}
                print(json.dumps(told | {"met": figure.met}), flush=True)
            else:
                value = "–" if figure.value is None else f"{figure.value:,.3f}"
                verdict = {None: "", True: "reached", False: "MISSED"}[figure.met]
                print(f"{figure.name:<58} {value:>14}  {figure.wanted:<9} {verdict}".rstrip(), flush=True)
    if not as_json:
        print(f"  ({name}: {time.perf_counter() - began:.0f} s)", flush=True)
    return max(missed, int(child.returncode != 0))


if __name__ == "__main__":
    sys.exit(main())
