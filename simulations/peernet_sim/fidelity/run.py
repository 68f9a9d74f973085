"""A run in fidelity mode, from a plan to a report."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import trio

from peernet.config import Config
from peernet_sim.crypto import derive
from peernet_sim.expectations import failed_expectations
from peernet_sim.fidelity.clock import VirtualClock
from peernet_sim.fidelity.determinism import run_seeded
from peernet_sim.fidelity.nullcipher import null_cipher
from peernet_sim.fidelity.stage import Stage
from peernet_sim.fidelity.watching import Watching
from peernet_sim.invariants import INVARIANTS, Inspector, Invariant
from peernet_sim.ledger import Ledger
from peernet_sim.metrics import Measures
from peernet_sim.model import Plan, Report, RunOptions, Violation
from peernet_sim.scale import PROGRESS_EVERY, peak_rss
from peernet_sim.tasks import Tasks
from peernet_sim.trace import Trace
from peernet_sim.violations import Broken
from peernet_sim.workload import Workload

MEMORY_FOLDER = Path("/dev/shm")
"""Where there is one, homes lie in memory: a disk adds nothing to a simulation but its latency."""


class FidelityRun:
    """A run of a plan: the stage, the workload, and those who look on.

    invariants: what is checked, if not everything. config: bounds of the peers, if not the product's own.
    """

    def __init__(
        self,
        plan: Plan,
        options: RunOptions,
        folder: Path,
        *,
        config: Config | None = None,
        invariants: tuple[type[Invariant], ...] = INVARIANTS,
    ) -> None:
        self.plan = plan
        self.options = options
        self.clock = VirtualClock()
        self.measures = Measures()
        self.tasks = Tasks()
        self.trace = Trace(options.trace_sample, options.trace)
        self.watching = Watching(self.trace)
        self.stage = Stage(plan, self.clock, config or Config(), self.tasks, folder, self.watching)
        self.watching.stage = self.stage
        self._over = trio.Event()
        self.ledger = Ledger(self.stage, self.tasks, self.measures, self._over.set)
        self.inspector = Inspector(self.stage, invariants)
        self.workload = Workload(self.stage, self.measures)
        self.watching.watchers.all += [self.inspector, self.ledger]
        self._ended_at = 0.0
        self._story: tuple[str, ...] = ()

    def go(self) -> Report:
        """Run it to its end, or to the first broken invariant."""
        began = time.process_time()
        seed = int.from_bytes(derive(self.plan.seed, "scheduling")[:8], "big")
        try:
            run_seeded(seed, partial(self.clock.watch, self._main), self.clock)
        finally:
            self.tasks.close()
        return self._report(time.process_time() - began)

    async def _main(self) -> None:
        engine = self.stage.engine
        async with trio.open_nursery() as nursery:
            with self.watching.scope:
                self.stage.schedule(nursery)
                self.ledger.schedule()
                self.workload.schedule()
                engine.after(self.plan.check_every, self._look)
                if self.options.progress is not None:
                    engine.after(PROGRESS_EVERY, self._tell)
                nursery.start_soon(engine.run)
                with trio.move_on_at(self.plan.seconds):
                    await self._over.wait()
                self._check(everybody=True)
            self.ledger.close()
            self._ended_at = self.clock.time
            if self.watching.broken is not None:
                self._story = self.trace.story(self.watching.broken.peers)
            self.stage.end()
            nursery.cancel_scope.cancel()

    def _look(self) -> None:
        self._check()
        self.stage.engine.after(self.plan.check_every, self._look)

    def _check(self, everybody: bool = False) -> None:
        try:
            self.inspector.look(everybody)
        except Broken as broken:
            self.watching.broke(broken)

    def _tell(self) -> None:
        assert self.options.progress is not None
        self.options.progress(self.stage.now)
        self.stage.engine.after(PROGRESS_EVERY, self._tell)

    def _violations(self) -> list[Violation]:
        broken = self.watching.broken
        if broken is None:
            return []
        text = f"{broken.text} (seed {self.plan.seed})"
        return [Violation(broken.name, self._ended_at, text, broken.peers, self._story)]

    def _report(self, cpu: float) -> Report:
        stage, measures, kinds = self.stage, self.measures, self.watching.kinds
        violations = self._violations()
        metrics: dict[str, Any] = {
            "seed": self.plan.seed,
            "mode": "fidelity",
            "name": self.plan.name,
            "peers": len(stage.machines),
            "virtual_seconds": round(self._ended_at, 6),
            "cpu_seconds": round(cpu, 3),
            "peak_rss_bytes": peak_rss(),
            "messages": sum(count for count, _ in kinds.values()),
            "bytes": sum(seat.bytes for seat in stage.machines),
            "events": self.watching.events,
            "trace_digest": self.trace.digest(),
            "invariants": {
                "checked": self.inspector.checked,
                "violated": [violation.name for violation in violations],
                "names": self.inspector.names,
            },
            "lookups": measures.lookup_metrics(),
            "values": measures.value_metrics(),
            "gossip": measures.gossip_metrics(),
            "jobs": [job.line(self._ended_at) for job in measures.jobs],
            "messages_by_kind": {
                kind: {"count": count, "bytes": size} for kind, (count, size) in sorted(kinds.items())
            },
            "parcels": stage.network.parcels,
            "detected_liars": sorted(self.ledger.liars),
            "detected_share": self.ledger.detected_share(),
        }
        return Report(
            metrics=metrics,
            series=self._series(),
            violations=violations,
            failed_expectations=failed_expectations(metrics, self.plan.expectations),
        )

    def _series(self) -> dict[str, list[Any]]:
        machines = self.stage.machines
        series = self.measures.series(self._ended_at)
        series["work_per_peer"] = [machine.executed for machine in machines]
        series["messages_per_peer"] = [machine.messages for machine in machines]
        series["bytes_per_peer"] = [machine.bytes for machine in machines]
        times = sorted(self.ledger.liars.values())
        series["detected_liars"] = [(round(at, 6), place + 1) for place, at in enumerate(times)]
        return series


def run_fidelity(plan: Plan, options: RunOptions, *, null: bool = False) -> Report:
    """Run a plan in fidelity mode: up to a few hundred peers. Signatures are real and messages are encoded,
    whatever the options say.

    null: with a cipher that does nothing, to measure what all else costs; only ever here (`nullcipher`).

    Returns what was found; a broken invariant is in it and has ended the run early.

    Raises:
        ProjectError: the project of a job can't be loaded. UsageError: this trio can't be made deterministic.
    """
    with ExitStack() as stack:
        parent = MEMORY_FOLDER if MEMORY_FOLDER.is_dir() else None
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="peernet-sim-", dir=parent))
        if null:
            stack.enter_context(null_cipher())
        return FidelityRun(plan, options, Path(folder)).go()
