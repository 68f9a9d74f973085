"""Whole cores on a virtual clock, joined by a network in memory: no I/O, no real time, one seed one trace."""

from __future__ import annotations

import hashlib
import heapq
import operator
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import pytest

from peernet.config import Config, TrustConfig
from peernet.core import effects as fx
from peernet.core import events as ev
from peernet.core.node import Identity, NodeCore, Restored
from peernet.core.records import (
    ContactRecord,
    EvidenceRecord,
    JobRecord,
    LeaseRecord,
    MineRecord,
    OutcomeRecord,
    ReviewRecord,
    SliceRecord,
    TrustRecord,
    decode_record,
    encode_record,
)
from peernet.core.work.owner import JobImage
from peernet.core.work.reviews import look_through
from peernet.errors import PeernetError
from peernet.identity.multiaddr import Multiaddr
from peernet.project.cut import Cutter, open_input
from peernet.project.fold import Folder
from peernet.project.narrowing import Narrower
from peernet.results import decode, encode
from peernet.types import Digest, Instance, JobId, Payload, PeerId

START = 1_800_000_000.0
MACHINE = ev.MachineMeasured(
    cores=2, memory=2**32, load=0.1, speed=1.0, python="3.11", platform="linux-x86_64", tier="A"
)


HostEffect = fx.OpenHost | fx.Cut | fx.Replay | fx.Fold | fx.Differ | fx.Compose | fx.Finish
NARROWER = Narrower(apart=True)


def payload(data: bytes) -> Payload:
    return Payload(Digest(hashlib.sha256(data).digest()), len(data), data)


@dataclass
class Task:
    """The project of a test: what runs, over what, and how long a slice takes in virtual seconds."""

    function: Callable[[Any], Any]
    over: Iterable[Any] | Callable[[], Iterable[Any]]
    slice_size: int | None = 10
    reduce: Callable[[Any, Any], Any] | None = operator.add
    replicas: int | None = None
    quorum: int | None = None
    timeout: float | None = None
    seconds: float = 0.5


@dataclass
class Host:
    """A job host without a process."""

    task: Task
    cutter: Cutter
    folder: Folder | None


@dataclass
class Machine:
    """A peer: its core, its journal, and what would be its sockets, disk and boxes."""

    name: str
    port: int
    slots: int
    secret: random.Random
    journal: dict[tuple[str, bytes], bytes] = field(default_factory=dict)
    blobs: dict[Digest, bytes] = field(default_factory=dict)
    links: dict[PeerId, Machine] = field(default_factory=dict)
    boxes: dict[JobId, Digest] = field(default_factory=dict)
    hosts: dict[JobId, Host] = field(default_factory=dict)
    running: dict[int, JobId] = field(default_factory=dict)
    calls: dict[int, tuple[Machine, int]] = field(default_factory=dict)
    answers: dict[int, object] = field(default_factory=dict)
    notes: list[fx.Note] = field(default_factory=list)
    alive: bool = True
    life: int = 0
    lie: Callable[[list[Any]], list[Any]] | None = None
    ran: list[bytes] = field(default_factory=list)
    core: NodeCore = field(init=False)

    @property
    def id(self) -> PeerId:
        return PeerId(hashlib.sha256(self.name.encode()).digest())

    @property
    def address(self) -> str:
        return str(Multiaddr("10.0.0.1", self.port, self.id))


