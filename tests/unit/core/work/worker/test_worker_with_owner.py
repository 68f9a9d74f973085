"""Workers and the real owner together, over an in-memory network on a virtual clock."""

from __future__ import annotations

import hashlib
import heapq
import random
from collections import Counter
from itertools import count

import pytest

from peernet.config import Config, TrustConfig
from peernet.core import effects as e
from peernet.core.adverts import Adverts
from peernet.core.context import AddressBook, Context, Link
from peernet.core.events import (
    CutSlice,
    CutsMade,
    Done,
    Failed,
    Failure,
    HostOpened,
    JobValue,
    MachineMeasured,
    Now,
    SliceOutcome,
    Submission,
)
from peernet.core.work.owner import Owner
from peernet.core.work.worker import Worker
from peernet.identity.digest import digest
from peernet.identity.envelope import open_envelope, peek_author
from peernet.types import Instance, Payload, PeerId
from peernet.wire.codec import decode_body, decode_frame, encode_frame
from peernet.wire.link import Notice
from peernet.wire.signed import OFFER, TOMBSTONE, Offer, Tombstone

MACHINE = MachineMeasured(4, 8 << 30, 0.0, 1.0, "3.11", "linux", "A")
BUNDLE = digest(b"bundle")


def sign_as(peer):
    return lambda data: hashlib.sha512(b"key of" + peer + data).digest()


def payload(data):
    return Payload(digest(data), len(data), data)


class Node:
    """A peer with the two sides of work only."""

    def __init__(self, net, name, slots, max_slices=None):
        self.net, self.name = net, name
        self.peer = PeerId(name.encode().ljust(32, b"."))
        self.ctx = Context(
            me=self.peer,
            instance=Instance(name.encode().ljust(16, b".")),
            config=Config(trust=TrustConfig(policy="plain")),
            random=random.Random(name),
            secret=random.Random(name).randbytes,
            sign=sign_as(self.peer),
            verify=lambda peer, data, signature: sign_as(peer)(data) == signature,
            book=AddressBook(16),
            now=net.now(),
        )
        self.adverts = Adverts(self.ctx, lambda envelope: None)
        self.worker = Worker(self.ctx, self.adverts, slots=slots, max_slices=max_slices, serves="anyone")
        self.owner = Owner(self.ctx, self.spread)
        self.handlers = {**self.worker.handlers, **self.owner.handlers}
        self.wall = 0.01
        self.alive = True
        self.runs: dict[int, bool] = {}
        self.ran = 0
        self.kinds = Counter()
        self.did(lambda: (self.worker.start(), self.owner.start(), self.adverts.machine(MACHINE)))

    def spread(self, make, reach):
        envelope = make(())
        self.hear(envelope)
        for peer in self.ctx.links:
            self.net.later(0.01, self.net.nodes[peer], lambda node: node.hear(envelope))

    def hear(self, envelope):
        domain, kind = (OFFER, Offer) if OFFER.encode() in envelope[:100] else (TOMBSTONE, Tombstone)
        now = self.ctx.now.wall
        opened = open_envelope(envelope, domain, now=now, verify=self.ctx.verify, max_lifetime=1e6)
        body = decode_body(kind, opened.body)
        if kind is Offer:
            self.worker.on_offer(opened, body)
        else:
            self.worker.on_tombstone(peek_author(envelope), body.job)

    def did(self, act):
        if not self.alive:
            return
        self.ctx.now = self.net.now()
        self.ctx.run_timers()
        act()
        while True:
            while self.ctx.local:
                body, then = self.ctx.local.pop(0)
                answer = self.handlers[type(body)](self.peer, body)
                if then is not None:
                    refused = answer is None or isinstance(answer, str)
                    then(Failed(0, Failure("refused", str(answer))) if refused else Done(0, answer))
            self.owner.flush()
            self.worker.flush()
            if not self.ctx.local:
                break
        effects, self.ctx.effects = self.ctx.effects, []
        for effect in effects:
            self.net.carry_out(self, effect)

    def run(self, effect):
        self.runs[effect.id] = True
        self.kinds["run"] += 1
        self.net.later(0, self, lambda node: node.worker.on_began(effect.id))
        value = SliceOutcome("ok", payload(b"<" + effect.input.inline + b">"), "", None, "", self.wall, self.wall)
        self.net.later(self.wall, self, lambda node: node.ended(effect.id, Done(effect.id, value)))

    def ended(self, number, outcome):
        if self.runs.pop(number, False):
            self.ran += isinstance(outcome, Done)
            self.ctx.settle(outcome)


