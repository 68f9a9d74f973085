"""The job host: the process that holds the submitter's project. `python -s -P -m peernet.box.host FD PARENT`.

The iterable, `keep_if`, `stop_when`, `reduce` and what they print are the user's code, so they run here and never
in the peer. It answers one request after another; what the project prints goes to its stdout and stderr, never
among the frames.
"""

from __future__ import annotations

import hashlib
import os
import socket
import sys
from collections.abc import Sequence
from itertools import accumulate, chain, pairwise
from pathlib import Path
from typing import Any, BinaryIO

from peernet.box import system
from peernet.box.child import flush
from peernet.box.folding import Folding
from peernet.box.frames import FrameDecoder, Message
from peernet.box.hostmessages import (
    TO_HOST,
    Check,
    Checked,
    Compare,
    Compared,
    Compose,
    Composed,
    Cut,
    Differ,
    Differing,
    Failed,
    Failure,
    Finish,
    Fold,
    Folded,
    HostOpen,
    HostOpened,
    Replay,
    Replayed,
    Value,
    WereCut,
)
from peernet.box.messages import clip
from peernet.box.numeric.own import needed_class
from peernet.config.box import BoxConfig
from peernet.errors import (
    BoxError,
    CannotDecodeError,
    CannotEncodeError,
    CannotTravelError,
    PeernetError,
    ProjectError,
    TaskError,
    UsageError,
)
from peernet.project import Bundle, Cutter, FailedCall, Folder, load_project, materialise, open_input, override
from peernet.project.checks import Checker
from peernet.project.comparing import Comparer
from peernet.project.declare import check_errors
from peernet.project.narrowing import Narrower
from peernet.project.numeric import pin_numpy, uses_numpy
from peernet.project.options import read_on_error
from peernet.project.pickledresults import load_results, pickle_result
from peernet.project.trace import describe
from peernet.project.wanted import wanted_by
from peernet.results import decode, encode
from peernet.results.classes import classes_of
from peernet.types import Digest

_DIGEST = 32
_INDEX = 8
_OVERRIDES = frozenset(
    {"slice_size", "replicas", "quorum", "timeout", "memory", "scratch", "confidence", "numeric"}
)

_FAILURES: dict[type[BaseException], Failure] = {
    TaskError: Failure.TASK,
    CannotTravelError: Failure.CANNOT_TRAVEL,
    CannotEncodeError: Failure.UNENCODABLE,
    CannotDecodeError: Failure.UNDECODABLE,
    UsageError: Failure.USAGE,
}
"""In this order: the first that fits. `project` has turned what the user's code raised into one of these; anything
else is the box's own failure."""