class World:
    """The network, the clock, and the carrying out of effects."""

    def __init__(self, seed: int = 1, latency: float = 0.01) -> None:
        self.random = random.Random(seed)
        self.latency = latency
        self.now = 0.0
        self.machines: dict[str, Machine] = {}
        self.tasks: dict[Digest, Task] = {}
        self.stop_at: Callable[[Machine, fx.Effect], bool] = lambda machine, effect: False
        self.closed: set[int] = set()
        self.busy = False
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = count()
        self._calls = count(1)

    # --- peers -----------------------------------------------------------------------------------------------

    def add(self, name: str, *, slots: int = 1, config: Config | None = None) -> Machine:
        machine = Machine(name, 4000 + len(self.machines), slots, random.Random(f"{name}{self.random.random()}"))
        self.machines[name] = machine
        self._boot(machine, config or Config(trust=TrustConfig(policy="plain")))
        return machine

    def join(self, machine: Machine, *others: Machine) -> None:
        self.command(machine, lambda number: ev.JoinAsked(number, tuple(other.address for other in others)))

    def crash(self, machine: Machine) -> None:
        machine.alive = False
        machine.life += 1
        for peer in list(machine.links):
            self._unlink(machine, peer, "crashed")
        machine.boxes.clear()
        machine.hosts.clear()
        machine.running.clear()

    def restart(self, machine: Machine) -> None:
        self._boot(machine, machine.core.context.config)

    def command(self, machine: Machine, make: Callable[[int], ev.Event]) -> int:
        number = next(self._calls)
        self.post(machine, make(number))
        return number

    def submit(
        self, machine: Machine, task: Task, trusted: tuple[PeerId, ...] = (), patience: float = 10.0
    ) -> int:
        digest = Digest(hashlib.sha256(b"task %d" % len(self.tasks)).digest())
        self.tasks[digest] = task
        machine.blobs[digest] = digest
        submission = ev.Submission(digest, digest, 32, "", trusted=trusted, patience=patience)
        return self.command(machine, lambda number: ev.SubmitAsked(number, submission))

    def record(self, machine: Machine, job: JobId) -> JobRecord:
        return decode_record(JobRecord, machine.journal[JobRecord.space, job])

    def value(self, machine: Machine, job: JobId) -> Any:
        result = self.record(machine, job).value
        assert result is not None and result.inline is not None
        return decode(result.inline)

    # --- time ------------------------------------------------------------------------------------------------

    def after(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._heap, (self.now + seconds, next(self._numbers), act))

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> bool:
        """Let virtual time pass; return whether `until` came true."""
        end = self.now + seconds
        while not until():
            wakes = [
                (machine.core.next_deadline(), index)
                for index, machine in enumerate(self.machines.values())
                if machine.alive
            ]
            wake = min(wakes, default=(float("inf"), 0))
            due = self._heap[0][0] if self._heap else float("inf")
            if min(wake[0], due) > end:
                self.now = end
                return until()
            if due <= wake[0]:
                self.now = max(self.now, due)
                heapq.heappop(self._heap)[2]()
            else:
                self.now = max(self.now, wake[0])
                self._handle(list(self.machines.values())[wake[1]], ev.Tick())
        return True

    def finish(self, machine: Machine, number: int, seconds: float = 300.0) -> JobId:
        """Run until the job of a submission has ended; return its id."""
        assert self.run(60.0, lambda: number in machine.answers), "the submission was not answered"
        job = machine.answers[number]
        assert isinstance(job, bytes), job
        ended = self.run(seconds, lambda: self.record(machine, JobId(job)).state != "running")
        assert ended, machine.core.owner.view(JobId(job))
        return JobId(job)

    # --- events ----------------------------------------------------------------------------------------------

    def post(self, machine: Machine, event: ev.Event, delay: float = 0.0) -> None:
        life = machine.life

        def deliver() -> None:
            if machine.alive and machine.life == life:
                self._handle(machine, event)

        self.after(delay, deliver)

    def clock(self) -> ev.Now:
        return ev.Now(self.now + 1000.0, START + self.now)

    def _boot(self, machine: Machine, config: Config) -> None:
        machine.alive = True
        identity = Identity(machine.id, Instance(machine.secret.randbytes(16)), _signer(machine.id), _verify)
        machine.core = core = NodeCore(
            identity,
            config,
            slots=machine.slots,
            max_slices=None,
            serves="anyone",
            random=random.Random(self.random.getrandbits(32)),
            secret=machine.secret.randbytes,
        )
        deadline = core.next_deadline
        core.next_deadline = lambda: deadline() - 1000.0  # type: ignore[method-assign]
        self._carry_all(machine, core.start(restored(machine.journal), self.clock()))
        self._handle(machine, ev.Listening(machine.port))
        self._handle(machine, MACHINE)

    def _handle(self, machine: Machine, event: ev.Event) -> None:
        self._carry_all(machine, machine.core.handle(event, self.clock()))

    # --- effects ---------------------------------------------------------------------------------------------

    def _carry_all(self, machine: Machine, effects: list[fx.Effect]) -> None:
        for effect in effects:
            if isinstance(effect, fx.Save):
                machine.journal[effect.record.space, effect.record.key()] = encode_record(effect.record)
            elif isinstance(effect, fx.Forget):
                for space, key in list(machine.journal):
                    if space == effect.space and key.startswith(effect.prefix):
                        del machine.journal[space, key]
        for effect in effects:
            if not machine.alive:
                return
            if self.stop_at(machine, effect):
                self.crash(machine)
                return
            self._carry(machine, effect)

    def _carry(self, machine: Machine, effect: fx.Effect) -> None:
        match effect:
            case fx.Send(peer, addresses, body):
                if (other := self._reach(machine, peer, addresses)) is not None:
                    self.post(other, ev.Received(machine.id, body), self.latency)
            case fx.Call(number, peer, addresses, body, timeout):
                self._call(machine, number, peer, addresses, body, timeout)
            case fx.Reply(_, call, body):
                if call in machine.calls:
                    caller, number = machine.calls.pop(call)
                    outcome: ev.Outcome = (
                        ev.Failed(number, ev.Failure("refused", body))
                        if isinstance(body, str)
                        else ev.Done(number, body)
                    )
                    self.post(caller, outcome, self.latency)
            case fx.Dial(number, address):
                at = Multiaddr.parse(address)
                found = next((m for m in self.machines.values() if m.port == at.port and m.alive), None)
                if found is None:
                    self.post(machine, ev.Failed(number, ev.Failure("unreachable", f"nobody at {address}")))
                elif at.peer not in (None, found.id):
                    self.post(machine, ev.Failed(number, ev.Failure("wrong-peer", f"another peer at {address}")))
                else:
                    self._link(machine, found)
                    self.post(machine, ev.Done(number, found.id), self.latency)
            case fx.Knock(number, address):
                at = Multiaddr.parse(address)
                there = any(m.port == at.port and m.alive for m in self.machines.values())
                if there and at.port not in self.closed and not self.busy:
                    self.post(machine, ev.Done(number), self.latency)
                else:
                    failure = ev.Failure("busy" if self.busy else "unreachable", f"no answer at {address}")
                    self.post(machine, ev.Failed(number, failure), self.latency)
            case fx.Disconnect(peer, reason):
                self._unlink(machine, peer, reason)
            case fx.Fetch(number, peer, addresses, digest, _):
                source = self._reach(machine, peer, addresses)
                if digest not in machine.blobs and source is None:
                    self.post(machine, ev.Failed(number, ev.Failure("unreachable", "nobody answers")))
                elif digest not in machine.blobs and source is not None and digest not in source.blobs:
                    self.post(machine, ev.Failed(number, ev.Failure("missing", "no such blob")))
                else:
                    if digest not in machine.blobs:
                        assert source is not None
                        machine.blobs[digest] = source.blobs[digest]
                    self.post(machine, ev.Done(number), self.latency)
            case fx.Review():
                self.post(machine, ev.Done(effect.id, _reviewed(machine, effect)), 0.01)
            case fx.Answer(number, value):
                machine.answers[number] = value
            case fx.Note():
                machine.notes.append(effect)
            case fx.OpenBox(number, job, bundle, _):
                machine.boxes[job] = bundle
                self.post(machine, ev.Done(number), 0.1)
            case fx.RunSlice():
                self._run(machine, effect)
            case fx.KillSlice(number):
                if machine.running.pop(number, None) is not None:
                    self.post(machine, ev.Failed(number, ev.Failure("box", "killed")))
            case fx.CloseBox(job):
                machine.boxes.pop(job, None)
            case fx.OpenHost() | fx.Cut() | fx.Replay() | fx.Fold() | fx.Differ() | fx.Compose() | fx.Finish():
                self._host(machine, effect)
            case fx.CloseHost(job):
                machine.hosts.pop(job, None)

    def _call(
        self, machine: Machine, number: int, peer: PeerId, addresses: tuple[str, ...], body: Any, timeout: float
    ) -> None:
        other = self._reach(machine, peer, addresses)
        if other is None:
            self.post(machine, ev.Failed(number, ev.Failure("unreachable", "nobody answers")), self.latency)
            return
        call = next(self._calls)
        other.calls[call] = (machine, number)
        self.post(other, ev.Requested(machine.id, call, body), self.latency)

        def expire() -> None:
            if other.calls.pop(call, None) is not None and machine.alive:
                self._handle(machine, ev.Failed(number, ev.Failure("timeout", "no answer")))

        self.after(timeout, expire)

    def _reach(self, machine: Machine, peer: PeerId, addresses: tuple[str, ...]) -> Machine | None:
        if peer in machine.links:
            return machine.links[peer]
        ports = {Multiaddr.parse(address).port for address in addresses}
        for other in self.machines.values():
            if other.id == peer and other.alive and other.port in ports:
                self._link(machine, other)
                return other
        return None

    def _link(self, dialler: Machine, listener: Machine) -> None:
        if listener.id in dialler.links or dialler is listener:
            return
        dialler.links[listener.id] = listener
        listener.links[dialler.id] = dialler
        for one, other, inbound in ((dialler, listener, False), (listener, dialler, True)):
            self.post(
                one,
                ev.PeerConnected(
                    other.id,
                    other.core.context.instance,
                    (other.address,),
                    "10.0.0.1",
                    "10.0.0.1",
                    inbound,
                    self.latency,
                ),
            )

    def _unlink(self, machine: Machine, peer: PeerId, reason: str) -> None:
        other = machine.links.pop(peer, None)
        if other is not None:
            other.links.pop(machine.id, None)
            for callee, caller in ((machine, other), (other, machine)):
                lost = [call for call, asked in callee.calls.items() if asked[0] is caller]
                for call in lost:
                    _, number = callee.calls.pop(call)
                    self.post(caller, ev.Failed(number, ev.Failure("lost", reason)))
            self.post(other, ev.PeerLost(machine.id, reason, False))
            self.post(machine, ev.PeerLost(peer, reason, False))

    def _run(self, machine: Machine, effect: fx.RunSlice) -> None:
        task = self.tasks[machine.boxes[effect.job]]
        assert effect.input.inline is not None
        data = effect.input.inline
        machine.running[effect.id] = effect.job
        self.post(machine, ev.Began(effect.id))
        machine.ran.append(data)

        def end() -> None:
            if machine.running.pop(effect.id, None) is None:
                return
            self._handle(machine, ev.Done(effect.id, _compute(task, data, machine.lie)))

        self.after(task.seconds, end)

    def _host(self, machine: Machine, effect: HostEffect) -> None:
        try:
            value = self._ask_host(machine, effect)
        except (PeernetError, ArithmeticError) as error:
            kind = "task" if isinstance(effect, fx.Fold | fx.Finish) else "usage"
            self.post(machine, ev.Failed(effect.id, ev.Failure(kind, str(error))), 0.01)
        else:
            self.post(machine, ev.Done(effect.id, value), 0.01)

    def _ask_host(self, machine: Machine, effect: fx.Effect) -> object:
        match effect:
            case fx.OpenHost():
                task = self.tasks[effect.bundle]
                over = task.over() if callable(task.over) else task.over
                folder = Folder(task.reduce) if task.reduce is not None else None
                machine.hosts[effect.job] = host = Host(task, Cutter(over), folder)
                return ev.HostOpened(
                    name="task",
                    length=host.cutter.length,
                    slice_size=task.slice_size,
                    replicas=task.replicas,
                    quorum=task.quorum,
                    timeout=task.timeout,
                    whole_slice=False,
                    reduces=folder is not None,
                )
            case fx.Cut():
                cutter = machine.hosts[effect.job].cutter
                cuts: list[ev.CutSlice] = []
                for _ in range(effect.count):
                    if (cut := cutter.cut(effect.calls)) is None:
                        return ev.CutsMade(tuple(cuts), True)
                    cuts.append(ev.CutSlice(cut.calls, payload(cut.data)))
                return ev.CutsMade(tuple(cuts), False)
            case fx.Replay():
                machine.hosts[effect.job].cutter.replay(effect.cuts)
            case fx.Fold():
                host = machine.hosts[effect.job]
                assert host.folder is not None and effect.value.inline is not None
                values = decode(effect.value.inline)
                assert isinstance(values, list)
                host.folder.fold(effect.index, values)
                return host.folder.hits(values)
            case fx.Differ():
                values = [value.inline or b"" for value in effect.values]
                given, most = effect.input.inline or b"", effect.most
                found = NARROWER.differences(given, effect.calls, values, effect.also, most)
                made = payload(found.input) if found.input else None
                return ev.DifferencesFound(found.counts, found.places, found.narrowed, made)
            case fx.Compose():
                whole = NARROWER.compose(effect.base.inline or b"", effect.calls, effect.part.inline or b"")
                return None if whole is None else payload(whole)
            case fx.Finish():
                host = machine.hosts[effect.job]
                assert host.folder is not None
                return ev.JobValue(payload(encode(host.folder.finish(effect.slices, partial=effect.partial))))
        return None


