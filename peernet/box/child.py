"""A child of the zygote: one fresh process that runs one slice and ends, or goes on to the next one of its job.

It waits, already forked and confined, until its order comes. Only from then on does it run the user's code.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import socket
import sys
import traceback
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NoReturn

from peernet.box import system
from peernet.box.confine import Plan, confine_child
from peernet.box.explain import explain
from peernet.box.frames import FrameDecoder
from peernet.box.limits import Limits
from peernet.box.messages import TO_CHILD, Order, Report, Status, clip
from peernet.config.box import BoxConfig
from peernet.errors import BoxError, CannotEncodeError, PeernetError
from peernet.project import (
    Bundle,
    Cutter,
    FailedCall,
    LoadedFunction,
    TaskFailure,
    load_function,
    open_input,
    run_slice,
)
from peernet.project.run import is_plain
from peernet.project.trace import describe, user_traceback
from peernet.results import encode

_CONFIG = BoxConfig()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a child runs.

    channel: its end of the socket to the zygote. output: the pipe for what it prints. zygote: its parent's pid.
    mapped: bytes of address space that the zygote has mapped, which count against no slice. reuse: whether it
    goes on after a slice.
    """

    plan: Plan
    bundle: Bundle
    source: Path
    scratch: Path
    channel: socket.socket
    output: int
    zygote: int
    mapped: int
    reuse: bool


def rehearse() -> None:
    """Do once, in the zygote, what every child does first: what is compiled or cached then is so in all."""
    importlib.invalidate_caches()
    for batch in ([1, 2], [0.5], ["text"], [b""], [(1,)], [None], [1j], range(2)):
        cut = Cutter(batch).cut(len(batch))
        assert cut is not None
        ours, theirs = socket.socketpair()
        with ours, theirs:
            _send(ours, Order(Limits(), cut.data, b"").encode())
            order = _receive(theirs, FrameDecoder(header=_CONFIG.header, body=_CONFIG.input))
            assert order is not None
            results = run_slice(LoadedFunction(_itself, False, Path()), open_input(order.body))
            _send(theirs, _report(results, order, "").encode())


def _itself(value: object) -> object:
    return value


def be_child(place: Place) -> NoReturn:
    """Run in a freshly forked process: wait for the order, carry it out, report, end."""
    code = 1
    try:
        os.setsid()
        system.default_signals()
        system.keep_only(place.channel.fileno(), place.output)
        system.die_with(place.zygote)
        confine_child(place.plan, str(place.source), str(place.scratch))
        _serve(place)
        code = 0
    except (OSError, BoxError) as error:
        os.write(2, clip(f"the box's child failed: {error}\n", _CONFIG.error_text).encode())
    finally:
        os._exit(code)


def _serve(place: Place) -> None:
    decoder = FrameDecoder(header=_CONFIG.header, body=_CONFIG.input)
    _see_environment(place.plan.environment)
    function: LoadedFunction | None = None
    while (order := _receive(place.channel, decoder)) is not None:
        _settle(place, order.limits)
        report, function = _work(place, order, function)
        _send(place.channel, report)
        if not place.reuse:
            return


def _see_environment(folder: str) -> None:
    """Let packages of a folder come before the system's, but after the standard library. It is not processed by
    `site`: what its `.pth` files say is not done."""
    if folder:
        places = [at for at, path in enumerate(sys.path) if path.endswith("-packages")]
        sys.path.insert(min(places, default=len(sys.path)), folder)


def _receive(channel: socket.socket, decoder: FrameDecoder) -> Order | None:
    while (frame := decoder.next_frame()) is None:
        data = channel.recv(_CONFIG.chunk)
        if not data:
            return None
        decoder.feed(data)
    message = TO_CHILD.read(frame)
    assert isinstance(message, Order)
    return message


