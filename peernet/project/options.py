"""The options of a project, checked in one place for the decorator and for the command line alike."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Literal

from peernet.config.environments import MAX_REQUIREMENTS
from peernet.config.project import (
    LEAST_CONFIDENCE,
    MAX_BYTES_ASKED,
    MAX_NAME_LENGTH,
    MAX_REPLICAS,
    MAX_SECONDS,
    MAX_SLICE_SIZE,
    MIN_MEMORY,
    MOST_CONFIDENCE,
)
from peernet.errors import ProjectError
from peernet.project.numeric import read_numeric
from peernet.project.sizes import read_size
from peernet.results import short_repr

Results = Literal["data", "pickle"]
"""How results come back: as plain data, whatever peer made them, or as pickles, from one's own peers only."""

OnError = Literal["fail", "skip", "retry"]
"""What becomes of a call that raises: the job fails, or the call's place is taken by a `FailedCall`, or its
slice is run again before the job fails."""

DEFAULT_QUORUM = 2
"""Equal executions that accept a slice, unless there are fewer replicas: one liar is then outvoted or disputed."""


@dataclass(frozen=True, slots=True)
class Options:
    """How a project's calls are cut and verified. Made by `make_options` and `override` only, which check it.

    slice_size: calls in a slice, or None to choose it from measured run time.
    replicas, quorum: executions of a slice by distinct peers and how many equal ones accept it; both None for the
        default policy, else both set.
    confidence: how probable each result has to be right, in place of them; None for the default policy.
    timeout: seconds that one slice may run, or None for the peer's default.
    name: shown with the job.
    whole_slice: the function gets the whole batch of a slice and returns one value for it.
    has_reduce: the values are folded into one.
    memory, scratch: bytes that one slice may use, or None for the peer's default.
    requirements: texts as they were given; `requirements.check` reads them where the project is submitted.
    reuse: slices of the job may share a process.
    results: "data" or "pickle".
    on_error: "fail", "skip" or "retry".
    numeric: the numeric class of the peers, or its beginning, or "same" for that of the submitter; None for any.
    """

    slice_size: int | None = None
    replicas: int | None = None
    quorum: int | None = None
    timeout: float | None = None
    name: str | None = None
    whole_slice: bool = False
    has_reduce: bool = False
    memory: int | None = None
    scratch: int | None = None
    requirements: tuple[str, ...] = ()
    reuse: bool = False
    results: Results = "data"
    confidence: float | None = None
    on_error: OnError = "fail"
    numeric: str | None = None


def make_options(
    *,
    slice_size: object = None,
    replicas: object = None,
    quorum: object = None,
    timeout: object = None,
    name: object = None,
    whole_slice: object = False,
    has_reduce: bool = False,
    memory: object = None,
    scratch: object = None,
    requirements: object = (),
    reuse: object = False,
    results: object = "data",
    confidence: object = None,
    on_error: object = "fail",
    numeric: object = None,
) -> Options:
    """Check values from anywhere and complete replicas and quorum.

    A quorum that is not given is min(2, replicas); replicas that are not given are max(2, quorum).

    Raises:
        ProjectError: naming the value and what it has to be.
    """
    size = _whole_number("slice_size", slice_size, MAX_SLICE_SIZE)
    copies = _whole_number("replicas", replicas, MAX_REPLICAS)
    needed = _whole_number("quorum", quorum, MAX_REPLICAS)
    sure = _confidence(confidence)
    if sure is not None and (copies is not None or needed is not None):
        raise ProjectError(
            f"confidence={sure} and replicas={copies}, quorum={needed}: a job is verified in one way; "
            "leave the one or the others out"
        )
    if copies is not None and needed is None:
        needed = min(DEFAULT_QUORUM, copies)
    if needed is not None and copies is None:
        copies = max(DEFAULT_QUORUM, needed)
    if copies is not None and needed is not None and needed > copies:
        raise ProjectError(
            f"quorum={needed} can't be reached with replicas={copies}: use 1 to {copies}, or more replicas"
        )
    return Options(
        slice_size=size,
        replicas=copies,
        quorum=needed,
        timeout=_seconds(timeout),
        name=_name(name),
        whole_slice=_flag("whole_slice", whole_slice),
        has_reduce=has_reduce,
        memory=read_size("memory", memory, MIN_MEMORY, MAX_BYTES_ASKED),
        scratch=read_size("scratch", scratch, 1, MAX_BYTES_ASKED),
        requirements=_requirements(requirements),
        reuse=_flag("reuse", reuse),
        results=_results(results),
        confidence=sure,
        on_error=read_on_error(on_error),
        numeric=read_numeric(numeric),
    )


