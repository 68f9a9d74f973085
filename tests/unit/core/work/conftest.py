"""An owner on a bench: its host, its journal and its workers are played by hand, time stands until it is moved."""

from __future__ import annotations

import hashlib
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count

import pytest

from peernet.config import Config, TrustConfig
from peernet.core import effects as e
from peernet.core import records as r
from peernet.core.advertcache import AdvertView
from peernet.core.context import AddressBook, Context, Link
from peernet.core.events import (
    CutSlice,
    CutsMade,
    DifferencesFound,
    Done,
    Failed,
    Failure,
    HostOpened,
    JobValue,
    Now,
    Submission,
)
from peernet.core.work.owner import JobImage, Owner
from peernet.core.work.reviews import look_through
from peernet.core.work.votes import failure_digest
from peernet.identity.envelope import seal
from peernet.types import Digest, Instance, JobId, LeaseId, Payload, PeerId
from peernet.wire.base import Message
from peernet.wire.codec import encode_body
from peernet.wire.signed import ADVERT, RESULTS, Advert, ResultBatch, SliceResult
from peernet.wire.work import INLINE_LIMIT, Grant, JobOver, Pull, Recall, Recalled, Return, Started

SPACES = (r.JobRecord, r.SliceRecord, r.OutcomeRecord, r.LeaseRecord, r.EvidenceRecord, r.BatchRecord)


def sha(data: bytes) -> Digest:
    return Digest(hashlib.sha256(data).digest())


def fake_sign(peer: PeerId) -> Callable[[bytes], bytes]:
    return lambda data: hashlib.sha512(b"key of" + peer + data).digest()


def fake_verify(peer: PeerId, data: bytes, signature: bytes) -> bool:
    return fake_sign(peer)(data) == signature


def named(name: str) -> PeerId:
    return PeerId(name.encode().ljust(32, b"."))


@dataclass
class Host:
    """The project: calls 0..calls-1, each slice's result is the text of its calls. Plays the job host's part."""

    calls: int = 8
    length: int | None = None
    slice_size: int | None = 1
    replicas: int | None = None
    quorum: int | None = None
    timeout: float | None = None
    reduces: bool = False
    confidence: float | None = None
    declares: dict[str, object] = field(default_factory=dict)
    check: Callable[[bytes, bytes], bool] = lambda given, value: value == compute(given)
    group: Callable[[list[bytes]], tuple[int, ...]] = lambda values: tuple(range(len(values)))
    hits: Callable[[bytes], bool] = lambda value: False
    fails: dict[type, Failure] = field(default_factory=dict)
    next: int = 0
    folded: dict[int, bytes] = field(default_factory=dict)
    opened: int = 0
    skipped: int = 0

    def answer(self, effect: e.Effect) -> object:
        if type(effect) in self.fails:
            return self.fails[type(effect)]
        match effect:
            case e.OpenHost():
                self.opened += 1
                self.next, self.folded = 0, {}
                return HostOpened(
                    "job",
                    self.length,
                    self.slice_size,
                    self.replicas,
                    self.quorum,
                    self.timeout,
                    False,
                    self.reduces,
                    self.confidence,
                    **self.declares,  # type: ignore[arg-type]
                )
            case e.LockPackages():
                return b""
            case e.Cut():
                made = []
                for _ in range(effect.count):
                    calls = min(effect.calls, self.calls - self.next)
                    if calls <= 0:
                        break
                    made.append(CutSlice(calls, self.input(self.next, calls)))
                    self.next += calls
                return CutsMade(tuple(made), self.next >= self.calls)
            case e.Replay():
                for calls, digest in effect.cuts:
                    if self.input(self.next, calls).digest != digest:
                        return Failure("usage", "the generator is not deterministic")
                    self.next += calls
                return None
            case e.Fold():
                assert effect.value.inline is not None
                assert effect.keep or effect.index not in self.folded
                self.folded[effect.index] = effect.value.inline
                return self.hits(effect.value.inline)
            case e.Check():
                assert effect.input.inline is not None and effect.value.inline is not None
                return self.check(effect.input.inline, effect.value.inline)
            case e.Compare():
                return self.group([value.inline or b"" for value in effect.values])
            case e.Differ():
                return self.differ(effect)
            case e.Compose():
                return self.compose(effect)
            case e.Finish():
                assert effect.partial or len(self.folded) == effect.slices
                counted = sorted(self.folded.keys() - set(effect.without))
                data = b"".join(self.folded[index] for index in counted) or b"null"
                return JobValue(Payload(sha(data), len(data), data), self.skipped)
        raise AssertionError(effect)

    def differ(self, effect: e.Differ) -> DifferencesFound:
        """Results are no lists here: they can't be compared call by call."""
        unknown = (None,) * len(effect.values)
        return DifferencesFound(unknown, ((),) * len(effect.values))

    def compose(self, effect: e.Compose) -> Payload | None:
        raise AssertionError(effect)

    def input(self, first: int, calls: int) -> Payload:
        data = f"{first}+{calls}".encode()
        return Payload(sha(data), len(data), data)