class Net:
    """Nodes, links with a latency, and a heap of events."""

    def __init__(self, calls=50, latency=0.01):
        self.mono, self.calls, self.next, self.latency = 100.0, calls, 0, latency
        self.nodes: dict[PeerId, Node] = {}
        self.heap: list = []
        self.numbers = count()
        self.answers: list = []
        self.folded: dict[int, bytes] = {}

    def now(self):
        return Now(self.mono, 1_700_000_000.0 + self.mono)

    def add(self, name, slots=2, max_slices=None):
        node = Node(self, name, slots, max_slices)
        self.nodes[node.peer] = node
        return node

    def connect(self, one, other):
        for node, peer in ((one, other), (other, one)):
            node.ctx.links[peer.peer] = Link(
                peer.ctx.instance, (), peer.name, "", True, 2 * self.latency, self.mono
            )
            node.did(lambda node=node, peer=peer: self.tell(node, "on_connected", peer.peer))

    def cut(self, one, other):
        for node, peer in ((one, other), (other, one)):
            node.ctx.links.pop(peer.peer, None)
            node.did(lambda node=node, peer=peer: self.tell(node, "on_lost", peer.peer, False))

    def tell(self, node, what, *args):
        getattr(node.worker, what)(*args)
        getattr(node.owner, what)(*args)

    def later(self, seconds, node, act):
        heapq.heappush(self.heap, (self.mono + seconds, next(self.numbers), node, act))

    def settle(self, node, outcome, seconds=0.0):
        self.later(seconds, node, lambda node: node.ctx.settle(outcome))

    def go(self, seconds):
        end = self.mono + seconds
        while True:
            live = [node for node in self.nodes.values() if node.alive]
            timer, _, node = min((node.ctx.next_deadline(), number, node) for number, node in enumerate(live))
            due = self.heap[0][0] if self.heap else float("inf")
            if min(timer, due) > end:
                self.mono = end
                return
            self.mono = max(self.mono, min(timer, due))
            if timer < due:
                node.did(lambda: None)
            else:
                _, _, node, act = heapq.heappop(self.heap)
                node.did(lambda node=node, act=act: act(node))

    def carry_out(self, node, effect):
        node.kinds[type(effect).__name__] += 1
        match effect:
            case e.Send() | e.Call() if effect.peer not in node.ctx.links:
                if isinstance(effect, e.Call):
                    self.settle(node, Failed(effect.id, Failure("unreachable", "no connection")))
            case e.Send():
                body = decode_frame(encode_frame(Notice(effect.body))).body
                there = self.nodes[effect.peer]
                self.later(self.latency, there, lambda there: there.handlers[type(body)](node.peer, body))
            case e.Call():
                self.call(node, effect)
            case e.Fetch() | e.OpenBox():
                self.settle(node, Done(effect.id), 0.05)
            case e.RunSlice():
                node.run(effect)
            case e.KillSlice():
                self.later(
                    0, node, lambda node: node.ended(effect.id, Failed(effect.id, Failure("box", "killed")))
                )
            case e.OpenHost():
                opened = HostOpened("job", self.calls, 1, None, None, None, False, True)
                self.settle(node, Done(effect.id, opened))
            case e.Cut():
                made = [CutSlice(1, payload(b"%d" % (self.next + n))) for n in range(effect.count)]
                made = made[: self.calls - self.next]
                self.next += len(made)
                self.settle(node, Done(effect.id, CutsMade(tuple(made), self.next >= self.calls)))
            case e.Fold():
                self.folded[effect.index] = effect.value.inline
                self.settle(node, Done(effect.id, False))
            case e.Finish():
                self.settle(node, Done(effect.id, JobValue(payload(b"sum"))))
            case e.Answer():
                self.answers.append(effect.value)

    def call(self, node, effect):
        there = self.nodes[effect.peer]

        def arrive(there):
            answer = there.handlers[type(effect.body)](node.peer, effect.body)
            if there.peer not in node.ctx.links:
                outcome = Failed(effect.id, Failure("lost", "the connection ended"))
            elif isinstance(answer, str):
                outcome = Failed(effect.id, Failure("refused", answer))
            else:
                outcome = Done(effect.id, answer)
            self.settle(node, outcome, self.latency)

        if there.alive:
            self.later(self.latency, there, arrive)
        else:
            self.settle(node, Failed(effect.id, Failure("timeout", "no answer")), effect.timeout)

    def submit(self, node, trusted=()):
        peers = tuple(other.peer for other in trusted)
        submission = Submission(digest(b"host"), BUNDLE, 6, "3.11", trusted=peers, patience=5.0)
        node.did(lambda: node.owner.submit(1, submission))

    def results(self):
        return [self.folded[index] for index in sorted(self.folded)]

    def expected(self):
        return [b"<%d>" % number for number in range(self.calls)]


