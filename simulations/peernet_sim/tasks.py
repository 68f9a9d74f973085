"""What the jobs of a run compute: a model (the sum over a range), or a project loaded into this process.

A project's code is the user's own, run on the user's own wish, as by calling its function; it is loaded once,
before virtual time begins, and never again.
"""

from __future__ import annotations

import importlib
import io
import operator
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from peernet.box.folding import Folding
from peernet.config import INLINE_LIMIT
from peernet.core.events import HostOpened, SliceOutcome
from peernet.errors import CannotEncodeError, TaskError
from peernet.identity.digest import digest
from peernet.project import (
    Bundle,
    Cutter,
    FailedCall,
    Folder,
    LoadedFunction,
    TaskFailure,
    load_project,
    materialise,
    open_input,
    run_slice,
)
from peernet.project.narrowing import Narrower
from peernet.results import decode, encode
from peernet.types import Digest, Payload
from peernet_sim.model import JobPlan

FailedStatus = Literal["error", "timeout", "unencodable"]


@dataclass(frozen=True, slots=True)
class Task:
    """A job's code, ready to run. plan: how long its slices take. bundle: the bytes that travel; they end with the
    number of the job in the plan, which tells two jobs of one project apart: their slices may differ in cost."""

    bundle: bytes
    plan: JobPlan
    name: str
    function: LoadedFunction
    over: Any
    keep_if: Callable[[Any], object] | None
    stop_when: Callable[[Any], object] | None
    reduce: Callable[[Any, Any], Any] | None
    initial: object
    slice_size: int | None
    replicas: int | None
    quorum: int | None
    timeout: float | None
    confidence: float | None = None
    retries: bool = False

    @property
    def digest(self) -> Digest:
        """The name of the bundle, under which real blob stores know it too."""
        return digest(self.bundle)

    @property
    def reduces(self) -> bool:
        """Its value is made of all results, in the job host."""
        return self._folder().has_work

    def cutter(self) -> Cutter:
        """Return a cutter at the beginning of the input."""
        return Cutter(self.over, self.function.whole_slice)

    def folder(self) -> Folding | None:
        """Return an empty reduction, if the project reduces."""
        return Folding(self._folder(), io.BytesIO, _read_results) if self.reduces else None

    def narrower(self) -> Narrower:
        """Return what compares results of slices."""
        return Narrower(apart=not self.function.whole_slice and self.stop_when is None)

    def _folder(self) -> Folder:
        return Folder(self.reduce, self.initial, self.keep_if, self.stop_when)

    def opened(self, cutter: Cutter) -> HostOpened:
        """Return what the project declares."""
        return HostOpened(
            name=self.name,
            length=cutter.length,
            slice_size=self.slice_size,
            replicas=self.replicas,
            quorum=self.quorum,
            timeout=self.timeout,
            whole_slice=self.function.whole_slice,
            reduces=self.reduces,
            confidence=self.confidence,
            retries=self.retries,
        )


@dataclass(frozen=True, slots=True)
class Computed:
    """What honest peers get for a slice: its values, or how it fails. calls: inputs in it."""

    calls: int
    values: tuple[Any, ...] | None
    failure: SliceOutcome | None


class Tasks:
    """The jobs of a run by the digest of their bundles, and what their slices come out as: each is computed once,
    however many replicas there are. Projects keep their folder until `close`: they may import from it late."""

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._tasks: dict[Digest, Task] = {}
        self._known: dict[tuple[Digest, Digest, bytes, tuple[int, ...]], Computed] = {}

    def add(self, plan: JobPlan, number: int) -> Task:
        """Take in the `number`-th job of the plan.

        Raises:
            ProjectError: its bundle can't be read, or its code raised.
        """
        if plan.project is not None:
            task = _load(plan, plan.project, number, self._stack)
        else:
            task = _model(plan, number)
        self._tasks[task.digest] = task
        return task

    def close(self) -> None:
        """Remove the folders of projects, and put the search for modules back."""
        self._stack.close()

    def get(self, bundle: Digest) -> Task | None:
        """Return the task of a bundle."""
        return self._tasks.get(bundle)

    def compute(self, task: Task, data: bytes, seed: bytes, calls: tuple[int, ...] = ()) -> Computed:
        """Return what an honest peer gets for the input of a slice with this seed. calls: of a narrowed one."""
        key = (task.digest, digest(data), seed, calls)
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = _compute(task.function, data, seed, calls)
        return known