def compute(data: bytes) -> bytes:
    """What an honest worker makes of a slice's input."""
    return b"<" + data + b">"


@dataclass
class Hand:
    """A worker played by hand: it holds what it was granted until it is told what to do with it."""

    desk: Desk
    peer: PeerId
    host: str = "10.0.0.1"
    instance: Instance = field(default_factory=lambda: Instance(b"i" * 16))
    python: str = "3.11"
    packages: tuple[str, ...] = ()
    builds: str = "none"
    numeric: str = ""
    held: dict[LeaseId, bytes] = field(default_factory=dict)
    seconds: dict[LeaseId, float] = field(default_factory=dict)
    grants: int = 0
    over: list[str] = field(default_factory=list)
    recalls: int = 0
    gives_back: bool = True
    doubted: int = 0
    deaf: bool = False

    def connect(self) -> Hand:
        if self.peer != self.desk.ctx.me:
            link = Link(self.instance, (), self.host, "", True, 0.01, self.desk.clock.mono)
            self.desk.ctx.links[self.peer] = link
            self.desk.do(lambda: self.desk.owner.on_connected(self.peer))
        return self

    def disconnect(self, *, clean: bool = False) -> None:
        self.desk.ctx.links.pop(self.peer, None)
        self.desk.do(lambda: self.desk.owner.on_lost(self.peer, clean))

    def advert(self, author: PeerId | None = None) -> bytes:
        machine = (self.instance, 4, 1 << 30, 4, 4, 0.0, 1.0, self.python, "linux")
        body = Advert(*machine, "A", "anyone", "", self.packages, builds=self.builds, numeric=self.numeric)
        who = author or self.peer
        wall = self.desk.clock.wall
        return seal(fake_sign(self.peer), who, ADVERT, encode_body(body), sequence=1, issued=wall, lifetime=120.0)

    def pull(self, want: int = 4, job: JobId | None = None, **change: object) -> Message | str | None:
        body = Pull(job or self.desk.job, want, False, self.advert())
        return self.desk.request(self.peer, replace_struct(body, change))

    def started(self, *leases: LeaseId) -> None:
        body = Started(self.desk.job, leases or tuple(self.held))
        self.desk.request(self.peer, body)

    def result(self, lease: LeaseId, value: bytes | None = None, **change: object) -> tuple[SliceResult, bytes]:
        data = compute(self.held.get(lease, b"")) if value is None else value
        result = SliceResult(lease, "ok", sha(data), len(data), 0.5, 0.1, "", "")
        return replace_struct(result, change), data if len(data) <= INLINE_LIMIT else b""

    def failure(
        self, lease: LeaseId, error: str = "ValueError: no", status: str = "error"
    ) -> tuple[SliceResult, bytes]:
        digest = failure_digest(status, error.partition(":")[0], 0)
        return SliceResult(lease, status, digest, 0, 0.5, 0.1, error, "Traceback: " + error), b""  # type: ignore[arg-type]

    def batch(self, *results: SliceResult, author: PeerId | None = None, job: JobId | None = None) -> bytes:
        body = encode_body(ResultBatch(job or self.desk.job, results))
        return seal(
            fake_sign(self.peer),
            author or self.peer,
            RESULTS,
            body,
            sequence=1,
            issued=self.desk.clock.wall,
            lifetime=3600.0,
        )

    def give(self, *pairs: tuple[SliceResult, bytes], want: int = 4, **change: object) -> Message | str | None:
        """Return results; what is taken is no longer held."""
        batch = self.batch(*(result for result, _ in pairs))
        body = Return(self.desk.job, batch, tuple(inline for _, inline in pairs), want)
        answer = self.desk.request(self.peer, replace_struct(body, change))
        if not isinstance(answer, str):
            for result, _ in pairs:
                self.held.pop(result.lease, None)
        return answer

    def work(self, want: int = 4) -> Message | str | None:
        """Start and return everything that is held."""
        if not self.held:
            return None
        self.started()
        return self.give(*(self.result(lease) for lease in tuple(self.held)[:64]), want=want)

    def take(self, body: Message) -> Message | None:
        match body:
            case Grant() if self.deaf:
                pass
            case Grant():
                for lease in body.leases:
                    assert lease.input.inline is not None
                    self.held[lease.lease] = lease.input.inline
                    self.seconds[lease.lease] = lease.seconds
                    self.grants += 1
            case JobOver():
                self.over.append(body.reason)
                self.held.clear()
            case Recall(missing=True):
                self.doubted += 1
                return Recalled(tuple(lease for lease in body.leases if lease not in self.held))
            case Recall():
                self.recalls += 1
                back = tuple(lease for lease in body.leases if self.gives_back and self.held.pop(lease, None))
                return Recalled(back)
        return None


