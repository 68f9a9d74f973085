"""The network of a scale run: carries messages, calls and blobs between peers on the virtual clock.

A message takes the bandwidth of both access links, the delay between the two peers, and what rules add. On one
connection and direction order is kept, unless a rule that reorders acts.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import partial
from itertools import count

from peernet.config.net import NetConfig
from peernet.core.effects import Call, Dial, Disconnect, Fetch, Hold, Knock, Reply, Send
from peernet.core.events import Done, Event, Failed, Failure, Received, Requested
from peernet.errors import ProtocolError
from peernet.wire.codec import decode_frame, encode_frame
from peernet.wire.gossip import Rumour
from peernet.wire.link import Body, Notice, Refusal, Request, Response
from peernet_sim.deadlines import Deadlines
from peernet_sim.dialling import Dialler
from peernet_sim.engine import Engine
from peernet_sim.links import Link, Links, Post
from peernet_sim.machine import Machine
from peernet_sim.model import Faults, Topology
from peernet_sim.rules import Weather
from peernet_sim.sizes import FRAME, size_of
from peernet_sim.trace import Trace

Heard = Callable[[Machine, Rumour], None]
"""Told of each rumour that arrives, for the measures of gossip."""


class Network:
    """Carries out the effects that concern the network.

    post: hands events to cores. at: who listens at a host and port. wire: encode and decode every message.
    """

    def __init__(
        self,
        engine: Engine,
        config: NetConfig,
        topology: Topology,
        faults: Faults,
        post: Post,
        at: Callable[[str, int], Machine | None],
        trace: Trace,
        rng: random.Random,
        *,
        wire: bool,
        heard: Heard,
    ) -> None:
        self._engine = engine
        self._config = config
        self._post = post
        self._trace = trace
        self._wire = wire
        self._heard = heard
        self._rng = rng
        self._handles = count(1)
        self._deadlines = Deadlines(engine, post)
        self.links = Links(engine, config, post)
        self.weather = Weather(engine, self.links, faults.rules, faults.jitter, rng)
        self.dialler = Dialler(engine, config, topology, self.links, at, self.weather.passes, rng)
        self.kinds: dict[str, list[int]] = {}
        self.dropped = 0

    # --- what cores want -----------------------------------------------------------------------------------

    def send(self, machine: Machine, effect: Send) -> None:
        """Send a notice, dialling if need be."""
        link = machine.links.get(effect.peer)
        if link is not None:
            self._notify(machine, effect.body, link)
        else:
            self.dialler.reach(machine, effect.peer, effect.addresses, partial(self._notify, machine, effect.body))

    def call(self, machine: Machine, effect: Call) -> None:
        """Call a peer, dialling if need be. The timeout is for both."""
        handle = next(self._handles)
        link = machine.links.get(effect.peer)
        machine.asked[handle] = (link, effect.id)
        self._deadlines.add(machine, handle, effect.timeout)
        if link is not None:
            self._request(machine, handle, effect.body, link)
        else:
            self.dialler.reach(
                machine, effect.peer, effect.addresses, partial(self._request, machine, handle, effect.body)
            )

    def reply(self, machine: Machine, effect: Reply) -> None:
        """Answer a call, if the connection that it came by stands."""
        link = machine.links.get(effect.peer)
        if link is None:
            return
        caller = link.other(machine)
        body = effect.body
        if isinstance(body, str):
            self._carry(link, machine, caller, "Refusal", FRAME + len(body), self._refused, effect.call, body)
            return
        size = size_of(body)
        if self._wire or machine.behaviour is not None:
            coded = self._recode(link, machine, Response(effect.call, body))
            if coded is None:
                return
            body, size = coded
        self._carry(link, machine, caller, type(body).__name__, size, self._answered, effect.call, body)

    def dial(self, machine: Machine, effect: Dial) -> None:
        """Connect to an address."""

        def then(outcome: Link | Failure) -> None:
            if isinstance(outcome, Failure):
                self._tell(machine, Failed(effect.id, outcome))
            else:
                self._tell(machine, Done(effect.id, outcome.other(machine).id))

        self.dialler.dial(machine, effect.address, then)

    def knock(self, machine: Machine, effect: Knock) -> None:
        """See whether anybody accepts connections at an address."""
        life = machine.life

        def then(failure: Failure | None) -> None:
            self._post(machine, life, Done(effect.id) if failure is None else Failed(effect.id, failure))

        self.dialler.knock(machine, effect.address, then)

    def disconnect(self, machine: Machine, effect: Disconnect) -> None:
        """Say goodbye."""
        link = machine.links.get(effect.peer)
        if link is not None:
            self.links.close(link, machine, effect.reason)

    def hold(self, machine: Machine, effect: Hold) -> None:
        """See `Links.hold`."""
        self.links.hold(machine, effect.peer, effect.why, effect.on)

    def fetch(self, machine: Machine, effect: Fetch) -> None:
        """Pull a blob: the way there, and its size over the slower of the two access links."""
        if machine.has(effect.digest):
            self._tell(machine, Done(effect.id))
            return
        if machine.disk_full:
            self._tell(machine, Failed(effect.id, Failure("storage", "the disk is full")))
            return
        handle = next(self._handles)
        link = machine.links.get(effect.peer)
        machine.asked[handle] = (link, effect.id)
        self._deadlines.add(machine, handle, self._config.blob_seconds)
        if link is not None:
            self._pull(machine, handle, effect, link)
        else:
            self.dialler.reach(
                machine, effect.peer, effect.addresses, partial(self._pull, machine, handle, effect)
            )

    # --- on their way --------------------------------------------------------------------------------------

    def _notify(self, machine: Machine, body: Body, link: Link | Failure) -> None:
        if isinstance(link, Failure):
            self.dropped += 1
            return
        target = link.other(machine)
        size = size_of(body)
        if self._wire or machine.behaviour is not None:
            coded = self._recode(link, machine, Notice(body))
            if coded is None:
                return
            body, size = coded
        self._carry(link, machine, target, type(body).__name__, size, self._noticed, 0, body)

    def _request(self, machine: Machine, handle: int, body: Body, link: Link | Failure) -> None:
        asked = machine.asked.get(handle)
        if asked is None:
            return
        if isinstance(link, Failure):
            del machine.asked[handle]
            self._tell(machine, Failed(asked[1], link))
            return
        machine.asked[handle] = (link, asked[1])
        target = link.other(machine)
        size = size_of(body)
        if self._wire or machine.behaviour is not None:
            coded = self._recode(link, machine, Request(handle, body))
            if coded is None:
                return
            body, size = coded
        self._carry(link, machine, target, type(body).__name__, size, self._requested, handle, body)

    def _pull(self, machine: Machine, handle: int, effect: Fetch, link: Link | Failure) -> None:
        asked = machine.asked.get(handle)
        if asked is None:
            return
        if isinstance(link, Failure):
            del machine.asked[handle]
            self._tell(machine, Failed(asked[1], link))
            return
        machine.asked[handle] = (link, asked[1])
        source = link.other(machine)
        self._carry(link, machine, source, "BlobGet", 60, self._wanted, handle, effect)

    def _carry(
        self,
        link: Link,
        source: Machine,
        target: Machine,
        kind: str,
        size: int,
        act: Callable[[Machine, Machine, int, object], None],
        handle: int,
        body: object,
    ) -> None:
        """Send one message over a connection; `act(target, source, handle, body)` when it arrives."""
        if source.links.get(target.id) is not link:
            return
        now = self._engine.now
        source.messages += 1
        source.bytes += size
        counted = self.kinds.get(kind)
        if counted is None:
            counted = self.kinds[kind] = [0, 0]
        counted[0] += 1
        counted[1] += size
        # Both queues are kept as "busy until", as seen by the sender: a message waits for what was sent before it.
        free = source.up_free
        sent = (free if free > now else now) + size / source.spec.up
        source.up_free = sent
        free = target.down_free
        taken = (free if free > now else now) + size / target.spec.down
        target.down_free = taken
        arrives = sent + link.delay + (taken - now)
        weather = self.weather
        if weather.jitter is not None:
            arrives += weather.jitter.seconds(source.index, target.index, self._rng)
        copies, reorders = 1, False
        if weather.active:
            copies, extra, reorders = weather.judge(source, target, kind, size)
            arrives += extra
            if not copies:
                weather.doubt(link)
                return
        if not reorders:
            if target is link.a:
                if arrives < link.a_last:
                    arrives = link.a_last
                link.a_last = arrives
            else:
                if arrives < link.b_last:
                    arrives = link.b_last
                link.b_last = arrives
        link.used = now
        for _ in range(copies):
            self._engine.at(arrives, self._arrive, link, source, target, kind, size, act, handle, body)

    def _arrive(
        self,
        link: Link,
        source: Machine,
        target: Machine,
        kind: str,
        size: int,
        act: Callable[[Machine, Machine, int, object], None],
        handle: int,
        body: object,
    ) -> None:
        if target.links.get(source.id) is not link:
            return
        self._trace.add(self._engine.now, target.index, kind, source.index, size)
        act(target, source, handle, body)

    # --- on arrival ----------------------------------------------------------------------------------------

    def _noticed(self, target: Machine, source: Machine, handle: int, body: object) -> None:
        if type(body) is Rumour:
            self._heard(target, body)
        self._post(target, target.life, Received(source.id, body))  # type: ignore[arg-type]

    def _requested(self, target: Machine, source: Machine, handle: int, body: object) -> None:
        self._post(target, target.life, Requested(source.id, handle, body))  # type: ignore[arg-type]

    def _answered(self, target: Machine, source: Machine, handle: int, body: object) -> None:
        asked = target.asked.pop(handle, None)
        if asked is not None:
            self._post(target, target.life, Done(asked[1], body))

    def _refused(self, target: Machine, source: Machine, handle: int, text: object) -> None:
        asked = target.asked.pop(handle, None)
        if asked is not None:
            self._post(target, target.life, Failed(asked[1], Failure("refused", str(text))))

    def _wanted(self, source: Machine, machine: Machine, handle: int, wish: object) -> None:
        """A request for a blob has arrived at `source`."""
        assert isinstance(wish, Fetch)
        link = source.links[machine.id]
        if not source.has(wish.digest):
            self._carry(link, source, machine, "BlobGone", 40, self._gone, handle, wish)
            return
        # Bulk goes behind small messages, so it has a queue of its own; the slower access link decides.
        now = self._engine.now
        busy = max(source.bulk_free, machine.bulk_free, now) - now
        seconds = wish.size / min(source.spec.up, machine.spec.down)
        source.bulk_free = machine.bulk_free = now + busy + seconds
        source.bytes += wish.size
        link.used = now + busy + seconds
        self._engine.after(
            busy + seconds + link.delay,
            self._arrive,
            link,
            source,
            machine,
            "BlobChunk",
            wish.size,
            self._pulled,
            handle,
            wish,
        )

    def _pulled(self, machine: Machine, source: Machine, handle: int, wish: object) -> None:
        assert isinstance(wish, Fetch)
        asked = machine.asked.pop(handle, None)
        if asked is not None:
            machine.keep(wish.digest)
            self._post(machine, machine.life, Done(asked[1]))

    def _gone(self, machine: Machine, source: Machine, handle: int, wish: object) -> None:
        asked = machine.asked.pop(handle, None)
        if asked is not None:
            failure = Failure("missing", "the peer does not hold the blob")
            self._post(machine, machine.life, Failed(asked[1], failure))

    # --- encoding ------------------------------------------------------------------------------------------

    def _recode(
        self, link: Link, machine: Machine, frame: Request | Response | Notice | Refusal
    ) -> tuple[Body, int] | None:
        """Encode and decode a frame. What does not decode ends the connection, as it does on a real one."""
        data = encode_frame(frame)
        try:
            decoded = decode_frame(data)
        except ProtocolError:
            other = link.other(machine)
            self._engine.after(link.delay, self.links.lose, link, other, "the protocol was broken", False)
            self._engine.after(2 * link.delay, self.links.lose, link, machine, "the connection broke", False)
            return None
        assert isinstance(decoded, Request | Response | Notice)
        return decoded.body, len(data) + FRAME

    def _tell(self, machine: Machine, event: Event) -> None:
        self._engine.soon(self._post, machine, machine.life, event)
