"""Boxes and job hosts without processes: they take virtual time, and run the job's function in this process."""

from __future__ import annotations

import random
from collections.abc import Callable

from peernet.box.folding import Folding
from peernet.config import INLINE_LIMIT
from peernet.core.effects import (
    CloseBox,
    CloseHost,
    Compose,
    Cut,
    Differ,
    Effect,
    Finish,
    Fold,
    KillSlice,
    OpenBox,
    OpenHost,
    Replay,
    RunSlice,
)
from peernet.core.events import (
    Began,
    CutSlice,
    CutsMade,
    DifferencesFound,
    Done,
    Event,
    Failed,
    Failure,
    FailureKind,
    JobValue,
)
from peernet.errors import JobError, PeernetError, ProjectError, TaskError
from peernet.project import Cutter
from peernet.project.narrowing import Narrower
from peernet.results import encode
from peernet.types import Digest, JobId, Payload
from peernet_sim.engine import Engine
from peernet_sim.links import Post
from peernet_sim.machine import Machine
from peernet_sim.tasks import Task, Tasks, failed, outcome, payload

OPEN_SECONDS = 0.1
"""Opening a box: an interpreter's start and its imports."""

HOST_SECONDS = 0.2
"""Opening a job host: the same, and the project's own imports."""

STEP_SECONDS = 0.002
"""A request to a job host: a pipe's round trip and little work."""

JITTER = 0.08
"""Sigma of the lognormal jitter of run times: other load on the machine."""

HostEffect = OpenHost | Cut | Replay | Fold | Differ | Compose | Finish

Compute = Callable[[Machine, list[object]], list[object] | None]
"""What a peer reports in place of what it computed; None for nothing, ever."""


class Host:
    """A job host: the project's input and its reduction."""

    __slots__ = ("cutter", "folder", "narrower", "task")

    def __init__(self, task: Task) -> None:
        self.task = task
        self.cutter: Cutter = task.cutter()
        self.folder: Folding | None = task.folder()
        self.narrower: Narrower = task.narrower()


class Shelf:
    """The boxes of one life of a peer: open boxes and hosts by job, and the slices that run."""

    __slots__ = ("boxes", "hosts", "running")

    def __init__(self) -> None:
        self.boxes: dict[JobId, Task] = {}
        self.hosts: dict[JobId, Host] = {}
        self.running: dict[int, JobId] = {}