def replace_struct(body, change):  # type: ignore[no-untyped-def]
    fields = {name: getattr(body, name) for name in body.__struct_fields__}
    return type(body)(**(fields | change))


class Crash(Exception):
    """The peer is killed here."""


class Desk:
    Crash = Crash
    """The owner, and everything around it. `journal` outlives it; `restart` builds a new owner from it."""

    def __init__(self, host: Host | None = None, config: Config | None = None, *, seed: int = 1) -> None:
        self.host = host or Host()
        self.config = config or Config(trust=TrustConfig(policy="plain"))
        self.seed = seed
        kinds = (*SPACES, r.TrustRecord, r.ReviewRecord)
        self.journal: dict[str, dict[bytes, bytes]] = {kind.space: {} for kind in kinds}
        self.clock = Now(1000.0, 1_700_000_000.0)
        self.hands: dict[PeerId, Hand] = {}
        self.blobs: dict[Digest, Failure | None] = {}
        self.job = JobId(b"")
        self.granted: list[LeaseId] = []
        self.granted_after_acceptance: list[int] = []
        self.crash_after: int | None = None
        self.page = 1000
        self.unreadable: Failure | None = None
        self.carried = 0
        self.boot(1)

    def boot(self, run: int) -> None:
        source = random.Random(self.seed * 1000 + run)
        self.run = run
        me = named("me")
        self.ctx = Context(
            me=me,
            instance=Instance(bytes([run]) * 16),
            config=self.config,
            random=random.Random(0),
            secret=source.randbytes,
            sign=fake_sign(me),
            verify=fake_verify,
            book=AddressBook(16),
            now=self.clock,
        )
        self.spread: list[tuple[bytes, int]] = []
        self.known: list[AdvertView] = []
        self.owner = Owner(self.ctx, lambda make, reach: self.spread.append((make(()), reach)), lambda: self.known)
        self.queue: deque[e.Effect] = deque()
        self.answers: dict[int, object] = {}
        self.notes: list[e.Note] = []
        self.seen: list[e.Effect] = []
        self.numbers = count(1)

    def hand(self, name: str, host: str = "10.0.0.1", **more: object) -> Hand:
        hand = Hand(self, named(name), host, **more)  # type: ignore[arg-type]
        self.hands[hand.peer] = hand
        return hand.connect()

    # --- one handle ---

    def do(self, act: Callable[[], object]) -> object:
        """One handle: due timers, the act, messages to oneself, the flush; then its effects, saves first."""
        self.ctx.now = self.clock = Now(self.clock.mono, self.clock.wall)
        self.ctx.run_timers()
        answer = act()
        while True:
            while self.ctx.local:
                body, then = self.ctx.local.pop(0)
                reply = self.to_me(body)
                if then is not None:
                    then(Done(0, reply))
            self.owner.flush()
            if not self.ctx.local:
                break
        self.validate()
        effects, self.ctx.effects = self.ctx.effects, []
        for effect in effects:
            if isinstance(effect, e.Save):
                self.save(effect.record)
            elif isinstance(effect, e.Forget):
                self.forget(effect)
        notes = [effect for effect in effects if isinstance(effect, e.Note) and effect.topic == "job"]
        assert len(notes) == len(set(notes)), "a handle tells watchers of a job once"
        for effect in effects:
            if not isinstance(effect, (e.Save, e.Forget)):
                if self.crash_after is not None and self.carried >= self.crash_after:
                    raise Crash
                self.carried += 1
                self.carry(effect)
        return answer

    def to_me(self, body: Message) -> Message | None:
        hand = self.hands.get(self.ctx.me)
        if hand is not None:
            return hand.take(body)
        return Recalled(()) if isinstance(body, Recall) else None

    def save(self, record: r.Record) -> None:
        self.journal[record.space][record.key()] = r.encode_record(record)

    def forget(self, effect: e.Forget) -> None:
        space = self.journal[effect.space]
        for key in [key for key in space if key.startswith(effect.prefix)]:
            del space[key]

    def carry(self, effect: e.Effect) -> None:
        self.seen.append(effect)
        match effect:
            case e.Answer():
                self.answers[effect.id] = effect.value
            case e.Note():
                self.notes.append(effect)
            case e.Send():
                if isinstance(effect.body, Grant):
                    self.note_grants(effect.body)
                if effect.peer in self.hands and effect.peer in self.ctx.links:
                    self.hands[effect.peer].take(effect.body)
            case e.Call() | e.Fetch() | e.OpenHost() | e.Cut() | e.Replay() | e.Fold() | e.Finish():
                self.queue.append(effect)
            case e.LockPackages() | e.Check() | e.Compare() | e.Differ() | e.Compose() | e.Review():
                self.queue.append(effect)

    def note_grants(self, grant: Grant) -> None:
        """Every grant is on record, and none is of a slice that is accepted."""
        known = {record.lease: record.index for record in self.records(r.LeaseRecord, grant.job)}
        done = {record.index for record in self.records(r.OutcomeRecord, grant.job)}
        for lease in grant.leases:
            self.granted.append(lease.lease)
            if known[lease.lease] in done:
                self.granted_after_acceptance.append(known[lease.lease])

    # --- moving on ---

    def step(self) -> bool:
        """Carry out one thing that the owner waits for."""
        if not self.queue:
            return False
        effect = self.queue.popleft()
        value: object
        if isinstance(effect, e.Call):
            connected = effect.peer in self.ctx.links
            reply = self.hands[effect.peer].take(effect.body) if connected else None
            value = reply if reply is not None else Failure("unreachable", "nobody answers")
        elif isinstance(effect, e.Fetch):
            value = self.blobs.get(effect.digest)
        elif isinstance(effect, e.Review):
            value = self.review(effect)
        else:
            value = self.host.answer(effect)
        number = effect.id  # type: ignore[union-attr]
        outcome = Failed(number, value) if isinstance(value, Failure) else Done(number, value)
        self.do(lambda: self.ctx.settle(outcome))
        return True

    def review(self, effect: e.Review) -> object:
        """What the journal's driver answers; `page` records at a time."""

        def load(kind: type[r.R], prefix: bytes, start: bytes) -> list[r.R]:
            return [record for record in self.records(kind, JobId(prefix)) if record.key() >= start]

        return self.unreadable or look_through(
            lambda start: load(r.JobRecord, b"", start),
            lambda job, start: load(r.EvidenceRecord, job, start),
            effect.peer,
            effect.after,
            self.page,
        )

    def settle(self) -> None:
        """Carry out all that the owner waits for."""
        while self.step():
            pass

    def request(self, peer: PeerId, body: Message) -> Message | str | None:
        answer = self.do(lambda: self.owner.handlers[type(body)](peer, body))  # type: ignore[arg-type]
        self.settle()
        return answer  # type: ignore[return-value]

    def wait(self, seconds: float) -> None:
        """Let time pass, waking the owner when it wants to be."""
        end = self.clock.mono + seconds
        while self.ctx.next_deadline() <= end:
            self.move(max(self.clock.mono, self.ctx.next_deadline()))
            self.do(lambda: None)
            self.settle()
        self.move(end)

    def move(self, mono: float) -> None:
        self.clock = Now(mono, self.clock.wall + mono - self.clock.mono)
        self.ctx.now = self.clock

    def submit(self, **change: object) -> object:
        """Submit the host's project; returns the answer, and keeps the job's id if that is what it is."""
        number = next(self.numbers)
        given = {"needs_python": ""} | change
        submission = Submission(sha(b"host"), sha(b"worker"), 6, **given)  # type: ignore[arg-type]
        self.do(lambda: self.owner.submit(number, submission))
        self.settle()
        answer = self.answers.get(number)
        if isinstance(answer, bytes):
            self.job = JobId(answer)
        return answer

    def stop(self) -> object:
        number = next(self.numbers)
        self.do(lambda: self.owner.stop(number, self.job))
        self.settle()
        return self.answers[number]

    def restart(self) -> None:
        """Kill the owner and start it from the journal; connections are gone."""
        self.crash_after = None
        for hand in self.hands.values():
            hand.over.clear()
        self.boot(self.run + 1)
        images = [self.image(r.decode_record(r.JobRecord, data)) for data in self.journal["job"].values()]
        for image in images:
            self.job = image.job.job
        self.owner.trust.restore(self.records(r.TrustRecord, JobId(b"")))
        reviews = self.records(r.ReviewRecord, JobId(b""))
        self.do(lambda: self.owner.restore(images, reviews))

    def image(self, job: r.JobRecord) -> JobImage:
        return JobImage(
            job,
            self.records(r.SliceRecord, job.job),
            self.records(r.OutcomeRecord, job.job),
            self.records(r.LeaseRecord, job.job),
            self.records(r.EvidenceRecord, job.job),
        )

    # --- looking ---

    def records(self, kind: type[r.R], job: JobId | None = None) -> list[r.R]:
        space = self.journal[kind.space]
        prefix = job if job is not None else self.job
        return [r.decode_record(kind, space[key]) for key in sorted(space) if key.startswith(prefix)]

    @property
    def view(self):  # type: ignore[no-untyped-def]
        view = self.owner.view(self.job)
        assert view is not None
        return view

    @property
    def running(self):  # type: ignore[no-untyped-def]
        """The job's own tables, to be validated."""
        return self.owner._running[self.job]

    def values(self) -> list[bytes]:
        """Accepted results in the order of the input."""
        return [record.value.inline for record in self.records(r.OutcomeRecord)]  # type: ignore[misc]

    def validate(self) -> None:
        for job in self.owner._running.values():
            job.slices.validate()
            job.leases.validate()
            assert job.seats.wanted == sum(seat.want for seat in job.seats.all.values())

    def count(self, kind: type) -> int:
        return sum(isinstance(effect, kind) for effect in self.seen)


@pytest.fixture
def make_desk() -> Callable[..., Desk]:
    """Build a desk: `make_desk(host, config)`."""
    return Desk


@pytest.fixture
def make_host() -> Callable[..., Host]:
    """Build a host: `make_host(calls=8, ...)`."""
    return Host