def payload(data: bytes) -> Payload:
    """Return bytes as an inline payload."""
    return Payload(digest(data), len(data), data)


def outcome(values: list[Any], seconds: float) -> tuple[SliceOutcome, bytes]:
    """Return the outcome of a slice with these results, and their bytes: large ones travel as a blob."""
    try:
        data = encode(values, classes=(FailedCall,))
    except CannotEncodeError as error:
        return failed("unencodable", str(error), None, seconds), b""
    small = payload(data)
    value = small if small.size <= INLINE_LIMIT else Payload(small.digest, small.size)
    return SliceOutcome("ok", value, "", None, "", seconds, seconds), data


def failed(
    status: FailedStatus, error: str, call: int | None, seconds: float, traceback: str = ""
) -> SliceOutcome:
    """Return the outcome of a slice that failed."""
    return SliceOutcome(status, None, error, call, traceback, seconds, seconds)


def _compute(function: LoadedFunction, data: bytes, seed: bytes, calls: tuple[int, ...]) -> Computed:
    inputs = open_input(data)
    try:
        return Computed(len(inputs), tuple(run_slice(function, inputs, seed, calls=calls)), None)
    except TaskFailure as error:
        if (
            error.type_name == KeyboardInterrupt.__name__
        ):  # in a box of its own it fails a call; here it ends the run
            raise KeyboardInterrupt from None
        text = str(error)
        return Computed(len(inputs), None, failed("error", text, error.index, 0.0, error.traceback))


def _model(plan: JobPlan, number: int) -> Task:
    """The sum over a range: one value a slice, so that runs of many slices stay cheap. All jobs of a run are
    of one function, so what peers have proven in the first counts in the next."""
    return Task(
        bundle=f"peernet_sim: job {number}".encode(),
        plan=plan,
        name="model",
        function=LoadedFunction(sum, True, Path()),
        over=range(plan.calls),
        keep_if=None,
        stop_when=None,
        reduce=operator.add,
        initial=0,
        slice_size=plan.slice_size or None,
        replicas=plan.replicas,
        quorum=plan.quorum,
        timeout=None,
    )


def _load(plan: JobPlan, data: bytes, number: int, stack: ExitStack) -> Task:
    bundle = Bundle.decode(data)
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="peernet-sim-")))
    stack.enter_context(_restored_modules())
    materialise(bundle, folder)
    project = load_project(bundle, folder)
    options = project.options
    return Task(
        bundle=data + number.to_bytes(4, "big"),
        plan=plan,
        name=project.name,
        function=LoadedFunction(
            project.function,
            options.whole_slice,
            folder,
            skips=options.on_error == "skip",
            stop_when=project.stop_when,
        ),
        over=project.over,
        keep_if=project.keep_if,
        stop_when=project.stop_when,
        reduce=project.reduce,
        initial=project.initial,
        slice_size=plan.slice_size or options.slice_size,
        replicas=plan.replicas if plan.replicas is not None else options.replicas,
        quorum=plan.quorum if plan.quorum is not None else options.quorum,
        timeout=options.timeout,
        confidence=options.confidence,
        retries=options.on_error == "retry",
    )


@contextmanager
def _restored_modules() -> Iterator[None]:
    """A project changes where modules are looked for; those that it imported stay, for its functions use them."""
    path, argv = list(sys.path), list(sys.argv)
    try:
        yield
    finally:
        sys.path[:], sys.argv[:] = path, argv
        importlib.invalidate_caches()


def _read_results(data: bytes) -> list[Any]:
    """Decode the results of a slice. Raises TaskError for what is no list."""
    values = decode(data, classes=(FailedCall,))
    if not isinstance(values, list):
        raise TaskError("the results of a slice are no list")
    return values
