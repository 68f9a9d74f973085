"""A child of the zygote: one fresh process that runs one slice and ends.

It waits, already forked, until its order comes. Only from then on does it run the user's code.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import socket
import sys
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from peernet.box import system
from peernet.box.frames import FrameDecoder
from peernet.box.limits import Limits
from peernet.box.messages import TO_CHILD, Order, Report, Status, clip
from peernet.config.box import BoxConfig
from peernet.errors import BoxError, CannotEncodeError, PeernetError
from peernet.project import Bundle, Cutter, LoadedFunction, TaskFailure, load_function, open_input, run_slice
from peernet.project.trace import describe, user_traceback
from peernet.results import encode

_CONFIG = BoxConfig()
_OUT_OF_MEMORY = Report(Status.MEMORY, "out of memory", None, "", b"").encode()


@dataclass(frozen=True, slots=True)
class Place:
    """Where a child runs.

    channel: its end of the socket to the zygote. output: the pipe for what it prints. zygote: its parent's pid.
    mapped: bytes of address space that the zygote has mapped, which count against no slice.
    """

    bundle: Bundle
    source: Path
    scratch: Path
    channel: socket.socket
    output: int
    zygote: int
    mapped: int


def rehearse() -> None:
    """Do once, in the zygote, what every child does first: what is compiled or cached then is so in all."""
    importlib.invalidate_caches()
    for batch in ([1, 2], [0.5], ["text"], [b""], [(1,)], [None], range(2)):
        cut = Cutter(batch).cut(len(batch))
        assert cut is not None
        encode(run_slice(LoadedFunction(_itself, False, Path()), open_input(cut.data)))


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
        order = _receive(place.channel)
        if order is not None:
            _settle(place, order.limits)
            _send(place.channel, _work(place, order))
        code = 0
    except (OSError, BoxError) as error:
        os.write(2, clip(f"the box's child failed: {error}\n", _CONFIG.error_text).encode())
    finally:
        os._exit(code)


def _receive(channel: socket.socket) -> Order | None:
    decoder = FrameDecoder(header=_CONFIG.header, body=_CONFIG.input)
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
    system.apply(limits, place.mapped)


def _reseed() -> None:
    """Give each slice its own randomness. Python's `random` sees to itself at a fork; numpy's global does not."""
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _work(place: Place, order: Order) -> tuple[bytes, bytes]:
    try:
        report = _report(place, order)
    except MemoryError:
        return _OUT_OF_MEMORY
    return report.encode()


def _report(place: Place, order: Order) -> Report:
    try:
        function = load_function(place.bundle, place.source)
        results = run_slice(function, open_input(order.body))
    except BaseException as error:  # noqa: BLE001 - a task may raise anything, and all of it is told
        return _failure(error, place.source)
    finally:
        flush()
    try:
        body = encode(results, max_bytes=sys.maxsize)
    except CannotEncodeError as error:
        return Report(Status.UNENCODABLE, clip(str(error), _CONFIG.error_text), None, "", b"")
    except MemoryError:
        system.release_reserve()
        raise
    if len(body) > order.limits.result:
        text = f"the result takes {len(body)} bytes; {order.limits.result} are allowed"
        return Report(Status.TOO_LARGE, text, None, "", b"")
    return Report(Status.OK, "", None, "", body)


def _failure(error: BaseException, source: Path) -> Report:
    kind, call = type(error).__name__, None
    if isinstance(error, TaskFailure):
        kind, call = error.type_name, error.index
    if kind == "MemoryError":
        system.release_reserve()
        traceback.clear_frames(error.__traceback__)
        return Report(Status.MEMORY, "the task ran out of memory", call, "", b"")
    if kind == "SystemExit":
        return Report(Status.EXITED, f"the task asked its process to end: {error}", call, "", b"")
    if isinstance(error, PeernetError):
        message, text = str(error), getattr(error, "traceback", "")
    else:
        message, text = describe(error), user_traceback(error, source)
    return Report(Status.ERROR, clip(message, _CONFIG.error_text), call, clip(text, _CONFIG.traceback_text), b"")


def flush() -> None:
    """Hand on what the task printed: the process ends without the interpreter's own clean-up."""
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()  # type: ignore[union-attr]


def _send(channel: socket.socket, frame: tuple[bytes, bytes]) -> None:
    for part in frame:
        channel.sendall(part)