def _compute(task: Task, data: bytes, lie: Callable[[list[Any]], list[Any]] | None) -> ev.SliceOutcome:
    try:
        values = [task.function(argument) for argument in open_input(data)]
    except ArithmeticError as error:
        text = f"{type(error).__name__}: {error}"
        return ev.SliceOutcome("error", None, text, 0, f"Traceback\n{text}", 0.1, 0.1)
    if lie is not None:
        values = lie(values)
    return ev.SliceOutcome("ok", payload(encode(values)), "", None, "", task.seconds, task.seconds)


def load(
    journal: dict[tuple[str, bytes], bytes], kind: type[Any], prefix: bytes = b"", start: bytes = b""
) -> tuple[Any, ...]:
    """The records of a journal whose keys begin so, from a key on, in order."""
    return tuple(
        decode_record(kind, value)
        for (space, key), value in sorted(journal.items())
        if space == kind.space and key.startswith(prefix) and key >= start
    )


def restored(journal: dict[tuple[str, bytes], bytes]) -> Restored:
    jobs = [job for job in load(journal, JobRecord) if job.state == "running"]
    kinds = (SliceRecord, OutcomeRecord, LeaseRecord, EvidenceRecord)
    return Restored(
        contacts=load(journal, ContactRecord),
        mine=load(journal, MineRecord),
        trust=load(journal, TrustRecord),
        reviews=load(journal, ReviewRecord),
        jobs=tuple(JobImage(job, *(load(journal, kind, job.job) for kind in kinds)) for job in jobs),
    )


def _reviewed(machine: Machine, effect: fx.Review) -> ev.Reviewed | None:
    return look_through(
        lambda start: load(machine.journal, JobRecord, b"", start),
        lambda job, start: load(machine.journal, EvidenceRecord, job, start),
        effect.peer,
        effect.after,
        machine.core.context.config.trust.review_records,
    )


def _signer(peer: PeerId) -> Callable[[bytes], bytes]:
    return lambda data: hashlib.blake2b(data, key=peer, digest_size=64).digest()


def _verify(peer: PeerId, data: bytes, signature: bytes) -> bool:
    return _signer(peer)(data) == signature


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def make_task() -> type[Task]:
    return Task


@pytest.fixture
def make_world() -> type[World]:
    return World
