"""A worker on a virtual clock whose owners, boxes and connections are played by hand."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable
from dataclasses import replace

import msgspec
import pytest

from peernet.config import Config, WorkConfig
from peernet.config.lending import LendConfig
from peernet.core.adverts import Adverts
from peernet.core.context import AddressBook, Context, Link
from peernet.core.effects import Call, Effect, Fetch, OpenBox, RunSlice, Send
from peernet.core.events import Done, Failed, Failure, MachineMeasured, Now, SliceOutcome
from peernet.core.work.worker import Worker
from peernet.identity.digest import digest
from peernet.identity.envelope import open_envelope, seal
from peernet.identity.keys import KeyPair, verify
from peernet.types import Instance, JobId, LeaseId, Payload, PeerId
from peernet.wire.codec import decode_body, encode_body
from peernet.wire.signed import (
    MANIFEST,
    OFFER,
    RECEIPTS,
    RESULTS,
    Manifest,
    Needs,
    Offer,
    ReceiptBatch,
    ResultBatch,
)
from peernet.wire.work import (
    Grant,
    JobOver,
    LeaseGrant,
    Parked,
    Pull,
    Recall,
    Return,
    Started,
    Taken,
    WirePayload,
)

WALL = 1_700_000_000.0
MACHINE = MachineMeasured(4, 8 << 30, 0.1, 1.0, "3.11", "linux-x86_64", "A")
BUNDLE = b"the code"


class Scene:
    """One worker, its effects, and the clock. `effects` holds what it wants and nobody has looked at yet."""

    def __init__(
        self, *, slots=2, max_slices=None, serves="anyone", seed=1, work=None, machine=MACHINE, lend=None
    ):
        self.keys = KeyPair.from_seed(hashlib.sha256(b"worker").digest())
        self.mono = 1000.0
        config = Config(work=work or WorkConfig(), lend=lend or LendConfig())
        self.ctx = Context(
            me=self.keys.peer_id,
            instance=Instance(b"i" * 16),
            config=config,
            random=random.Random(seed),
            secret=random.Random(seed).randbytes,
            sign=self.keys.sign,
            verify=verify,
            book=AddressBook(64),
            now=self.now(),
        )
        self.published: list[bytes] = []
        self.adverts = Adverts(self.ctx, lambda envelope: None)
        self.adverts.tell_by(self.published.append)
        self.worker = Worker(self.ctx, self.adverts, slots=slots, max_slices=max_slices, serves=serves)
        self.effects: list[Effect] = []
        self.log: list[tuple[float, Effect]] = []
        self.said_to_self: list[tuple[object, object]] = []
        self.did(self.worker.start)
        if machine is not None:
            self.did(lambda: self.adverts.machine(machine))
        self.effects.clear()

    def now(self):
        return Now(self.mono, WALL + self.mono - 1000.0)

    def did(self, act: Callable[[], object]) -> object:
        """One handle of the core: due timers, the event, the flush."""
        self.ctx.now = self.now()
        self.ctx.run_timers()
        answer = act()
        self.worker.flush()
        while self.ctx.local:
            self.said_to_self.append(self.ctx.local.pop(0))
        self.effects += self.ctx.effects
        self.log += [(self.mono, effect) for effect in self.ctx.effects]
        self.ctx.effects = []
        self.validate()
        return answer

    def validate(self):
        """What must hold after every handle."""
        bench = self.worker._bench
        assert 0 <= bench.busy <= bench.slots
        assert len(bench.held) <= self.ctx.config.work.worker_jobs
        for key, held in bench.held.items():
            assert key == held.key and not held.ended
            assert 0 <= held.allowance <= bench.most
            assert len(held.fetching) <= self.ctx.config.work.worker_fetches
            assert set(held.running) <= set(held.leases)
            assert set(held.pinned) <= set(held.leases)
            assert held.count + len(held.outbox) == len(held.leases)

    def wait(self, seconds: float) -> None:
        """Let time pass, stopping at every deadline."""
        end = self.mono + seconds
        while self.ctx.next_deadline() <= end:
            self.mono = max(self.mono, self.ctx.next_deadline())
            self.did(lambda: None)
        self.mono = end
        self.did(lambda: None)

    def take(self, kind, **wanted):
        """Return and remove the effects of a kind with these attributes."""
        found = [
            effect
            for effect in self.effects
            if isinstance(effect, kind) and all(getattr(effect, key) == value for key, value in wanted.items())
        ]
        self.effects = [effect for effect in self.effects if effect not in found]
        return found

    def calls(self, kind, peer=None):
        """Return and remove the calls whose body is of a kind, to one peer if it is given."""
        found = [effect for effect in self.effects if isinstance(effect, Call) and isinstance(effect.body, kind)]
        found = [call for call in found if peer in (None, call.peer)]
        self.effects = [effect for effect in self.effects if effect not in found]
        return found

    def sent(self, kind):
        """Return and remove the notices whose body is of a kind."""
        found = [effect for effect in self.effects if isinstance(effect, Send) and isinstance(effect.body, kind)]
        self.effects = [effect for effect in self.effects if effect not in found]
        return [effect.body for effect in found]

    def done(self, effect, value=None):
        self.did(lambda: self.ctx.settle(Done(effect.id, value)))

    def failed(self, effect, kind, message="it broke"):
        self.did(lambda: self.ctx.settle(Failed(effect.id, Failure(kind, message))))

    def message(self, peer: PeerId, body):
        """A peer's message arrives; returns the answer."""
        return self.did(lambda: self.worker.handlers[type(body)](peer, body))

    def connect(self, peer: PeerId):
        link = Link(Instance(b"o" * 16), (), "192.0.2.1", "192.0.2.2", True, 0.01, self.mono)
        self.ctx.links[peer] = link
        self.did(lambda: self.worker.on_connected(peer))

    def lose(self, peer: PeerId, clean=False):
        self.ctx.links.pop(peer, None)
        self.did(lambda: self.worker.on_lost(peer, clean))

    def finish(
        self, run: RunSlice, value=b"r", *, wall=0.1, status="ok", error="", call=None, traceback="", blob=False
    ):
        """A slice ends in its box."""
        payload = Payload(digest(value), len(value), None if blob else value) if status == "ok" else None
        self.done(run, SliceOutcome(status, payload, error, call, traceback, wall, wall))

    def refusals(self):
        return dict(self.ctx.counters)