class JobHost:
    """Carries out the requests for one job."""

    def __init__(self, folder: Path, config: BoxConfig) -> None:
        self.source = folder / "source"
        self._config = config
        self._cutter: Cutter | None = None
        self._folding: Folding | None = None
        self._checker: Checker | None = None
        self._comparer: Comparer | None = None
        self._narrower: Narrower | None = None
        self._pickles = False
        self._classes: tuple[type, ...] = ()

    def answer(self, request: Message) -> Message:
        """Carry out a request. Raises whatever the user's code raises, and peernet's errors."""
        match request:
            case HostOpen():
                return self._open(request)
            case Cut():
                return self._cut(request)
            case Replay():
                return self._replay(request)
            case Fold():
                return self._fold(request)
            case Check():
                return self._check(request)
            case Compare():
                return self._compare(request)
            case Differ():
                return self._differ(request)
            case Compose():
                return self._compose(request)
            case Finish():
                return self._finish(request)
            case _:
                raise BoxError(f"the job host does not know {request!r:.100}")

    def _open(self, request: HostOpen) -> HostOpened:
        if self._cutter is not None:
            raise BoxError("the job host is already open")
        bundle = Bundle.decode(request.body)
        self.source.mkdir()
        materialise(bundle, self.source)
        project = load_project(bundle, self.source)
        options = override(project.options, **_known(request.overrides))
        wanted = wanted_by(bundle, options.requirements)
        numeric = needed_class(options.numeric, uses_numpy(bundle.imports, wanted.packages))
        self._pickles = options.results == "pickle"
        self._classes = classes_of(project.function, project.keep_if, project.stop_when, project.reduce)
        on_error = read_on_error(bundle.on_error or options.on_error)
        check_errors(on_error, project.check)
        self._cutter = Cutter(project.over, options.whole_slice)
        folder = Folder(project.reduce, project.initial, project.keep_if, project.stop_when)
        if folder.has_work:
            self._folding = Folding(folder, self._make_store, self._values)
        if project.check is not None:
            self._checker = Checker(project.check, options.whole_slice, folder.hits)
        apart = not options.whole_slice and project.stop_when is None
        self._narrower = Narrower(apart=apart, classes=self._classes)
        if project.equal is not None:
            self._comparer = Comparer(project.equal)
        return HostOpened(
            name=project.name,
            length=self._cutter.length,
            slice_size=options.slice_size,
            replicas=options.replicas,
            quorum=options.quorum,
            timeout=options.timeout,
            whole_slice=options.whole_slice,
            reduces=self._folding is not None,
            memory=options.memory,
            scratch=options.scratch,
            python=wanted.python,
            packages="\n".join(pin_numpy(wanted.packages, numeric)),
            reuse=options.reuse,
            pickles=self._pickles,
            confidence=options.confidence,
            checks=self._checker is not None,
            retries=on_error == "retry",
            compares=self._comparer is not None,
            numeric=numeric,
        )

    def _cut(self, request: Cut) -> WereCut:
        cutter = self._opened_cutter()
        calls: list[int] = []
        inputs: list[bytes] = []
        size = 0
        while len(inputs) < request.count and size < self._config.cuts_bytes:
            cut = cutter.cut(request.calls)
            if cut is None:
                return _were_cut(calls, inputs, end=True)
            calls.append(cut.calls)
            inputs.append(cut.data)
            size += len(cut.data)
        return _were_cut(calls, inputs, end=False)

    def _replay(self, request: Replay) -> Replayed:
        digests = [request.body[at : at + _DIGEST] for at in range(0, len(request.body), _DIGEST)]
        if len(digests) != len(request.calls):
            raise BoxError("slices to replay and their digests do not match")
        self._opened_cutter().replay(list(zip(request.calls, map(Digest, digests), strict=True)))
        return Replayed()

    def _fold(self, request: Fold) -> Folded:
        return Folded(self._opened_folding().fold(request.index, request.body, keep=request.keep))

    def _check(self, request: Check) -> Checked:
        if self._checker is None:
            raise BoxError("the job host is not open, or its project has no check")
        inputs = open_input(request.body[: request.given])
        values = self._returned(request.body[request.given :])
        return Checked(values is not None and self._checker.proves(inputs, values))

    def _compare(self, request: Compare) -> Compared:
        if self._comparer is None:
            raise BoxError("the job host is not open, or its project has no equal")
        bodies = _parted(request.body, request.sizes)
        names = [hashlib.sha256(body).digest() for body in bodies]
        return Compared(self._comparer.medoids(names, [self._returned(body) for body in bodies]))

    def _differ(self, request: Differ) -> Differing:
        given, *bodies = _parted(request.body, (request.given, *request.sizes))
        found = self._opened_narrower().differences(given, request.calls, bodies, request.also, request.most)
        return Differing(
            counts=tuple(0 if count is None else count + 1 for count in found.counts),
            places=tuple(chain.from_iterable(found.places)),
            narrowed=found.narrowed,
            body=found.input,
        )

    def _compose(self, request: Compose) -> Composed:
        whole, part = request.body[: request.whole], request.body[request.whole :]
        return Composed(self._opened_narrower().compose(whole, request.calls, part) or b"")

    def _returned(self, body: bytes) -> list[Any] | None:
        """The values that a peer returned; None if they don't decode, which is no fault of the project."""
        try:
            return self._values(body)
        except CannotDecodeError:
            return None

    def _finish(self, request: Finish) -> Value:
        if len(request.body) % _INDEX:
            raise BoxError("the slices to leave out do not add up")
        places = range(0, len(request.body), _INDEX)
        without = [int.from_bytes(request.body[at : at + _INDEX], "big") for at in places]
        value, skipped = self._opened_folding().finish(request.slices, partial=request.partial, without=without)
        return Value(encode(pickle_result(value) if self._pickles else value), skipped)

    def close(self) -> None:
        """Give up what is open. Nothing is answered afterwards."""
        if self._folding is not None:
            self._folding.close()

    def _make_store(self) -> BinaryIO:
        """The file of the results that may be replaced. It goes with the box's folder."""
        return (self.source.parent / "folded").open("x+b")

    def _values(self, body: bytes) -> list[Any]:
        values = decode(body, classes=(*self._classes, FailedCall))
        if type(values) is not list or not values:
            raise CannotDecodeError("the results of a slice are a list, and never an empty one")
        return load_results(values) if self._pickles else values

    def _opened_cutter(self) -> Cutter:
        if self._cutter is None:
            raise BoxError("the job host is not open")
        return self._cutter

    def _opened_narrower(self) -> Narrower:
        if self._narrower is None:
            raise BoxError("the job host is not open")
        return self._narrower

    def _opened_folding(self) -> Folding:
        if self._folding is None:
            raise BoxError("the job host is not open, or its project has nothing to fold")
        return self._folding