def _settle(place: Place, limits: Limits) -> None:
    """Move into the scratch folder and take on the limits."""
    os.chdir(place.scratch)
    os.environ["HOME"] = os.environ["TMPDIR"] = str(place.scratch)
    _reseed()
    gc.enable()
    allowed = limits if place.plan.writable else replace(limits, scratch=0)
    system.apply(allowed, place.mapped, again=place.reuse)


def _reseed() -> None:
    """Give each slice its own randomness. Python's `random` sees to itself at a fork; numpy's global does not."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _work(
    place: Place, order: Order, function: LoadedFunction | None
) -> tuple[tuple[bytes, bytes], LoadedFunction | None]:
    """Run a slice. Returns the report's frame, and the function for further slices."""
    out_of_memory = _out_of_memory(order.limits, None, 0).encode()
    skipped = _Skipped(place, order.limits)
    try:
        try:
            function = function or load_function(place.bundle, place.source)
            results = run_slice(function, open_input(order.body), order.seed, skipped.goes_on, order.calls)
        except BaseException as error:  # noqa: BLE001 - a task may raise anything, and all of it is told
            return _failure(error, place, order.limits).encode(), function
        finally:
            flush()
        return _report(results, order, skipped.text).encode(), function
    except MemoryError:
        system.release_reserve()
        return out_of_memory, function


class _Skipped:
    """The calls of a slice that failed while the slice went on. text: their tracebacks, as many as are told."""

    def __init__(self, place: Place, limits: Limits) -> None:
        self._place = place
        self._limits = limits
        self.text = ""

    def goes_on(self, failure: TaskFailure, error: BaseException) -> bool:
        """Whether a project that skips errors goes on after this one: not where it met a limit of the box, which
        is no fault of the call, and may be another on another peer."""
        if not is_plain(error) or explain(error, self._place.plan, self._limits).status != Status.ERROR:
            return False
        if len(self.text) < _CONFIG.traceback_text:
            self.text += f"call {failure.index or 0} of the slice: {failure.traceback}\n"
        return True


def _report(results: list[object], order: Order, skipped: str) -> Report:
    try:
        body = encode(results, max_bytes=sys.maxsize, classes=(FailedCall,))
    except CannotEncodeError as error:
        return Report(Status.UNENCODABLE, clip(str(error), _CONFIG.error_text), None, "", b"")
    except MemoryError:
        system.release_reserve()
        raise
    if len(body) > order.limits.result:
        text = f"the result takes {len(body)} bytes; {order.limits.result} are allowed"
        return Report(Status.TOO_LARGE, text, None, "", b"")
    return Report(Status.OK, "", None, clip(skipped, _CONFIG.traceback_text), body)


def _failure(error: BaseException, place: Place, limits: Limits) -> Report:
    kind, call = type(error).__name__, None
    if isinstance(error, TaskFailure):
        kind, call = error.type_name, error.index
    if kind == "MemoryError":
        system.release_reserve()
        traceback.clear_frames(error.__traceback__)
        return _out_of_memory(limits, call, system.peak() - place.mapped)
    if kind == "SystemExit":
        return Report(Status.EXITED, f"the task asked its process to end: {error}", call, "", b"")
    if isinstance(error, PeernetError):
        message, text = str(error), getattr(error, "traceback", "")
    else:
        message, text = describe(error), user_traceback(error, place.source)
    broken = explain(error, place.plan, limits)
    return Report(
        broken.status,
        clip(f"{message}{broken.remark}", _CONFIG.error_text),
        call,
        clip(text, _CONFIG.traceback_text),
        b"",
    )


def _out_of_memory(limits: Limits, call: int | None, used: int) -> Report:
    told = f"; it had {used}" if used > 0 else ""
    text = f"the task ran out of memory: it needed more than the {limits.memory} bytes that are allowed{told}"
    return Report(Status.MEMORY, text, call, "", b"")


def flush() -> None:
    """Hand on what the task printed: the process ends without the interpreter's own clean-up."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()  # type: ignore[union-attr]


def _send(channel: socket.socket, frame: tuple[bytes, bytes]) -> None:
    for part in frame:
        channel.sendall(part)