def swarm(calls, workers, own_slots=0, latency=0.01):
    """An owner connected to workers that it trusts or not."""
    net = Net(calls, latency)
    owner = net.add("owner", own_slots)
    others = [net.add(f"worker {number}") for number in range(workers)]
    for other in others:
        net.connect(owner, other)
    return net, owner, others


def test_a_lone_peer_computes_its_own_job():
    net, owner, _ = swarm(20, 0, own_slots=2)
    net.submit(owner)
    net.go(10)
    (job,) = net.answers
    assert owner.owner.view(job).state == "done"
    assert net.results() == net.expected()
    assert owner.ctx.counters == {}
    assert owner.worker.view().jobs == ()


@pytest.mark.parametrize("wall", [0.001, 0.2, 8.0])
def test_trusted_workers_run_each_slice_once_and_nobody_breaks_the_contract(wall):
    net, owner, workers = swarm(60, 3)
    for worker in workers:
        worker.wall = wall
    net.submit(owner, trusted=workers)
    net.go(10 + 60 * wall)
    assert owner.owner.view(net.answers[0]).state == "done"
    assert net.results() == net.expected()
    assert sum(worker.ran for worker in workers) == 60
    assert wall < 0.1 or all(worker.ran >= 5 for worker in workers)
    for node in net.nodes.values():
        assert node.ctx.counters == {}
        assert node.worker.view().jobs == ()
    assert sum(worker.kinds["Save"] for worker in workers) >= 3


def test_strangers_run_each_slice_twice():
    net, owner, workers = swarm(40, 4)
    net.submit(owner)
    net.go(30)
    assert owner.owner.view(net.answers[0]).state == "done"
    assert net.results() == net.expected()
    assert sum(worker.ran for worker in workers) == 80
    assert [node.ctx.counters for node in net.nodes.values()] == [{}] * 5


def test_small_slices_fill_the_pipe_over_a_slow_network():
    net, owner, workers = swarm(2000, 2, latency=0.05)
    for worker in workers:
        worker.wall = 0.005
    net.submit(owner, trusted=workers)
    started = net.mono
    while len(net.folded) < 2000 and net.mono < started + 60:
        net.go(0.5)
    # 2000 slices of 5 ms on four slots take 2.5 s without any wait; a round trip takes 100 ms.
    assert net.mono - started < 8
    calls = sum(worker.kinds["Call"] for worker in workers)
    assert calls < 400


def test_a_dead_worker_costs_no_result():
    net, owner, workers = swarm(60, 3)
    for worker in workers:
        worker.wall = 0.3
    net.submit(owner, trusted=workers)
    net.go(2)
    workers[0].alive = False
    net.cut(owner, workers[0])
    net.go(120)
    assert owner.owner.view(net.answers[0]).state == "done"
    assert net.results() == net.expected()


def test_a_lost_connection_that_returns_brings_its_results():
    net, owner, workers = swarm(40, 1)
    workers[0].wall = 0.2
    net.submit(owner, trusted=workers)
    net.go(1)
    before = len(net.folded)
    net.cut(owner, workers[0])
    net.go(1.5)
    assert len(net.folded) == before
    net.connect(owner, workers[0])
    net.go(30)
    assert owner.owner.view(net.answers[0]).state == "done"
    assert net.results() == net.expected()
    assert workers[0].ran == 40


def test_workers_that_do_k_slices_stop_there():
    net = Net(40)
    owner = net.add("owner", 0)
    few, many = net.add("few", 2, max_slices=7), net.add("many", 2)
    for worker in (few, many):
        net.connect(owner, worker)
    net.submit(owner, trusted=(few, many))
    net.go(20)
    assert owner.owner.view(net.answers[0]).state == "done"
    assert (few.ran, many.ran) == (7, 33)


def test_one_seed_gives_one_trace():
    def trace():
        net, owner, _ = swarm(30, 3)
        net.submit(owner)
        net.go(20)
        return net.mono, [(node.ran, dict(node.kinds)) for node in net.nodes.values()]

    assert trace() == trace()