def _known(overrides: dict[str, object]) -> dict[str, Any]:
    unknown = overrides.keys() - _OVERRIDES
    if unknown:
        raise ProjectError(f"a project's {', '.join(sorted(unknown))} can't be overridden")
    return overrides


def _parted(body: bytes, sizes: Sequence[int]) -> list[bytes]:
    """The parts of a body, of these sizes."""
    ends = list(accumulate(sizes, initial=0))
    if ends[-1] != len(body):
        raise BoxError("results to compare and their sizes do not match")
    return [body[start:end] for start, end in pairwise(ends)]


def _were_cut(calls: list[int], inputs: list[bytes], *, end: bool) -> WereCut:
    return WereCut(tuple(calls), tuple(map(len, inputs)), end, b"".join(inputs))


def serve(peer: socket.socket, host: JobHost, config: BoxConfig) -> None:
    """Answer requests until the peer's socket ends."""
    decoder = FrameDecoder(
        header=config.header,
        body=max(config.bundle, config.input + config.compared * config.result),
    )
    while data := peer.recv(config.chunk):
        decoder.feed(data)
        while (frame := decoder.next_frame()) is not None:
            answer = _answer(host, TO_HOST.read(frame), config)
            flush()
            for part in answer.encode():
                peer.sendall(part)


def _answer(host: JobHost, request: Message, config: BoxConfig) -> Message:
    try:
        return host.answer(request)
    except BaseException as error:  # noqa: BLE001 - user code may have raised anything, and all of it is told
        return _failed(error, config)


def _failed(error: BaseException, config: BoxConfig) -> Failed:
    failure = next((failure for kind, failure in _FAILURES.items() if isinstance(error, kind)), Failure.INTERNAL)
    message = str(error) if isinstance(error, PeernetError) else describe(error)
    text = getattr(error, "traceback", "")
    return Failed(failure, clip(message, config.error_text), clip(text, config.traceback_text))


def main() -> None:
    """FD: the inherited socket to the peer. PARENT: the peer's pid. The working folder is the box's."""
    descriptor, parent = (int(argument) for argument in sys.argv[1:])
    system.die_with(parent)
    system.print_by_line()
    config = BoxConfig()
    host = JobHost(Path.cwd(), config)
    serve(socket.socket(fileno=descriptor), host, config)
    host.close()
    # The user's threads, if there are any, do not hold the box open.
    os._exit(0)


if __name__ == "__main__":
    main()
