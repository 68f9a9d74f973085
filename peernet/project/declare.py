"""`@parallel`: what turns a function and its inputs into a project."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, ParamSpec, TypeVar

from peernet.errors import ProjectError
from peernet.project.callables import check_callables
from peernet.project.options import OnError, Options, Results, make_options
from peernet.results import short_repr

if TYPE_CHECKING:
    from peernet.api import Job
    from peernet.project.comparing import Equal

P = ParamSpec("P")
R = TypeVar("R")


class Missing(Enum):
    """The type of `MISSING`; an enum, so that it stays one object when pickled."""

    MISSING = "missing"


MISSING: Final = Missing.MISSING
"""No `initial` was given; None may be one."""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a project was declared: what decides whether its source can travel.

    module: `__name__` there. file: the file of the code. line: from 1. top_level: not inside a function.
    """

    module: str
    file: str
    line: int
    top_level: bool


class Project(Generic[P, R]):
    """A function, its inputs and how to run them. Calling it calls the function, here and now.

    Made by `parallel`. `function`, `over`, `keep_if`, `stop_when`, `reduce`, `initial`, `check`, `equal` and
    `options` are what was given there.
    """

    def __init__(
        self,
        function: Callable[P, R],
        over: Iterable[Any] | Callable[[], Iterable[Any]],
        options: Options,
        *,
        keep_if: Callable[[Any], object] | None = None,
        stop_when: Callable[[Any], object] | None = None,
        reduce: Callable[[Any, Any], Any] | None = None,
        initial: object = MISSING,
        check: Callable[[Any, Any], object] | None = None,
        equal: Equal | None = None,
        origin: Origin | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.function = function
        self.over = over
        self.options = options
        self.keep_if = keep_if
        self.stop_when = stop_when
        self.reduce = reduce
        self.initial = initial
        self.check = check
        self.equal = equal
        self.origin = origin

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<peernet project {self.name!r}>"

    @property
    def name(self) -> str:
        """The name shown with the job: the option, else that of the function."""
        return self.options.name or str(getattr(self.function, "__name__", type(self.function).__name__))

    def submit(self, **options: Any) -> Job:
        """Run the project on the peers of the group; see `peernet.api.submit` for the options and the job."""
        from peernet.api import submit

        return submit(self, **options)

    async def submit_async(self, **options: Any) -> Job:
        """Like `submit`, for programs that run on trio or asyncio."""
        from peernet.api import submit_async

        return await submit_async(self, **options)


def parallel(
    *,
    over: Iterable[Any] | Callable[[], Iterable[Any]],
    slice_size: int | None = None,
    keep_if: Callable[[Any], object] | None = None,
    reduce: Callable[[Any, Any], Any] | None = None,
    initial: object = MISSING,
    stop_when: Callable[[Any], object] | None = None,
    replicas: int | None = None,
    quorum: int | None = None,
    timeout: float | None = None,
    name: str | None = None,
    whole_slice: bool = False,
    memory: int | str | None = None,
    scratch: int | str | None = None,
    requirements: Sequence[str] = (),
    reuse: bool = False,
    results: Results = "data",
    confidence: float | None = None,
    on_error: OnError = "fail",
    check: Callable[[Any, Any], bool] | None = None,
    equal: Callable[[Any, Any], bool] | Literal["allclose"] | None = None,
    numeric: str | None = None,
) -> Callable[[Callable[P, R]], Project[P, R]]:
    """Declare that a function is to be called once for each input, on the computers of the group.

        @peernet.parallel(over=range(1, 1_000_001), slice_size=1000, reduce=operator.add)
        def value(n):
            return n

    Args:
        over: the inputs: an iterable, or a function of no arguments that returns one. Every worker imports the
            module, and with it evaluates an iterable written here; the function is called on the submitting peer
            only, so use one where making the inputs is costly or reads local files. Inputs may repeat, need not be
            hashable, and may have no end. They must come out the same when asked again: a submitting peer that
            restarts walks through them again.
        slice_size: calls in a slice, at least 1. None: chosen from measured run time.
        reduce: an associative function of two results. It is applied in the order of the inputs, within each slice
            and then over slices. None: the result is the list of results, in the order of the inputs.
        keep_if: a function of one result that returns whether to keep it, for searches. It runs on the submitting
            peer, on accepted results only. The result of the job is the list of those that are kept, in the order
            of the inputs, or what reduce makes of them.
        stop_when: a function of one result that returns whether the search is over: the first accepted result for
            which it is true ends the job at once, as done. What was accepted by then is its result: a list in the
            order of the inputs, or what keep_if and reduce make of it. It has to say the same of the same result
            wherever it is asked: a worker returns its slice up to the first hit, and the submitting peer
            decides. What it raises there ends the job; on a worker it is no hit.
        initial: the result where nothing is left to reduce, with reduce only; else it is None.
        confidence: how probable each result has to be right, above 0.5, such as 0.99: as few executions are spent
            as that takes with the peers there are. Not together with replicas or quorum.
        replicas: executions of each slice by distinct peers, at least 1, in place of a confidence, which is 0.99
            where nothing is given.
        quorum: equal executions that accept a slice, 1 to replicas; min(2, replicas) when not given.
        timeout: seconds of wall-clock time that one slice may run, above 0.
        name: shown with the job; the name of the function when not given.
        whole_slice: call the function once a slice with the whole batch (a range where over is a range, else a
            list), for numpy. It returns ONE value for the slice, and the results hold one value a slice.
        memory: bytes that one slice may use beyond the interpreter, as a number or a text such as "512MiB". Peers
            that lend less leave the job alone. None: what each peer lends by default.
        scratch: bytes that one slice may have in files of its working folder, which is wiped after it; as memory.
        requirements: packages that the function needs installed, as in ["numpy>=1.26"] (PEP 508, without URLs,
            paths and extras), beside those of a `# /// script` block in the file (PEP 723). Peers that lack one
            leave the job alone.
        reuse: let slices of the job that run on one peer share a process, one after another: for functions without
            state of their own, whose module is costly to import. Their working folder is wiped in between.
        results: "data": results are plain data, and any peer may compute them. "pickle": any picklable value, from
            peers marked as one's own and workers of a local swarm only, as loading a pickle runs its maker's code.
        on_error: "fail": a call that raises ends the job, once peers agree that it does. "skip": its place in the
            results is taken by a `peernet.FailedCall`, on which peers have to agree too, and the job goes on;
            reduce, keep_if and stop_when are not given those, and the lists of the latter two have none; how many
            there were is told with the numbers of the job. What breaks a limit (memory, time, the working folder)
            ends the job either way. Not together with check. "retry": the slice is run again up to three times, on
            other peers where there are any, before the job fails; for machines that lack something at times.
        check: a function (input, result) -> bool for results that prove themselves, as the factors of a number do.
            It runs on the submitting peer. A result for which it is True is accepted at once, whoever returned it,
            so each slice is executed once; one for which it is False is wrong, and counts against its peer. Peers
            may return anything, None or a text for instance: what `check` raises ends the job if it does so on
            results of trusted or of most peers, else it refuses the result. With whole_slice it gets the batch and
            its one value.
        equal: a function (a, b) -> bool of two results of a call that may count as equal although their bytes
            differ, as floats from different machines do; or "allclose", which is numpy's with its tolerances, for
            numbers and for arrays and lists of them. It runs on the submitting peer, only where results differ.
            Those of a slice are grouped around medoids: the one that is equal to most others, the smaller digest
            first, stands for itself and its equals, and so on with the rest; a group votes as one, and its medoid
            is what is accepted. What `equal` raises is treated as what `check` does. Not together with check.
        numeric: "same": only peers take part that compute floating point as the submitting one does, to the last
            bit: those of its numeric class, which is its system, C library, SIMD level and interpreter, and where
            the project uses numpy, its version, BLAS and kernel (`peernet.project.numeric`). Or a class as
            `peernet doctor` and `peernet peers --json` show it, or the beginning of one. Pin other packages that
            compute, such as scipy, by requirements. None: any peer. Where too few are of one class, use equal.

    Returns:
        A decorator; what it returns is a `Project`, still callable like the function.

    Raises:
        ProjectError: naming the value that is wrong and what it has to be.
    """
    options = make_options(
        slice_size=slice_size,
        replicas=replicas,
        quorum=quorum,
        timeout=timeout,
        name=name,
        whole_slice=whole_slice,
        has_reduce=reduce is not None,
        memory=memory,
        scratch=scratch,
        requirements=requirements,
        reuse=reuse,
        results=results,
        confidence=confidence,
        on_error=on_error,
        numeric=numeric,
    )
    if not is_iterable(over) and not callable(over):
        raise ProjectError(
            f"over={short_repr(over)}: it must be an iterable, or a function of no arguments that returns one"
        )
    check_callables({"reduce": reduce, "check": check, "keep_if": keep_if, "stop_when": stop_when, "equal": equal})
    check_errors(options.on_error, check)
    if check is not None and equal is not None:
        raise ProjectError(
            f"check={short_repr(check)} and equal={short_repr(equal)}: a result that proves itself is compared "
            "with no other; leave one of them out"
        )
    if initial is not MISSING and reduce is None:
        raise ProjectError(f"initial={short_repr(initial)}: it has a meaning only together with reduce")

    def declare(function: Callable[P, R]) -> Project[P, R]:
        if isinstance(function, Project):
            raise ProjectError(f"{function!r} is declared parallel twice: remove one of the decorators")
        if not callable(function):
            raise ProjectError(f"{short_repr(function)} can't be called: @parallel goes above a function")
        return Project(
            function,
            over,
            options,
            keep_if=keep_if,
            stop_when=stop_when,
            reduce=reduce,
            initial=initial,
            check=check,
            equal=equal,
            origin=_caller(2),
        )

    return declare


def check_errors(on_error: OnError, check: object) -> None:
    """Refuse to go on after errors where results prove themselves: a liar could say that every call fails.

    Raises:
        ProjectError: both are asked for.
    """
    if on_error == "skip" and check is not None:
        raise ProjectError(
            'on_error="skip" and check: a call that fails proves nothing; catch the error in the function and '
            "return what check can judge"
        )


def is_iterable(value: object) -> bool:
    """Whether `iter` would accept the value, without running it. A class or a function is not."""
    kind = type(value)
    return getattr(kind, "__iter__", None) is not None or hasattr(kind, "__getitem__")


def _caller(depth: int) -> Origin:
    frame = sys._getframe(depth)
    code = frame.f_code
    module = frame.f_globals.get("__name__", "")
    return Origin(str(module), code.co_filename, frame.f_lineno, code.co_name == "<module>")