def override(
    options: Options,
    *,
    slice_size: int | None = None,
    replicas: int | None = None,
    quorum: int | None = None,
    timeout: float | None = None,
    name: str | None = None,
    memory: int | None = None,
    scratch: int | None = None,
    confidence: float | None = None,
    numeric: str | None = None,
) -> Options:
    """The options with what the command line says instead; None leaves a value as the project has it.

    A project's own quorum is lowered where fewer replicas are asked for than it. Replicas or a quorum take the
    place of a project's confidence, and a confidence of theirs.

    Raises:
        ProjectError: as `make_options`.
    """
    if confidence is not None:
        options = replace(options, replicas=None, quorum=None)
    elif replicas is not None or quorum is not None:
        options = replace(options, confidence=None)
    copies = options.replicas if replicas is None else _whole_number("replicas", replicas, MAX_REPLICAS)
    needed = quorum
    if quorum is None and options.quorum is not None and copies is not None:
        needed = min(options.quorum, copies)
    checked = make_options(
        slice_size=options.slice_size if slice_size is None else slice_size,
        replicas=copies,
        quorum=needed,
        timeout=options.timeout if timeout is None else timeout,
        name=options.name if name is None else name,
        memory=options.memory if memory is None else memory,
        scratch=options.scratch if scratch is None else scratch,
        confidence=options.confidence if confidence is None else confidence,
        numeric=options.numeric if numeric is None else numeric,
    )
    return replace(
        options,
        slice_size=checked.slice_size,
        replicas=checked.replicas,
        quorum=checked.quorum,
        timeout=checked.timeout,
        name=checked.name,
        memory=checked.memory,
        scratch=checked.scratch,
        confidence=checked.confidence,
        numeric=checked.numeric,
    )


def _whole_number(what: str, value: object, most: int) -> int | None:
    if value is None:
        return None
    if type(value) is not int or not 1 <= value <= most:
        raise ProjectError(f"{what}={short_repr(value)}: it must be a whole number from 1 to {most}")
    return value


def _seconds(value: object) -> float | None:
    if value is None:
        return None
    try:
        seconds = float(value) if type(value) in (int, float) else math.nan  # type: ignore[arg-type]
    except OverflowError:
        seconds = math.inf
    if not 0 < seconds <= MAX_SECONDS:
        raise ProjectError(
            f"timeout={short_repr(value)}: it must be a finite number of seconds above 0, up to {MAX_SECONDS:.0f}"
        )
    return seconds


def _confidence(value: object) -> float | None:
    if value is None:
        return None
    if type(value) is not float or not LEAST_CONFIDENCE < value < MOST_CONFIDENCE:
        raise ProjectError(
            f"confidence={short_repr(value)}: it must be a probability above {LEAST_CONFIDENCE} and below "
            f"{MOST_CONFIDENCE}, such as 0.99"
        )
    return value


def _flag(what: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise ProjectError(f"{what}={short_repr(value)}: it must be True or False")
    return value


def _requirements(value: object) -> tuple[str, ...]:
    """Texts, and not too many. They are read where the project is submitted, not by each child that imports it."""
    if isinstance(value, str):
        raise ProjectError(f"requirements={short_repr(value)}: it must be a list of them, as in [{value!r}]")
    items = value if isinstance(value, (list, tuple)) else [value]
    wrong = next((item for item in items if not isinstance(item, str)), None)
    if wrong is not None or items is not value:
        raise ProjectError(
            f'requirements: {short_repr(wrong)} stands where texts belong, as in ["numpy>=1.26", "scipy"]'
        )
    if len(items) > MAX_REQUIREMENTS:
        raise ProjectError(f"requirements: there are {len(items)}, and {MAX_REQUIREMENTS} are allowed")
    return tuple(items)


def _results(value: object) -> Results:
    if value == "data":
        return "data"
    if value == "pickle":
        return "pickle"
    raise ProjectError(f'results={short_repr(value)}: it must be "data" or "pickle"')


def read_on_error(value: object) -> OnError:
    """Check what was given for `on_error`.

    Raises:
        ProjectError: it is none of its values.
    """
    if value == "fail":
        return "fail"
    if value == "skip":
        return "skip"
    if value == "retry":
        return "retry"
    raise ProjectError(f'on_error={short_repr(value)}: it must be "fail", "skip" or "retry"')


def _name(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > MAX_NAME_LENGTH or not value.isprintable():
        raise ProjectError(f"name={short_repr(value)}: it must be 1 to {MAX_NAME_LENGTH} printable characters")
    return str(value)