class ScriptedOwner:
    """An owner of one job, played by hand."""

    def __init__(
        self, scene: Scene, name: str, *, needs=None, timeout=30.0, keys=None, bundle=BUNDLE, reuse=False
    ):
        self.scene = scene
        self.keys = keys or KeyPair.from_seed(hashlib.sha256(name.encode()).digest())
        self.peer = self.keys.peer_id
        self.needs = needs or Needs("", 0, "")
        nonce = hashlib.sha256(name.encode()).digest()[:16]
        self.bundle = digest(bundle)
        # What is offered may ask for less than what the manifest then says.
        asked = msgspec.structs.replace(self.needs, seconds=self.needs.seconds or timeout)
        body = Manifest(nonce, name, self.bundle, len(bundle), asked, 0, 0, reuse)
        self.manifest = self.seal(MANIFEST, body, lifetime=86_400.0)
        self.job = JobId(hashlib.sha256(self.manifest).digest())
        self._offers = 0

    def seal(self, domain, body, *, lifetime=60.0, sequence=1, sign=None):
        return seal(
            sign or self.keys.sign,
            self.peer,
            domain,
            encode_body(body),
            sequence=sequence,
            issued=self.scene.now().wall,
            lifetime=lifetime,
        )

    def open(self, data, domain):
        return open_envelope(data, domain, now=self.scene.now().wall, verify=verify, max_lifetime=1e6)

    def offer(self, open_slices=1000, addresses=("/ip4/192.0.2.1/tcp/4001",), job=None):
        """The worker hears an offer."""
        self._offers += 1
        body = Offer(job or self.job, open_slices, self.needs, addresses)
        opened = self.open(self.seal(OFFER, body, sequence=self._offers), OFFER)
        self.scene.did(lambda: self.scene.worker.on_offer(opened, body))

    def pulled(self):
        """Wait for this worker's pull and return the call."""
        self.scene.wait(self.scene.ctx.config.work.worker_pull_jitter)
        (call,) = self.scene.calls(Pull, self.peer)
        return call

    def park(self):
        """Offer, be pulled, answer; returns the pull."""
        self.offer()
        call = self.pulled()
        self.scene.done(call, Parked(self.manifest))
        return call.body

    def open_box(self):
        """Offer, be pulled, let the worker open its box; returns the pull that then asks for slices."""
        assert self.park().want == 0
        for fetch in self.scene.take(Fetch, digest=self.bundle):
            self.scene.done(fetch)
        (box,) = self.scene.take(OpenBox, job=self.job)
        self.scene.done(box)
        (call,) = self.scene.calls(Pull, self.peer) or (None,)
        if call is None:
            return None
        self.scene.done(call, Parked(b""))
        return call.body

    def lease(self, number, *, data=None, blob=False, size=None, only=()):
        data = f"input {number}".encode() if data is None else data
        payload = WirePayload(digest(data), len(data) if size is None else size, None if blob else data)
        return LeaseGrant(self.id(number), 1, 60.0, 10, payload, self.id(number), only)

    def id(self, number):
        return LeaseId(hashlib.sha256(self.keys.peer_id + number.to_bytes(4, "big")).digest()[:16])

    def grant(self, *numbers, job=None, peer=None, **kwargs):
        body = Grant(job or self.job, tuple(self.lease(number, **kwargs) for number in numbers))
        self.scene.message(peer or self.peer, body)

    def runs(self):
        """What the worker has started of this job."""
        return self.scene.take(RunSlice, job=self.job)

    def returned(self):
        """The calls that bring results, oldest first."""
        return self.scene.calls(Return, self.peer)

    def batch(self, call):
        """The opened results of a `Return`."""
        opened = self.open(call.body.batch, RESULTS)
        assert opened.author == self.scene.ctx.me
        return decode_body(ResultBatch, opened.body).results

    def receipt(self, leases, *, worker=None, job=None, sign=None):
        body = ReceiptBatch(job or self.job, worker or self.scene.ctx.me, tuple(leases), 1.0)
        return self.seal(RECEIPTS, body, lifetime=86_400.0, sign=sign)

    def accept(self, call):
        """Take a batch with a good receipt."""
        self.scene.done(call, Taken(self.receipt([result.lease for result in self.batch(call)])))

    def recall(self, *numbers, peer=None):
        return self.scene.message(peer or self.peer, Recall(self.job, tuple(self.id(n) for n in numbers)))

    def over(self, peer=None):
        self.scene.message(peer or self.peer, JobOver(self.job, "done"))

    def started(self):
        return [lease for body in self.scene.sent(Started) for lease in body.leases]


@pytest.fixture
def make_scene():
    """Make a scene; keyword arguments as `Scene`."""
    return Scene


@pytest.fixture
def scene():
    """A worker with two slots."""
    return Scene()


@pytest.fixture
def make_owner():
    """Make a scripted owner of one job."""
    return ScriptedOwner


@pytest.fixture
def owner(scene):
    """The owner of one job."""
    return ScriptedOwner(scene, "owner")


@pytest.fixture
def machine():
    """What the worker's machine can do; `replace` it."""
    return MACHINE


@pytest.fixture
def bounds():
    """The default bounds with changes: bounds(worker_jobs=2)."""
    return lambda **changes: replace(WorkConfig(), **changes)