class Boxes:
    """Carries out the effects that concern boxes.

    blobs: the bytes of all blobs of the run. compute: what hostile peers make of results.
    """

    def __init__(
        self,
        engine: Engine,
        post: Post,
        tasks: Tasks,
        blobs: dict[Digest, bytes],
        rng: random.Random,
        compute: Compute,
    ) -> None:
        self._engine = engine
        self._post = post
        self._tasks = tasks
        self._blobs = blobs
        self._rng = rng
        self._compute = compute

    def carry(self, machine: Machine, effect: Effect) -> None:
        """Carry out one effect; its outcome comes later."""
        shelf = machine.shelf
        if shelf is None:
            shelf = machine.shelf = Shelf()
        match effect:
            case OpenBox():
                self._open_box(machine, shelf, effect)
            case RunSlice():
                self._run(machine, shelf, effect)
            case KillSlice():
                if shelf.running.pop(effect.id, None) is not None:
                    self._fail(machine, effect.id, "box", "stopped", 0.0)
            case CloseBox():
                shelf.boxes.pop(effect.job, None)
                for number in [number for number, job in shelf.running.items() if job == effect.job]:
                    del shelf.running[number]
                    self._fail(machine, number, "box", "the box was closed", 0.0)
            case CloseHost():
                shelf.hosts.pop(effect.job, None)
            case OpenHost() | Cut() | Replay() | Fold() | Differ() | Compose() | Finish():
                self._host(machine, shelf, effect)
            case _:
                raise AssertionError(f"no box carries out {type(effect).__name__}")

    # --- slices --------------------------------------------------------------------------------------------

    def _open_box(self, machine: Machine, shelf: Shelf, effect: OpenBox) -> None:
        task = self._tasks.get(effect.bundle)
        if task is None or not machine.has(effect.bundle):
            self._fail(machine, effect.id, "missing", "the bundle is not here", OPEN_SECONDS)
            return
        shelf.boxes[effect.job] = task
        self._done(machine, effect.id, None, OPEN_SECONDS)

    def _run(self, machine: Machine, shelf: Shelf, effect: RunSlice) -> None:
        task = shelf.boxes.get(effect.job)
        data = self._bytes(machine, effect.input)
        if task is None or data is None:
            self._fail(machine, effect.id, "box", "the box of the job is closed", 0.0)
            return
        shelf.running[effect.id] = effect.job
        self._tell(machine, Began(effect.id), 0.0)
        computed = self._tasks.compute(task, data, effect.seed, effect.calls)
        size = task.slice_size or computed.calls
        share = min(1.0, computed.calls / size) if size else 1.0
        jitter = self._rng.lognormvariate(0.0, JITTER)
        seconds = task.plan.seconds * share * machine.slowness * jitter / machine.spec.speed
        limit = effect.seconds
        late = seconds > limit
        self._engine.after(
            min(seconds, limit), self._ran, machine, machine.life, task, effect, data, min(seconds, limit), late
        )

    def _ran(
        self, machine: Machine, life: int, task: Task, effect: RunSlice, data: bytes, seconds: float, late: bool
    ) -> None:
        shelf = machine.shelf
        if machine.life != life or shelf is None or effect.id not in shelf.running:
            return
        if late:
            result = failed("timeout", f"the slice ran longer than {effect.seconds:g} s", None, seconds)
        else:
            computed = self._tasks.compute(task, data, effect.seed, effect.calls)
            if computed.values is None:
                assert computed.failure is not None
                result = computed.failure
            else:
                values = self._compute(machine, list(computed.values))
                if values is None:
                    return  # a lazy peer: the slice stays, and nothing is ever heard of it
                result, encoded = outcome(values, seconds)
                if result.value is not None and result.value.inline is None:
                    if machine.disk_full:
                        del shelf.running[effect.id]
                        self._fail(machine, effect.id, "storage", "the disk is full", 0.0)
                        return
                    self._blobs[result.value.digest] = encoded
                    machine.keep(result.value.digest)
        del shelf.running[effect.id]
        machine.executed += 1
        self._post(machine, life, Done(effect.id, result))

    # --- hosts ---------------------------------------------------------------------------------------------

    def _host(self, machine: Machine, shelf: Shelf, effect: HostEffect) -> None:
        seconds = HOST_SECONDS if isinstance(effect, OpenHost) else STEP_SECONDS
        try:
            value = self._ask(machine, shelf, effect)
        except (PeernetError, KeyError, ValueError) as error:
            self._fail(machine, effect.id, _kind(error), str(error), seconds)
        else:
            self._done(machine, effect.id, value, seconds)

    def _ask(self, machine: Machine, shelf: Shelf, effect: HostEffect) -> object:
        if isinstance(effect, OpenHost):
            task = self._tasks.get(effect.bundle)
            if task is None or not machine.has(effect.bundle):
                raise ProjectError("the bundle is not here")
            host = shelf.hosts[effect.job] = Host(task)
            return task.opened(host.cutter)
        host = shelf.hosts[effect.job]
        match effect:
            case Cut():
                return self._cut(machine, host.cutter, effect)
            case Replay():
                host.cutter.replay(effect.cuts)
            case Fold():
                data = self._bytes(machine, effect.value)
                assert host.folder is not None
                return host.folder.fold(effect.index, data or b"", keep=effect.keep)
            case Differ():
                return self._differ(machine, host.narrower, effect)
            case Compose():
                base, part = self._bytes(machine, effect.base), self._bytes(machine, effect.part)
                composed = host.narrower.compose(base or b"", effect.calls, part or b"")
                return None if composed is None else self._keep(machine, composed)
            case Finish():
                assert host.folder is not None
                value, skipped = host.folder.finish(effect.slices, partial=effect.partial, without=effect.without)
                return JobValue(self._keep(machine, encode(value)), skipped)
        return None

    def _cut(self, machine: Machine, cutter: Cutter, effect: Cut) -> CutsMade:
        cuts: list[CutSlice] = []
        for _ in range(effect.count):
            cut = cutter.cut(effect.calls)
            if cut is None:
                return CutsMade(tuple(cuts), True)
            cuts.append(CutSlice(cut.calls, self._keep(machine, cut.data)))
        return CutsMade(tuple(cuts), False)

    def _differ(self, machine: Machine, narrower: Narrower, effect: Differ) -> DifferencesFound:
        values = [self._bytes(machine, value) or b"" for value in effect.values]
        given = self._bytes(machine, effect.input) or b""
        found = narrower.differences(given, effect.calls, values, effect.also, effect.most)
        made = self._keep(machine, found.input) if found.input else None
        return DifferencesFound(found.counts, found.places, found.narrowed, made)

    # --- bytes and outcomes --------------------------------------------------------------------------------

    def _bytes(self, machine: Machine, given: Payload) -> bytes | None:
        if given.inline is not None:
            return given.inline
        return self._blobs.get(given.digest) if machine.has(given.digest) else None

    def _keep(self, machine: Machine, data: bytes) -> Payload:
        small = payload(data)
        if small.size <= INLINE_LIMIT:
            return small
        self._blobs[small.digest] = data
        machine.keep(small.digest)
        return Payload(small.digest, small.size)

    def _fail(self, machine: Machine, number: int, kind: FailureKind, text: str, seconds: float) -> None:
        self._tell(machine, Failed(number, Failure(kind, text)), seconds)

    def _done(self, machine: Machine, number: int, value: object, seconds: float) -> None:
        self._tell(machine, Done(number, value), seconds)

    def _tell(self, machine: Machine, event: Event, seconds: float) -> None:
        self._engine.after(seconds, self._post, machine, machine.life, event)


def _kind(error: Exception) -> FailureKind:
    if isinstance(error, TaskError | JobError):
        return "task"
    return "usage" if isinstance(error, PeernetError) else "box"
