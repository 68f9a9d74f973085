"""`NodeCore`: the one thing that changes the state of a peer. Events in, effects out, no I/O.

It composes the behaviours, a small one for each concern, and does the routing between them: which message goes to
whom, who hears of connections, and how messages to oneself come back. Decisions are made in the behaviours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from peernet.config import Config
from peernet.core.adverts import Adverts
from peernet.core.context import AddressBook, Context, Link
from peernet.core.effects import Answer, Effect, Note, Reply
from peernet.core.events import (
    Began,
    BlockAsked,
    Done,
    Event,
    Failed,
    Failure,
    JoinAsked,
    LeaveAsked,
    Listening,
    MachineMeasured,
    Now,
    PeerConnected,
    PeerLost,
    Received,
    Requested,
    StopAsked,
    SubmitAsked,
    Tick,
    TrustAsked,
)
from peernet.core.gossip import Gossip
from peernet.core.handlers import Taker
from peernet.core.kad import Kad
from peernet.core.records import ContactRecord, MineRecord, ReviewRecord, TrustRecord
from peernet.core.work.owner import JobImage, Owner
from peernet.core.work.worker import Worker
from peernet.errors import AddressError
from peernet.identity.keys import Signer, Verifier
from peernet.identity.multiaddr import Multiaddr
from peernet.types import Instance, PeerId
from peernet.wire.base import Message
from peernet.wire.link import Body, KeyCloned
from peernet.wire.work import Pull

if TYPE_CHECKING:
    from random import Random

_CLONE_TELLERS = 64
"""Peers whose last word on a cloned key is remembered, so that none repeats itself without end."""


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a core is: its key's operations are injected, so that a simulator may fake them."""

    peer: PeerId
    instance: Instance
    sign: Signer
    verify: Verifier


@dataclass(frozen=True, slots=True)
class Restored:
    """What the journal held at the start."""

    contacts: tuple[ContactRecord, ...] = ()
    mine: tuple[MineRecord, ...] = ()
    trust: tuple[TrustRecord, ...] = ()
    reviews: tuple[ReviewRecord, ...] = ()
    jobs: tuple[JobImage, ...] = ()


