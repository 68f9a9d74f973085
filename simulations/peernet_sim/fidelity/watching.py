"""Looks on at all cores of a fidelity run, where events go in and effects come out."""

from __future__ import annotations

from typing import Any, cast

import trio

from peernet.core.effects import Answer, Call, Effect, Forget, Reply, Save, Send
from peernet.core.events import Event, PeerConnected, PeerLost, Received, Requested
from peernet.core.records import ContactRecord
from peernet.wire.link import Body
from peernet_sim.fidelity.seat import Seat
from peernet_sim.fidelity.stage import Stage
from peernet_sim.looking import Watchers
from peernet_sim.sizes import FRAME, size_of
from peernet_sim.trace import NOBODY, Trace
from peernet_sim.violations import Broken


class Watching:
    """The `Observer` of a run: traces events, counts messages, and lets hostile peers have their way.

    kinds: messages that cores wanted sent, by kind: how many, and their bytes as `sizes` estimates them (what each
    site counts is exact, and has pings, handshakes and blobs as well). events: handled by cores. broken: the
    invariant that ended the run, or None; `scope` is cancelled then.
    """

    stage: Stage

    def __init__(self, trace: Trace) -> None:
        self.trace = trace
        self.kinds: dict[str, list[int]] = {}
        self.events = 0
        self.broken: Broken | None = None
        self.scope = trio.CancelScope()
        self.watchers = Watchers()

    def took(self, seat: Seat, event: Event) -> list[Event]:
        """See `Observer`."""
        kind, other = type(event).__name__, NOBODY
        if isinstance(event, Received | Requested):
            kind = type(event.body).__name__
        if isinstance(event, Received | Requested | PeerConnected | PeerLost):
            source = self.stage.by_id.get(event.peer)
            other = NOBODY if source is None else source.index
        self.events += 1
        self.trace.add(self.stage.now, seat.index, kind, other)
        if isinstance(event, Received):
            self.stage.heard(seat, event.body)
        if seat.behaviour is None:
            return [event]
        return seat.behaviour.incoming(seat.index, event, self.stage)

    def wants(self, seat: Seat, effects: list[Effect]) -> list[Effect]:
        """See `Observer`."""
        if seat.behaviour is not None:
            outgoing = seat.behaviour.outgoing
            effects = [other for effect in effects for other in outgoing(seat.index, effect, self.stage)]
        for effect in effects:
            if isinstance(effect, Send | Call | Reply):
                self._count(effect.body)
                seat.messages += 1
            elif isinstance(effect, Save | Forget | Answer):
                seat.unsaved.append(effect)
        if not any(isinstance(effect, Save | Forget) for effect in effects):
            self.saved(seat)
        return effects

    def _count(self, body: Body | str) -> None:
        if isinstance(body, str):
            kind, size = "Refusal", FRAME + len(body)
        else:
            kind, size = type(body).__name__, size_of(body)
        counted = self.kinds.setdefault(kind, [0, 0])
        counted[0] += 1
        counted[1] += size

    def saved(self, seat: Seat) -> None:
        """See `Observer`."""
        news, seat.unsaved = seat.unsaved, []
        try:
            for one in news:
                if isinstance(one, Answer):
                    self.watchers.answered(cast(Any, seat), one.id, one.value)
                    continue
                seat.journal.apply(one)
                if isinstance(one, Save) and one.record.space != ContactRecord.space:
                    self.watchers.saved(cast(Any, seat), one.record)
        except Broken as broken:
            self.broke(broken)

    def broke(self, broken: Broken) -> None:
        """See `Observer`. The first one counts."""
        if self.broken is None:
            self.broken = broken
            self.scope.cancel()
