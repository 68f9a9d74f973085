"""Scale mode: thousands of cores under one heap of events on a virtual clock; one seed, one trace."""

from __future__ import annotations

import gc
import resource
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from peernet.config import Config
from peernet_sim.expectations import failed_expectations
from peernet_sim.invariants import INVARIANTS, Inspector, Invariant
from peernet_sim.large import limited
from peernet_sim.ledger import Ledger
from peernet_sim.looking import Watchers
from peernet_sim.metrics import Measures
from peernet_sim.model import Plan, Report, RunOptions, Violation
from peernet_sim.tasks import Tasks
from peernet_sim.violations import Broken
from peernet_sim.workload import Workload
from peernet_sim.world import World

PROGRESS_EVERY = 1.0
"""Virtual seconds between two words of progress."""

COLLECT_EVERY = 2_000_000
"""Acts between two looks for garbage in cycles. An act leaves some ten bytes of it, and a look at 10,000 peers
takes two seconds, so that neither shows."""

KIB = 1024


class Run:
    """A run of a plan: the world, its workload, and those who look on.

    invariants: what is checked, if not everything. config: bounds of the peers, if not the product's own.
    """

    def __init__(
        self,
        plan: Plan,
        options: RunOptions,
        *,
        config: Config | None = None,
        invariants: tuple[type[Invariant], ...] = INVARIANTS,
    ) -> None:
        self.plan = plan
        self.options = options
        self.measures = Measures()
        self.tasks = Tasks()
        watchers = Watchers()
        bounds = limited(config or Config(), len(plan.topology.peers))
        self.world = World(plan, options, watchers, bounds, self.tasks)
        self.ledger = Ledger(self.world, self.tasks, self.measures, self.world.engine.stop)
        self.inspector = Inspector(self.world, invariants)
        self.workload = Workload(self.world, self.measures)
        watchers.all += [self.inspector, self.ledger]
        self.violations: list[Violation] = []
        self._collected = 0

    def go(self) -> Report:
        """Run it to its end, or to the first broken invariant."""
        began = time.process_time()
        engine = self.world.engine
        with calm_collector():
            try:
                self.ledger.schedule()
                self.workload.schedule()
                engine.after(self.plan.check_every, self._look)
                if self.options.progress is not None:
                    engine.after(PROGRESS_EVERY, self._tell)
                engine.run(self.plan.seconds)
                self.inspector.look(everybody=True)
            except Broken as broken:
                self._violated(broken.name, broken.text, broken.peers)
            except AssertionError as error:
                index = self.world.driver.at_work
                self._violated("the core's own checks", f"peer {index}: {error!r}", (index,))
            finally:
                self.tasks.close()
        self.ledger.close()
        self.workload.close()
        return self._report(time.process_time() - began)

    def _look(self) -> None:
        self.inspector.look()
        if self.world.engine.steps >= self._collected + COLLECT_EVERY:
            self._collected = self.world.engine.steps
            gc.collect()
        self.world.engine.after(self.plan.check_every, self._look)

    def _tell(self) -> None:
        assert self.options.progress is not None
        self.options.progress(self.world.now)
        self.world.engine.after(PROGRESS_EVERY, self._tell)

    def _violated(self, name: str, text: str, peers: tuple[int, ...]) -> None:
        story = self.world.trace.story(peers)
        text = f"{text} (seed {self.plan.seed})"
        self.violations.append(Violation(name, self.world.now, text, peers, story))

    def _report(self, cpu: float) -> Report:
        world, measures = self.world, self.measures
        kinds = world.network.kinds
        total = sum(count for count, _ in kinds.values())
        metrics: dict[str, Any] = {
            "seed": self.plan.seed,
            "mode": "scale",
            "name": self.plan.name,
            "peers": len(world.machines),
            "virtual_seconds": round(world.now, 6),
            "cpu_seconds": round(cpu, 3),
            "peak_rss_bytes": peak_rss(),
            "messages": total,
            "bytes": sum(size for _, size in kinds.values()),
            "events": world.driver.events,
            "trace_digest": world.trace.digest(),
            "invariants": {
                "checked": self.inspector.checked,
                "violated": [violation.name for violation in self.violations],
                "names": self.inspector.names,
            },
            "lookups": measures.lookup_metrics(),
            "values": measures.value_metrics(),
            "gossip": measures.gossip_metrics(),
            "jobs": [job.line(world.now) for job in measures.jobs],
            "messages_by_kind": {
                kind: {"count": count, "bytes": size} for kind, (count, size) in sorted(kinds.items())
            },
            "connections": {
                "made": world.network.links.made,
                "dials": world.network.dialler.dials,
                "failed_dials": world.network.dialler.failed,
                "limit": world.config.net.connections,
            },
            "detected_liars": sorted(self.ledger.liars),
            "detected_share": self.ledger.detected_share(),
        }
        return Report(
            metrics=metrics,
            series=self._series(),
            violations=self.violations,
            failed_expectations=failed_expectations(metrics, self.plan.expectations),
        )

    def _series(self) -> dict[str, list[Any]]:
        machines = self.world.machines
        series = self.measures.series(self.world.now)
        series["work_per_peer"] = [machine.executed for machine in machines]
        series["messages_per_peer"] = [machine.messages for machine in machines]
        series["bytes_per_peer"] = [machine.bytes for machine in machines]
        times = sorted(self.ledger.liars.values())
        series["detected_liars"] = [(round(at, 6), place + 1) for place, at in enumerate(times)]
        return series


def run_scale(plan: Plan, options: RunOptions) -> Report:
    """Run a plan in scale mode.

    Returns what was found; a broken invariant is in it and has ended the run early.

    Raises:
        ProjectError: the project of a job can't be loaded.
    """
    return Run(plan, options).go()


def peak_rss() -> int:
    """Return the most memory that this process has had so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * KIB


@contextmanager
def calm_collector() -> Iterator[None]:
    """Keep the cyclic collector from walking over a world of millions of live objects again and again; what is
    there before a run is never walked over. `Run` calls it now and then."""
    was_on = gc.isenabled()
    gc.collect()
    gc.freeze()
    gc.disable()
    try:
        yield
    finally:
        gc.unfreeze()
        if was_on:
            gc.enable()