class NodeCore:
    """The state of one peer.

    Args:
        identity: the key's operations and this run's instance.
        config: bounds.
        slots: slices run at once; 0 for a peer that only submits.
        max_slices: slices taken in all, or None for no limit.
        serves: whose code runs here: "anyone" or "mine".
        random: for decisions that need no secrecy (jitter, sampling); one seed, one trace.
        secret: returns that many unpredictable bytes (nonces, lease ids, the seed of draws).
    """

    def __init__(
        self,
        identity: Identity,
        config: Config,
        *,
        slots: int,
        max_slices: int | None,
        serves: str,
        random: Random,
        secret: Callable[[int], bytes],
    ) -> None:
        self.context = ctx = Context(
            me=identity.peer,
            instance=identity.instance,
            config=config,
            random=random,
            secret=secret,
            sign=identity.sign,
            verify=identity.verify,
            book=AddressBook(config.address_book),
        )
        self.kad = Kad(ctx)
        self.adverts = Adverts(ctx, publish=self.kad.put_advert)
        self.worker = Worker(ctx, self.adverts, slots=slots, max_slices=max_slices, serves=serves)
        self.gossip = Gossip(ctx, self.kad, self.adverts, self.worker)
        self.owner = Owner(ctx, spread=self.gossip.spread, known=self.adverts.everyone)
        self._clone_tellers: dict[PeerId, float] = {}
        self._behaviours = (self.kad, self.gossip, self.worker, self.owner)

    def start(self, restored: Restored, now: Now) -> list[Effect]:
        """Rebuild the state from the journal and begin. Call once, before the first event."""
        self.context.now = now
        for record in restored.mine:
            self.context.mine[record.peer] = None
        self.kad.restore(restored.contacts)
        for behaviour in self._behaviours:
            behaviour.start()
        self.owner.trust.restore(restored.trust)
        self.owner.restore(restored.jobs, restored.reviews)
        return self._finish()

    def handle(self, event: Event, now: Now) -> list[Effect]:
        """Take in one event; return what is wanted now. Due timers run first."""
        ctx = self.context
        ctx.now = now
        if ctx.ready <= now.mono:
            ctx.run_timers()
        _ROUTES[type(event)](self, event)
        return self._finish()

    def next_deadline(self) -> float:
        """Return the monotonic time at which a `Tick` is wanted, or infinity."""
        return self.context.next_deadline()

    def _finish(self) -> list[Effect]:
        """Deliver messages to oneself, which may bring more, and hand out the effects."""
        ctx, owner, worker = self.context, self.owner, self.worker
        while True:
            if ctx.local:
                self._deliver_local()
            owner.flush()
            worker.flush()
            if not ctx.local:  # what was flushed may be for this peer itself
                break
        effects, ctx.effects = ctx.effects, []
        return effects

    def _deliver_local(self) -> None:
        ctx = self.context
        while ctx.local:
            body, then = ctx.local.pop(0)
            answer = self._dispatch(ctx.me, body)
            if then is not None:
                then(_outcome(answer))

    def _dispatch(self, peer: PeerId, body: Body) -> Body | str | None:
        found = _TAKERS.get(type(body))
        if found is None:
            self.context.refuse("message: out of turn", peer, type(body).__name__)
            return f"{type(body).__name__} is no request"
        behaviour, handler = found
        return handler(behaviour(self), peer, body)

    def _on_received(self, event: Received) -> None:
        self._dispatch(event.peer, event.body)

    def _on_requested(self, event: Requested) -> None:
        answer = self._dispatch(event.peer, event.body)
        if answer is None:
            answer = f"{type(event.body).__name__} is no request"
        self.context.emit(Reply(event.peer, event.call, answer))
        if type(event.body) is Pull:
            self.kad.stays(event.peer)  # A worker has to be found again if the connection breaks.

    def _on_listening(self, event: Listening) -> None:
        self.context.port = event.port

    def _on_connected(self, event: PeerConnected) -> None:
        ctx = self.context
        ctx.links[event.peer] = Link(
            instance=event.instance,
            addresses=() if event.inbound else event.addresses,
            host=event.host,
            observed=event.observed,
            inbound=event.inbound,
            rtt=event.rtt,
            since=ctx.now.mono,
            announced=event.addresses,
        )
        for behaviour in self._behaviours:
            behaviour.on_connected(event.peer)
        ctx.note(Note("peers", peer=event.peer))

    def _on_lost(self, event: PeerLost) -> None:
        self.context.links.pop(event.peer, None)
        for behaviour in self._behaviours:
            # The routing table is about peers, and this one is well: to look after it would connect to it again.
            if not (event.spare and behaviour is self.kad):
                behaviour.on_lost(event.peer, event.clean)
        self.context.note(Note("peers", peer=event.peer))

    def _on_key_cloned(self, peer: PeerId, body: Body) -> None:
        """A peer says that it met this peer's key elsewhere. It may lie: it is named, and heard now and then."""
        assert isinstance(body, KeyCloned)
        ctx, told = self.context, self._clone_tellers.get(peer)
        span = ctx.config.work.clone_warning
        if body.other == ctx.instance or (told is not None and ctx.now.mono - told < span):
            return
        self._clone_tellers.pop(peer, None)
        self._clone_tellers[peer] = ctx.now.mono
        if len(self._clone_tellers) > _CLONE_TELLERS:
            del self._clone_tellers[next(iter(self._clone_tellers))]
        text = (
            f"another running peer at {_shown_host(body.host)} uses this peer's key: "
            "give one of the two a PEERNET_HOME with a key of its own"
        )
        ctx.note(Note("warning", text, peer=peer))

    def _on_join(self, event: JoinAsked) -> None:
        self.kad.join(event.addresses, lambda failure: self.context.emit(Answer(event.id, failure)))

    def _on_trust(self, event: TrustAsked) -> None:
        ctx = self.context
        for peer in event.peers:
            if event.mine:
                ctx.mine[peer] = None
                ctx.save(MineRecord(peer))
            else:
                ctx.mine.pop(peer, None)
                ctx.forget(MineRecord.space, peer)
        ctx.emit(Answer(event.id, None))

    def _on_block(self, event: BlockAsked) -> None:
        trust = self.owner.trust
        refused = trust.no_room_to_block(event.peers) if event.blocked else ""
        if not refused:
            for peer in event.peers:
                trust.block(peer, event.blocked)
        self.context.emit(Answer(event.id, Failure("usage", refused) if refused else None))

    def _on_leave(self, event: LeaveAsked) -> None:
        self.owner.leave()
        self.worker.leave()
        self.gossip.leave()
        self.context.emit(Answer(event.id, None))


def _shown_host(text: str) -> str:
    """A host that another peer names, if it is one: anything else could be made to look like a message."""
    try:
        return Multiaddr(text, 0).host
    except AddressError:
        return "an unknown place"


_ROUTES: Mapping[type, Callable[[NodeCore, Any], None]] = {
    Tick: lambda core, event: None,
    PeerConnected: NodeCore._on_connected,
    PeerLost: NodeCore._on_lost,
    Received: NodeCore._on_received,
    Requested: NodeCore._on_requested,
    Began: lambda core, event: core.worker.on_began(event.id),
    Done: lambda core, event: core.context.settle(event),
    Failed: lambda core, event: core.context.settle(event),
    Listening: NodeCore._on_listening,
    MachineMeasured: lambda core, event: core.adverts.machine(event),
    JoinAsked: NodeCore._on_join,
    SubmitAsked: lambda core, event: core.owner.submit(event.id, event.submission),
    StopAsked: lambda core, event: core.owner.stop(event.id, event.job),
    TrustAsked: NodeCore._on_trust,
    BlockAsked: NodeCore._on_block,
    LeaveAsked: NodeCore._on_leave,
}
"""Who takes which event. One table for all cores of a process."""


_TAKERS: Mapping[type[Message], tuple[Callable[[NodeCore], Any], Taker]] = {
    KeyCloned: (lambda core: core, NodeCore._on_key_cloned),
    **{kind: (attrgetter("kad"), handler) for kind, handler in Kad.HANDLERS.items()},
    **{kind: (attrgetter("gossip"), handler) for kind, handler in Gossip.HANDLERS.items()},
    **{kind: (attrgetter("worker"), handler) for kind, handler in Worker.HANDLERS.items()},
    **{kind: (attrgetter("owner"), handler) for kind, handler in Owner.HANDLERS.items()},
}
"""Who takes which message of a peer."""


def _outcome(answer: Body | str | None) -> Done | Failed:
    if answer is None or isinstance(answer, str):
        return Failed(0, Failure("refused", answer or "no answer"))
    return Done(0, answer)
